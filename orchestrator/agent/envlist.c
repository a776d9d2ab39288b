/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/envlist.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"

void envlist_done(struct envlist *env)
{
	for (size_t i = 0; i < env->n; i++) {
		free(env->items[i].name);
		free(env->items[i].value);
	}
	free(env->items);
	*env = (struct envlist){ 0 };
}

static struct env_entry *find(const struct envlist *env, const char *name, size_t len)
{
	for (size_t i = 0; i < env->n; i++)
		if (strlen(env->items[i].name) == len && memcmp(env->items[i].name, name, len) == 0)
			return &env->items[i];
	return NULL;
}

static void set_len(struct envlist *env, const char *name, size_t len, const char *value)
{
	struct env_entry *e = find(env, name, len);
	char *copy = strdup(value);

	if (!copy) {
		env->failed = -ENOMEM;
		return;
	}
	if (e) {
		free(e->value);
		e->value = copy;
		return;
	}
	if (array_grow(&env->items, &env->cap, env->n + 1, sizeof(*env->items)) < 0) {
		free(copy);
		env->failed = -ENOMEM;
		return;
	}
	e = &env->items[env->n];
	e->name = strndup(name, len);
	e->value = copy;
	if (e->name) {
		env->n++;
		return;
	}
	free(copy);
	env->failed = -ENOMEM;
}

void envlist_set(struct envlist *env, const char *name, const char *value)
{
	set_len(env, name, strlen(name), value);
}

void envlist_put(struct envlist *env, const char *name_is_value)
{
	const char *is = strchr(name_is_value, '=');

	if (is && is != name_is_value)
		set_len(env, name_is_value, (size_t)(is - name_is_value), is + 1);
}

const char *envlist_get(const struct envlist *env, const char *name)
{
	const struct env_entry *e = env ? find(env, name, strlen(name)) : NULL;

	return e ? e->value : NULL;
}

static const char *lookup(const struct envlist *env, const char *name, size_t len)
{
	const struct env_entry *e = env ? find(env, name, len) : NULL;

	return e ? e->value : NULL;
}

/* What follows a dollar sign at @p; returns how many characters were used. */
static size_t expand_one(struct buf *out, const char *p, const struct envlist *first,
			 const struct envlist *second)
{
	const char *close, *value;
	size_t len;

	if (*p == '$') {
		(void)buf_putc(out, '$');
		return 1;
	}
	close = *p == '(' ? strchr(p, ')') : NULL;
	if (!close) { /* a lone dollar, or an opening without an end: as it stands */
		(void)buf_putc(out, '$');
		return 0;
	}
	len = (size_t)(close - p) - 1;
	value = lookup(first, p + 1, len);
	if (!value)
		value = lookup(second, p + 1, len);
	if (value)
		(void)buf_puts(out, value);
	else
		(void)buf_printf(out, "$(%.*s)", (int)len, p + 1);
	return len + 2;
}

char *envlist_expand(const char *text, const struct envlist *first, const struct envlist *second)
{
	auto_buf struct buf out = BUF_INIT((size_t)4 << 20);

	(void)buf_reserve(&out, strlen(text) + 1);
	for (const char *p = text; *p;) {
		const char *dollar = strchr(p, '$');

		if (!dollar) {
			(void)buf_puts(&out, p);
			break;
		}
		(void)buf_append(&out, p, (size_t)(dollar - p));
		p = dollar + 1;
		p += expand_one(&out, p, first, second);
	}
	return buf_error(&out) ? NULL : out.len ? buf_take(&out) : strdup("");
}
