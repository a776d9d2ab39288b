/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/schema/spec_diff.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXT 3

/* ---- the dump: every field, by its Go name, indented by one ---- */

/* Names that are not just the JSON name with a capital. */
static const struct {
	const char *json, *go;
} go_names[] = {
	{ "apiGroup", "APIGroup" },
	{ "apiVersion", "APIVersion" },
	{ "awsElasticBlockStore", "AWSElasticBlockStore" },
	{ "cephfs", "CephFS" },
	{ "csi", "CSI" },
	{ "dnsConfig", "DNSConfig" },
	{ "dnsPolicy", "DNSPolicy" },
	{ "fc", "FC" },
	{ "fsGroup", "FSGroup" },
	{ "fsGroupChangePolicy", "FSGroupChangePolicy" },
	{ "fsType", "FSType" },
	{ "gcePersistentDisk", "GCEPersistentDisk" },
	{ "grpc", "GRPC" },
	{ "httpGet", "HTTPGet" },
	{ "httpHeaders", "HTTPHeaders" },
	{ "ip", "IP" },
	{ "iscsi", "ISCSI" },
	{ "nfs", "NFS" },
	{ "os", "OS" },
	{ "rbd", "RBD" },
	{ "seLinuxChangePolicy", "SELinuxChangePolicy" },
	{ "seLinuxOptions", "SELinuxOptions" },
	{ "serviceAccount", "DeprecatedServiceAccount" },
	{ "storageos", "StorageOS" },
	{ "tcpSocket", "TCPSocket" },
	{ "tty", "TTY" },
};

static void dump_struct(struct buf *buf, const struct schema_type *type,
			const struct json_object *object, unsigned depth);

static void newline(struct buf *buf, unsigned depth)
{
	(void)buf_printf(buf, "\n%*s", (int)depth, "");
}

static void dump_name(struct buf *buf, const char *json)
{
	for (size_t i = 0; i < ARRAY_LEN(go_names); i++)
		if (strcmp(go_names[i].json, json) == 0) {
			(void)buf_printf(buf, "\"%s\": ", go_names[i].go);
			return;
		}
	(void)buf_printf(buf, "\"%c%s\": ", toupper((unsigned char)*json), json + 1);
}

