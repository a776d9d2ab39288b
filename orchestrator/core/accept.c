/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/accept.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/own.h"

struct slice {
	const char *text;
	size_t len;
};

static bool slice_is(struct slice s, const char *text)
{
	return s.len == strlen(text) && strncasecmp(s.text, text, s.len) == 0;
}

static struct slice trimmed(const char *text, size_t len)
{
	while (len && strchr(" \t\"", text[0])) {
		text++;
		len--;
	}
	while (len && strchr(" \t\"", text[len - 1]))
		len--;
	return (struct slice){ text, len };
}

struct clause {
	struct slice type, as, group, version;
	double q;
	bool stream;
};

static void read_parameter(struct clause *clause, struct slice param)
{
	const char *eq = memchr(param.text, '=', param.len);
	struct slice key, value;
	char number[16] = "";

	if (!eq)
		return;
	key = trimmed(param.text, (size_t)(eq - param.text));
	value = trimmed(eq + 1, param.len - (size_t)(eq + 1 - param.text));
	if (slice_is(key, "as")) {
		clause->as = value;
	} else if (slice_is(key, "g")) {
		clause->group = value;
	} else if (slice_is(key, "v")) {
		clause->version = value;
	} else if (slice_is(key, "stream")) {
		clause->stream = slice_is(value, "watch");
	} else if (slice_is(key, "q")) {
		memcpy(number, value.text, MIN(value.len, sizeof(number) - 1));
		clause->q = strtod(number, NULL);
	}
}

static struct clause read_clause(const char *text, size_t len)
{
	struct clause clause = { .q = 1 };
	const char *end = text + len, *p = memchr(text, ';', len);

	clause.type = trimmed(text, p ? (size_t)(p - text) : len);
	while (p) {
		const char *next = memchr(p + 1, ';', (size_t)(end - p - 1));

		read_parameter(&clause, trimmed(p + 1, (size_t)((next ? next : end) - p - 1)));
		p = next;
	}
	return clause;
}

static const struct {
	const char *type;
	enum accept_encoding encoding;
} types[] = {
	{ "application/json", ACCEPT_JSON }, { "*/*", ACCEPT_JSON },
	{ "application/*", ACCEPT_JSON },    { "application/yaml", ACCEPT_YAML },
	{ "text/plain", ACCEPT_JSON },
};
static const struct {
	const char *as, *group;
	enum accept_form form;
} forms[] = {
	{ "Table", "meta.k8s.io", ACCEPT_TABLE },
	{ "PartialObjectMetadata", "meta.k8s.io", ACCEPT_PARTIAL },
	{ "PartialObjectMetadataList", "meta.k8s.io", ACCEPT_PARTIAL_LIST },
	{ "APIGroupDiscoveryList", "apidiscovery.k8s.io", ACCEPT_DISCOVERY },
};

static bool read_form(const struct clause *clause, struct accept *accept)
{
	if (!clause->as.len)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (!slice_is(clause->as, forms[i].as) || !slice_is(clause->group, forms[i].group))
			continue;
		accept->form = forms[i].form;
		if (slice_is(clause->version, "v1beta1") && accept->form != ACCEPT_DISCOVERY) {
			accept->beta = true;
			return true;
		}
		return slice_is(clause->version, accept->form == ACCEPT_DISCOVERY ? "v2" : "v1");
	}
	return false;
}

static bool usable(const struct clause *clause, struct accept *accept)
{
	*accept = (struct accept){ .stream = clause->stream };
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (!slice_is(clause->type, types[i].type))
			continue;
		accept->encoding = types[i].encoding;
		return read_form(clause, accept);
	}
	return false;
}

bool accept_parse(const char *header, struct accept *ret)
{
	const char *p = header;
	bool found = false, protobuf = false;
	double best = 0;

	*ret = (struct accept){ 0 };
	if (!*header)
		return true;
	for (size_t n = 0; *p && n < 64; n++) {
		size_t len = strcspn(p, ",");
		struct clause clause = read_clause(p, len);
		struct accept accept;

		if (clause.q > best && usable(&clause, &accept)) {
			best = clause.q;
			found = true;
			*ret = accept;
		}
		protobuf |= slice_is(clause.type, "application/vnd.kubernetes.protobuf");
		p += len + (p[len] == ',');
	}
	return found || protobuf;
}

const char *accept_content_type(const struct accept *accept)
{
	if (accept->encoding == ACCEPT_YAML)
		return "application/yaml";
	if (accept->form == ACCEPT_DISCOVERY)
		return "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
	return "application/json";
}
