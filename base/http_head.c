/* SPDX-License-Identifier: Apache-2.0 */
#include "base/http_head.h"

#include <errno.h>
#include <http_parser.h>
#include <string.h>
#include <strings.h>

/*
 * http-parser reads the head too and must agree, but its builds differ in what they let through
 * (bare LF, folded lines, odd bytes, no Host). Two programs that read the same bytes differently
 * is what request smuggling is made of, so all of that is refused here first.
 */

/* ---- which byte may stand where: RFC 9110, 5.6.2 and 5.5; RFC 9112, 3.2 ---- */

enum { TOKEN = 1, VALUE = 2, TARGET = 4, WORD = TOKEN | VALUE | TARGET, MARK = VALUE | TARGET };

static const uint8_t byte_class[256] = {
	['\t'] = VALUE,
	[' '] = VALUE,
	['!'] = WORD,
	['"'] = MARK,
	['#' ... '\''] = WORD,
	['('] = MARK,
	[')'] = MARK,
	['*'] = WORD,
	['+'] = WORD,
	[','] = MARK,
	['-'] = WORD,
	['.'] = WORD,
	['/'] = MARK,
	['0' ... '9'] = WORD,
	[':' ... '@'] = MARK,
	['A' ... 'Z'] = WORD,
	['[' ... ']'] = MARK,
	['^' ... 'z'] = WORD,
	['{'] = MARK,
	['|'] = WORD,
	['}'] = MARK,
	['~'] = WORD,
	[0x80 ... 0xff] = VALUE,
};

static size_t span(const char *text, const char *end, unsigned class)
{
	const char *p = text;

	while (p < end && byte_class[(unsigned char)*p] & class)
		p++;
	return (size_t)(p - text);
}

static int refuse(struct http_refusal *no, int status, const char *why)
{
	*no = (struct http_refusal){ status, why };
	return -EBADMSG;
}

ssize_t http_head_find(const char *text, size_t len, size_t *scanned, struct http_refusal *no)
{
	size_t from = *scanned;

	for (;;) {
		const char *lf = memchr(text + from, '\n', len - from);
		size_t at;

		if (!lf)
			break;
		at = (size_t)(lf - text);
		if (at == 0 || text[at - 1] != '\r')
			return refuse(no, 400, "a line of the head ends without CR");
		from = at + 1;
		/* Each LF was seen with its CR, so an empty line is CR LF right after LF. */
		if (at == 1 || (at >= 3 && text[at - 2] == '\n')) {
			if (from > HTTP_HEAD_MAX)
				break;
			*scanned = 0;
			return (ssize_t)from;
		}
	}
	if (MAX(from, len) > HTTP_HEAD_MAX)
		return refuse(no, 431, "the head is larger than 64 KiB");
	*scanned = from;
	return 0;
}

/* ---- the lines ---- */

/* One header line without its CR LF; @text is cut up. */
static int parse_header(char *text, char *end, struct http_header *ret, struct http_refusal *no)
{
	size_t name_len = span(text, end, TOKEN);
	char *value = text + name_len + 1;

	if (*text == ' ' || *text == '\t')
		return refuse(no, 400, "a folded header line");
	if (!name_len || text + name_len >= end || text[name_len] != ':')
		return refuse(no, 400, "a header line without a proper name");
	if (value + span(value, end, VALUE) != end)
		return refuse(no, 400, "a control character in a header");
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	text[name_len] = '\0';
	*end = '\0';
	*ret = (struct http_header){ text, value };
	return 0;
}

static int parse_request_line(char *text, char *end, struct http_head *head,
			      struct http_refusal *no)
{
	size_t method_len = span(text, end, TOKEN);
	char *target = text + method_len + 1;
	size_t target_len;

	if (!method_len || target >= end || text[method_len] != ' ')
		return refuse(no, 400, "no request line");
	target_len = span(target, end, TARGET);
	if (!target_len || end - (target + target_len) != 9 ||
	    memcmp(target + target_len, " HTTP/", 6) != 0)
		return refuse(no, 400, "no request line");
	if (memcmp(target + target_len, " HTTP/1.", 8) != 0)
		return refuse(no, 505, "only HTTP/1.1 is spoken here");
	text[method_len] = '\0';
	target[target_len] = '\0';
	head->method = text;
	head->target = target;
	return 0;
}

/* ---- what http-parser says about the same bytes ---- */

struct verdict {
	bool complete, chunked, keep_alive;
	unsigned major, minor, status;
};

static int on_headers_complete(http_parser *parser)
{
	struct verdict *verdict = parser->data;

	verdict->complete = true;
	verdict->chunked = parser->flags & F_CHUNKED;
	verdict->keep_alive = http_should_keep_alive(parser);
	verdict->major = parser->http_major;
	verdict->minor = parser->http_minor;
	verdict->status = parser->status_code;
	return 2; /* no body, no next message: that is http_body's */
}

static int second_opinion(const char *text, size_t len, bool is_request, struct verdict *verdict)
{
	static const http_parser_settings settings = { .on_headers_complete = on_headers_complete };
	http_parser parser;

	*verdict = (struct verdict){ 0 };
	http_parser_init(&parser, is_request ? HTTP_REQUEST : HTTP_RESPONSE);
	parser.data = verdict;
	(void)http_parser_execute(&parser, &settings, text, len);
	return HTTP_PARSER_ERRNO(&parser) == HPE_OK && verdict->complete ? 0 : -EBADMSG;
}

