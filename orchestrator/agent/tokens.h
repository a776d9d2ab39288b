/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service-account tokens of one pod: which its projected volumes ask for, which the server has given,
 * and when they are due for new ones. Asking is the session's business.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

struct token {
	char *audience;	 /* "": the API server's */
	int64_t seconds; /* asked for */
	char *text;	 /* NULL until given */
	int64_t given_ns, expires_ns;
	uint64_t request; /* standing out; 0: none */
	int64_t retry_ns; /* it was refused: not again before */
};
struct tokens {
	struct token *items;
	size_t n, cap;
};

void tokens_done(struct tokens *tokens);
/* The token for this audience and time, noted as wanted if it is new; NULL: out of memory. Valid
 * until the next call. */
struct token *tokens_want(struct tokens *tokens, const char *audience, int64_t seconds);
/* Does it need (another) one? At 80 % of its life, or after a day, as the kubelet. */
bool token_is_due(const struct token *token, int64_t now_ns);
/* When the next one will be due; INT64_MAX: none. */
int64_t tokens_due_ns(const struct tokens *tokens);
/* The answer to @request: @message is the payload of `token`. false: nobody asked. */
bool tokens_given(struct tokens *tokens, uint64_t request, const struct json_object *message,
		  int64_t now_ns);
/* @request was refused. false: nobody asked. */
bool tokens_refused(struct tokens *tokens, uint64_t request, int64_t now_ns);
/* All that were given, for the next agent: pods start with no server in reach. */
struct json_object *tokens_save(const struct tokens *tokens);
void tokens_load(struct tokens *tokens, const struct json_object *saved);
/* Requests that will not be answered any more (the session ended): ask again. */
void tokens_forget_requests(struct tokens *tokens);
