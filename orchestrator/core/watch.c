/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/answer.h"
#include "orchestrator/core/listing.h"
#include "orchestrator/core/selector.h"
#include "orchestrator/core/snapshot.h"

static const char *const type_names[] = {
	[CORE_ADDED] = "ADDED",
	[CORE_MODIFIED] = "MODIFIED",
	[CORE_DELETED] = "DELETED",
};

struct backlog_row {
	enum core_event_type type;
	struct object *object; /* referenced */
};
struct core_watch {
	struct list node;  /* in resource->watches */
	struct core *core; /* NULL: gone */
	struct resource *resource;
	char *namespace;
	struct selector *selector;
	struct answer_form form;
	uint64_t after; /* what happened up to here is in the backlog, or known to the client */

	struct backlog_row *backlog;
	size_t n_backlog, backlog_at;
	bool end_mark; /* a bookmark tells the end of the initial events */

	struct bytes **ring; /* frames; a power of two of slots */
	size_t cap, head, n, bytes;

	bool bookmarks, columns_sent, ended;
	struct timer timer;
	int64_t end_at_ns, bookmark_at_ns;
	bool hungry; /* next() gave NULL: tell when there is something */
	core_watch_fn *notify;
	void *notify_data;
};

/* ---- frames ---- */

static int put_frame(struct buf *buf, const struct answer_form *form, enum core_event_type type,
		     const struct object *object, bool columns, int64_t now_ns)
{
	int r;

	(void)buf_printf(buf, "{\"type\":\"%s\",\"object\":", type_names[type]);
	r = answer_one(buf, form, object, columns, now_ns);
	return r < 0 ? r : buf_puts(buf, "}\n");
}

static void put_bookmark(struct buf *buf, const struct core_watch *watch, uint64_t revision,
			 bool end_of_initial)
{
	const struct schema_kind *kind = watch->resource->kind;
	const char *meta = watch->form.beta ? "meta.k8s.io/v1beta1" : "meta.k8s.io/v1";
	char version[256];

	if (watch->form.form == ACCEPT_OBJECT)
		(void)buf_printf(
			buf,
			"{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\","
			"\"apiVersion\":\"%s\",\"metadata\":{\"resourceVersion\":\"%" PRIu64 "\"",
			kind->kind, schema_api_version(kind, version, sizeof(version)), revision);
	else
		(void)buf_printf(
			buf,
			"{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\","
			"\"apiVersion\":\"%s\",\"metadata\":{\"resourceVersion\":\"%" PRIu64 "\"",
			watch->form.form == ACCEPT_TABLE ? "Table" : "PartialObjectMetadata", meta,
			revision);
	if (end_of_initial)
		(void)buf_puts(buf, ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}");
	(void)buf_puts(buf, "}");
	if (watch->form.form == ACCEPT_TABLE)
		(void)buf_puts(buf, ",\"columnDefinitions\":[],\"rows\":[]");
	(void)buf_puts(buf, "}}\n");
}

/* ---- the queue ---- */

static void clear_queue(struct core_watch *watch)
{
	for (; watch->n; watch->n--) {
		bytes_unref(watch->ring[watch->head]);
		watch->head = (watch->head + 1) & (watch->cap - 1);
	}
	watch->bytes = 0;
}

static void clear_backlog(struct core_watch *watch)
{
	for (size_t i = watch->backlog_at; i < watch->n_backlog; i++)
		object_unref(watch->backlog[i].object);
	free(watch->backlog);
	watch->backlog = NULL;
	watch->n_backlog = watch->backlog_at = 0;
}

static void tell(struct core_watch *watch)
{
	if (!watch->hungry || !watch->notify)
		return;
	watch->hungry = false;
	watch->notify(watch, watch->notify_data);
}

static void end(struct core_watch *watch)
{
	if (watch->ended)
		return;
	watch->ended = true;
	list_remove(&watch->node);
	if (watch->core)
		timers_disarm(&watch->core->timers, &watch->timer);
	tell(watch);
}

static int grow(struct core_watch *watch)
{
	size_t cap = watch->cap ? watch->cap * 2 : 8;
	struct bytes **ring = calloc(cap, sizeof(ring[0]));

	if (!ring)
		return -ENOMEM;
	for (size_t i = 0; i < watch->n; i++)
		ring[i] = watch->ring[(watch->head + i) & (watch->cap - 1)];
	free(watch->ring);
	watch->ring = ring;
	watch->cap = cap;
	watch->head = 0;
	return 0;
}

/* false: too much waits already. */
static bool queue_frame(struct core_watch *watch, struct bytes *frame)
{
	if (!frame || watch->n >= WATCH_EVENTS_MAX || watch->bytes + frame->len > WATCH_BYTES_MAX ||
	    (watch->n == watch->cap && grow(watch) < 0))
		return false;
	watch->ring[(watch->head + watch->n++) & (watch->cap - 1)] = bytes_ref(frame);
	watch->bytes += frame->len;
	return true;
}

