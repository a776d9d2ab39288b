/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and limits as numbers for cgroups, and the order in which the kernel shall kill. */
#include <string.h>

#include "base/quantity.h"
#include "orchestrator/agent/podspec.h"

#define CPU_PERIOD_US 100000
#define CPU_QUOTA_MIN 1000
#define SHARES_MIN    2
#define SHARES_MAX    262144

/* limits.cpu and kin of a container or of the pod itself; -1: not given. */
static int64_t amount(const struct json_object *of, const char *list, const char *name)
{
	const char *text = json_str(json_get(json_at(of, list), name));
	struct quantity q;

	if (!text || quantity_parse(text, &q, NULL) < 0)
		return -1;
	return strcmp(name, "cpu") == 0 ? quantity_milli_value(&q) : quantity_value(&q);
}

static int64_t request(const struct json_object *of, const char *name)
{
	int64_t value = amount(of, "resources.requests", name);

	return value >= 0 ? value : amount(of, "resources.limits", name);
}

static uint64_t shares_of(int64_t milli)
{
	uint64_t shares = milli > 0 ? (uint64_t)milli * 1024 / 1000 : 0;

	return MIN(MAX(shares, SHARES_MIN), SHARES_MAX);
}

static int64_t quota_of(int64_t milli)
{
	return MAX(milli * CPU_PERIOD_US / 1000, CPU_QUOTA_MIN);
}

void podspec_resources(const struct json_object *container, const struct cgroup_host *host,
		       struct spec *spec)
{
	int64_t cpu = amount(container, "resources.limits", "cpu");
	int64_t memory = amount(container, "resources.limits", "memory");

	if (host->cpu) {
		spec->resources.cpu.shares = shares_of(request(container, "cpu"));
		if (cpu > 0) {
			spec->resources.cpu.quota_us = quota_of(cpu);
			spec->resources.cpu.period_us = CPU_PERIOD_US;
		}
	}
	if (!host->memory)
		return;
	if (memory > 0) {
		spec->resources.memory.limit = memory;
		spec->resources.memory.swap = memory; /* no swap on top of it */
	}
	/* One process out of memory: the whole container ends, as the kubelet asks for. */
	spec_add_pair(spec, &spec->resources.unified, &spec->resources.n_unified,
		      "memory.oom.group", "1");
}

/* ---- the pod ---- */

struct totals {
	int64_t cpu_request, cpu_limit, memory_limit;
	bool all_cpu_limited, all_memory_limited;
};

static void add_container(struct totals *t, const struct json_object *container)
{
	int64_t cpu = amount(container, "resources.limits", "cpu");
	int64_t memory = amount(container, "resources.limits", "memory");

	t->cpu_request += MAX(request(container, "cpu"), 0);
	t->cpu_limit += MAX(cpu, 0);
	t->memory_limit += MAX(memory, 0);
	t->all_cpu_limited = t->all_cpu_limited && cpu > 0;
	t->all_memory_limited = t->all_memory_limited && memory > 0;
}

static bool is_sidecar(const struct json_object *container)
{
	const char *policy = json_str_at(container, "restartPolicy");

	return policy && strcmp(policy, "Always") == 0;
}

/* Init containers run one at a time, sidecars beside all others. */
static void add_inits(struct totals *t, const struct json_object *pod)
{
	struct json_object *list = json_at(pod, "spec.initContainers");
	struct totals side = { .all_cpu_limited = true, .all_memory_limited = true }, peak = side;

	for (size_t i = 0; i < json_len(list); i++) {
		struct totals now = side;

		if (is_sidecar(json_idx(list, i))) {
			add_container(&side, json_idx(list, i));
			continue;
		}
		add_container(&now, json_idx(list, i));
		peak.cpu_request = MAX(peak.cpu_request, now.cpu_request);
		peak.cpu_limit = MAX(peak.cpu_limit, now.cpu_limit);
		peak.memory_limit = MAX(peak.memory_limit, now.memory_limit);
		peak.all_cpu_limited = peak.all_cpu_limited && now.all_cpu_limited;
		peak.all_memory_limited = peak.all_memory_limited && now.all_memory_limited;
	}
	t->cpu_request = MAX(t->cpu_request + side.cpu_request, peak.cpu_request);
	t->cpu_limit = MAX(t->cpu_limit + side.cpu_limit, peak.cpu_limit);
	t->memory_limit = MAX(t->memory_limit + side.memory_limit, peak.memory_limit);
	t->all_cpu_limited = t->all_cpu_limited && side.all_cpu_limited && peak.all_cpu_limited;
	t->all_memory_limited =
		t->all_memory_limited && side.all_memory_limited && peak.all_memory_limited;
}

/* cgroup v2's weight for v1's shares, as runc converts. */
static uint64_t weight_of(uint64_t shares)
{
	return 1 + ((shares - SHARES_MIN) * 9999) / (SHARES_MAX - SHARES_MIN);
}

void podspec_pod_limits(const struct json_object *pod, struct cgroup_limits *ret)
{
	struct json_object *list = json_at(pod, "spec.containers");
	const struct json_object *spec = json_get(pod, "spec");
	struct totals t = { .all_cpu_limited = true, .all_memory_limited = true };
	int64_t own;

	for (size_t i = 0; i < json_len(list); i++)
		add_container(&t, json_idx(list, i));
	add_inits(&t, pod);
	own = amount(spec, "resources.limits", "cpu"); /* limits of the pod as a whole */
	if (own > 0) {
		t.cpu_limit = own;
		t.all_cpu_limited = true;
	}
	own = amount(spec, "resources.limits", "memory");
	if (own > 0) {
		t.memory_limit = own;
		t.all_memory_limited = true;
	}
	*ret = (struct cgroup_limits){ .cpu_weight = weight_of(shares_of(t.cpu_request)) };
	if (t.all_cpu_limited && t.cpu_limit > 0)
		ret->cpu_quota_us = quota_of(t.cpu_limit);
	if (t.all_memory_limited && t.memory_limit > 0)
		ret->memory_max_bytes = t.memory_limit;
}

enum podspec_qos podspec_qos(const struct json_object *pod)
{
	const char *class = json_str_at(pod, "status.qosClass");

	if (class && strcmp(class, "Guaranteed") == 0)
		return QOS_GUARANTEED;
	if (class && strcmp(class, "Burstable") == 0)
		return QOS_BURSTABLE;
	return QOS_BEST_EFFORT;
}

int podspec_oom_score(const struct json_object *pod, const struct json_object *container,
		      int64_t memory_capacity_bytes)
{
	const char *priority = json_str_at(pod, "spec.priorityClassName");
	int64_t memory, score;

	if (priority && strcmp(priority, "system-node-critical") == 0)
		return -997;
	switch (podspec_qos(pod)) {
	case QOS_GUARANTEED:
		return -997;
	case QOS_BEST_EFFORT:
		return 1000;
	case QOS_BURSTABLE:
		break;
	}
	memory = MAX(request(container, "memory"), 0);
	if (memory_capacity_bytes <= 0)
		return 999;
	score = 1000 - (int64_t)(((__int128)1000 * memory) / memory_capacity_bytes);
	/* Between the guaranteed ones and the best-effort ones. */
	return (int)(score < 3 ? 3 : MIN(score, 999));
}
