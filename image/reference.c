/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image references, as the distribution project defines and normalises them: the grammar is
 * https://distribution.github.io/distribution "reference", the refusals carry its words, because
 * kubectl describe shows them and people search for them.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "image/digest.h"
#include "image/image.h"

#define REF_NAME_MAX 255
#define REF_TAG_MAX  128

static bool is_lower_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
	return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

static bool has_upper(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			return true;
	return false;
}

/* path-component: [a-z0-9]+ ((. | _ | __ | -+) [a-z0-9]+)*; components joined by '/' */
static bool path_valid(const char *p, size_t len)
{
	const char *end = p + len;

	for (;;) {
		size_t separators;

		if (p == end || !is_lower_alnum(*p))
			return false;
		while (p < end && is_lower_alnum(*p))
			p++;
		if (p == end)
			return true;
		if (*p == '/') {
			p++;
			continue;
		}
		char c = *p;

		if (c != '.' && c != '_' && c != '-')
			return false;
		for (separators = 0; p < end && *p == c; p++)
			separators++;
		if (separators > (c == '.' ? 1U : c == '_' ? 2U : REF_NAME_MAX))
			return false;
	}
}

static bool port_valid(const char *p, const char *end)
{
	if (p == end)
		return false;
	for (; p < end; p++)
		if (*p < '0' || *p > '9')
			return false;
	return true;
}

/* host[:port]; host is a dotted name, or an IPv6 address in brackets */
static bool domain_valid(const char *p, size_t len)
{
	const char *end = p + len;

	if (len && *p == '[') {
		const char *close = memchr(p, ']', len);

		if (!close || close == p + 1)
			return false;
		for (p++; p < close; p++)
			if (!isxdigit((unsigned char)*p) && *p != ':')
				return false;
		p++;
		return p == end || (*p == ':' && port_valid(p + 1, end));
	}
	for (;;) {
		const char *start = p;

		while (p < end && (is_alnum(*p) || *p == '-'))
			p++;
		if (p == start || *start == '-' || p[-1] == '-')
			return false;
		if (p == end)
			return true;
		if (*p == ':')
			return port_valid(p + 1, end);
		if (*p++ != '.')
			return false;
	}
}

static bool tag_valid(const char *p, size_t len)
{
	if (len == 0 || len > REF_TAG_MAX || *p == '.' || *p == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(p[i]) && !strchr("_.-", p[i]))
			return false;
	return true;
}

/* The digest's own grammar first, then what we can verify: sha256 alone. */
static int digest_check(const char *text, struct err *err)
{
	const char *colon = strchr(text, ':');
	size_t hex = colon ? strspn(colon + 1, "0123456789abcdefABCDEF") : 0;

	if (!colon || colon == text || !isalpha((unsigned char)*text) || hex < 32 || colon[1 + hex])
		return err_say(err, -EINVAL, "invalid reference format");
	if (strncmp(text, "sha256:", 7) != 0)
		return err_say(err, -EINVAL, "unsupported digest algorithm");
	if (hex != DIGEST_HEX)
		return err_say(err, -EINVAL, "invalid checksum digest length");
	if (!digest_valid(text))
		return err_say(err, -EINVAL, "invalid checksum digest format");
	return 0;
}

/* Where the registry's host ends and the path begins, or 0: there is no host. */
static size_t domain_len(const char *text, size_t len)
{
	const char *slash = memchr(text, '/', len);
	size_t n = slash ? (size_t)(slash - text) : 0;

	if (!slash)
		return 0;
	if (memchr(text, '.', n) || memchr(text, ':', n) || has_upper(text, n) ||
	    (n == 9 && memcmp(text, "localhost", 9) == 0))
		return n;
	return 0;
}

static int name_normalise(const char *text, size_t len, char name[REF_NAME_MAX + 1],
			  struct err *err)
{
	size_t host = domain_len(text, len);
	const char *path = host ? text + host + 1 : text;
	size_t path_len = len - (size_t)(path - text);
	bool hub = host == 0 || (host == 9 && memcmp(text, "docker.io", 9) == 0) ||
		   (host == 15 && memcmp(text, "index.docker.io", 15) == 0);
	const char *library = hub && !memchr(path, '/', path_len) ? "library/" : "";

	if (has_upper(path, path_len))
		return err_say(
			err, -EINVAL,
			"invalid reference format: repository name (%s%.*s) must be lowercase",
			library, (int)path_len, path);
	if (!path_valid(path, path_len) || (host && !domain_valid(text, host)))
		return err_say(err, -EINVAL, "invalid reference format");
	if (snprintf(name, REF_NAME_MAX + 1, "%.*s/%s%.*s", hub ? 9 : (int)host,
		     hub ? "docker.io" : text, library, (int)path_len, path) > REF_NAME_MAX)
		return err_say(err, -EINVAL, "repository name must not be more than %d characters",
			       REF_NAME_MAX);
	return 0;
}

int image_ref_parse(const char *text, struct image_ref *ret, struct err *err)
{
	struct image_ref ref = { 0 };
	const char *at = strchr(text, '@');
	size_t len = at ? (size_t)(at - text) : strlen(text);
	const char *slash = memrchr(text, '/', len);
	const char *colon =
		memchr(slash ? slash : text, ':', len - (slash ? (size_t)(slash - text) : 0));
	size_t name_len = colon ? (size_t)(colon - text) : len;
	int r;

	if (strlen(text) >= IMAGE_REF_MAX || name_len == 0)
		return err_say(err, -EINVAL, "invalid reference format");
	if (!at && !colon && len == DIGEST_HEX && digest_hex_valid(text))
		return err_say(err, -EINVAL,
			       "invalid repository name (%s), cannot specify 64-byte hexadecimal "
			       "strings",
			       text);
	r = name_normalise(text, name_len, ref.name, err);
	if (r < 0)
		return r;
	if (colon) {
		size_t tag_len = len - name_len - 1;

		if (!tag_valid(colon + 1, tag_len))
			return err_say(err, -EINVAL, "invalid reference format");
		ref.has_tag = true;
		(void)snprintf(ref.tag, sizeof(ref.tag), "%.*s", (int)tag_len, colon + 1);
	}
	if (at) {
		r = digest_check(at + 1, err);
		if (r < 0)
			return r;
		ref.has_digest = true;
		(void)snprintf(ref.digest, sizeof(ref.digest), "%s", at + 1);
	}
	if (!ref.has_tag && !ref.has_digest)
		(void)snprintf(ref.tag, sizeof(ref.tag), "latest");
	(void)snprintf(ref.canonical, sizeof(ref.canonical), "%s%s%s", ref.name,
		       ref.has_digest ? "@" : ":", ref.has_digest ? ref.digest : ref.tag);
	*ret = ref;
	return 0;
}
