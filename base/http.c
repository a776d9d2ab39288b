/* SPDX-License-Identifier: Apache-2.0 */
/* What both sides of HTTP share: names of statuses, headers, queries. */
#include "base/http.h"

#include <errno.h>
#include <string.h>

#include "base/http_head.h"

static const struct {
	int status;
	const char *text;
} status_texts[] = {
	{ 100, "Continue" },
	{ 101, "Switching Protocols" },
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 206, "Partial Content" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Request Entity Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 416, "Requested Range Not Satisfiable" },
	{ 417, "Expectation Failed" },
	{ 422, "Unprocessable Entity" },
	{ 426, "Upgrade Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
	{ 507, "Insufficient Storage" },
};

const char *http_status_text(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(status_texts); i++) {
		if (status_texts[i].status == status)
			return status_texts[i].text;
	}
	return "Status";
}

const char *http_header_of(const struct http_request *request, const char *name)
{
	return http_find_header(request->headers, request->n_headers, name);
}

const char *http_response_header(const struct http_response *response, const char *name)
{
	return http_find_header(response->headers, response->n_headers, name);
}

/* As Go's url.QueryUnescape, but a bad escape stays as it is, as do NULs. */
static char *query_decode(const char *text, size_t len)
{
	char *decoded = malloc(len + 1), *to = decoded;

	if (!decoded)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		int high = -1, low = -1;

		if (text[i] == '%' && i + 2 < len) {
			high = http_hex_digit(text[i + 1]);
			low = http_hex_digit(text[i + 2]);
		}
		if (high >= 0 && low >= 0 && (high || low)) {
			*to++ = (char)(high << 4 | low);
			i += 2;
		} else {
			*to++ = text[i] == '+' ? ' ' : text[i];
		}
	}
	*to = '\0';
	return decoded;
}

bool http_query_next(const char **query, char **key, char **value)
{
	const char *p = *query;
	size_t len, key_len;
	const char *equals;

	while (*p == '&')
		p++;
	if (!*p)
		return false;
	len = strcspn(p, "&");
	equals = memchr(p, '=', len);
	key_len = equals ? (size_t)(equals - p) : len;
	*key = query_decode(p, key_len);
	*value = equals ? query_decode(equals + 1, len - key_len - 1) : strdup("");
	*query = p + len;
	if (*key && *value)
		return true;
	free(*key);
	free(*value);
	return false;
}

char *http_query_get(const char *query, const char *key)
{
	char *k, *value;

	while (http_query_next(&query, &k, &value)) {
		bool found = !strcmp(k, key);

		free(k);
		if (found)
			return value;
		free(value);
	}
	return NULL;
}
