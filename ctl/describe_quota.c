/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl describe namespace: what the namespace may use. */
#include <stdio.h>
#include <string.h>

#include "ctl/describe.h"

static bool list(struct description *d, const char *namespace, const char *resource,
		 struct json_object **ret)
{
	auto_buf struct buf path = { 0 };

	(void)buf_puts(&path, "/api/v1/namespaces/");
	(void)rest_escape(&path, namespace);
	(void)buf_printf(&path, "/%s?limit=500", resource);
	return rest_get(d->session->rest, buf_str(&path), NULL, ret, NULL) == 0;
}

static void describe_quota(struct description *d, const struct json_object *quota)
{
	const struct json_object *hard = json_at(quota, "status.hard"),
				 *used = json_at(quota, "status.used");
	auto_free const char **keys = NULL;
	size_t n = describe_keys(hard, &keys);

	describe_line(d, 1, "Name:\t%s", json_str_at(quota, "metadata.name"));
	describe_line(d, 1, "Resource\tUsed\tHard");
	describe_line(d, 1, "--------\t---\t---");
	for (size_t i = 0; i < n; i++)
		describe_line(d, 1, "%s\t%s\t%s", keys[i],
			      json_str(json_get(used, keys[i])) ? json_text_at(used, keys[i], "-")
								: "0",
			      json_text_at(hard, keys[i], "-"));
}

/* Every resource that any of a limit's maps names. */
static void describe_limit(struct description *d, const struct json_object *limit)
{
	static const char *const maps[] = { "min", "max", "defaultRequest", "default",
					    "maxLimitRequestRatio" };
	auto_json struct json_object *all = json_new_object();
	auto_free const char **keys = NULL;
	struct json_iter it;
	size_t n;

	for (size_t m = 0; m < ARRAY_LEN(maps); m++)
		json_for_each (it, json_get(limit, maps[m]))
			(void)json_put_bool(all, it.key, true);
	n = describe_keys(all, &keys);
	for (size_t i = 0; i < n; i++)
		describe_line(d, 0, " %s\t%s\t%s\t%s\t%s\t%s\t%s", json_text_at(limit, "type", "-"),
			      keys[i], json_text_at(json_get(limit, maps[0]), keys[i], "-"),
			      json_text_at(json_get(limit, maps[1]), keys[i], "-"),
			      json_text_at(json_get(limit, maps[2]), keys[i], "-"),
			      json_text_at(json_get(limit, maps[3]), keys[i], "-"),
			      json_text_at(json_get(limit, maps[4]), keys[i], "-"));
}

static void describe_limits(struct description *d, const struct json_object *ranges)
{
	describe_line(d, 0, "Resource Limits");
	describe_line(d, 0,
		      " Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax "
		      "Limit/Request Ratio");
	describe_line(d, 0,
		      " ----\t--------\t---\t---\t---------------\t-------------\t"
		      "-----------------------");
	for (size_t i = 0; i < json_len(ranges); i++) {
		const struct json_object *limits = json_at(json_idx(ranges, i), "spec.limits");

		for (size_t k = 0; k < json_len(limits); k++)
			describe_limit(d, json_idx(limits, k));
	}
}

void describe_quotas(struct description *d, const char *namespace)
{
	auto_json struct json_object *quotas = NULL, *ranges = NULL;
	const struct json_object *items;

	if (list(d, namespace, "resourcequotas", &quotas)) {
		items = json_get(quotas, "items");
		describe_text(d, "\n");
		describe_line(d, 0, json_len(items) ? "Resource Quotas" : "No resource quota.");
		for (size_t i = 0; i < json_len(items); i++)
			describe_quota(d, json_idx(items, i));
	}
	if (list(d, namespace, "limitranges", &ranges)) {
		items = json_get(ranges, "items");
		describe_text(d, "\n");
		if (json_len(items))
			describe_limits(d, items);
		else
			describe_line(d, 0, "No LimitRange resource.");
	}
}
