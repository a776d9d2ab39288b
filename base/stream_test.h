/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: one end of a connection that remembers what it saw, and TLS contexts of a small PKI. */
#pragma once

#include "base/stream.h"
#include "base/tls.h"

struct test_end {
	struct stream *stream;
	struct buf got;
	int opened, calls, drained, ended, failed;
	bool keep_input, free_on_end;
};
extern const struct stream_events test_end_events;
void test_end_init(struct test_end *end, struct stream *stream);
void test_end_done(struct test_end *end);
void test_rounds(struct loop *loop, int rounds);

struct tls_context *test_server_context(bool allow_expired);
/* "cert", "expired", "none", "pin", "wrong pin" */
struct tls_context *test_client_context(const char *which);
