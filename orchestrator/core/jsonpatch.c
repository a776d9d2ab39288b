/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/jsonpatch.h"

#include <errno.h>
#include <string.h>

/* ---- pointers (RFC 6901) ---- */

/* Where a pointer ends: the last container and what is meant in it. */
struct place {
	struct json_object *parent; /* NULL: the document itself is meant */
	struct buf token;
};

/* Cut and unescape the next token of *pointer, which stands at a slash. */
static int next_token(const char **pointer, struct buf *token)
{
	const char *p = *pointer + 1;

	buf_clear(token);
	for (; *p && *p != '/'; p++) {
		char c = *p;

		if (c == '~') {
			p++;
			if (*p != '0' && *p != '1')
				return -EINVAL;
			c = *p == '0' ? '~' : '/';
		}
		(void)buf_putc(token, c);
	}
	*pointer = p;
	return buf_error(token);
}

/* An index of an array of @n: digits without leading zeros; "-" is behind the last. */
static int parse_index(const char *text, size_t n, bool append, size_t *ret)
{
	size_t index = 0;

	if (strcmp(text, "-") == 0 && append) {
		*ret = n;
		return 0;
	}
	if (!*text || (*text == '0' && text[1]))
		return -ENOENT;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || index > n)
			return -ENOENT;
		index = index * 10 + (size_t)(*text - '0');
	}
	*ret = index;
	return index < n + append ? 0 : -ENOENT;
}

static int descend(struct json_object *from, const char *token, struct json_object **ret)
{
	size_t index;
	int r;

	if (json_kind(from) == JSON_OBJECT) {
		if (!json_has(from, token))
			return -ENOENT;
		*ret = json_get(from, token);
		return 0;
	}
	if (json_kind(from) != JSON_ARRAY)
		return -ENOENT;
	r = parse_index(token, json_len(from), false, &index);
	if (r == 0)
		*ret = json_idx(from, index);
	return r;
}

static int find_place(struct json_object *document, const char *pointer, struct place *place)
{
	struct json_object *at = document;
	int r = 0;

	place->parent = NULL;
	if (*pointer && *pointer != '/')
		return -EINVAL;
	while (*pointer && r == 0) {
		r = next_token(&pointer, &place->token);
		place->parent = at;
		if (r == 0 && *pointer)
			r = descend(at, buf_str(&place->token), &at);
	}
	if (r == 0 && place->parent && json_kind(place->parent) != JSON_OBJECT &&
	    json_kind(place->parent) != JSON_ARRAY)
		return -ENOENT;
	return r;
}

/* ---- operations on a place ---- */

static int place_get(struct json_object *document, const struct place *place,
		     struct json_object **ret)
{
	if (!place->parent) {
		*ret = document;
		return 0;
	}
	return descend(place->parent, buf_str(&place->token), ret);
}

/* json-c has no insertion: the elements behind @index move up one by one. */
static int array_insert(struct json_object *array, size_t index, struct json_object *value)
{
	int r = json_add(array, NULL);

	for (size_t i = json_len(array) - 1; r == 0 && i > index; i--)
		r = json_set_idx(array, i, json_ref(json_idx(array, i - 1)));
	if (r < 0) {
		json_unref(value);
		return r;
	}
	return json_set_idx(array, index, value);
}

/* Takes @value. */
static int place_add(struct json_object **document, const struct place *place,
		     struct json_object *value)
{
	const char *token = buf_str(&place->token);
	size_t index;
	int r;

	if (!place->parent) {
		json_unref(*document);
		*document = value;
		return 0;
	}
	if (json_kind(place->parent) == JSON_OBJECT)
		return json_put(place->parent, token, value);
	r = parse_index(token, json_len(place->parent), true, &index);
	if (r < 0) {
		json_unref(value);
		return r;
	}
	return array_insert(place->parent, index, value);
}

static int place_remove(struct json_object *document, const struct place *place)
{
	const char *token = buf_str(&place->token);
	struct json_object *value;
	size_t index;
	int r = place_get(document, place, &value);

	if (r < 0 || !place->parent)
		return r < 0 ? r : -ENOENT;
	if (json_kind(place->parent) == JSON_OBJECT) {
		json_del(place->parent, token);
		return 0;
	}
	r = parse_index(token, json_len(place->parent), false, &index);
	if (r == 0)
		json_del_idx(place->parent, index);
	return r;
}

static int place_replace(struct json_object **document, const struct place *place,
			 struct json_object *value)
{
	struct json_object *before;
	size_t index;
	int r = place_get(*document, place, &before);

	if (r == 0 && place->parent && json_kind(place->parent) == JSON_ARRAY) {
		r = parse_index(buf_str(&place->token), json_len(place->parent), false, &index);
		if (r == 0)
			return json_set_idx(place->parent, index, value);
	}
	if (r < 0) {
		json_unref(value);
		return r;
	}
	return place_add(document, place, value);
}

/* ---- the operations ---- */

enum op { OP_ADD, OP_REMOVE, OP_REPLACE, OP_MOVE, OP_COPY, OP_TEST, OP_COUNT };

static const char *const op_names[OP_COUNT] = {
	[OP_ADD] = "add",   [OP_REMOVE] = "remove", [OP_REPLACE] = "replace",
	[OP_MOVE] = "move", [OP_COPY] = "copy",	    [OP_TEST] = "test",
};

