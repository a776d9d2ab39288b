/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with an object, collected, and worded as metav1.Status does. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/schema/schema.h"

#define PROBLEMS_MAX 1000 /* what comes after that is left out */

struct problem {
	enum schema_cause cause;
	char *field;
	char *body; /* "Invalid value: \"x\": must be …" */
};
struct schema_problems {
	struct problem *items;
	size_t n, cap;
	int failed; /* -ENOMEM: not all of them are here, but at least one was found */
};

static const struct {
	const char *text, *reason;
	bool value; /* the offending value follows */
} causes[CAUSE_COUNT] = {
	[CAUSE_REQUIRED] = { "Required value", "FieldValueRequired", false },
	[CAUSE_INVALID] = { "Invalid value", "FieldValueInvalid", true },
	[CAUSE_UNSUPPORTED] = { "Unsupported value", "FieldValueNotSupported", true },
	[CAUSE_FORBIDDEN] = { "Forbidden", "FieldValueForbidden", false },
	[CAUSE_DUPLICATE] = { "Duplicate value", "FieldValueDuplicate", true },
	[CAUSE_NOT_FOUND] = { "Not found", "FieldValueNotFound", true },
	[CAUSE_TOO_LONG] = { "Too long", "FieldValueTooLong", false },
	[CAUSE_TOO_MANY] = { "Too many", "FieldValueTooMany", true },
	[CAUSE_TYPE_INVALID] = { "Invalid value", "FieldValueTypeInvalid", false },
};

struct schema_problems *schema_problems_new(void)
{
	return calloc(1, sizeof(struct schema_problems));
}

struct schema_problems *schema_problems_free(struct schema_problems *problems)
{
	for (size_t i = 0; problems && i < problems->n; i++) {
		free(problems->items[i].field);
		free(problems->items[i].body);
	}
	if (problems)
		free(problems->items);
	free(problems);
	return NULL;
}

void schema_problem(struct schema_problems *problems, enum schema_cause cause, const char *field,
		    const char *value_text, const char *fmt, ...)
{
	auto_buf struct buf body = BUF_INIT(1 << 20);
	struct problem *problem;
	size_t detail;
	va_list args;

	if (problems->n == PROBLEMS_MAX)
		return;
	(void)buf_puts(&body, causes[cause].text);
	if (causes[cause].value)
		(void)buf_printf(&body, ": %s", value_text ? value_text : "null");
	detail = body.len;
	va_start(args, fmt);
	(void)buf_puts(&body, ": ");
	(void)buf_vprintf(&body, fmt, args);
	va_end(args);
	if (body.len == detail + 2)
		buf_truncate(&body, detail);
	if (buf_error(&body) < 0 || array_grow(&problems->items, &problems->cap, problems->n + 1,
					       sizeof(*problems->items)) < 0) {
		problems->failed = -ENOMEM;
		return;
	}
	problem = &problems->items[problems->n];
	*problem = (struct problem){ cause, strdup(field), buf_take(&body) };
	if (!problem->field || !problem->body) {
		free(problem->field);
		free(problem->body);
		problems->failed = -ENOMEM;
		return;
	}
	problems->n++;
}

void schema_problems_incomplete(struct schema_problems *problems)
{
	problems->failed = -ENOMEM;
}

bool schema_problems_are_incomplete(const struct schema_problems *problems)
{
	return problems->failed != 0;
}

size_t schema_problems_count(const struct schema_problems *problems)
{
	return problems->n + (problems->failed != 0);
}

/* The message says each thing once. */
static bool is_repeated(const struct schema_problems *problems, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(problems->items[k].field, problems->items[i].field) == 0 &&
		    strcmp(problems->items[k].body, problems->items[i].body) == 0)
			return true;
	return false;
}

int schema_problems_message(const struct schema_problems *problems, const struct schema_kind *kind,
			    const char *name, struct buf *ret)
{
	size_t start, shown = 0;

	(void)buf_printf(ret, "%s%s%s \"%s\" is invalid: ", kind->kind, *kind->group ? "." : "",
			 kind->group, name);
	start = ret->len;
	if (problems->failed)
		(void)buf_printf(ret, "%s", "not enough memory to check it");
	shown += problems->failed != 0;
	for (size_t i = 0; i < problems->n; i++) {
		if (is_repeated(problems, i))
			continue;
		(void)buf_printf(ret, "%s%s: %s", shown ? ", " : "", problems->items[i].field,
				 problems->items[i].body);
		shown++;
	}
	if (shown > 1 && buf_reserve(ret, 2) == 0) {
		memmove(ret->data + start + 1, ret->data + start, ret->len - start);
		ret->data[start] = '[';
		ret->len++;
		(void)buf_putc(ret, ']');
	}
	return buf_error(ret);
}

struct json_object *schema_problems_causes(const struct schema_problems *problems)
{
	struct json_object *array = json_new_array();

	for (size_t i = 0; array && i < problems->n; i++) {
		struct json_object *cause = json_new_object();

		if (!cause)
			break;
		(void)json_put_str(cause, "reason", causes[problems->items[i].cause].reason);
		(void)json_put_str(cause, "message", problems->items[i].body);
		(void)json_put_str(cause, "field", problems->items[i].field);
		(void)json_add(array, cause);
	}
	return array;
}