static void dump_one(struct buf *buf, const struct schema_field *field,
		     const struct json_object *value, unsigned depth)
{
	if (field->ref)
		dump_struct(buf, field->ref, value, depth);
	else
		(void)json_write_style(buf, value, JSON_HTML_SAFE);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void dump_map(struct buf *buf, const struct schema_field *field,
		     const struct json_object *map, unsigned depth)
{
	auto_free const char **keys = calloc(json_len(map) + 1, sizeof(*keys));
	struct json_iter it;
	size_t n = 0;

	if (!keys) {
		buf->failed = -ENOMEM;
		return;
	}
	json_for_each (it, map)
		keys[n++] = it.key;
	qsort(keys, n, sizeof(*keys), by_text);
	(void)buf_putc(buf, '{');
	for (size_t i = 0; i < n; i++) {
		(void)buf_puts(buf, i ? "," : "");
		newline(buf, depth + 1);
		(void)json_write_string(buf, keys[i], strlen(keys[i]), JSON_HTML_SAFE);
		(void)buf_puts(buf, ": ");
		dump_one(buf, field, json_get(map, keys[i]), depth + 1);
	}
	newline(buf, depth);
	(void)buf_putc(buf, '}');
}

static void dump_list(struct buf *buf, const struct schema_field *field,
		      const struct json_object *list, unsigned depth)
{
	(void)buf_putc(buf, '[');
	for (size_t i = 0, n = json_len(list); i < n; i++) {
		(void)buf_puts(buf, i ? "," : "");
		newline(buf, depth + 1);
		dump_one(buf, field, json_idx(list, i), depth + 1);
	}
	newline(buf, depth);
	(void)buf_putc(buf, ']');
}

static const char *nothing(const struct schema_field *field)
{
	static const char *const texts[SCHEMA_VALUE_COUNT] = {
		[SCHEMA_STRING] = "\"\"", [SCHEMA_INT32] = "0",	       [SCHEMA_INT64] = "0",
		[SCHEMA_BOOL] = "false",  [SCHEMA_QUANTITY] = "\"0\"", [SCHEMA_INT_OR_STRING] = "0",
	};
	const char *text = texts[field->value];

	return field->shape != SCHEMA_ONE || (field->flags & SCHEMA_POINTER) || !text ? "null"
										      : text;
}

static void dump_field(struct buf *buf, const struct schema_field *field,
		       const struct json_object *value, unsigned depth)
{
	bool inner = field->ref && field->shape == SCHEMA_ONE && !(field->flags & SCHEMA_POINTER);

	if ((!value && !inner) || (field->shape != SCHEMA_ONE && json_len(value) == 0))
		(void)buf_puts(buf, nothing(field));
	else if (field->shape == SCHEMA_LIST)
		dump_list(buf, field, value, depth);
	else if (field->shape == SCHEMA_MAP)
		dump_map(buf, field, value, depth);
	else
		dump_one(buf, field, value, depth);
}

static void dump_struct(struct buf *buf, const struct schema_type *type,
			const struct json_object *object, unsigned depth)
{
	(void)buf_putc(buf, '{');
	for (size_t i = 0; i < type->n_fields; i++) {
		(void)buf_puts(buf, i ? "," : "");
		newline(buf, depth + 1);
		dump_name(buf, type->fields[i].name);
		dump_field(buf, &type->fields[i], json_get(object, type->fields[i].name),
			   depth + 1);
	}
	newline(buf, depth);
	(void)buf_putc(buf, '}');
}

/* ---- lines ---- */

struct line {
	const char *text;
	size_t len; /* without the newline */
};
struct lines {
	struct line *items;
	size_t n;
};

static int split(const struct buf *buf, struct lines *ret)
{
	const char *at = buf_str(buf);
	size_t cap = 0;

	for (*ret = (struct lines){ 0 }; *at; at += *at == '\n') {
		size_t len = strcspn(at, "\n");

		if (array_grow(&ret->items, &cap, ret->n + 1, sizeof(*ret->items)) < 0)
			return -ENOMEM;
		ret->items[ret->n++] = (struct line){ at, len };
		at += len;
	}
	return 0;
}

static bool same(const struct line *a, const struct line *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/* One run of the diff: old lines [a, a + n_a) have become new lines [b, b + n_b). */
struct change {
	size_t a, n_a, b, n_b;
	bool equal;
};
struct changes {
	struct change *items;
	size_t n, cap;
	int failed;
};

static void add_change(struct changes *changes, size_t a, size_t n_a, size_t b, size_t n_b,
		       bool equal)
{
	struct change *last = changes->n ? &changes->items[changes->n - 1] : NULL;

	if (n_a + n_b == 0)
		return;
	if (last && last->equal == equal) {
		last->n_a += n_a;
		last->n_b += n_b;
		return;
	}
	if (array_grow(&changes->items, &changes->cap, changes->n + 1, sizeof(*changes->items)) < 0)
		changes->failed = -ENOMEM;
	else
		changes->items[changes->n++] = (struct change){ a, n_a, b, n_b, equal };
}

#define TABLE_MAX ((size_t)1 << 22) /* cells; what is bigger is shown as replaced */

/* Between the first and the last difference: the longest common subsequence, by the table. */
static void compare_middle(struct changes *changes, const struct lines *old,
			   const struct lines *new, size_t a, size_t end_a, size_t b, size_t end_b)
{
	size_t rows = end_a - a, columns = end_b - b, i = 0, j = 0;
	auto_free uint16_t *table = NULL;

	if (rows < UINT16_MAX && (rows + 1) * (columns + 1) <= TABLE_MAX)
		table = calloc((rows + 1) * (columns + 1), sizeof(*table));
	for (size_t r = rows; table && r-- > 0;)
		for (size_t c = columns; c-- > 0;) {
			uint16_t *cell = &table[r * (columns + 1) + c];
			uint16_t below = cell[columns + 1], right = cell[1];

			*cell = same(&old->items[a + r], &new->items[b + c])
					? (uint16_t)(cell[columns + 2] + 1)
					: MAX(below, right);
		}
	while (table && i < rows && j < columns) {
		const uint16_t *cell = &table[i * (columns + 1) + j];

		if (same(&old->items[a + i], &new->items[b + j])) {
			add_change(changes, a + i, 1, b + j, 1, true);
			i++;
			j++;
		} else if (cell[columns + 1] >= cell[1]) {
			add_change(changes, a + i, 1, b + j, 0, false);
			i++;
		} else {
			add_change(changes, a + i, 0, b + j, 1, false);
			j++;
		}
	}
	add_change(changes, a + i, rows - i, b + j, columns - j, false);
}

static void compare(struct changes *changes, const struct lines *old, const struct lines *new)
{
	size_t a = 0, end_a = old->n, end_b = new->n;

	while (a < end_a && a < end_b && same(&old->items[a], &new->items[a]))
		a++;
	while (end_a > a && end_b > a && same(&old->items[end_a - 1], &new->items[end_b - 1])) {
		end_a--;
		end_b--;
	}
	add_change(changes, 0, a, 0, a, true);
	compare_middle(changes, old, new, a, end_a, a, end_b);
	add_change(changes, end_a, old->n - end_a, end_b, new->n - end_b, true);
}

/* ---- hunks ---- */

static void write_range(struct buf *buf, char sign, size_t start, size_t n)
{
	if (n == 1)
		(void)buf_printf(buf, "%c%zu", sign, start + 1);
	else
		(void)buf_printf(buf, "%c%zu,%zu", sign, start + (n > 0), n);
}

static void write_lines(struct buf *buf, char sign, const struct lines *lines, size_t from,
			size_t n)
{
	for (size_t i = from; i < from + n; i++)
		(void)buf_printf(buf, "%c%.*s\n", sign, (int)lines->items[i].len,
				 lines->items[i].text);
}

/* The part of an equal run that is shown: its end before a change, its start after one. */
static struct change cut(const struct change *change, bool first, bool last)
{
	struct change shown = *change;
	size_t n = change->n_a;

	if (!change->equal)
		return shown;
	if (first && n > CONTEXT) {
		shown.a += n - CONTEXT;
		shown.b += n - CONTEXT;
		shown.n_a = shown.n_b = CONTEXT;
	} else if (last && n > CONTEXT) {
		shown.n_a = shown.n_b = CONTEXT;
	}
	return shown;
}

static void write_hunk(struct buf *buf, const struct changes *changes, size_t from, size_t to,
		       const struct lines *old, const struct lines *new)
{
	struct change first = cut(&changes->items[from], true, from + 1 == to);
	struct change last = cut(&changes->items[to - 1], from + 1 == to, true);

	(void)buf_puts(buf, "@@ ");
	write_range(buf, '-', first.a, last.a + last.n_a - first.a);
	(void)buf_putc(buf, ' ');
	write_range(buf, '+', first.b, last.b + last.n_b - first.b);
	(void)buf_puts(buf, " @@\n");
	for (size_t i = from; i < to; i++) {
		struct change one = cut(&changes->items[i], i == from, i + 1 == to);

		if (one.equal) {
			write_lines(buf, ' ', old, one.a, one.n_a);
			continue;
		}
		write_lines(buf, '-', old, one.a, one.n_a);
		write_lines(buf, '+', new, one.b, one.n_b);
	}
}

/* A long equal run ends a hunk and begins the next. */
static void write_hunks(struct buf *buf, const struct changes *changes, const struct lines *old,
			const struct lines *new)
{
	size_t from = 0;

	for (size_t i = 1; i < changes->n; i++) {
		const struct change *change = &changes->items[i];
		bool ends = change->equal && (i + 1 == changes->n || change->n_a > 2 * CONTEXT);

		if (!ends && i + 1 < changes->n)
			continue;
		write_hunk(buf, changes, from, i + 1, old, new);
		from = i;
	}
}

int spec_diff(const struct schema_type *type, const struct json_object *old,
	      const struct json_object *new_spec, struct buf *ret)
{
	auto_buf struct buf before = BUF_INIT(1 << 24);
	auto_buf struct buf after = BUF_INIT(1 << 24);
	struct lines old_lines = { 0 }, new_lines = { 0 };
	struct changes changes = { 0 };
	int r;

	dump_struct(&before, type, old, 0);
	dump_struct(&after, type, new_spec, 0);
	r = buf_error(&before) < 0 ? buf_error(&before) : buf_error(&after);
	if (r == 0)
		r = split(&before, &old_lines);
	if (r == 0)
		r = split(&after, &new_lines);
	if (r == 0) {
		compare(&changes, &old_lines, &new_lines);
		r = changes.failed;
	}
	if (r == 0 && changes.n > 1)
		write_hunks(ret, &changes, &old_lines, &new_lines);
	free(old_lines.items);
	free(new_lines.items);
	free(changes.items);
	return r < 0 ? r : buf_error(ret);
}
