/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

/* ---- what a plain scalar means (YAML 1.1, as go-yaml v2 reads it) ---- */

enum plain {
	PLAIN_STRING,
	PLAIN_NULL,
	PLAIN_TRUE,
	PLAIN_FALSE,
	PLAIN_INT,
	PLAIN_FLOAT,
	PLAIN_MERGE
};

static const struct {
	const char *text;
	enum plain means;
} words[] = {
	{ "", PLAIN_NULL },	  { "~", PLAIN_NULL },	    { "null", PLAIN_NULL },
	{ "Null", PLAIN_NULL },	  { "NULL", PLAIN_NULL },   { "y", PLAIN_TRUE },
	{ "Y", PLAIN_TRUE },	  { "yes", PLAIN_TRUE },    { "Yes", PLAIN_TRUE },
	{ "YES", PLAIN_TRUE },	  { "true", PLAIN_TRUE },   { "True", PLAIN_TRUE },
	{ "TRUE", PLAIN_TRUE },	  { "on", PLAIN_TRUE },	    { "On", PLAIN_TRUE },
	{ "ON", PLAIN_TRUE },	  { "n", PLAIN_FALSE },	    { "N", PLAIN_FALSE },
	{ "no", PLAIN_FALSE },	  { "No", PLAIN_FALSE },    { "NO", PLAIN_FALSE },
	{ "false", PLAIN_FALSE }, { "False", PLAIN_FALSE }, { "FALSE", PLAIN_FALSE },
	{ "off", PLAIN_FALSE },	  { "Off", PLAIN_FALSE },   { "OFF", PLAIN_FALSE },
	{ "<<", PLAIN_MERGE },	  { ".nan", PLAIN_FLOAT },  { ".NaN", PLAIN_FLOAT },
	{ ".NAN", PLAIN_FLOAT },  { ".inf", PLAIN_FLOAT },  { ".Inf", PLAIN_FLOAT },
	{ ".INF", PLAIN_FLOAT },  { "+.inf", PLAIN_FLOAT }, { "+.Inf", PLAIN_FLOAT },
	{ "+.INF", PLAIN_FLOAT }, { "-.inf", PLAIN_FLOAT }, { "-.Inf", PLAIN_FLOAT },
	{ "-.INF", PLAIN_FLOAT },
};

/* Digits of @base only, at least one. */
static bool all_digits(const char *p, int base)
{
	if (!*p)
		return false;
	for (; *p; p++) {
		int d = *p >= '0' && *p <= '9'	     ? *p - '0'
			: isalpha((unsigned char)*p) ? tolower((unsigned char)*p) - 'a' + 10
						     : 99;

		if (d >= base)
			return false;
	}
	return true;
}