/*
 * A client that does not read is told to come again rather than hold memory: its watch ends.
 * The notification may free the watch, which is not to be touched afterwards.
 */
static void push(struct core_watch *watch, struct bytes *frame)
{
	if (queue_frame(watch, frame)) {
		tell(watch);
		return;
	}
	clear_queue(watch);
	clear_backlog(watch);
	watch->end_mark = false;
	end(watch);
}

/* ---- fanning out ---- */

/* The frames of one change, each form made once. */
#define FRAMES_MAX 16
struct fan {
	const struct change *change;
	struct object
		*left; /* the old state at the new revision: for those whose selection it left */
	struct {
		struct answer_form form;
		enum core_event_type type;
		bool columns;
		struct bytes *frame;
	} made[FRAMES_MAX];
	size_t n;
	int64_t now_ns;
};

static bool same_form(const struct answer_form *a, const struct answer_form *b)
{
	return a->form == b->form && a->beta == b->beta && a->include == b->include;
}

static struct bytes *make_frame(struct fan *fan, const struct core_watch *watch,
				enum core_event_type type, bool columns)
{
	const struct object *object = fan->change->object;
	auto_buf struct buf text = { 0 };

	if (type == CORE_DELETED && fan->change->type != CORE_DELETED) {
		if (!fan->left)
			fan->left = object_at_revision(fan->change->old, object_revision(object));
		object = fan->left;
	}
	if (!object || put_frame(&text, &watch->form, type, object, columns, fan->now_ns) < 0)
		return NULL;
	return bytes_new(text.data, text.len);
}

/* Borrowed from @fan. */
static struct bytes *frame_for(struct fan *fan, struct core_watch *watch, enum core_event_type type)
{
	/* the first frame that is read has the columns: the backlog's, if there is one */
	bool columns =
		watch->form.form == ACCEPT_TABLE && !watch->columns_sent && !watch->n_backlog;
	size_t slot;

	watch->columns_sent |= columns;
	for (size_t i = 0; i < fan->n; i++)
		if (fan->made[i].type == type && fan->made[i].columns == columns &&
		    same_form(&fan->made[i].form, &watch->form))
			return fan->made[i].frame;
	slot = MIN(fan->n, FRAMES_MAX - 1);
	if (slot < fan->n)
		bytes_unref(fan->made[slot].frame);
	else
		fan->n++;
	fan->made[slot].form = watch->form;
	fan->made[slot].type = type;
	fan->made[slot].columns = columns;
	fan->made[slot].frame = make_frame(fan, watch, type, columns);
	return fan->made[slot].frame;
}

static bool selects(const struct core_watch *watch, const struct object *object)
{
	return selector_match(watch->selector, object);
}

/* What a change is to one watcher; false: nothing. */
static bool seen_as(const struct core_watch *watch, enum core_event_type type,
		    const struct object *object, const struct object *old,
		    enum core_event_type *ret)
{
	bool was, is;

	if (*watch->namespace && strcmp(watch->namespace, object_namespace(object)) != 0)
		return false;
	if (!watch->selector) {
		*ret = type;
		return true;
	}
	was = old && selects(watch, old);
	is = type != CORE_DELETED && selects(watch, object);
	*ret = was && is ? CORE_MODIFIED : is ? CORE_ADDED : CORE_DELETED;
	return was || is;
}

void watch_fan_out(struct core *core, const struct change *change)
{
	struct fan fan = { .change = change, .now_ns = core->now_ns };
	uint64_t revision = object_revision(change->object);

	list_for_each (node, next, &change->resource->watches) {
		struct core_watch *watch = list_entry(node, struct core_watch, node);
		enum core_event_type type;

		if (revision > watch->after &&
		    seen_as(watch, change->type, change->object, change->old, &type))
			push(watch, frame_for(&fan, watch, type));
	}
	for (size_t i = 0; i < fan.n; i++)
		bytes_unref(fan.made[i].frame);
	object_unref(fan.left);
}

/* ---- the reader's side ---- */

static struct bytes *backlog_piece(struct core_watch *watch, int64_t now_ns)
{
	auto_buf struct buf text = { 0 };

	while (watch->backlog_at < watch->n_backlog && text.len < ((size_t)64 << 10)) {
		struct backlog_row *row = &watch->backlog[watch->backlog_at++];
		bool columns = watch->form.form == ACCEPT_TABLE && !watch->columns_sent;

		watch->columns_sent = true;
		if (put_frame(&text, &watch->form, row->type, row->object, columns, now_ns) < 0)
			text.failed = -ENOMEM;
		object_unref(row->object);
	}
	if (watch->backlog_at == watch->n_backlog) {
		clear_backlog(watch);
		if (watch->end_mark && watch->bookmarks)
			put_bookmark(&text, watch, watch->after, true);
		watch->end_mark = false;
	}
	if (buf_error(&text)) {
		end(watch);
		return NULL;
	}
	return text.len ? bytes_new(text.data, text.len) : NULL;
}

