/* SPDX-License-Identifier: Apache-2.0 */
/* Values are held in JSON arrays: one array in, one out, for every step. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/describe.h"
#include "ctl/jsonpath.h"

struct walk {
	bool missing_ok;
	size_t found;
	unsigned ranges; /* inside so many */
	struct err *err;
};

static int emit(struct walk *w, struct json_object *list, struct json_object *value)
{
	if (++w->found > JSONPATH_FOUND_MAX)
		return err_say(w->err, -E2BIG, "the path finds more than %u values",
			       JSONPATH_FOUND_MAX);
	return json_add(list, json_ref(value)) < 0 ? err_set(w->err, -ENOMEM, "evaluate") : 0;
}

/* As Go's %v writes the type of a decoded value. */
static const char *type_name(const struct json_object *value)
{
	static const char *const names[] = {
		[JSON_NULL] = "<nil>",
		[JSON_BOOL] = "bool",
		[JSON_INT] = "int64",
		[JSON_DOUBLE] = "float64",
		[JSON_STRING] = "string",
		[JSON_ARRAY] = "[]interface {}",
		[JSON_OBJECT] = "map[string]interface {}",
	};
	_Static_assert(ARRAY_LEN(names) == JSON_KIND_COUNT, "every kind has a name");
	return names[json_kind(value)];
}

static int walk(struct walk *w, const struct jsonpath *node, struct json_object *input,
		struct json_object *out);

/* ---- steps ---- */

static int field(struct walk *w, const struct jsonpath *node, struct json_object *input,
		 struct json_object *out)
{
	int r = 0;

	if (json_len(input) == 0)
		return 0;
	for (size_t i = 0; i < json_len(input) && r == 0; i++) {
		struct json_object *value = json_idx(input, i);

		if (json_has(value, node->text))
			r = emit(w, out, json_get(value, node->text));
	}
	if (r == 0 && json_len(out) == 0 && !w->missing_ok)
		return err_say(w->err, -ENOENT, "%s is not found", node->text);
	return r;
}

/* Every child of a value, members by key. */
static int children_of(struct walk *w, struct json_object *value, struct json_object *out)
{
	auto_free const char **keys = NULL;
	size_t n = json_len(value);
	int r = 0;

	if (json_kind(value) == JSON_ARRAY)
		for (size_t i = 0; i < n && r == 0; i++)
			r = emit(w, out, json_idx(value, i));
	if (json_kind(value) != JSON_OBJECT)
		return r;
	n = describe_keys(value, &keys);
	for (size_t i = 0; i < n && r == 0; i++)
		r = emit(w, out, json_get(value, keys[i]));
	return r;
}

static int wildcard(struct walk *w, struct json_object *input, struct json_object *out)
{
	int r = 0;

	for (size_t i = 0; i < json_len(input) && r == 0; i++)
		r = children_of(w, json_idx(input, i), out);
	return r;
}

/* Every value that has children, from the top down. Depth is bounded by JSON's. */
static int recursive(struct walk *w, struct json_object *input, struct json_object *out)
{
	int r = 0;

	for (size_t i = 0; i < json_len(input) && r == 0; i++) {
		auto_json struct json_object *children = json_new_array();

		r = children_of(w, json_idx(input, i), children);
		if (r < 0 || json_len(children) == 0)
			continue;
		r = emit(w, out, json_idx(input, i));
		if (r == 0)
			r = recursive(w, children, out);
	}
	return r;
}

static int slice(struct walk *w, const struct jsonpath *node, struct json_object *value,
		 struct json_object *out)
{
	int len = (int)json_len(value), r = 0;
	int from = node->index[0].known ? node->index[0].value : 0;
	int to = node->index[1].known ? node->index[1].value : len;
	int step = node->index[2].known ? node->index[2].value : 1;

	if (from < 0)
		from += len;
	if (to < 0 || (to == 0 && node->index[1].derived))
		to += len;
	if (from == to)
		return 0;
	if (from >= len || from < 0)
		return err_say(w->err, -EINVAL, "array index out of bounds: index %d, length %d",
			       from, len);
	if (to > len || to < 0)
		return err_say(w->err, -EINVAL, "array index out of bounds: index %d, length %d",
			       to - 1, len);
	if (from > to)
		return err_say(w->err, -EINVAL, "starting index %d is greater than ending index %d",
			       from, to);
	if (step <= 0)
		return err_say(w->err, -EINVAL, "step must be > 0");
	for (int i = from; i < to && r == 0; i += MIN(step, len))
		r = emit(w, out, json_idx(value, (size_t)i));
	return r;
}

static int array(struct walk *w, const struct jsonpath *node, struct json_object *input,
		 struct json_object *out)
{
	int r = 0;

	for (size_t i = 0; i < json_len(input) && r == 0; i++) {
		struct json_object *value = json_idx(input, i);

		if (!value)
			continue;
		if (json_kind(value) != JSON_ARRAY)
			return err_say(w->err, -EINVAL, "%s is not array or slice",
				       type_name(value));
		r = slice(w, node, value, out);
	}
	return r;
}

/* ---- filters ---- */

enum { LESS = 1, EQUAL = 2, MORE = 4 };

