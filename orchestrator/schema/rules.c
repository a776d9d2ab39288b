/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/schema/rules.h"

#include <arpa/inet.h>
#include <string.h>

/* Classes of characters; names are checked with every write, so without searching texts. */
enum { LOWER = 1, UPPER = 2, DIGIT = 4, DASH = 8, DOT = 16, UNDER = 32 };
#define LETTER (LOWER | UPPER)
#define ALNUM  (LETTER | DIGIT)
static const unsigned char classes[256] = {
	['a' ... 'z'] = LOWER, ['A' ... 'Z'] = UPPER, ['0' ... '9'] = DIGIT,
	['-'] = DASH,	       ['.'] = DOT,	      ['_'] = UNDER,
};

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

static bool is_of(char c, unsigned set)
{
	return classes[(unsigned char)c] & set;
}

static bool are_of(const char *text, size_t len, unsigned set)
{
	for (size_t i = 0; i < len; i++)
		if (!is_of(text[i], set))
			return false;
	return true;
}

/* Non-empty, first and last of @ends, everything of @inner. */
static bool is_word(const char *text, size_t len, unsigned ends, unsigned inner)
{
	return len && is_of(text[0], ends) && is_of(text[len - 1], ends) &&
	       are_of(text, len, inner);
}

static bool is_label(const char *text, size_t len)
{
	return is_word(text, len, LOWER | DIGIT, LOWER | DIGIT | DASH);
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
	if (!is_word(name, len, ALNUM, ALNUM | DASH | UNDER | DOT))
		sentences[n++] = "name part " QUALIFIED_SAYS;
	return n;
}

unsigned rule_label_value(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	size_t len = strlen(text);
	unsigned n = 0;

	if (len > 63)
		sentences[n++] = "must be no more than 63 bytes";
	if (len && !is_word(text, len, ALNUM, ALNUM | DASH | UNDER | DOT))
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
	if (len == 0 || !are_of(text, len, LOWER | DIGIT | DASH))
		sentences[n++] =
			"must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)";
	if (!text[strcspn(text, "abcdefghijklmnopqrstuvwxyz")])
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
	if (len == 0 || !are_of(text, len, ALNUM | DASH | UNDER | DOT))
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
	if (*text && are_of(text, strlen(text), ALNUM | DASH))
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

/* Ranges where no endpoint can be: the first @bits of @prefix. */
static const struct {
	int family;
	unsigned char prefix[16];
	unsigned bits;
	const char *says;
} no_endpoint[] = {
	{ AF_INET, { 0 }, 32, "may not be unspecified (0.0.0.0)" },
	{ AF_INET6, { 0 }, 128, "may not be unspecified (::)" },
	{ AF_INET, { 127 }, 8, "may not be in the loopback range (127.0.0.0/8, ::1/128)" },
	{ AF_INET6, { [15] = 1 }, 128, "may not be in the loopback range (127.0.0.0/8, ::1/128)" },
	{ AF_INET,
	  { 169, 254 },
	  16,
	  "may not be in the link-local range (169.254.0.0/16, fe80::/10)" },
	{ AF_INET6,
	  { 0xfe, 0x80 },
	  10,
	  "may not be in the link-local range (169.254.0.0/16, fe80::/10)" },
	{ AF_INET,
	  { 224 },
	  24,
	  "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)" },
	{ AF_INET6,
	  { 0xff, 0x02 },
	  16,
	  "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)" },
};

static bool starts_with(const unsigned char *address, const unsigned char *prefix, unsigned bits)
{
	unsigned rest = bits % 8;

	if (memcmp(address, prefix, bits / 8) != 0)
		return false;
	return !rest || (address[bits / 8] ^ prefix[bits / 8]) >> (8 - rest) == 0;
}

unsigned rule_endpoint_ip(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	unsigned char address[16];
	unsigned n = rule_ip(text, sentences);

	if (n || inet_pton(family, text, address) != 1)
		return n;
	for (size_t i = 0; i < ARRAY_LEN(no_endpoint) && n < SCHEMA_RULE_MAX; i++)
		if (no_endpoint[i].family == family &&
		    starts_with(address, no_endpoint[i].prefix, no_endpoint[i].bits))
			sentences[n++] = no_endpoint[i].says;
	return n;
}

unsigned rule_cidr(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	const char *slash = strchr(text, '/'), *bits = slash ? slash + 1 : "";
	char address[64] = "";
	unsigned char bytes[16];
	unsigned n = 0, most;

	if (slash && (size_t)(slash - text) < sizeof(address))
		memcpy(address, text, (size_t)(slash - text));
	most = strchr(address, ':') ? 128 : 32;
	if (inet_pton(most == 128 ? AF_INET6 : AF_INET, address, bytes) == 1 && *bits &&
	    strlen(bits) <= 3 && are_of(bits, strlen(bits), DIGIT) && (*bits != '0' || !bits[1])) {
		for (; *bits; bits++)
			n = n * 10 + (unsigned)(*bits - '0');
		if (n <= most)
			return 0;
	}
	sentences[0] = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
	return 1;
}

unsigned rule_search_domain(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	const char *part = text;
	bool ok = strlen(text) <= 253;

	for (;;) {
		size_t len = strcspn(part, ".");
		size_t skip = *part == '_' ? 1 : 0;

		ok &= is_word(part + skip, len - skip, LOWER | DIGIT, LOWER | DIGIT | DASH | UNDER);
		if (!part[len])
			break;
		part += len + 1;
	}
	if (ok)
		return 0;
	sentences[0] = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
		       "characters, '_', '-' or '.', and must start and end with an alphanumeric "
		       "character (e.g. 'example.com', regex used for validation is "
		       "'_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')";
	return 1;
}

unsigned rule_no_dots(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	while (*text) {
		size_t len = strcspn(text, "/");

		if (len == 2 && text[0] == '.' && text[1] == '.') {
			sentences[0] = "must not contain '..'";
			return 1;
		}
		text += len + (text[len] == '/');
	}
	return 0;
}

unsigned rule_inside(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	unsigned n = 0;

	if (*text == '/')
		sentences[n++] = "must be a relative path";
	return n + rule_no_dots(text, sentences + n);
}

unsigned rule_absolute(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	if (*text == '/')
		return 0;
	sentences[0] = "must be an absolute path";
	return 1;
}

unsigned rule_device_path(const char *text, const char *sentences[SCHEMA_RULE_MAX])
{
	if (!rule_no_dots(text, sentences))
		return 0;
	sentences[0] = "can not contain backsteps ('..')";
	return 1;
}