/* Go's strconv.ParseInt(text, 0, 64), and ParseUint: 0x, 0o, 0b and 0 prefixes. */
static bool go_int(const char *text, int64_t *ret, bool *ret_unsigned)
{
	const char *p = text + (*text == '-' || *text == '+');
	unsigned long long value;
	int base = 10;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		base = 16, p += 2;
	else if (p[0] == '0' && (p[1] == 'o' || p[1] == 'O'))
		base = 8, p += 2;
	else if (p[0] == '0' && (p[1] == 'b' || p[1] == 'B'))
		base = 2, p += 2;
	else if (p[0] == '0' && p[1])
		base = 8, p += 1;
	if (!all_digits(p, base))
		return false;
	errno = 0;
	value = strtoull(p, NULL, base);
	if (errno)
		return false;
	*ret_unsigned = false;
	if (*text == '-') {
		if (value > (unsigned long long)INT64_MAX + 1)
			return false;
		*ret = (int64_t)(0 - value);
		return true;
	}
	*ret_unsigned = value > INT64_MAX;
	*ret = (int64_t)value;
	return !(*ret_unsigned && *text == '+');
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool float_form(const char *p)
{
	size_t whole, part = 0;

	p += *p == '-' || *p == '+';
	whole = strspn(p, "0123456789");
	p += whole;
	if (*p == '.') {
		part = strspn(p + 1, "0123456789");
		p += 1 + part;
	}
	if (whole == 0 && part == 0)
		return false;
	if (*p == 'e' || *p == 'E') {
		p++;
		p += *p == '-' || *p == '+';
		if (!isdigit((unsigned char)*p))
			return false;
		p += strspn(p, "0123456789");
	}
	return !*p;
}

/* yyyy-m-d with an optional time: go-yaml leaves it a string, but quotes it when it writes one. */
static bool date_form(const char *text)
{
	int y, m, d, n = 0;

	if (strspn(text, "0123456789") != 4 || text[4] != '-' ||
	    sscanf(text, "%4d-%2d-%2d%n", &y, &m, &d, &n) != 3 || m < 1 || m > 12 || d < 1 ||
	    d > 31)
		return false;
	if (!text[n])
		return true;
	int h, mi, s, k = 0;

	if (!strchr("Tt ", text[n]) || sscanf(text + n + 1, "%2d:%2d:%2d%n", &h, &mi, &s, &k) != 3)
		return false;
	const char *rest = text + n + 1 + k;

	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (text[n] == ' ')
		return !*rest;
	return strcmp(rest, "Z") == 0 || ((*rest == '+' || *rest == '-') && strlen(rest) == 6);
}

struct number {
	int64_t integer;
	double real;
	bool is_unsigned;
};

static enum plain plain_meaning(const char *text, struct number *number)
{
	char plain[128];
	size_t n = 0;

	if (!*text || strchr("+-0123456789yYnNtTfFoO~.<", *text)) {
		for (size_t i = 0; i < ARRAY_LEN(words); i++)
			if (strcmp(words[i].text, text) == 0) {
				if (words[i].means == PLAIN_FLOAT)
					number->real = strtod(text + (text[1] == '.') + 1, NULL);
				return words[i].means;
			}
	}
	if (!*text || !strchr("+-.0123456789", *text) || strlen(text) >= sizeof(plain) ||
	    date_form(text))
		return PLAIN_STRING;
	if (*text == '.') {
		if (!float_form(text))
			return PLAIN_STRING;
		number->real = strtod(text, NULL);
		return PLAIN_FLOAT;
	}
	for (const char *p = text; *p; p++)
		if (*p != '_')
			plain[n++] = *p;
	plain[n] = '\0';
	if (go_int(plain, &number->integer, &number->is_unsigned))
		return PLAIN_INT;
	if (float_form(plain)) {
		number->real = strtod(plain, NULL);
		return PLAIN_FLOAT;
	}
	return PLAIN_STRING;
}

/* ---- reading ---- */

struct anchor {
	char *name;
	struct json_object *value; /* our reference */
};
struct reader {
	yaml_parser_t parser;
	yaml_event_t event;
	struct anchor *anchors;
	size_t n_anchors, cap_anchors;
	unsigned nodes;
	struct yaml_problem *problem;
};

static int reader_fail(struct reader *r, int code, const char *text, const yaml_mark_t *mark)
{
	if (r->problem) {
		r->problem->line = (unsigned)mark->line + 1;
		r->problem->column = (unsigned)mark->column + 1;
		(void)snprintf(r->problem->text, sizeof(r->problem->text), "%s", text);
	}
	return code;
}

static int reader_next(struct reader *r)
{
	yaml_event_delete(&r->event);
	if (yaml_parser_parse(&r->parser, &r->event))
		return 0;
	if (r->parser.error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	return reader_fail(r, -EINVAL, r->parser.problem ? r->parser.problem : "not YAML",
			   &r->parser.problem_mark);
}

/* Nodes of @json; aliases are paid for each time, so that nine lines cannot become a billion. */
static unsigned count_nodes(const struct json_object *json)
{
	unsigned n = 1;
	struct json_iter it;

	for (size_t i = 0; json_kind(json) == JSON_ARRAY && i < json_len(json); i++)
		n += count_nodes(json_idx(json, i));
	json_for_each (it, json)
		n += 1 + count_nodes(it.value);
	return n;
}

static int reader_pay(struct reader *r, unsigned nodes)
{
	if (nodes > YAML_NODES_MAX - r->nodes)
		return reader_fail(r, -E2BIG, "too many nodes", &r->event.start_mark);
	r->nodes += nodes;
	return 0;
}

static int remember(struct reader *r, const yaml_char_t *anchor, struct json_object *value)
{
	int e;

	if (!anchor)
		return 0;
	e = array_grow(&r->anchors, &r->cap_anchors, r->n_anchors + 1, sizeof(*r->anchors));
	if (e < 0)
		return e;
	r->anchors[r->n_anchors].name = strdup((const char *)anchor);
	if (!r->anchors[r->n_anchors].name)
		return -ENOMEM;
	r->anchors[r->n_anchors++].value = json_ref(value);
	return 0;
}

static int read_alias(struct reader *r, struct json_object **ret)
{
	const char *name = (const char *)r->event.data.alias.anchor;

	for (size_t i = r->n_anchors; i-- > 0;) /* the latest of equal names */
		if (strcmp(r->anchors[i].name, name) == 0) {
			int e = reader_pay(r, count_nodes(r->anchors[i].value));

			if (e < 0)
				return e;
			*ret = json_copy(r->anchors[i].value);
			return !*ret && r->anchors[i].value ? -ENOMEM : 0;
		}
	return reader_fail(r, -EINVAL, "unknown anchor referenced", &r->event.start_mark);
}

static int read_scalar(struct reader *r, struct json_object **ret)
{
	const char *text = (const char *)r->event.data.scalar.value;
	const char *tag = (const char *)r->event.data.scalar.tag;
	size_t len = r->event.data.scalar.length;
	struct number number = { 0 };
	enum plain means = PLAIN_STRING;

	if (strlen(text) != len)
		return reader_fail(r, -EINVAL, "a NUL character in a scalar", &r->event.start_mark);
	if (r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    (!tag || strcmp(tag, YAML_STR_TAG) != 0))
		means = plain_meaning(text, &number);
	switch (means) {
	case PLAIN_NULL:
		*ret = NULL;
		return 0;
	case PLAIN_TRUE:
	case PLAIN_FALSE:
		*ret = json_new_bool(means == PLAIN_TRUE);
		break;
	case PLAIN_INT:
		*ret = number.is_unsigned ? json_new_double((double)(uint64_t)number.integer)
					  : json_new_int(number.integer);
		break;
	case PLAIN_FLOAT:
		if (number.real != number.real || number.real - number.real != 0)
			return reader_fail(r, -EINVAL, "JSON has no such number",
					   &r->event.start_mark);
		*ret = json_new_double(number.real);
		break;
	default:
		*ret = json_new_string_len(text, len);
	}
	return *ret ? 0 : -ENOMEM;
}

static int read_node(struct reader *r, unsigned depth, struct json_object **ret);

static int read_sequence(struct reader *r, unsigned depth, struct json_object **ret)
{
	auto_json struct json_object *array = json_new_array();
	auto_free char *anchor = NULL;
	int e;

	if (r->event.data.sequence_start.anchor)
		anchor = strdup((const char *)r->event.data.sequence_start.anchor);
	if (!array || (!anchor && r->event.data.sequence_start.anchor))
		return -ENOMEM;
	for (;;) {
		struct json_object *item;

		e = reader_next(r);
		if (e < 0)
			return e;
		if (r->event.type == YAML_SEQUENCE_END_EVENT)
			break;
		e = read_node(r, depth + 1, &item);
		if (e == 0)
			e = json_add(array, item);
		if (e < 0)
			return e;
	}
	e = remember(r, (yaml_char_t *)anchor, array);
	if (e == 0)
		*ret = take_ptr(&array);
	return e;
}

/* Keys are text in JSON: a plain 1 or true becomes "1" or "true". NULL: out of memory or no key. */
static int read_key(struct reader *r, char **ret, bool *ret_merge)
{
	const char *text = (const char *)r->event.data.scalar.value;
	bool plain = r->event.type == YAML_SCALAR_EVENT &&
		     r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	auto_buf struct buf out = BUF_INIT(1 << 20);
	auto_json struct json_object *value = NULL;
	int e;

	*ret_merge = plain && strcmp(text, "<<") == 0;
	if (r->event.type != YAML_SCALAR_EVENT)
		return reader_fail(r, -EINVAL, "a key that is not a scalar", &r->event.start_mark);
	e = read_scalar(r, &value);
	if (e < 0)
		return e;
	if (json_kind(value) == JSON_STRING)
		e = buf_puts(&out, json_str(value));
	else
		e = json_write(&out, value);
	*ret = e < 0 ? NULL : buf_take(&out);
	return *ret ? 0 : -ENOMEM;
}

/* "<<": what @object does not have itself comes from the mapping, or from each of a list. */
static int merge(struct reader *r, struct json_object *into, const struct json_object *from)
{
	struct json_iter it;
	int e = 0;

	if (json_kind(from) == JSON_ARRAY) {
		for (size_t i = 0; i < json_len(from) && e == 0; i++)
			e = merge(r, into, json_idx(from, i));
		return e;
	}
	if (json_kind(from) != JSON_OBJECT)
		return reader_fail(r, -EINVAL,
				   "map merge requires map or sequence of maps as the value",
				   &r->event.start_mark);
	json_for_each (it, from) {
		if (json_has(into, it.key))
			continue;
		e = json_put(into, it.key, json_ref(it.value));
		if (e < 0)
			return e;
	}
	return 0;
}

static int read_mapping(struct reader *r, unsigned depth, struct json_object **ret)
{
	auto_json struct json_object *object = json_new_object();
	auto_json struct json_object *merged = NULL;
	auto_free char *anchor = NULL;
	int e;

	if (r->event.data.mapping_start.anchor)
		anchor = strdup((const char *)r->event.data.mapping_start.anchor);
	if (!object || (!anchor && r->event.data.mapping_start.anchor))
		return -ENOMEM;
	for (;;) {
		struct json_object *value;
		auto_free char *key = NULL;
		bool is_merge = false;

		e = reader_next(r);
		if (e < 0)
			return e;
		if (r->event.type == YAML_MAPPING_END_EVENT)
			break;
		e = read_key(r, &key, &is_merge);
		if (e == 0)
			e = reader_next(r);
		if (e == 0)
			e = read_node(r, depth + 1, &value);
		if (e < 0)
			return e;
		if (is_merge) {
			(void)json_unref(merged);
			merged = value;
		} else if (json_put(object, key, value) < 0) {
			return -ENOMEM;
		}
	}
	e = merged ? merge(r, object, merged) : 0;
	if (e == 0)
		e = remember(r, (yaml_char_t *)anchor, object);
	if (e == 0)
		*ret = take_ptr(&object);
	return e;
}

static int read_node(struct reader *r, unsigned depth, struct json_object **ret)
{
	int e = reader_pay(r, 1);

	if (e < 0)
		return e;
	if (depth > JSON_DEPTH_MAX)
		return reader_fail(r, -E2BIG, "nested too deeply", &r->event.start_mark);
	switch (r->event.type) {
	case YAML_ALIAS_EVENT:
		return read_alias(r, ret);
	case YAML_SCALAR_EVENT:
		e = read_scalar(r, ret);
		return e < 0 ? e : remember(r, r->event.data.scalar.anchor, *ret);
	case YAML_SEQUENCE_START_EVENT:
		return read_sequence(r, depth, ret);
	case YAML_MAPPING_START_EVENT:
		return read_mapping(r, depth, ret);
	default:
		return reader_fail(r, -EINVAL, "not a value", &r->event.start_mark);
	}
}

static void forget_anchors(struct reader *r)
{
	for (size_t i = 0; i < r->n_anchors; i++) {
		free(r->anchors[i].name);
		(void)json_unref(r->anchors[i].value);
	}
	r->n_anchors = 0;
}

static int read_stream(struct reader *r, struct json_object *documents)
{
	for (;;) {
		struct json_object *document = NULL;
		int e = reader_next(r);

		if (e < 0 || r->event.type == YAML_STREAM_END_EVENT)
			return e;
		if (r->event.type != YAML_DOCUMENT_START_EVENT)
			continue;
		e = reader_next(r);
		if (e == 0)
			e = read_node(r, 0, &document);
		forget_anchors(r);
		if (e < 0) {
			(void)json_unref(document);
			return e;
		}
		if (document && json_add(documents, document) < 0)
			return -ENOMEM;
	}
}

int yaml_parse(const char *text, size_t len, struct json_object **ret, struct yaml_problem *problem)
{
	auto_json struct json_object *documents = json_new_array();
	struct reader r = { .problem = problem };
	int e;

	if (!documents || !yaml_parser_initialize(&r.parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	e = read_stream(&r, documents);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	forget_anchors(&r);
	free(r.anchors);
	if (e == 0)
		*ret = take_ptr(&documents);
	return e;
}

/* ---- writing ---- */

static int append_output(void *data, unsigned char *bytes, size_t size)
{
	return buf_append(data, bytes, size) == 0;
}

/*
 * [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?: minutes and seconds to a YAML 1.1 reader, so quoted.
 */
static bool base60_form(const char *p)
{
	size_t parts = 0;

	p += *p == '-' || *p == '+';
	if (!isdigit((unsigned char)*p))
		return false;
	p += strspn(p, "0123456789_");
	for (; *p == ':'; parts++) {
		size_t n = strspn(++p, "0123456789");

		if (n < 1 || n > 2 || (n == 2 && *p > '5'))
			return false;
		p += n;
	}
	if (*p == '.')
		p += 1 + strspn(p + 1, "0123456789_");
	return parts && !*p;
}

static bool emit_scalar(yaml_emitter_t *emitter, const char *text, size_t len,
			yaml_scalar_style_t style)
{
	yaml_event_t event;

	return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)len,
					    1, 1, style) &&
	       yaml_emitter_emit(emitter, &event);
}

static bool emit_string(yaml_emitter_t *emitter, const char *text, size_t len)
{
	yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
	struct number number;

	if (memchr(text, '\n', len))
		style = YAML_LITERAL_SCALAR_STYLE;
	else if (plain_meaning(text, &number) != PLAIN_STRING || base60_form(text) ||
		 date_form(text))
		style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
	return emit_scalar(emitter, text, len, style);
}

static bool is_letter(unsigned char c)
{
	return isalpha(c) || c >= 0x80;
}

/* The value of the digits at p[i…] and where they end; a run of zeros in front of them counts. */
static long long digits_at(const char *p, size_t i, size_t *end)
{
	long long value = 0;

	for (*end = i; isdigit((unsigned char)p[*end]) && value < (1LL << 58); ++*end)
		value = value * 10 + (p[*end] - '0');
	return value;
}

/* go-yaml's order of keys: letters by code, after other characters; runs of digits by value. */
static int natural_order(const char *a, const char *b)
{
	size_t i = 0, a_end, b_end;
	long long an, bn;
	bool al, bl;

	while (a[i] && a[i] == b[i])
		i++;
	if (!a[i] || !b[i])
		return (a[i] != 0) - (b[i] != 0);
	al = is_letter((unsigned char)a[i]);
	bl = is_letter((unsigned char)b[i]);
	if (al && bl)
		return (unsigned char)a[i] < (unsigned char)b[i] ? -1 : 1;
	if (al || bl)
		return bl ? -1 : 1;
	an = digits_at(a, i, &a_end);
	bn = digits_at(b, i, &b_end);
	if (a[i] == '0' || b[i] == '0')
		for (size_t j = i; j-- > 0 && isdigit((unsigned char)a[j]);)
			if (a[j] != '0') { /* inside one number: its length decides */
				if (a_end != b_end)
					return a_end < b_end ? -1 : 1;
				break;
			}
	if (an != bn)
		return an < bn ? -1 : 1;
	if (a_end != b_end)
		return a_end < b_end ? -1 : 1;
	return (unsigned char)a[i] < (unsigned char)b[i] ? -1 : 1;
}

static int by_natural_order(const void *a, const void *b)
{
	return natural_order(*(const char *const *)a, *(const char *const *)b);
}

static bool emit_value(yaml_emitter_t *emitter, const struct json_object *json);

static bool emit_object(yaml_emitter_t *emitter, const struct json_object *json)
{
	size_t n = json_len(json), i = 0;
	auto_free const char **keys = calloc(n ? n : 1, sizeof(*keys));
	struct json_iter it;
	yaml_event_t event;

	if (!keys ||
	    !yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) ||
	    !yaml_emitter_emit(emitter, &event))
		return false;
	json_for_each (it, json)
		keys[i++] = it.key;
	qsort(keys, n, sizeof(*keys), by_natural_order);
	for (i = 0; i < n; i++)
		if (!emit_string(emitter, keys[i], strlen(keys[i])) ||
		    !emit_value(emitter, json_get(json, keys[i])))
			return false;
	return yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool emit_array(yaml_emitter_t *emitter, const struct json_object *json)
{
	yaml_event_t event;

	if (!yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
						  YAML_BLOCK_SEQUENCE_STYLE) ||
	    !yaml_emitter_emit(emitter, &event))
		return false;
	for (size_t i = 0; i < json_len(json); i++)
		if (!emit_value(emitter, json_idx(json, i)))
			return false;
	return yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(emitter, &event);
}

static bool emit_value(yaml_emitter_t *emitter, const struct json_object *json)
{
	auto_buf struct buf text = { 0 };

	switch (json_kind(json)) {
	case JSON_OBJECT:
		return emit_object(emitter, json);
	case JSON_ARRAY:
		return emit_array(emitter, json);
	case JSON_STRING:
		return emit_string(emitter, json_str(json), json_str_len(json));
	default:
		return json_write(&text, json) == 0 &&
		       emit_scalar(emitter, text.data, text.len, YAML_PLAIN_SCALAR_STYLE);
	}
}

int yaml_write(struct buf *buf, const struct json_object *json)
{
	yaml_emitter_t emitter;
	yaml_event_t event;
	bool ok;

	if (!yaml_emitter_initialize(&emitter))
		return -ENOMEM;
	yaml_emitter_set_output(&emitter, append_output, buf);
	yaml_emitter_set_width(&emitter, 80);
	yaml_emitter_set_unicode(&emitter, 1);
	ok = yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
	     yaml_emitter_emit(&emitter, &event) &&
	     yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
	     yaml_emitter_emit(&emitter, &event) && emit_value(&emitter, json) &&
	     yaml_document_end_event_initialize(&event, 1) && yaml_emitter_emit(&emitter, &event) &&
	     yaml_stream_end_event_initialize(&event) && yaml_emitter_emit(&emitter, &event);
	yaml_emitter_delete(&emitter);
	if (buf_error(buf))
		return buf_error(buf);
	/* After a text that ends in blank lines libyaml closes the document; go-yaml does not. */
	if (buf->len >= 4 && strcmp(buf->data + buf->len - 4, "...\n") == 0 &&
	    json_kind(json) >= JSON_ARRAY)
		buf_truncate(buf, buf->len - 4);
	return ok ? 0 : -ENOMEM;
}
