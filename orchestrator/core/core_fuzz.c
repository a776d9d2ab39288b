/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole requests: "METHOD PATH?QUERY TYPE BODY", one a line, against one core whose batches are
 * committed after each input. The core outlives the inputs, so that they build on each other.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/core.h"

static struct core *core;
static int64_t now_ns = (int64_t)1795514400 * 1000000000;

static void fill(void *data, void *bytes, size_t len)
{
	static unsigned char next;

	(void)data;
	for (size_t i = 0; i < len; i++)
		((unsigned char *)bytes)[i] = next++;
}

static int sign(void *data, const char *claims, struct buf *ret_token, struct err *err)
{
	(void)data;
	(void)err;
	return buf_puts(ret_token, claims);
}

static void on_answer(const struct core_answer *answer, void *data)
{
	(void)data;
	if (answer->watch) {
		(void)bytes_unref(core_watch_next(answer->watch, now_ns));
		(void)core_watch_free(answer->watch);
	}
	(void)core_pages_free(answer->pages);
}

static void settle(void)
{
	for (unsigned i = 0; i < 64; i++) {
		bool more;

		if (core_batch(core))
			core_commit(core, now_ns);
		(void)core_step(core, now_ns, &more);
	}
}

static void start(void)
{
	struct core_options options = { .env = { fill, sign, NULL },
					.cluster_domain = "cluster.local",
					.service_cidr = "10.96.0.0/12",
					.server_address = "192.0.2.1",
					.server_port = 6443,
					.ca_pem = "ca",
					.token_issuer = "issuer" };

	assert(core_new(&options, &core, NULL) == 0);
	assert(core_loaded(core, 1, 1, now_ns, NULL) == 0);
	settle();
}

/* The next word; *line becomes NULL behind the last. */
static char *cut(char **line)
{
	char *word = *line, *end = word ? strchr(word, ' ') : NULL;

	if (end)
		*end++ = '\0';
	*line = end;
	return word;
}

static void ask(char *line)
{
	static const char *const groups[] = { "system:masters", "system:authenticated" };
	char *method = cut(&line), *path = cut(&line), *type = cut(&line), *query;
	struct core_request request = { .method = method,
					.accept = "",
					.user_agent = "fuzz",
					.user = { "fuzz", "", groups, 2 },
					.now_ns = now_ns };

	if (!line)
		return;
	query = strchr(path, '?');
	if (query)
		*query++ = '\0';
	request.path = path;
	request.query = query ? query : "";
	request.content_type = type;
	request.body = line;
	request.body_len = strlen(line);
	(void)core_request(core, &request, on_answer, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = strndup((const char *)data, size);

	if (!core)
		start();
	for (char *line = text, *end; line && *line; line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		ask(line);
	}
	now_ns += 1000000000;
	settle();
	return 0;
}
