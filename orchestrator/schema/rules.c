/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/schema/rules.h"

#include <arpa/inet.h>
#include <string.h>

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define ALNUM  LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS

#define LABEL_SAYS                                                                                 \
	"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "   \
	"and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', "   \
	"regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define SUBDOMAIN_SAYS                                                                             \
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "      \
	"'-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', "  \
	"regex used for validation is "                                                            \
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define QUALIFIED_SAYS                                                                             \
	"must consist of alphanumeric characters, '-', '_' or '.', and must start and end with "   \
	"an "                                                                                      \
	"alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "     \
	"validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

static bool is_in(char c, const char *set)
{
	return c && strchr(set, c);
}

/* Non-empty, first and last of @ends, everything of @inner. */
static bool is_word(const char *text, size_t len, const char *ends, const char *inner)
{
	if (len == 0 || !is_in(text[0], ends) || !is_in(text[len - 1], ends))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_in(text[i], inner))
			return false;
	return true;
}

static bool is_label(const char *text, size_t len)
{
	return is_word(text, len, LOWER DIGITS, LOWER DIGITS "-");
}

static bool is_subdomain(const char *text, size_t len)
{
	const char *end = text + len;

	for (;;) {
		const char *dot = memchr(text, '.', (size_t)(end - text));

		if (!is_label(text, (size_t)((dot ? dot : end) - text)))
			return false;
		if (!dot)
			return true;
		text = dot + 1;
	}
}

unsigned rule_subdomain(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	size_t len = strlen(text);
	unsigned n = 0;

	if (len > 253)
		sentences[n++] = "must be no more than 253 characters";
	if (!is_subdomain(text, len))
		sentences[n++] = SUBDOMAIN_SAYS;
	return n;
}

unsigned rule_label(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	size_t len = strlen(text);
	unsigned n = 0;

	if (len > 63)
		sentences[n++] = "must be no more than 63 characters";
	if (!is_label(text, len))
		sentences[n++] = LABEL_SAYS;
	return n;
}

unsigned rule_label_1035(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	size_t len = strlen(text);
	unsigned n = 0;

	if (len > 63)
		sentences[n++] = "must be no more than 63 characters";
	if (!is_label(text, len) || !is_in(text[0], LOWER))
		sentences[n++] =
			"a DNS-1035 label must consist of lower case alphanumeric characters or "
			"'-', start with an alphabetic character, and end with an alphanumeric "
			"character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
			"'[a-z]([-a-z0-9]*[a-z0-9])?')";
	return n;
}

unsigned rule_qualified_name(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	const char *slash = strchr(text, '/'), *name = slash ? slash + 1 : text;
	size_t prefix_len = slash ? (size_t)(slash - text) : 0, len = strlen(name);
	unsigned n = 0;

	if (slash && strchr(name, '/')) {
		sentences[n++] = "a valid label key " QUALIFIED_SAYS
				 " with an optional DNS subdomain prefix and '/' (e.g. "
				 "'example.com/MyName')";
		return n;
	}
	if (slash && prefix_len == 0)
		sentences[n++] = "prefix part must be non-empty";
	else if (slash && !is_subdomain(text, prefix_len))
		sentences[n++] = "prefix part " SUBDOMAIN_SAYS;
	else if (prefix_len > 253)
		sentences[n++] = "prefix part must be no more than 253 bytes";
	if (len == 0)
		sentences[n++] = "name part must be non-empty";
	else if (len > 63)
		sentences[n++] = "name part must be no more than 63 bytes";
	if (!is_word(name, len, ALNUM, ALNUM "-_."))
		sentences[n++] = "name part " QUALIFIED_SAYS;
	return n;
}

unsigned rule_label_value(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	size_t len = strlen(text);
	unsigned n = 0;

	if (len > 63)
		sentences[n++] = "must be no more than 63 bytes";
	if (len && !is_word(text, len, ALNUM, ALNUM "-_."))
		sentences[n++] =
			"a valid label must be an empty string or consist of alphanumeric "
			"characters, '-', '_' or '.', and must start and end with an alphanumeric "
			"character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
			"validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
	return n;
}

unsigned rule_port_name(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	size_t len = strlen(text);
	unsigned n = 0;

	if (len > 15)
		sentences[n++] = "must be no more than 15 characters";
	if (len == 0 || text[strspn(text, LOWER DIGITS "-")])
		sentences[n++] =
			"must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
	if (!text[strcspn(text, LOWER)])
		sentences[n++] = "must contain at least one letter (a-z)";
	if (n < SCHEMA_RULE_MAX && strstr(text, "--"))
		sentences[n++] = "must not contain consecutive hyphens";
	if (n < SCHEMA_RULE_MAX && len && (text[0] == '-' || text[len - 1] == '-'))
		sentences[n++] = "must not begin or end with a hyphen";
	return n;
}

unsigned rule_env_name(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	for (; *text; text++)
		if (*text < 0x20 || *text > 0x7e || *text == '=') {
			sentences[0] = "a valid environment variable name must consist only of "
				       "printable ASCII characters other than '='";
			return 1;
		}
	return 0;
}

unsigned rule_config_key(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	size_t len = strlen(text);
	unsigned n = 0;

	if (len > 253)
		sentences[n++] = "must be no more than 253 characters";
	if (len == 0 || text[strspn(text, ALNUM "-._")])
		sentences[n++] = "a valid config key must consist of alphanumeric characters, '-', "
				 "'_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', "
				 "regex used for validation is '[-._a-zA-Z0-9]+')";
	if (strcmp(text, ".") == 0)
		sentences[n++] = "must not be '.'";
	else if (strcmp(text, "..") == 0)
		sentences[n++] = "must not be '..'";
	else if (strncmp(text, "..", 2) == 0)
		sentences[n++] = "must not start with '..'";
	return n;
}

unsigned rule_http_header(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	if (*text && !text[strspn(text, ALNUM "-")])
		return 0;
	sentences[0] = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. "
		       "'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
	return 1;
}

unsigned rule_ip(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	unsigned char address[16];

	if (inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1)
		return 0;
	sentences[0] = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
	return 1;
}
