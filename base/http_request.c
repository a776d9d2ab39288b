/* SPDX-License-Identifier: Apache-2.0 */
/* A request: its block of memory, with the head taken apart and the path decoded in it. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/http_conn.h"

void exchange_free(struct exchange *x)
{
	buf_done(&x->request.body);
	free(x);
}

/* Decode [@from, @end) into @to; refuses what a path of ours never has. */
static int decode_path(const char *from, const char *end, char *to)
{
	char *start_of_segment = to;

	if (from == end || *from != '/')
		return -EINVAL;
	for (; from < end; from++) {
		char c = *from;

		if (c == '%') {
			int high = end - from > 2 ? http_hex_digit(from[1]) : -1;
			int low = end - from > 2 ? http_hex_digit(from[2]) : -1;

			if (high < 0 || low < 0 || (!high && !low))
				return -EINVAL;
			c = (char)(high << 4 | low);
			from += 2;
		}
		*to = c;
		if (c == '/' || from + 1 == end) {
			size_t n = (size_t)(to - start_of_segment) + (c != '/');

			if ((n == 1 && start_of_segment[0] == '.') ||
			    (n == 2 && start_of_segment[0] == '.' && start_of_segment[1] == '.'))
				return -EINVAL;
			start_of_segment = to + 1;
		}
		to++;
	}
	*to = '\0';
	return 0;
}

/* "https://host/path" is as good as "/path": RFC 9112, 3.2.2. */
static const char *origin_form(const char *target)
{
	const char *host = NULL;

	if (!strncasecmp(target, "http://", 7))
		host = target + 7;
	else if (!strncasecmp(target, "https://", 8))
		host = target + 8;
	if (!host)
		return target;
	host += strcspn(host, "/?");
	return *host == '/' ? host : "/";
}

int exchange_new(struct http_conn *conn, const char *text, size_t len, struct exchange **ret,
		 struct http_refusal *no)
{
	struct http_head head;
	size_t headers_max = HTTP_HEADERS_MAX;
	struct exchange *x;
	const char *target, *query;
	char *copy;

	/* Lines are at least four bytes long ("a:\r\n"), so short heads take short blocks. */
	headers_max = MIN(headers_max, len / 4);
	x = malloc(sizeof(*x) + headers_max * sizeof(struct http_header) + 2 * (len + 1));
	*no = (struct http_refusal){ 503, "out of memory" };
	if (!x)
		return -ENOMEM;
	*x = (struct exchange){ .request = { .conn = conn }, .length_left = -1 };
	copy = (char *)(x->headers + headers_max);
	memcpy(copy, text, len);
	if (http_head_parse(copy, len, true, &head, no) < 0) {
		free(x);
		return -EBADMSG;
	}
	memcpy(x->headers, head.headers, head.n_headers * sizeof(struct http_header));
	target = origin_form(head.target);
	query = strchr(target, '?');
	if (decode_path(target, query ? query : target + strlen(target), copy + len + 1) < 0) {
		*no = (struct http_refusal){ 400, "the path is not one that could be here" };
		free(x);
		return -EBADMSG;
	}
	x->request.method = head.method;
	x->request.target = head.target;
	x->request.path = copy + len + 1;
	x->request.query = query ? query + 1 : "";
	x->request.headers = x->headers;
	x->request.n_headers = head.n_headers;
	x->request.keep_alive = head.keep_alive;
	x->head_only = !strcmp(head.method, "HEAD");
	x->is_http10 = head.minor == 0;
	x->expects = head.expect_continue && !x->is_http10;
	http_body_start(&x->body, &head);
	*ret = x;
	return 0;
}
