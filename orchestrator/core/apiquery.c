/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/apiquery.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, NUMBER, TRUTH, ARRAY };
#define NONE ((size_t)-1)

static const struct option {
	const char *name;
	enum kind kind;
	size_t at;    /* offset of the value */
	size_t given; /* of a bool that says whether it was given, or of an array's length */
} options[] = {
#define AT(member) offsetof(struct apiquery, member)
	{ "labelSelector", TEXT, AT(label_selector), NONE },
	{ "fieldSelector", TEXT, AT(field_selector), NONE },
	{ "continue", TEXT, AT(continue_token), NONE },
	{ "resourceVersion", TEXT, AT(resource_version), NONE },
	{ "resourceVersionMatch", TEXT, AT(resource_version_match), NONE },
	{ "fieldManager", TEXT, AT(field_manager), NONE },
	{ "fieldValidation", TEXT, AT(field_validation), NONE },
	{ "propagationPolicy", TEXT, AT(propagation), NONE },
	{ "dryRun", TEXT, AT(dry_run), NONE },
	{ "includeObject", TEXT, AT(include_object), NONE },
	{ "container", TEXT, AT(container), NONE },
	{ "sinceTime", TEXT, AT(since_time), NONE },
	{ "path", TEXT, AT(path), NONE },
	{ "limit", NUMBER, AT(limit), NONE },
	{ "timeoutSeconds", NUMBER, AT(timeout_s), NONE },
	{ "gracePeriodSeconds", NUMBER, AT(grace_s), NONE },
	{ "sinceSeconds", NUMBER, AT(since_s), NONE },
	{ "tailLines", NUMBER, AT(tail_lines), NONE },
	{ "limitBytes", NUMBER, AT(limit_bytes), NONE },
	{ "watch", TRUTH, AT(watch), NONE },
	{ "allowWatchBookmarks", TRUTH, AT(allow_bookmarks), NONE },
	{ "sendInitialEvents", TRUTH, AT(send_initial), AT(has_send_initial) },
	{ "force", TRUTH, AT(force), AT(has_force) },
	{ "pretty", TRUTH, AT(pretty), AT(has_pretty) },
	{ "orphanDependents", TRUTH, AT(orphan), AT(has_orphan) },
	{ "follow", TRUTH, AT(follow), NONE },
	{ "previous", TRUTH, AT(previous), NONE },
	{ "timestamps", TRUTH, AT(timestamps), NONE },
	{ "stdin", TRUTH, AT(standard_in), NONE },
	{ "stdout", TRUTH, AT(standard_out), NONE },
	{ "stderr", TRUTH, AT(standard_error), NONE },
	{ "tty", TRUTH, AT(tty), NONE },
	{ "verbose", TRUTH, AT(verbose), NONE },
	{ "command", ARRAY, AT(commands), AT(n_commands) },
	{ "ports", ARRAY, AT(ports), AT(n_ports) },
	{ "port", ARRAY, AT(ports), AT(n_ports) },
	{ "exclude", ARRAY, AT(excludes), AT(n_excludes) },
#undef AT
};

static int hex_of(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Decode in place; false: a broken escape or a NUL, and the pair is dropped as Go drops it. */
static bool decode(char *text)
{
	char *to = text;

	for (const char *p = text; *p; p++) {
		if (*p == '+') {
			*to++ = ' ';
		} else if (*p == '%') {
			int high = hex_of(p[1]), low = high < 0 ? -1 : hex_of(p[2]);

			if (low < 0 || (high == 0 && low == 0))
				return false;
			*to++ = (char)(high << 4 | low);
			p += 2;
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
	return true;
}

/* As strconv.ParseInt says it. */
static int parse_number(const char *text, int64_t *ret, struct err *err)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (!*text || *end || isspace((unsigned char)*text))
		return err_say(err, -EINVAL, "strconv.ParseInt: parsing \"%s\": invalid syntax",
			       text);
	if (errno == ERANGE)
		return err_say(err, -EINVAL, "strconv.ParseInt: parsing \"%s\": value out of range",
			       text);
	*ret = n;
	return 0;
}

static int append_text(struct apiquery *query, const struct option *option, const char *value)
{
	const char ***array = (const char ***)(void *)((char *)query + option->at);
	size_t *n = (size_t *)(void *)((char *)query + option->given);
	const char **bigger = reallocarray(*array, *n + 1, sizeof(**array));

	if (!bigger)
		return -ENOMEM;
	bigger[(*n)++] = value;
	*array = bigger;
	return 0;
}

/* The first of several values counts, as in Go's conversion of url.Values. */
static int set(struct apiquery *query, const struct option *option, const char *value,
	       struct err *err)
{
	char *at = (char *)query + option->at;
	const char **text = (const char **)(void *)at;

	switch (option->kind) {
	case TEXT:
		if (!*text)
			*text = value;
		return 0;
	case NUMBER:
		return *(int64_t *)(void *)at == -1 && *value
			       ? parse_number(value, (int64_t *)(void *)at, err)
			       : 0;
	case TRUTH:
		*(bool *)at = strcasecmp(value, "false") != 0 && strcmp(value, "0") != 0;
		if (option->given != NONE)
			*((bool *)query + option->given) = true;
		return 0;
	case ARRAY:
		return append_text(query, option, value);
	}
	return 0;
}

static int parse_pair(struct apiquery *query, char *pair, struct err *err)
{
	char *value = strchr(pair, '=');

	if (value)
		*value++ = '\0';
	else
		value = pair + strlen(pair);
	if (!decode(pair) || !decode(value))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (strcmp(options[i].name, pair) == 0)
			return set(query, &options[i], value, err);
	return 0;
}

int apiquery_parse(const char *text, struct apiquery *ret, struct err *err)
{
	size_t len = strlen(text);
	int r = 0;

	*ret = (struct apiquery){ .limit = -1,
				  .timeout_s = -1,
				  .grace_s = -1,
				  .since_s = -1,
				  .tail_lines = -1,
				  .limit_bytes = -1 };
	if (len == 0)
		return 0;
	if (len > APIQUERY_MAX)
		return -E2BIG;
	ret->text = strdup(text);
	if (!ret->text)
		return -ENOMEM;
	for (char *p = ret->text, *next; p && r == 0; p = next) {
		next = strchr(p, '&');
		if (next)
			*next++ = '\0';
		r = parse_pair(ret, p, err);
	}
	if (r < 0)
		apiquery_done(ret);
	return r;
}

void apiquery_done(struct apiquery *query)
{
	free(query->commands);
	free(query->ports);
	free(query->excludes);
	free(query->text);
	*query = (struct apiquery){ 0 };
}
