/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/plan.h"

#include <errno.h>
#include <linux/filter.h>
#include <string.h>

/* Spans of the header, and what one element is. */
struct span_row {
	size_t offset, size;
	void (*deep)(const struct plan *plan, const void *item, bool *bad);
};

static bool text_is_inside(const struct plan *plan, plan_str at)
{
	if (at == 0)
		return true;
	return at >= sizeof(*plan) && at < plan->size &&
	       memchr((const char *)plan + at, '\0', plan->size - at);
}

static bool span_is_inside(const struct plan *plan, struct plan_span span, size_t size)
{
	if (span.n == 0)
		return true;
	return span.off >= sizeof(*plan) && span.off % 8 == 0 && span.off < plan->size &&
	       span.n <= (plan->size - span.off) / size;
}

static void check_text(const struct plan *plan, const void *item, bool *bad)
{
	plan_str at = *(const plan_str *)item;

	*bad |= at == 0 || !text_is_inside(plan, at);
}

static bool fd_is_valid(const struct plan *plan, int32_t fd)
{
	return fd >= -1 && fd < (int32_t)plan->n_fds;
}

static void check_mount(const struct plan *plan, const void *item, bool *bad)
{
	const struct plan_mount *m = item;

	*bad |= m->destination == 0 || !text_is_inside(plan, m->destination) ||
		!text_is_inside(plan, m->type) || !text_is_inside(plan, m->source) ||
		!text_is_inside(plan, m->data) || !fd_is_valid(plan, m->fd) ||
		m->kind >= PLAN_MOUNT_KIND_COUNT;
}

static void check_device(const struct plan *plan, const void *item, bool *bad)
{
	const struct plan_device *d = item;

	check_text(plan, &d->path, bad);
}

static void check_sysctl(const struct plan *plan, const void *item, bool *bad)
{
	const struct plan_sysctl *s = item;

	check_text(plan, &s->path, bad);
	check_text(plan, &s->value, bad);
}

static void check_join(const struct plan *plan, const void *item, bool *bad)
{
	const struct plan_join *j = item;

	*bad |= j->fd < 0 || !fd_is_valid(plan, j->fd);
}

static void check_texts(const struct plan *plan, struct plan_span span, bool *bad)
{
	const plan_str *items = plan_items(plan, span);

	if (!span_is_inside(plan, span, sizeof(plan_str))) {
		*bad = true;
		return;
	}
	for (uint32_t i = 0; i < span.n; i++)
		check_text(plan, &items[i], bad);
}

static void check_hook(const struct plan *plan, const void *item, bool *bad)
{
	const struct plan_hook *h = item;

	check_text(plan, &h->path, bad);
	check_texts(plan, h->args, bad);
	check_texts(plan, h->env, bad);
}

#define AT(field) offsetof(struct plan, field)
static const struct span_row spans[] = {
	{ AT(joins), sizeof(struct plan_join), check_join },
	{ AT(mounts), sizeof(struct plan_mount), check_mount },
	{ AT(devices), sizeof(struct plan_device), check_device },
	{ AT(sysctls), sizeof(struct plan_sysctl), check_sysctl },
	{ AT(masked), sizeof(plan_str), check_text },
	{ AT(readonly), sizeof(plan_str), check_text },
	{ AT(hooks_container), sizeof(struct plan_hook), check_hook },
	{ AT(hooks_start), sizeof(struct plan_hook), check_hook },
	{ AT(process.args), sizeof(plan_str), check_text },
	{ AT(process.env), sizeof(plan_str), check_text },
	{ AT(process.groups), sizeof(uint32_t), NULL },
	{ AT(process.rlimits), sizeof(struct plan_rlimit), NULL },
	{ AT(process.seccomp), sizeof(struct sock_filter), NULL },
	{ AT(process.affinity), sizeof(uint64_t), NULL },
	{ AT(process.memory_nodes), sizeof(uint64_t), NULL },
};
static const size_t texts[] = {
	AT(hostname),	  AT(domainname), AT(uid_map),	   AT(gid_map),
	AT(time_offsets), AT(hook_state), AT(process.cwd),

};
#undef AT

int plan_view(const void *data, size_t size, const struct plan **ret, struct err *err)
{
	const struct plan *plan = data;
	bool bad = false;

	if (size < sizeof(*plan) || plan->magic != PLAN_MAGIC || plan->size > size ||
	    plan->size < sizeof(*plan))
		return err_say(err, -EPROTO, "this is no container plan");
	if (plan->version != PLAN_VERSION)
		return err_say(err, -EPROTONOSUPPORT, "plan of version %u, this shim knows %u",
			       plan->version, PLAN_VERSION);
	for (size_t i = 0; i < ARRAY_LEN(spans) && !bad; i++) {
		const struct plan_span *span = (const void *)((const char *)plan + spans[i].offset);

		bad = !span_is_inside(plan, *span, spans[i].size);
		for (uint32_t k = 0; k < span->n && !bad && spans[i].deep; k++)
			spans[i].deep(plan,
				      (const char *)plan_items(plan, *span) + k * spans[i].size,
				      &bad);
	}
	for (size_t i = 0; i < ARRAY_LEN(texts) && !bad; i++)
		bad = !text_is_inside(plan, *(const plan_str *)((const char *)plan + texts[i]));
	if (bad || !fd_is_valid(plan, plan->root_fd))
		return err_say(err, -EPROTO, "the container plan points outside of itself");
	*ret = plan;
	return 0;
}