struct bytes *core_watch_next(struct core_watch *watch, int64_t now_ns)
{
	struct bytes *frame = NULL;

	if (watch->n_backlog || watch->end_mark)
		frame = backlog_piece(watch, now_ns);
	if (frame)
		return frame;
	if (!watch->n) {
		watch->hungry = true;
		return NULL;
	}
	frame = watch->ring[watch->head];
	watch->head = (watch->head + 1) & (watch->cap - 1);
	watch->n--;
	watch->bytes -= frame->len;
	return frame;
}

void core_watch_notify(struct core_watch *watch, core_watch_fn *fn, void *data)
{
	watch->notify = fn;
	watch->notify_data = data;
}

bool core_watch_ended(const struct core_watch *watch)
{
	return watch->ended && !watch->n && !watch->n_backlog && !watch->end_mark;
}

struct core_watch *core_watch_free(struct core_watch *watch)
{
	if (!watch)
		return NULL;
	watch->notify = NULL;
	end(watch);
	if (watch->core)
		watch->core->stats.watchers--;
	clear_queue(watch);
	clear_backlog(watch);
	free(watch->ring);
	free(watch->namespace);
	selector_free(watch->selector);
	free(watch);
	return NULL;
}

static int arm(struct core_watch *watch)
{
	int64_t at = watch->end_at_ns;

	if (watch->bookmarks && watch->bookmark_at_ns < at)
		at = watch->bookmark_at_ns;
	return timers_arm(&watch->core->timers, &watch->timer, at);
}

static struct bytes *bookmark_now(const struct core_watch *watch)
{
	auto_buf struct buf text = { 0 };

	put_bookmark(&text, watch, MAX(watch->core->revision, watch->after), false);
	return buf_error(&text) ? NULL : bytes_new(text.data, text.len);
}

/* A bookmark is due, or the end, which has one too. */
static void on_timer(struct core *core, struct timer *timer)
{
	struct core_watch *watch = CONTAINER_OF(timer, struct core_watch, timer);
	auto_bytes struct bytes *frame = NULL;
	bool over = core->now_ns >= watch->end_at_ns;

	watch->bookmark_at_ns = core->now_ns + WATCH_BOOKMARK_NS;
	if (!over && arm(watch) < 0)
		over = true;
	if (watch->bookmarks && !watch->n_backlog) {
		frame = bookmark_now(watch);
		over |= !queue_frame(watch, frame);
	}
	if (over)
		end(watch);
	else
		tell(watch);
}

void watch_done(struct core *core)
{
	for (size_t i = 0; core->resources && i < schema_n_kinds; i++)
		while (!list_empty(&core->resources[i].watches)) {
			struct core_watch *watch = list_entry(core->resources[i].watches.next,
							      struct core_watch, node);

			end(watch);
			watch->core = NULL;
		}
}

/* ---- starting ---- */

static int backlog_add(struct core_watch *watch, size_t *cap, enum core_event_type type,
		       struct object *object)
{
	if (array_grow(&watch->backlog, cap, watch->n_backlog + 1, sizeof(watch->backlog[0])) < 0)
		return -ENOMEM;
	watch->backlog[watch->n_backlog++] = (struct backlog_row){ type, object_ref(object) };
	return 0;
}

static int backlog_initial(struct core_watch *watch)
{
	struct snapshot_query query = { .namespace = watch->namespace,
					.selector = watch->selector };
	struct snapshot snapshot;
	size_t cap = 0;
	int r = snapshot_take(watch->resource, &query, &snapshot);

	for (size_t i = 0; r == 0 && i < snapshot.n; i++)
		r = backlog_add(watch, &cap, CORE_ADDED, snapshot.objects[i]);
	snapshot_done(&snapshot);
	return r;
}

/* -ESTALE: the history does not reach back that far. */
static int backlog_resume(struct core_watch *watch, uint64_t revision)
{
	const struct history *history = &watch->resource->history;
	size_t cap = 0;
	int r = 0;

	if (revision < history->floor)
		return -ESTALE;
	for (size_t i = history_after(history, revision); r == 0 && i < history->n; i++) {
		const struct past *past = history_at(history, i);
		enum core_event_type type;

		if (!seen_as(watch, past->type, past->object, past->old, &type))
			continue;
		if (type == CORE_DELETED && past->type != CORE_DELETED) {
			auto_object struct object *left =
				object_at_revision(past->old, object_revision(past->object));

			r = left ? backlog_add(watch, &cap, type, left) : -ENOMEM;
		} else {
			r = backlog_add(watch, &cap, type, past->object);
		}
	}
	return r;
}

