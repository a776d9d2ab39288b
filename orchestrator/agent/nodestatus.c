/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/nodestatus.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"

#define IMAGES_MAX   50 /* as the kubelet's nodeStatusMaxImages */
#define PODS_MAX     110
#define KUBE_VERSION "v1.37.2" /* whose behaviour this agent has */

/* ---- what the machine has ---- */

static int64_t meminfo_bytes(const char *key)
{
	auto_buf struct buf text = BUF_INIT(65536);
	const char *line;

	if (fd_read_file("/proc/meminfo", &text, NULL) < 0)
		return 0;
	line = strstr(buf_str(&text), key);
	return line ? strtoll(line + strlen(key), NULL, 10) * 1024 : 0;
}

void nodestatus_measure(struct agent *agent)
{
	auto_buf struct buf score = BUF_INIT(64);
	struct statvfs fs;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	agent->cpu_milli = (cpus > 0 ? cpus : 1) * 1000;
	agent->memory_bytes = meminfo_bytes("MemTotal:");
	if (statvfs(agent->options.data_dir, &fs) == 0)
		agent->storage_bytes = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
	/* Without CAP_SYS_RESOURCE nothing below our own value can be set. */
	agent->oom_score_floor = -1000;
	if (fd_put_at(AT_FDCWD, "/proc/self/oom_score_adj", "-999") < 0) {
		(void)fd_read_file("/proc/self/oom_score_adj", &score, NULL);
		agent->oom_score_floor = (int)strtol(buf_str(&score), NULL, 10);
	}
}

static void put_kib(struct json_object *json, const char *key, int64_t bytes)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%lldKi", (long long)(bytes / 1024));
	(void)json_put_str(json, key, text);
}

static struct json_object *resources(const struct agent *agent, bool allocatable)
{
	struct json_object *json = json_new_object();
	char text[32];

	(void)snprintf(text, sizeof(text), "%lld", (long long)(agent->cpu_milli / 1000));
	(void)json_put_str(json, "cpu", text);
	if (allocatable) { /* the kubelet keeps a tenth of the disk back, and then counts bytes */
		(void)snprintf(text, sizeof(text), "%lld",
			       (long long)(agent->storage_bytes / 10 * 9));
		(void)json_put_str(json, "ephemeral-storage", text);
	} else {
		put_kib(json, "ephemeral-storage", agent->storage_bytes);
	}
	(void)json_put_str(json, "hugepages-1Gi", "0");
	(void)json_put_str(json, "hugepages-2Mi", "0");
	put_kib(json, "memory", agent->memory_bytes - (allocatable ? 100LL << 20 : 0));
	(void)snprintf(text, sizeof(text), "%d", PODS_MAX);
	(void)json_put_str(json, "pods", text);
	return json;
}

/* ---- conditions ---- */

/* Since when a condition has had its status: kept in what was sent last. */
static const char *since(const struct json_object *old, const char *type, const char *status,
			 const char *now)
{
	for (size_t i = 0; i < json_len(old); i++) {
		const struct json_object *c = json_idx(old, i);
		const char *t = json_str_at(c, "type"), *s = json_str_at(c, "status");
		const char *at = json_str_at(c, "lastTransitionTime");

		if (t && s && at && strcmp(t, type) == 0 && strcmp(s, status) == 0)
			return at;
	}
	return now;
}

struct conditions {
	struct json_object *list;
	const struct json_object *old;
	char now[TIME_TEXT_MAX];
};

static void add(struct conditions *c, const char *type, bool truth, const char *reason,
		const char *message)
{
	struct json_object *json = json_new_object();
	const char *status = truth ? "True" : "False";

	(void)json_put_str(json, "lastHeartbeatTime", c->now);
	(void)json_put_str(json, "lastTransitionTime", since(c->old, type, status, c->now));
	(void)json_put_str(json, "message", message);
	(void)json_put_str(json, "reason", reason);
	(void)json_put_str(json, "status", status);
	(void)json_put_str(json, "type", type);
	(void)json_add(c->list, json);
}

static bool disk_is_full(const struct agent *agent)
{
	struct statvfs fs;

	/* nodefs.available below 10 %, the kubelet's default threshold */
	return statvfs(agent->options.data_dir, &fs) == 0 &&
	       (uint64_t)fs.f_bavail * 10 < (uint64_t)fs.f_blocks;
}

