/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/downward.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/quantity.h"

struct json_object *downward_container(const struct json_object *pod, const char *name)
{
	static const char *const lists[] = { "spec.containers", "spec.initContainers",
					     "spec.ephemeralContainers" };

	for (size_t l = 0; name && l < ARRAY_LEN(lists); l++) {
		struct json_object *list = json_at(pod, lists[l]);

		for (size_t i = 0; i < json_len(list); i++) {
			const char *n = json_str_at(json_idx(list, i), "name");

			if (n && strcmp(n, name) == 0)
				return json_idx(list, i);
		}
	}
	return NULL;
}

/* ---- fields ---- */

static int by_key(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Labels and annotations as a file shows them: key="escaped value", sorted, one a line. */
static int put_map(const struct json_object *map, struct buf *out)
{
	size_t n = 0, count = json_len(map);
	auto_free const char **keys = calloc(count + 1, sizeof(*keys));
	struct json_iter it;

	if (!keys)
		return -ENOMEM;
	json_for_each (it, map)
		keys[n++] = it.key;
	qsort(keys, n, sizeof(*keys), by_key);
	for (size_t i = 0; i < n; i++) {
		const char *value = json_str(json_get(map, keys[i]));

		(void)buf_printf(out, "%s%s=", i ? "\n" : "", keys[i]);
		(void)json_write_string(out, value ? value : "", value ? strlen(value) : 0,
					JSON_COMPACT);
	}
	return buf_error(out);
}

/* "metadata.labels['key']" → the key, if @path begins with @prefix and is of that form. */
static char *subscript(const char *path, const char *prefix)
{
	size_t n = strlen(prefix), len = strlen(path);

	if (strncmp(path, prefix, n) != 0 || len < n + 4 || strncmp(path + n, "['", 2) != 0 ||
	    strcmp(path + len - 2, "']") != 0)
		return NULL;
	return strndup(path + n + 2, len - n - 4);
}

static const char *plain_field(const struct downward *of, const char *path)
{
	static const char *const from_pod[] = { "metadata.name", "metadata.namespace",
						"metadata.uid", "spec.nodeName",
						"spec.serviceAccountName" };

	for (size_t i = 0; i < ARRAY_LEN(from_pod); i++)
		if (strcmp(path, from_pod[i]) == 0) {
			const char *text = json_str_at(of->pod, path);

			return text ? text : "";
		}
	if (strcmp(path, "status.podIP") == 0 || strcmp(path, "status.podIPs") == 0)
		return of->pod_ip ? of->pod_ip : "";
	if (strcmp(path, "status.hostIP") == 0 || strcmp(path, "status.hostIPs") == 0)
		return of->host_ip ? of->host_ip : "";
	return NULL;
}

int downward_field(const struct downward *of, const char *path, struct buf *out, struct err *err)
{
	static const char *const maps[] = { "metadata.labels", "metadata.annotations" };
	const char *text = plain_field(of, path);

	if (text)
		return buf_puts(out, text);
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		const struct json_object *map = json_at(of->pod, maps[i]);
		auto_free char *key = subscript(path, maps[i]);

		if (strcmp(path, maps[i]) == 0)
			return put_map(map, out);
		if (key) {
			text = json_str(json_get(map, key));
			return buf_puts(out, text ? text : "");
		}
	}
	return err_say(err, -EINVAL, "unsupported fieldPath: %s", path);
}

/* ---- resources ---- */

static int64_t node_default(const struct downward *of, const char *name)
{
	if (strcmp(name, "cpu") == 0)
		return of->node_cpu_milli;
	if (strcmp(name, "memory") == 0)
		return of->node_memory_bytes;
	return strcmp(name, "ephemeral-storage") == 0 ? of->node_storage_bytes : 0;
}

static int parse(const char *text, bool milli, int64_t *ret, struct err *err)
{
	struct quantity q;
	int r = quantity_parse(text, &q, err);

	if (r < 0)
		return r;
	*ret = milli ? quantity_milli_value(&q) : quantity_value(&q);
	return 0;
}

int downward_resource(const struct downward *of, const struct json_object *container,
		      const struct json_object *ref, struct buf *out, struct err *err)
{
	const char *resource = json_str_at(ref, "resource"), *dot, *text, *unit;
	int64_t value = 0, divisor = 1;
	bool limits, cpu;
	int r;

	dot = resource ? strchr(resource, '.') : NULL;
	limits = resource && strncmp(resource, "limits.", 7) == 0;
	if (!dot || !(limits || strncmp(resource, "requests.", 9) == 0))
		return err_say(err, -EINVAL, "unsupported container resource : %s",
			       resource ? resource : "");
	cpu = strcmp(dot + 1, "cpu") == 0;
	text = json_str(json_get(
		json_at(container, limits ? "resources.limits" : "resources.requests"), dot + 1));
	if (text) {
		r = parse(text, cpu, &value, err);
		if (r < 0)
			return r;
	} else if (limits) {
		value = node_default(of, dot + 1);
	}
	unit = json_str_at(ref, "divisor");
	r = parse(unit && strcmp(unit, "0") != 0 ? unit : "1", cpu, &divisor, err);
	if (r < 0)
		return r;
	if (divisor <= 0)
		return err_say(err, -EINVAL, "divisor %s of %s is not positive", unit, resource);
	return buf_printf(out, "%lld",
			  (long long)(value / divisor + (value % divisor != 0))); /* rounded up */
}
