/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "base/time.h"

#define DAY_NS	 (24 * 3600 * NS_PER_S)
#define RETRY_NS (10 * NS_PER_S)

void tokens_done(struct tokens *tokens)
{
	for (size_t i = 0; i < tokens->n; i++) {
		free(tokens->items[i].audience);
		free(tokens->items[i].text);
	}
	free(tokens->items);
	*tokens = (struct tokens){ 0 };
}

struct token *tokens_want(struct tokens *tokens, const char *audience, int64_t seconds)
{
	struct token *t;

	if (!audience)
		audience = "";
	for (size_t i = 0; i < tokens->n; i++)
		if (strcmp(tokens->items[i].audience, audience) == 0 &&
		    tokens->items[i].seconds == seconds)
			return &tokens->items[i];
	if (array_grow(&tokens->items, &tokens->cap, tokens->n + 1, sizeof(*tokens->items)) < 0)
		return NULL;
	t = &tokens->items[tokens->n];
	*t = (struct token){ .audience = strdup(audience), .seconds = seconds };
	if (!t->audience)
		return NULL;
	tokens->n++;
	return t;
}

static int64_t due_ns(const struct token *t)
{
	int64_t life_ns = t->expires_ns - t->given_ns;

	return t->given_ns + MIN(life_ns / 5 * 4, DAY_NS);
}

bool token_is_due(const struct token *t, int64_t now_ns)
{
	return t->request == 0 && now_ns >= t->retry_ns && (!t->text || now_ns >= due_ns(t));
}

int64_t tokens_due_ns(const struct tokens *tokens)
{
	int64_t best_ns = INT64_MAX;

	for (size_t i = 0; i < tokens->n; i++) {
		const struct token *t = &tokens->items[i];

		if (t->request)
			continue;
		if (t->text)
			best_ns = MIN(best_ns, MAX(due_ns(t), t->retry_ns));
		else if (t->retry_ns) /* never given yet, and refused the last time */
			best_ns = MIN(best_ns, t->retry_ns);
	}
	return best_ns;
}

bool tokens_given(struct tokens *tokens, uint64_t request, const struct json_object *message,
		  int64_t now_ns)
{
	const char *text = json_str_at(message, "token");
	const char *expires = json_str_at(message, "expirationTimestamp");

	for (size_t i = 0; i < tokens->n; i++) {
		struct token *t = &tokens->items[i];
		char *copy;

		if (!request || t->request != request)
			continue;
		t->request = 0;
		copy = text ? strdup(text) : NULL;
		if (!copy)
			return true;
		free(t->text);
		t->text = copy;
		t->given_ns = now_ns;
		if (!expires || time_parse(expires, &t->expires_ns) < 0)
			t->expires_ns = now_ns + t->seconds * NS_PER_S;
		return true;
	}
	return false;
}

bool tokens_refused(struct tokens *tokens, uint64_t request, int64_t now_ns)
{
	for (size_t i = 0; i < tokens->n; i++)
		if (request && tokens->items[i].request == request) {
			tokens->items[i].request = 0;
			tokens->items[i].retry_ns = now_ns + RETRY_NS;
			return true;
		}
	return false;
}

void tokens_forget_requests(struct tokens *tokens)
{
	for (size_t i = 0; i < tokens->n; i++)
		tokens->items[i].request = 0;
}

struct json_object *tokens_save(const struct tokens *tokens)
{
	struct json_object *list = json_new_array();

	for (size_t i = 0; i < tokens->n; i++) {
		const struct token *t = &tokens->items[i];
		struct json_object *json;

		if (!t->text)
			continue;
		json = json_new_object();
		(void)json_put_str(json, "audience", t->audience);
		(void)json_put_int(json, "seconds", t->seconds);
		(void)json_put_str(json, "token", t->text);
		(void)json_put_int(json, "given", t->given_ns);
		(void)json_put_int(json, "expires", t->expires_ns);
		(void)json_add(list, json);
	}
	return list;
}

void tokens_load(struct tokens *tokens, const struct json_object *saved)
{
	for (size_t i = 0; i < json_len(saved); i++) {
		const struct json_object *json = json_idx(saved, i);
		const char *text = json_str_at(json, "token");
		struct token *t = tokens_want(tokens, json_str_at(json, "audience"),
					      json_int_at(json, "seconds", 3600));

		if (!t || !text)
			continue;
		free(t->text);
		t->text = strdup(text);
		t->given_ns = json_int_at(json, "given", 0);
		t->expires_ns = json_int_at(json, "expires", 0);
	}
}