/* As Go's templates compare: like with like. */
static int compare(struct walk *w, const struct json_object *a, const struct json_object *b)
{
	enum json_kind kind = json_kind(a);
	int order;

	if (kind != json_kind(b) || kind == JSON_ARRAY || kind == JSON_OBJECT || kind == JSON_NULL)
		return err_say(w->err, -EINVAL, "incompatible types for comparison");
	if (kind == JSON_STRING)
		order = strcmp(json_str(a), json_str(b));
	else if (kind == JSON_BOOL)
		order = json_truth(a, false) - json_truth(b, false);
	else if (kind == JSON_INT)
		order = (json_int(a, 0) > json_int(b, 0)) - (json_int(a, 0) < json_int(b, 0));
	else
		order = (json_double(a, 0) > json_double(b, 0)) -
			(json_double(a, 0) < json_double(b, 0));
	return order < 0 ? LESS : order > 0 ? MORE : EQUAL;
}

/* 1: it passes. */
static int passes(struct walk *w, const struct jsonpath *node, struct json_object *element)
{
	static const struct {
		const char *text;
		int allowed;
	} operators[] = { { "<", LESS },	  { "==", EQUAL }, { "!=", LESS | MORE },
			  { "<=", LESS | EQUAL }, { ">", MORE },   { ">=", MORE | EQUAL } };
	auto_json struct json_object *input = json_new_array(), *left = json_new_array(),
				     *right = json_new_array();
	int r = emit(w, input, element), relation;

	if (r == 0)
		r = walk(w, &node->children[0], input, left);
	if (strcmp(node->text, "exists") == 0)
		return r == -ENOMEM || r == -E2BIG ? r : json_len(left) > 0;
	if (r == 0)
		r = walk(w, &node->children[1], input, right);
	if (r < 0 || json_len(left) == 0 || json_len(right) == 0)
		return r;
	if (json_len(left) > 1 || json_len(right) > 1)
		return err_say(w->err, -EINVAL, "can only compare one element at a time");
	for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
		if (strcmp(operators[i].text, node->text) != 0)
			continue;
		relation = compare(w, json_idx(left, 0), json_idx(right, 0));
		return relation < 0 ? relation : (relation & operators[i].allowed) != 0;
	}
	return err_say(w->err, -EINVAL, "unrecognized filter operator %s", node->text);
}

static int filter(struct walk *w, const struct jsonpath *node, struct json_object *input,
		  struct json_object *out)
{
	int r = 0;

	for (size_t i = 0; i < json_len(input) && r >= 0; i++) {
		struct json_object *value = json_idx(input, i);

		if (!value)
			continue;
		if (json_kind(value) != JSON_ARRAY) {
			auto_buf struct buf text = { 0 };

			jsonpath_sprint(value, &text);
			return err_say(w->err, -EINVAL,
				       "%s is not array or slice and cannot be filtered",
				       buf_str(&text));
		}
		for (size_t k = 0; k < json_len(value) && r >= 0; k++) {
			r = passes(w, node, json_idx(value, k));
			if (r > 0)
				r = emit(w, out, json_idx(value, k));
		}
	}
	return r < 0 ? r : 0;
}

/* ---- all of them ---- */

static int literal(struct walk *w, const struct jsonpath *node, struct json_object *input,
		   struct json_object *out)
{
	int r = 0;

	for (size_t i = 0; i < json_len(input) && r == 0; i++)
		r = emit(w, out, node->literal);
	return r;
}

static int each_child(struct walk *w, const struct jsonpath *node, struct json_object *input,
		      struct json_object *out)
{
	int r = 0;

	for (size_t i = 0; i < node->n && r == 0; i++)
		r = walk(w, &node->children[i], input, out);
	return r;
}

/* Step by step, what one finds being the next one's input. */
static int in_turn(struct walk *w, const struct jsonpath *node, struct json_object *input,
		   struct json_object *out)
{
	auto_json struct json_object *current = json_ref(input);
	int r = 0;

	for (size_t i = 0; i < node->n && r == 0; i++) {
		struct json_object *next = json_new_array();

		r = walk(w, &node->children[i], current, next);
		(void)json_unref(current);
		current = next;
	}
	for (size_t i = 0; i < json_len(current) && r == 0; i++)
		r = emit(w, out, json_idx(current, i));
	return r;
}

static int identifier(struct walk *w, const struct jsonpath *node, struct json_object *input,
		      struct json_object *out)
{
	int r = 0;

	if (strcmp(node->text, "end") == 0)
		return w->ranges ? 0 : err_say(w->err, -EINVAL, "not in range, nothing to end");
	if (strcmp(node->text, "range") != 0)
		return err_say(w->err, -EINVAL, "unrecognized identifier %s", node->text);
	for (size_t i = 0; i < json_len(input) && r == 0; i++)
		r = emit(w, out, json_idx(input, i));
	return r;
}