static struct json_object *conditions(struct agent *agent, const struct json_object *old)
{
	struct conditions c = { .list = json_new_array(), .old = old };
	bool memory_low = meminfo_bytes("MemAvailable:") < 100LL << 20;
	bool disk_full = disk_is_full(agent);

	(void)time_format(agent_now_ns(agent), c.now);
	add(&c, "MemoryPressure", memory_low,
	    memory_low ? "KubeletHasInsufficientMemory" : "KubeletHasSufficientMemory",
	    memory_low ? "kubelet has insufficient memory available"
		       : "kubelet has sufficient memory available");
	add(&c, "DiskPressure", disk_full,
	    disk_full ? "KubeletHasDiskPressure" : "KubeletHasNoDiskPressure",
	    disk_full ? "kubelet has disk pressure" : "kubelet has no disk pressure");
	add(&c, "PIDPressure", false, "KubeletHasSufficientPID",
	    "kubelet has sufficient PID available");
	if (agent->net)
		add(&c, "Ready", true, "KubeletReady", "kubelet is posting ready status");
	else
		add(&c, "Ready", false, "KubeletNotReady",
		    "container runtime network not ready: the node has no share of the pod network "
		    "yet (spec.podCIDR)");
	if (agent->limits_unenforced)
		add(&c, "LimitsUnenforced", true, "NoCgroupControllers",
		    "cgroup2 has no memory, cpu or pids controller on this node: limits of pods "
		    "are not enforced; boot with cgroup_no_v1=all (or "
		    "systemd.unified_cgroup_hierarchy=1)");
	return c.list;
}

/* ---- who we are ---- */

static struct json_object *address(const char *type, const char *text)
{
	struct json_object *json = json_new_object();

	(void)json_put_str(json, "address", text);
	(void)json_put_str(json, "type", type);
	return json;
}

static void put_file(struct json_object *json, const char *key, const char *path)
{
	auto_buf struct buf text = BUF_INIT(4096);

	if (fd_read_file(path, &text, NULL) < 0)
		buf_clear(&text);
	while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == ' '))
		buf_truncate(&text, text.len - 1);
	(void)json_put_str(json, key, buf_str(&text));
}

static void put_os_image(struct json_object *json)
{
	auto_buf struct buf text = BUF_INIT(65536);
	const char *name = NULL;
	size_t n;

	if (fd_read_file("/etc/os-release", &text, NULL) == 0)
		name = strstr(buf_str(&text), "PRETTY_NAME=\"");
	if (!name) {
		(void)json_put_str(json, "osImage", "Linux");
		return;
	}
	name += strlen("PRETTY_NAME=\"");
	n = strcspn(name, "\"\n");
	(void)json_put(json, "osImage", json_new_string_len(name, n));
}

static const char *go_arch(const char *machine)
{
	static const struct {
		const char *machine, *arch;
	} names[] = { { "x86_64", "amd64" },	{ "aarch64", "arm64" },	  { "armv7l", "arm" },
		      { "riscv64", "riscv64" }, { "ppc64le", "ppc64le" }, { "s390x", "s390x" },
		      { "i686", "386" } };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(machine, names[i].machine) == 0)
			return names[i].arch;
	return machine;
}

static struct json_object *node_info(void)
{
	struct json_object *json = json_new_object();
	struct utsname uts = { 0 };

	(void)uname(&uts);
	(void)json_put_str(json, "architecture", go_arch(uts.machine));
	put_file(json, "bootID", "/proc/sys/kernel/random/boot_id");
	(void)json_put_str(json, "containerRuntimeVersion", "shallop://" SHALLOP_VERSION);
	(void)json_put_str(json, "kernelVersion", uts.release);
	(void)json_put_str(json, "kubeProxyVersion", "");
	(void)json_put_str(json, "kubeletVersion", KUBE_VERSION);
	put_file(json, "machineID", "/etc/machine-id");
	(void)json_put_str(json, "operatingSystem", "linux");
	put_os_image(json);
	put_file(json, "systemUUID", "/sys/class/dmi/id/product_uuid");
	return json;
}

static int by_size(const void *a, const void *b)
{
	const struct image *const *x = a, *const *y = b;

	return (*x)->size_bytes < (*y)->size_bytes   ? 1
	       : (*x)->size_bytes > (*y)->size_bytes ? -1
						     : 0;
}