struct operation {
	enum op op;
	const char *path, *from;
	struct json_object *value;
};

static int read_operation(const struct json_object *json, struct operation *ret, struct err *err)
{
	const char *name = json_str(json_get(json, "op"));
	int op = 0;

	while (op < OP_COUNT && (!name || strcmp(op_names[op], name) != 0))
		op++;
	if (op == OP_COUNT)
		return err_say(err, -EINVAL, "Unexpected kind: %s", name ? name : "unknown");
	ret->op = (enum op)op;
	ret->path = json_str(json_get(json, "path"));
	ret->from = json_str(json_get(json, "from"));
	ret->value = json_get(json, "value");
	if (!ret->path)
		return err_say(err, -EINVAL, "missing value: operation %s has no path", name);
	if ((op == OP_MOVE || op == OP_COPY) && !ret->from)
		return err_say(err, -EINVAL, "missing value: operation %s has no from", name);
	if ((op == OP_ADD || op == OP_REPLACE) && !json_has(json, "value"))
		return err_say(err, -EINVAL, "missing value: operation %s has no value", name);
	return 0;
}

static int copy_of(const struct json_object *value, struct json_object **ret)
{
	*ret = json_copy(value);
	return value && !*ret ? -ENOMEM : 0;
}

static int copy_bounded(const struct json_object *value, size_t *copied, struct json_object **ret)
{
	auto_buf struct buf text = BUF_INIT(JSONPATCH_COPIES_MAX);

	if (json_write(&text, value) < 0)
		return -E2BIG;
	*copied += text.len;
	return *copied > JSONPATCH_COPIES_MAX ? -E2BIG : copy_of(value, ret);
}

static int move_or_copy(struct json_object **document, const struct operation *operation,
			struct place *place, size_t *copied)
{
	struct json_object *value, *taken = NULL;
	size_t len = strlen(operation->from);
	int r = find_place(*document, operation->from, place);

	if (r == 0)
		r = place_get(*document, place, &value);
	if (r < 0)
		return r;
	if (operation->op == OP_COPY) {
		r = copy_bounded(value, copied, &taken);
	} else { /* not into itself */
		if (strncmp(operation->path, operation->from, len) == 0 &&
		    operation->path[len] == '/')
			return -ENOENT;
		taken = json_ref(value);
		r = place_remove(*document, place);
	}
	if (r == 0)
		r = find_place(*document, operation->path, place);
	if (r == 0)
		return place_add(document, place, taken);
	json_unref(taken);
	return r;
}

static int run_operation(struct json_object **document, const struct operation *operation,
			 struct place *place, size_t *copied)
{
	struct json_object *value = NULL;
	int r;

	if (operation->op == OP_MOVE || operation->op == OP_COPY)
		return move_or_copy(document, operation, place, copied);
	r = find_place(*document, operation->path, place);
	if (r < 0)
		return r;
	switch (operation->op) {
	case OP_ADD:
	case OP_REPLACE:
		r = copy_of(operation->value, &value);
		if (r < 0)
			return r;
		return operation->op == OP_ADD ? place_add(document, place, value)
					       : place_replace(document, place, value);
	case OP_REMOVE:
		return place_remove(*document, place);
	default:
		r = place_get(*document, place, &value);
		return r < 0 || !json_equal(value, operation->value) ? -ENOENT : 0;
	}
}

int jsonpatch_apply(struct json_object **document, const struct json_object *patch, struct err *err)
{
	struct place place = { .token = BUF_INIT(4096) };
	size_t copied = 0;
	int r = 0;

	if (json_kind(patch) != JSON_ARRAY)
		return err_say(err, -EINVAL, "a JSON patch is an array of operations");
	if (json_len(patch) > JSONPATCH_OPERATIONS_MAX)
		return err_say(err, -E2BIG,
			       "The allowed maximum operations in a JSON patch is %u, got %zu",
			       JSONPATCH_OPERATIONS_MAX, json_len(patch));
	for (size_t i = 0; r == 0 && i < json_len(patch); i++) {
		struct operation operation = { 0 };

		r = read_operation(json_idx(patch, i), &operation, err);
		if (r < 0)
			break;
		r = run_operation(document, &operation, &place, &copied);
		if (r < 0)
			(void)err_say(err, r, "operation %zu: %s %s does not apply", i,
				      op_names[operation.op], operation.path);
	}
	buf_done(&place.token);
	return r;
}

/* ---- merge patch ---- */

int jsonpatch_merge(struct json_object **document, const struct json_object *patch)
{
	struct json_iter it;
	int r = 0;

	if (json_kind(patch) != JSON_OBJECT) {
		json_unref(*document);
		return copy_of(patch, document);
	}
	if (json_kind(*document) != JSON_OBJECT) {
		json_unref(*document);
		*document = json_new_object();
		if (!*document)
			return -ENOMEM;
	}
	json_for_each (it, patch) {
		struct json_object *member;

		if (!it.value) {
			json_del(*document, it.key);
			continue;
		}
		member = json_ref(json_get(*document, it.key));
		r = jsonpatch_merge(&member, it.value);
		if (r < 0)
			json_unref(member);
		else
			r = json_put(*document, it.key, member);
		if (r < 0)
			return r;
	}
	return 0;
}
