/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl describe */
#include "ctl/describe.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/crypt.h"
#include "base/time.h"
#include "ctl/command.h"
#include "ctl/selection.h"
#include "ctl/tabs.h"

#define LAST_APPLIED   "kubectl.kubernetes.io/last-applied-configuration"
#define ANNOTATION_MAX 140

/* ---- pieces ---- */

void describe_line(struct description *d, unsigned level, const char *fmt, ...)
{
	va_list args;

	(void)buf_printf(&d->text, "%*s", (int)(2 * level), "");
	va_start(args, fmt);
	(void)buf_vprintf(&d->text, fmt, args);
	va_end(args);
	(void)buf_putc(&d->text, '\n');
}

void describe_text(struct description *d, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)buf_vprintf(&d->text, fmt, args);
	va_end(args);
}

void describe_break(struct description *d)
{
	struct tabs tabs = TABS_DESCRIBE;

	(void)tabs_write(&tabs, buf_str(&d->text), d->text.len, &d->out);
	buf_clear(&d->text);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t describe_keys(const struct json_object *object, const char ***ret)
{
	size_t n = json_len(object), i = 0;
	struct json_iter it;

	*ret = calloc(n ? n : 1, sizeof(**ret));
	if (!*ret)
		return 0;
	json_for_each (it, object)
		(*ret)[i++] = it.key;
	qsort(*ret, n, sizeof(**ret), by_text);
	return n;
}

void describe_labels(struct description *d, const char *title, const struct json_object *labels)
{
	auto_free const char **keys = NULL;
	size_t n = describe_keys(labels, &keys);

	if (n == 0)
		describe_line(d, 0, "%s:\t<none>", title);
	for (size_t i = 0; i < n; i++)
		describe_line(d, 0, "%s%s\t%s=%s", i ? "" : title, i ? "" : ":", keys[i],
			      json_str(json_get(labels, keys[i])));
}

/* One annotation; long or multi-line values go below its key, cut at 140 bytes. */
static void describe_annotation(struct description *d, const char *lead, const char *key,
				const char *value)
{
	size_t len = strlen(value);

	if (len && value[len - 1] == '\n')
		len--;
	if (len + strlen(key) + 2 <= ANNOTATION_MAX && !memchr(value, '\n', len)) {
		describe_line(d, 0, "%s\t%s: %.*s", lead, key, (int)len, value);
		return;
	}
	describe_line(d, 0, "%s\t%s:", lead, key);
	while (true) {
		const char *newline = memchr(value, '\n', len);
		size_t n = newline ? (size_t)(newline - value) : len;
		bool cut = n > ANNOTATION_MAX - 2;

		describe_line(d, 0, "\t  %.*s%s", (int)(cut ? ANNOTATION_MAX - 2 : n), value,
			      cut ? "..." : "");
		if (!newline)
			return;
		value += n + 1;
		len -= n + 1;
	}
}

void describe_annotations(struct description *d, const struct json_object *annotations)
{
	auto_free const char **keys = NULL;
	size_t n = describe_keys(annotations, &keys), shown = 0;

	for (size_t i = 0; i < n; i++)
		if (strcmp(keys[i], LAST_APPLIED) != 0)
			describe_annotation(d, shown++ ? "" : "Annotations:", keys[i],
					    json_str(json_get(annotations, keys[i])));
	if (!shown)
		describe_line(d, 0, "Annotations:\t<none>");
}

const char *describe_time(const char *rfc3339, char text[64])
{
	int64_t ns = 0;
	struct tm tm;
	time_t s;

	if (!rfc3339 || time_parse(rfc3339, &ns) < 0)
		return "Mon, 01 Jan 0001 00:00:00 +0000";
	s = (time_t)(ns / NS_PER_S);
	if (!localtime_r(&s, &tm) || strftime(text, 64, "%a, %d %b %Y %H:%M:%S %z", &tm) == 0)
		return "";
	return text;
}

const char *describe_age(const struct description *d, const char *rfc3339, char text[64])
{
	int64_t ns;

	if (!rfc3339 || time_parse(rfc3339, &ns) < 0)
		return "<unknown>";
	return time_human(d->now_ns - ns, text);
}

static const char *last_seen(const struct json_object *event)
{
	const char *times[] = { json_str_at(event, "series.lastObservedTime"),
				json_str_at(event, "lastTimestamp"),
				json_str_at(event, "eventTime"),
				json_str_at(event, "firstTimestamp") };

	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		if (times[i])
			return times[i];
	return "";
}

static int by_last_seen(const void *a, const void *b)
{
	return strcmp(last_seen(*(struct json_object *const *)a),
		      last_seen(*(struct json_object *const *)b));
}

static void describe_event(struct description *d, const struct json_object *event)
{
	const char *first = json_str_at(event, "eventTime"),
		   *last = json_str_at(event, "lastTimestamp");
	const char *source = json_str_at(event, "source.component");
	const char *field = json_str_at(event, "involvedObject.fieldPath");
	const char *message = json_str_at(event, "message");
	int64_t count = json_int_at(event, "count", 0);
	char age[64], since[64], interval[160];
	size_t len;

	if (!first)
		first = json_str_at(event, "firstTimestamp");
	if (json_get(event, "series")) {
		last = json_str_at(event, "series.lastObservedTime");
		count = json_int_at(event, "series.count", 0);
	}
	if (count > 1)
		(void)snprintf(interval, sizeof(interval), "%s (x%lld over %s)",
			       describe_age(d, last, age), (long long)count,
			       describe_age(d, first, since));
	else
		(void)snprintf(interval, sizeof(interval), "%s", describe_age(d, first, age));
	if (!source || !*source)
		source = json_str_at(event, "reportingComponent");
	message = message ? message + strspn(message, " \t\r\n") : "";
	for (len = strlen(message); len && strchr(" \t\r\n", message[len - 1]);)
		len--;
	describe_line(d, 1, "%s\t%s\t%s\t%s\t%s%s%.*s", json_str_at(event, "type"),
		      json_str_at(event, "reason"), interval, source ? source : "",
		      field ? field : "", field && *field ? ": " : "", (int)len, message);
}

void describe_events(struct description *d, const struct json_object *events)
{
	size_t n = json_len(events);
	auto_free struct json_object **sorted = calloc(n ? n : 1, sizeof(*sorted));

	if (n == 0 || !sorted) {
		describe_line(d, 0, "Events:\t<none>");
		return;
	}
	describe_break(d);
	for (size_t i = 0; i < n; i++)
		sorted[i] = json_idx(events, i);
	qsort(sorted, n, sizeof(*sorted), by_last_seen);
	describe_line(d, 0, "Events:");
	describe_line(d, 0, "  Type\tReason\tAge\tFrom\tMessage");
	describe_line(d, 1, "----\t------\t----\t----\t-------");
	for (size_t i = 0; i < n; i++)
		describe_event(d, sorted[i]);
}

/* ---- kinds that are short ---- */

void describe_header(struct description *d, const struct json_object *object, bool namespaced)
{
	describe_line(d, 0, "Name:\t%s", json_text_at(object, "metadata.name", ""));
	if (namespaced)
		describe_line(d, 0, "Namespace:\t%s",
			      json_text_at(object, "metadata.namespace", ""));
	describe_labels(d, "Labels", json_at(object, "metadata.labels"));
	describe_annotations(d, json_at(object, "metadata.annotations"));
}

static void describe_namespace(struct description *d, const struct json_object *object)
{
	const struct json_object *conditions = json_at(object, "status.conditions");
	char text[64];

	describe_header(d, object, false);
	describe_line(d, 0, "Status:\t%s", json_text_at(object, "status.phase", ""));
	if (json_len(conditions)) {
		describe_line(d, 0, "Conditions:");
		describe_line(d, 1, "Type\tStatus\tLastTransitionTime\tReason\tMessage");
		describe_line(d, 1, "----\t------\t------------------\t------\t-------");
	}
	for (size_t i = 0; i < json_len(conditions); i++) {
		const struct json_object *c = json_idx(conditions, i);

		describe_line(d, 1, "%s\t%s\t%s\t%s\t%s", json_text_at(c, "type", ""),
			      json_text_at(c, "status", ""),
			      describe_time(json_str_at(c, "lastTransitionTime"), text),
			      json_text_at(c, "reason", ""), json_text_at(c, "message", ""));
	}
	describe_quotas(d, json_str_at(object, "metadata.name"));
}

static void describe_secret(struct description *d, const struct json_object *object)
{
	const struct json_object *data = json_get(object, "data");
	auto_free const char **keys = NULL;
	size_t n = describe_keys(data, &keys);

	describe_header(d, object, true);
	describe_text(d, "\nType:\t%s\n\nData\n====\n", json_text_at(object, "type", ""));
	for (size_t i = 0; i < n; i++) {
		const char *value = json_str(json_get(data, keys[i]));
		auto_buf struct buf raw = { 0 };

		(void)base64_decode(&raw, value ? value : "", value ? strlen(value) : 0);
		describe_line(d, 0, "%s:\t%zu bytes", keys[i], raw.len);
	}
}

static void describe_config_map(struct description *d, const struct json_object *object)
{
	const struct json_object *data = json_get(object, "data"),
				 *binary = json_get(object, "binaryData");
	auto_free const char **keys = NULL, **binary_keys = NULL;
	size_t n = describe_keys(data, &keys), n_binary = describe_keys(binary, &binary_keys);

	describe_header(d, object, true);
	describe_text(d, "\nData\n====\n");
	for (size_t i = 0; i < n; i++)
		describe_text(d, "%s:\n----\n%s\n\n", keys[i], json_str(json_get(data, keys[i])));
	describe_text(d, "\nBinaryData\n====\n");
	for (size_t i = 0; i < n_binary; i++) {
		const char *value = json_str(json_get(binary, binary_keys[i]));
		auto_buf struct buf raw = { 0 };

		(void)base64_decode(&raw, value ? value : "", value ? strlen(value) : 0);
		describe_line(d, 0, "%s: %zu bytes", binary_keys[i], raw.len);
	}
	describe_text(d, "\n");
}

/* ---- any kind: its fields, with labels made of their names ---- */

static bool is_acronym(const char *word)
{
	static const char *const acronyms[] = { "API", "URL", "UID", "GUID" };

	for (size_t i = 0; i < ARRAY_LEN(acronyms); i++)
		if (strcasecmp(acronyms[i], word) == 0)
			return true;
	return false;
}

/* "creationTimestamp" becomes "Creation Timestamp"; a name with other characters stays as it is. */
static void put_label(struct buf *text, const char *field)
{
	for (const char *p = field; *p; p++)
		if (!isalpha((unsigned char)*p) && *p != '-') {
			(void)buf_puts(text, field);
			return;
		}
	for (const char *p = field; *p;) {
		char word[128];
		size_t n = 1;

		if (isupper((unsigned char)p[0]) && isupper((unsigned char)p[1]))
			while (isupper((unsigned char)p[n]) && !islower((unsigned char)p[n + 1]))
				n++;
		else
			while (p[n] && !isupper((unsigned char)p[n]))
				n++;
		(void)snprintf(word, sizeof(word), "%.*s", (int)MIN(n, sizeof(word) - 1), p);
		if (is_acronym(word))
			for (char *c = word; *c; c++)
				*c = (char)toupper((unsigned char)*c);
		else
			word[0] = (char)toupper((unsigned char)word[0]);
		(void)buf_printf(text, "%s%s", p == field ? "" : " ", word);
		p += n;
	}
}

static const char *const hidden[] = { ".metadata.managedFields", ".metadata.name",
				      ".metadata.namespace", ".metadata.labels",
				      ".metadata.annotations" };

static void describe_value(struct description *d, unsigned level, const struct json_object *value,
			   const char *path);

static void describe_member(struct description *d, unsigned level, const char *key,
			    const struct json_object *value, const char *path)
{
	auto_buf struct buf label = { 0 }, text = { 0 };
	char below[512];

	(void)snprintf(below, sizeof(below), "%s.%s", path, key);
	for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
		if (strcmp(hidden[i], below) == 0)
			return;
	put_label(&label, key);
	if (json_kind(value) == JSON_OBJECT || json_kind(value) == JSON_ARRAY) {
		describe_line(d, level, "%s:", buf_str(&label));
		describe_value(d, level + 1, value, below);
		return;
	}
	if (json_str(value))
		(void)buf_puts(&text, json_str(value));
	else if (json_kind(value) == JSON_NULL)
		(void)buf_puts(&text, "<nil>");
	else
		(void)json_write(&text, value);
	describe_line(d, level, "%s:\t%s", buf_str(&label), buf_str(&text));
}

static void describe_value(struct description *d, unsigned level, const struct json_object *value,
			   const char *path)
{
	auto_free const char **keys = NULL;
	size_t n = json_kind(value) == JSON_OBJECT ? describe_keys(value, &keys) : 0;

	for (size_t i = 0; i < n; i++)
		describe_member(d, level, keys[i], json_get(value, keys[i]), path);
	for (size_t i = 0; json_kind(value) == JSON_ARRAY && i < json_len(value); i++) {
		const struct json_object *child = json_idx(value, i);
		auto_buf struct buf text = { 0 };

		if (json_kind(child) == JSON_OBJECT) {
			describe_value(d, level, child, path);
			continue;
		}
		if (json_str(child))
			(void)buf_puts(&text, json_str(child));
		else
			(void)json_write(&text, child);
		describe_line(d, level, "%s", buf_str(&text));
	}
}

static void describe_any(struct description *d, const struct json_object *object)
{
	describe_header(d, object, true);
	describe_value(d, 0, object, "");
}

/* ---- the command ---- */

static const struct {
	const char *group, *resource;
	void (*describe)(struct description *d, const struct json_object *object);
	bool events;
} describers[] = {
	{ "", "pods", describe_pod, true },
	{ "", "nodes", describe_node, true },
	{ "", "namespaces", describe_namespace, false },
	{ "", "secrets", describe_secret, false },
	{ "", "configmaps", describe_config_map, true },
	{ "", "services", describe_service, true },
	{ "", "endpoints", describe_endpoints, true },
	{ "", "serviceaccounts", describe_service_account, true },
	{ "discovery.k8s.io", "endpointslices", describe_endpoint_slice, true },
};

struct describe {
	struct cli *cli;
	struct session session;
	struct selection selection;
	size_t described;
};

static struct json_object *find_events(struct session *session, const struct json_object *object,
				       bool is_node)
{
	auto_json struct json_object *list = NULL;
	auto_buf struct buf path = { 0 };
	const char *namespace = json_str_at(object, "metadata.namespace");
	const char *uid = json_str_at(object, "metadata.uid"),
		   *name = json_str_at(object, "metadata.name");

	(void)buf_puts(&path, "/api/v1");
	if (namespace) {
		(void)buf_puts(&path, "/namespaces/");
		(void)rest_escape(&path, namespace);
	}
	(void)buf_puts(&path, "/events?fieldSelector=involvedObject.name%3D");
	(void)rest_escape(&path, name ? name : "");
	/* The kubelet's events about its node carry the node's name as uid. */
	if (is_node) {
		(void)buf_puts(&path, "%2CinvolvedObject.kind%3DNode");
	} else {
		(void)buf_puts(&path, "%2CinvolvedObject.uid%3D");
		(void)rest_escape(&path, uid ? uid : "");
	}
	(void)buf_puts(&path, "&limit=500");
	if (rest_get(session->rest, buf_str(&path), NULL, &list, NULL) < 0)
		return NULL;
	return json_ref(json_get(list, "items"));
}

static int describe_object(struct describe *c, const struct selected *item,
			   const struct json_object *object)
{
	auto_json struct json_object *events = NULL;
	struct description d = { .session = &c->session, .now_ns = time_now_ns() };
	void (*describe)(struct description *, const struct json_object *) = describe_any;
	bool with_events = true;
	int r;

	for (size_t i = 0; i < ARRAY_LEN(describers); i++)
		if (strcmp(describers[i].resource, item->type.resource) == 0 &&
		    strcmp(describers[i].group, item->type.group) == 0) {
			describe = describers[i].describe;
			with_events = describers[i].events;
		}
	if (c->described++)
		(void)buf_puts(&d.out, "\n\n");
	describe(&d, object);
	if (with_events && cli_bool(c->cli, "show-events")) {
		events =
			find_events(&c->session, object, strcmp(item->type.resource, "nodes") == 0);
		describe_events(&d, events);
	}
	describe_break(&d);
	r = command_print(&d.out);
	buf_done(&d.text);
	buf_done(&d.out);
	return r;
}

static struct json_object *with_kind(const struct selected *item, struct json_object *object)
{
	char version[192];

	(void)snprintf(version, sizeof(version), "%s%s%s", item->type.group,
		       *item->type.group ? "/" : "", item->type.version);
	(void)json_put_str(object, "apiVersion", version);
	(void)json_put_str(object, "kind", item->type.kind);
	return object;
}

/* Every object of the collection whose name begins with @prefix ("" for all). */
static int describe_many(struct describe *c, const struct selected *item, const char *prefix,
			 struct err *err)
{
	const char *selector = cli_str(c->cli, "selector");
	auto_json struct json_object *list = NULL;
	auto_buf struct buf path = { 0 };
	int r = 0;

	(void)types_path(&item->type, item->namespace, "", &path);
	(void)buf_puts(&path, "?limit=500");
	if (*selector) {
		(void)buf_puts(&path, "&labelSelector=");
		(void)rest_escape(&path, selector);
	}
	r = rest_get(c->session.rest, buf_str(&path), NULL, &list, err);
	for (size_t i = 0; i < json_len(json_get(list, "items")) && r == 0; i++) {
		struct json_object *object = json_idx(json_get(list, "items"), i);
		const char *name = json_str_at(object, "metadata.name");

		if (name && strncmp(name, prefix, strlen(prefix)) == 0)
			r = describe_object(c, item, with_kind(item, object));
	}
	return r;
}

static int describe_one(struct describe *c, const struct selected *item, struct err *err)
{
	auto_json struct json_object *object = NULL;
	auto_buf struct buf path = { 0 };
	struct err again = { 0 };
	size_t before = c->described;
	int r;

	if (!item->name)
		return describe_many(c, item, "", err);
	(void)selected_path(item, &path);
	r = rest_get(c->session.rest, buf_str(&path), NULL, &object, err);
	if (r == 0)
		return describe_object(c, item, with_kind(item, object));
	if (r != -ENOENT)
		return r;
	/* kubectl takes a name that does not exist as the beginning of names that do. */
	if (describe_many(c, item, item->name, &again) == 0 && c->described > before)
		return 0;
	return r;
}

static int run(struct describe *c)
{
	struct selection_options options = { .all_namespaces = cli_bool(c->cli, "all-namespaces"),
					     .selector_given =
						     *cli_str(c->cli, "selector") != '\0' };
	struct err err = { 0 };
	int r;

	if (*cli_list(c->cli, "filename"))
		r = selection_of_files(&c->session, cli_list(c->cli, "filename"),
				       cli_bool(c->cli, "recursive"),
				       cli_given(c->cli, "namespace"), &c->selection, &err);
	else if (c->cli->n_args == 0)
		r = err_say(
			&err, -EINVAL,
			"error: You must specify the type of resource to describe. Use \"kubectl "
			"api-resources\" for a complete list of supported resources.");
	else
		r = selection_of_args(&c->session, c->cli->args, c->cli->n_args, &options,
				      &c->selection, &err);
	if (r < 0)
		return session_fail(&err);
	r = 0;
	for (size_t i = 0; i < c->selection.n; i++)
		if (describe_one(c, &c->selection.items[i], &err) < 0)
			r = session_fail(&err);
	if (r == 0 && c->described == 0) {
		if (options.all_namespaces || !c->selection.items[0].type.namespaced)
			(void)fprintf(stderr, "No resources found\n");
		else
			(void)fprintf(stderr, "No resources found in %s namespace.\n",
				      c->session.namespace);
	}
	return r;
}

int command_describe(struct cli *cli)
{
	struct describe c = { .cli = cli };
	int r = session_open(cli, &c.session);

	if (r != 0)
		return r;
	r = run(&c);
	selection_done(&c.selection);
	session_close(&c.session);
	return r;
}