/* Too old is told inside the stream, which then ends. */
static int say_too_old(struct core_watch *watch, uint64_t revision)
{
	auto_buf struct buf text = { 0 }, message = { 0 };
	auto_bytes struct bytes *frame = NULL;
	struct apistatus status = { .code = 410, .reason = "Expired" };

	(void)buf_printf(&message, "too old resource version: %" PRIu64 " (%" PRIu64 ")", revision,
			 watch->resource->history.floor);
	status.message = buf_str(&message);
	(void)buf_puts(&text, "{\"type\":\"ERROR\",\"object\":");
	(void)apistatus_write(&status, &text);
	(void)buf_puts(&text, "}\n");
	frame = buf_error(&text) ? NULL : bytes_new(text.data, text.len);
	if (!frame)
		return -ENOMEM;
	push(watch, frame);
	end(watch);
	return 0;
}

static int fill(struct core_watch *watch, const struct request *request, uint64_t revision)
{
	const struct apiquery *query = &request->query;
	int r = 0;

	watch->after = request->core->revision;
	if (query->has_send_initial && query->send_initial) {
		watch->end_mark = true;
		return backlog_initial(watch);
	}
	if (revision == 0)
		return query->has_send_initial ? 0 : backlog_initial(watch);
	if (revision > watch->after)
		watch->after = revision;
	else
		r = backlog_resume(watch, revision);
	return r == -ESTALE ? say_too_old(watch, revision) : r;
}

static int64_t lifetime_ns(struct core *core, int64_t timeout_s)
{
	uint32_t random;

	if (timeout_s > 0)
		return MIN(timeout_s, (int64_t)1 << 31) * NS_PER_S;
	core->options.env.random(core->options.env.data, &random, sizeof(random));
	return (1800 + random % 1800) * NS_PER_S;
}

static struct core_watch *watch_new(struct request *request, struct selector *selector,
				    const struct answer_form *form)
{
	struct core_watch *watch = calloc(1, sizeof(*watch));
	struct core *core = request->core;

	if (!watch) {
		selector_free(selector);
		return NULL;
	}
	list_init(&watch->node);
	watch->resource = request->resource;
	watch->selector = selector;
	watch->form = *form;
	watch->bookmarks = request->query.allow_bookmarks;
	watch->namespace = strdup(request->kind->namespaced ? request->namespace : "");
	watch->bookmark_at_ns = request->now_ns + WATCH_BOOKMARK_NS;
	watch->end_at_ns = request->now_ns + lifetime_ns(core, request->query.timeout_s);
	watch->core = core;
	watch->timer.fire = on_timer;
	core->stats.watchers++;
	list_append(&request->resource->watches, &watch->node);
	if (watch->namespace && arm(watch) == 0)
		return watch;
	return core_watch_free(watch);
}

/* A name in the path (the legacy form) selects one object. */
static int selector_of(struct request *request, struct selector **ret, struct err *err)
{
	auto_buf struct buf fields = { 0 };
	const char *given = request->query.field_selector;

	if (!*request->name)
		return selector_new(request->kind, request->query.label_selector, given, ret, err);
	(void)buf_printf(&fields, "metadata.name=%s", request->name);
	if (given && *given)
		(void)buf_printf(&fields, ",%s", given);
	return selector_new(request->kind, request->query.label_selector, buf_str(&fields), ret,
			    err);
}

void watch_start(struct request *request)
{
	struct core_answer answer = { .type = CORE_WATCH,
				      .status = 200,
				      .content_type = "application/json" };
	const char *rv = request->query.resource_version;
	struct selector *selector = NULL;
	struct answer_form form;
	struct core_watch *watch;
	struct err err = { 0 };
	uint64_t revision = 0;
	int r;

	if (!listing_check_options(request))
		return;
	if (rv && *rv && !listing_parse_revision(rv, &revision)) {
		request_fail(request, 500, "strconv.ParseUint: parsing \"%s\": invalid syntax", rv);
		return;
	}
	r = answer_form_of(request, &form, &err);
	if (r == 0)
		r = selector_of(request, &selector, &err);
	if (r < 0) {
		request_fail(request, r == -EINVAL ? 400 : 500, "%s", err.text);
		return;
	}
	watch = watch_new(request, selector, &form);
	r = watch ? fill(watch, request, revision) : -ENOMEM;
	if (r < 0) {
		(void)core_watch_free(watch);
		request_fail_error(request, r, NULL);
		return;
	}
	answer.watch = watch;
	request_end(request, &answer);
}