static int walk(struct walk *w, const struct jsonpath *node, struct json_object *input,
		struct json_object *out)
{
	switch (node->kind) {
	case JSONPATH_LIST:
		return in_turn(w, node, input, out);
	case JSONPATH_TEXT:
		return json_add(out, json_new_string_len(node->text, node->text_len));
	case JSONPATH_LITERAL:
		return literal(w, node, input, out);
	case JSONPATH_FIELD:
		return field(w, node, input, out);
	case JSONPATH_WILDCARD:
		return wildcard(w, input, out);
	case JSONPATH_RECURSIVE:
		return recursive(w, input, out);
	case JSONPATH_ARRAY:
		return array(w, node, input, out);
	case JSONPATH_UNION:
		return each_child(w, node, input, out);
	case JSONPATH_FILTER:
		return filter(w, node, input, out);
	case JSONPATH_IDENTIFIER:
		return identifier(w, node, input, out);
	default:
		return -EINVAL;
	}
}

static bool is_word(const struct jsonpath *action, const char *word)
{
	return action->kind == JSONPATH_LIST && action->n &&
	       action->children[0].kind == JSONPATH_IDENTIFIER &&
	       strcmp(action->children[0].text, word) == 0;
}

/* The action that ends the range at @from; @to: there is none. */
static size_t range_end(const struct jsonpath *root, size_t from, size_t to)
{
	unsigned open = 0;

	for (size_t i = from; i < to; i++) {
		open += is_word(&root->children[i], "range");
		if (is_word(&root->children[i], "end") && --open == 0)
			return i;
	}
	return to;
}

/* Actions @from to @to on one value; an array of what each found is added to @out. */
static int run(struct walk *w, const struct jsonpath *root, size_t from, size_t to,
	       struct json_object *value, struct json_object *out)
{
	auto_json struct json_object *input = json_new_array();
	int r = emit(w, input, value);

	for (size_t i = from; i < to && r == 0; i++) {
		auto_json struct json_object *found = json_new_array();
		size_t end;

		r = walk(w, &root->children[i], input, found);
		if (r < 0)
			break;
		if (!is_word(&root->children[i], "range")) {
			r = json_add(out, take_ptr(&found));
			continue;
		}
		end = range_end(root, i, to);
		w->ranges++;
		for (size_t k = 0; k < json_len(found) && r == 0; k++)
			r = w->ranges > JSONPATH_DEPTH_MAX
				    ? err_say(w->err, -E2BIG, "too many ranges in each other")
				    : run(w, root, i + 1, end, json_idx(found, k), out);
		w->ranges--;
		if (end < to)
			i = end;
	}
	return r;
}

int jsonpath_find(const struct jsonpath *path, const struct json_object *data, bool missing_ok,
		  struct json_object **ret, struct err *err)
{
	struct walk w = { .missing_ok = missing_ok, .err = err };
	auto_json struct json_object *out = json_new_array();
	int r = run(&w, path, 0, path->n, (struct json_object *)data, out);

	if (r == 0)
		*ret = take_ptr(&out);
	return r;
}

/* ---- printing ---- */

void jsonpath_sprint(const struct json_object *value, struct buf *ret)
{
	auto_free const char **keys = NULL;
	size_t n;

	switch (json_kind(value)) {
	case JSON_NULL:
		(void)buf_puts(ret, "<nil>");
		break;
	case JSON_STRING:
		(void)buf_append(ret, json_str(value), json_str_len(value));
		break;
	case JSON_ARRAY:
		(void)buf_putc(ret, '[');
		for (size_t i = 0; i < json_len(value); i++) {
			(void)buf_puts(ret, i ? " " : "");
			jsonpath_sprint(json_idx(value, i), ret);
		}
		(void)buf_putc(ret, ']');
		break;
	case JSON_OBJECT:
		n = describe_keys(value, &keys);
		(void)buf_puts(ret, "map[");
		for (size_t i = 0; i < n; i++) {
			(void)buf_printf(ret, "%s%s:", i ? " " : "", keys[i]);
			jsonpath_sprint(json_get(value, keys[i]), ret);
		}
		(void)buf_putc(ret, ']');
		break;
	default:
		(void)json_write(ret, value);
	}
}

static int print_found(const struct json_object *found, bool as_json, struct buf *ret)
{
	if (as_json) {
		(void)json_write_style(ret, found, JSON_INDENT_4 | JSON_SORTED | JSON_HTML_SAFE);
		return buf_putc(ret, '\n');
	}
	for (size_t i = 0; i < json_len(found); i++) {
		const struct json_object *value = json_idx(found, i);
		enum json_kind kind = json_kind(value);

		(void)buf_puts(ret, i ? " " : "");
		if (kind == JSON_OBJECT || kind == JSON_ARRAY)
			(void)json_write_style(ret, value, JSON_SORTED | JSON_HTML_SAFE);
		else
			jsonpath_sprint(value, ret);
	}
	return buf_error(ret);
}

int jsonpath_print(const struct jsonpath *path, const struct json_object *data, bool missing_ok,
		   bool as_json, struct buf *ret, struct err *err)
{
	auto_json struct json_object *lists = NULL;
	int r = jsonpath_find(path, data, missing_ok, &lists, err);

	for (size_t i = 0; i < json_len(lists) && r == 0; i++)
		r = print_found(json_idx(lists, i), as_json, ret);
	return r;
}