/* ---- what the headers mean for framing: RFC 9112, 6 ---- */

const char *http_find_header(const struct http_header *headers, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if ((headers[i].name[0] | 32) == (name[0] | 32) &&
		    !strcasecmp(headers[i].name, name))
			return headers[i].value;
	}
	return NULL;
}

bool http_has_word(const char *value, const char *word)
{
	size_t len = strlen(word);

	while (value && *value) {
		value += strspn(value, " \t,");
		if (!strncasecmp(value, word, len) && strchr(" \t,", value[len]))
			return true; /* the end of the text counts: strchr finds it */
		value += strcspn(value, ",");
	}
	return false;
}

static int parse_length(const char *value, int64_t *ret)
{
	int64_t n = 0;

	if (!*value)
		return -EINVAL;
	for (; *value; value++) {
		if (*value < '0' || *value > '9' || n > (INT64_MAX - 9) / 10)
			return -EINVAL;
		n = n * 10 + (*value - '0');
	}
	*ret = n;
	return 0;
}

static int parse_framing(struct http_head *head, bool is_request, struct http_refusal *no)
{
	const char *encoding = NULL;
	unsigned hosts = 0;

	head->content_length = -1;
	for (size_t i = 0; i < head->n_headers; i++) {
		const struct http_header *h = &head->headers[i];

		switch (h->name[0] | 32) {
		case 'c':
			if (strcasecmp(h->name, "Content-Length"))
				break;
			if (head->content_length >= 0)
				return refuse(no, 400, "more than one Content-Length");
			if (parse_length(h->value, &head->content_length) < 0)
				return refuse(no, 400, "Content-Length is not a number");
			break;
		case 't':
			if (strcasecmp(h->name, "Transfer-Encoding"))
				break;
			if (encoding)
				return refuse(no, 400, "more than one Transfer-Encoding");
			encoding = h->value;
			break;
		case 'h':
			hosts += !strcasecmp(h->name, "Host");
			break;
		case 'e':
			if (strcasecmp(h->name, "Expect") || !is_request)
				break;
			if (strcasecmp(h->value, "100-continue"))
				return refuse(no, 417, "only 100-continue can be expected");
			head->expect_continue = true;
			break;
		}
	}
	if (encoding && head->content_length >= 0)
		return refuse(no, 400, "both Content-Length and Transfer-Encoding");
	if (encoding && strcasecmp(encoding, "chunked"))
		return refuse(no, 501, "no Transfer-Encoding but chunked is known here");
	if (is_request && (hosts > 1 || (hosts == 0 && head->minor > 0)))
		return refuse(no, 400, "exactly one Host header is needed");
	if (encoding && head->minor == 0)
		return refuse(no, 400, "Transfer-Encoding in HTTP/1.0");
	head->chunked = encoding;
	return 0;
}

int http_head_parse(char *text, size_t len, bool is_request, struct http_head *ret,
		    struct http_refusal *no)
{
	char *end = text + len, *line_end = memchr(text, '\r', len), *line;
	struct verdict verdict;
	int r;

	if (second_opinion(text, len, is_request, &verdict) < 0)
		return refuse(no, 400, "not a message of HTTP/1.1");
	if (verdict.major == 0)
		return refuse(no, 400, "HTTP/0.9 is not spoken here");
	if (verdict.major != 1)
		return refuse(no, 505, "only HTTP/1.1 is spoken here");
	ret->minor = verdict.minor;
	ret->status = (int)verdict.status;
	ret->keep_alive = verdict.keep_alive;
	ret->n_headers = 0;
	ret->expect_continue = false;
	if (is_request) {
		r = parse_request_line(text, line_end, ret, no);
		if (r < 0)
			return r;
	}
	for (line = line_end + 2; line + 2 < end; line = line_end + 2) {
		line_end = memchr(line, '\r', (size_t)(end - line));
		if (line_end[1] != '\n')
			return refuse(no, 400, "CR without LF in the head");
		if (ret->n_headers == HTTP_HEADERS_MAX)
			return refuse(no, 431, "more than 100 headers");
		r = parse_header(line, line_end, &ret->headers[ret->n_headers++], no);
		if (r < 0)
			return r;
	}
	r = parse_framing(ret, is_request, no);
	if (r == 0 && ret->chunked != verdict.chunked)
		return refuse(no, 400, "a Transfer-Encoding that can be read in two ways");
	return r;
}

int http_put_headers(struct buf *head, const struct http_header *headers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t name_len = strlen(headers[i].name), value_len = strlen(headers[i].value);
		int r;

		if (!name_len ||
		    span(headers[i].name, headers[i].name + name_len, TOKEN) != name_len ||
		    span(headers[i].value, headers[i].value + value_len, VALUE) != value_len)
			return -EINVAL;
		r = buf_reserve(head, name_len + value_len + 4);
		if (r < 0)
			return r;
		(void)buf_append(head, headers[i].name, name_len);
		(void)buf_append(head, ": ", 2);
		(void)buf_append(head, headers[i].value, value_len);
		(void)buf_append(head, "\r\n", 2);
	}
	return 0;
}