static struct json_object *images(struct agent *agent)
{
	struct json_object *list = json_new_array();
	struct image **all = NULL;
	size_t n = 0;

	if (image_list(agent->images, &all, &n, NULL) < 0)
		return list;
	qsort(all, n, sizeof(struct image *), by_size);
	for (size_t i = 0; i < n && i < IMAGES_MAX; i++) {
		struct json_object *image = json_new_object(), *names = json_new_array();

		for (size_t k = 0; all[i]->repo_digests && all[i]->repo_digests[k]; k++)
			(void)json_add(names, json_new_string(all[i]->repo_digests[k]));
		for (size_t k = 0; all[i]->names && all[i]->names[k]; k++)
			(void)json_add(names, json_new_string(all[i]->names[k]));
		(void)json_put(image, "names", names);
		(void)json_put_int(image, "sizeBytes", (int64_t)all[i]->size_bytes);
		(void)json_add(list, image);
	}
	image_list_free(all, n);
	return list;
}

static struct json_object *labels(const struct agent *agent, const char *arch)
{
	struct json_object *json = json_new_object();

	(void)json_put_str(json, "beta.kubernetes.io/arch", arch);
	(void)json_put_str(json, "beta.kubernetes.io/os", "linux");
	(void)json_put_str(json, "kubernetes.io/arch", arch);
	(void)json_put_str(json, "kubernetes.io/hostname", agent->options.node_name);
	(void)json_put_str(json, "kubernetes.io/os", "linux");
	if (agent->options.edge)
		(void)json_put_str(json, "node.shallop.io/edge", "true");
	return json;
}

/* One way of running containers, without a name. */
static struct json_object *runtime_handlers(void)
{
	struct json_object *list = json_new_array(), *handler = json_new_object();
	struct json_object *features = json_new_object();

	(void)json_put_bool(features, "recursiveReadOnlyMounts", true);
	(void)json_put_bool(features, "userNamespaces", false);
	(void)json_put(handler, "features", features);
	(void)json_put_str(handler, "name", "");
	(void)json_add(list, handler);
	return list;
}

struct json_object *nodestatus_make(struct agent *agent)
{
	struct json_object *node = json_new_object(), *status = json_new_object();
	struct json_object *metadata = json_new_object(), *info = node_info();
	struct json_object *addresses = json_new_array(), *endpoints = json_new_object();
	struct json_object *features = json_new_object();
	struct json_object *old =
		json_at(desired_get(agent->desired, "Node", "", agent->options.node_name),
			"status.conditions");

	(void)json_put_str(metadata, "name", agent->options.node_name);
	(void)json_put(metadata, "labels", labels(agent, json_str_at(info, "architecture")));
	(void)json_put(node, "metadata", metadata);
	(void)json_put(node, "spec", json_new_object());
	(void)json_add(addresses, address("InternalIP", agent->address));
	(void)json_add(addresses, address("Hostname", agent->options.node_name));
	(void)json_put(status, "addresses", addresses);
	(void)json_put(status, "allocatable", resources(agent, true));
	(void)json_put(status, "capacity", resources(agent, false));
	(void)json_put(status, "conditions", conditions(agent, old));
	/* No port is opened on the node: logs and exec go over the agent's own connection. */
	(void)json_put(endpoints, "kubeletEndpoint", json_new_object());
	(void)json_put_int(json_get(endpoints, "kubeletEndpoint"), "Port", 0);
	(void)json_put(status, "daemonEndpoints", endpoints);
	(void)json_put(features, "supplementalGroupsPolicy", json_new_bool(true));
	(void)json_put(status, "features", features);
	(void)json_put(status, "images", images(agent));
	(void)json_put(status, "nodeInfo", info);
	(void)json_put(status, "runtimeHandlers", runtime_handlers());
	(void)json_put(node, "status", status);
	return node;
}

bool nodestatus_equal(const struct json_object *a, const struct json_object *b)
{
	auto_json struct json_object *x = json_copy(a), *y = json_copy(b);
	struct json_object *both[] = { x, y };

	for (size_t k = 0; k < ARRAY_LEN(both); k++) {
		struct json_object *list = json_at(both[k], "status.conditions");

		for (size_t i = 0; i < json_len(list); i++) {
			json_del(json_idx(list, i), "lastHeartbeatTime");
			json_del(json_idx(list, i), "lastTransitionTime");
		}
	}
	return json_equal(x, y);
}
