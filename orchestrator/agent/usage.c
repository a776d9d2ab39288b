/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"
#include "orchestrator/agent/nodepod.h"
#include "orchestrator/agent/uplink.h"

#define PERIOD_MS 15000

static struct loop_timer *timer;

static int64_t number_after(const char *text, const char *key)
{
	const char *line = strstr(text, key);

	return line ? strtoll(line + strlen(key), NULL, 10) : 0;
}

/* Time that all cpus together spent on something. */
static int64_t node_cpu_ns(void)
{
	auto_buf struct buf text = BUF_INIT((size_t)1 << 20);
	unsigned long long user = 0, nice = 0, sys = 0, idle, wait, irq = 0, soft = 0;
	long hz = sysconf(_SC_CLK_TCK);

	if (fd_read_file("/proc/stat", &text, NULL) < 0 ||
	    sscanf(buf_str(&text), "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &sys,
		   &idle, &wait, &irq, &soft) != 7)
		return 0;
	return (int64_t)((user + nice + sys + irq + soft) * (unsigned long long)NS_PER_S /
			 (unsigned long long)(hz > 0 ? hz : 100));
}

static struct json_object *node_usage(void)
{
	auto_buf struct buf text = BUF_INIT(65536);
	struct json_object *json = json_new_object();
	int64_t used = 0;

	if (fd_read_file("/proc/meminfo", &text, NULL) == 0)
		used = (number_after(buf_str(&text), "MemTotal:") -
			number_after(buf_str(&text), "MemAvailable:")) *
		       1024;
	(void)json_put_int(json, "cpuNanos", node_cpu_ns());
	(void)json_put_int(json, "memoryBytes", used);
	return json;
}

static void add_container(struct nodepod *pod, const char *name, struct json_object *list)
{
	struct podmachine_instance instance;
	struct cgroup_stats stats;
	struct json_object *json;
	const char *why;
	auto_close int fd = -EBADF;

	if (!name || podmachine_instance(pod->machine, name, false, &instance, &why) < 0 ||
	    !instance.running)
		return;
	fd = openat(pod->cgroup_fd, instance.id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || cgroup_stats_read(fd, &stats) < 0)
		return;
	json = json_new_object();
	(void)json_put_str(json, "name", name);
	(void)json_put_int(json, "cpuNanos", (int64_t)stats.cpu_usage_ns);
	(void)json_put_int(json, "memoryBytes", (int64_t)stats.memory_working_set_bytes);
	(void)json_add(list, json);
}

static struct json_object *pod_usage(struct nodepod *pod)
{
	struct json_object *json = json_new_object(), *list = json_new_array();
	struct json_object *containers = json_at(podmachine_pod(pod->machine), "spec.containers");

	for (size_t i = 0; pod->cgroup_fd >= 0 && i < json_len(containers); i++)
		add_container(pod, json_str_at(json_idx(containers, i), "name"), list);
	(void)json_put_str(json, "uid", pod->uid);
	(void)json_put(json, "containers", list);
	return json;
}

static void on_timer(struct loop *loop, void *data)
{
	struct agent *agent = data;
	struct json_object *message, *pods;
	char now[TIME_TEXT_MAX];

	(void)loop;
	loop_timer_set_ms(timer, PERIOD_MS);
	if (!uplink_is_session(agent->uplink))
		return;
	message = json_new_object();
	pods = json_new_array();
	map_for_each (node, next, &agent->pods)
		(void)json_add(pods, pod_usage(map_entry(node, struct nodepod, node)));
	(void)json_put_str(message, "time", time_format_micro(agent_now_ns(agent), now));
	(void)json_put(message, "node", node_usage());
	(void)json_put(message, "pods", pods);
	uplink_stats(agent->uplink, message);
	json_unref(message);
}

int usage_begin(struct agent *agent, struct err *err)
{
	int r = loop_timer_new(agent->loop, on_timer, agent, &timer);

	if (r < 0)
		return err_set(err, r, "usage");
	loop_timer_set_ms(timer, PERIOD_MS);
	return 0;
}

void usage_end(struct agent *agent)
{
	(void)agent;
	timer = loop_timer_free(timer);
}
