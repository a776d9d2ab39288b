/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/agent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/path.h"
#include "base/time.h"
#include "orchestrator/agent/agent_state.h"
#include "orchestrator/agent/control.h"
#include "orchestrator/agent/nodelog.h"
#include "orchestrator/agent/nodepod.h"
#include "orchestrator/agent/nodestatus.h"
#include "orchestrator/agent/orphans.h"
#include "orchestrator/agent/uplink.h"
#include "orchestrator/agent/usage.h"
#include "orchestrator/agent/volume_limit.h"

#define TICK_MS	     5000
#define PATIENCE_MS  2000
#define DRIFT_MAX_NS (2 * NS_PER_S)

/* ---- what everybody asks ---- */

int64_t agent_now_ns(const struct agent *agent)
{
	return loop_monotonic_ns(agent->loop) + agent->wall_offset_ns;
}

const char *agent_cluster_text(const struct agent *agent, const char *key)
{
	const struct agent_options *o = &agent->options;
	const char *text = json_str_at(desired_cluster(agent->desired), key);

	if (text && *text)
		return text;
	if (strcmp(key, "clusterDomain") == 0)
		return o->cluster_domain;
	if (strcmp(key, "clusterCIDR") == 0)
		return o->cluster_cidr;
	if (strcmp(key, "dnsAddress") == 0)
		return o->cluster_dns;
	return NULL;
}

void agent_dns(const struct agent *agent, struct podfiles_dns *ret)
{
	*ret = (struct podfiles_dns){
		.cluster_dns = agent_cluster_text(agent, "dnsAddress"),
		.cluster_domain = agent_cluster_text(agent, "clusterDomain"),
		.node_resolv_conf = agent->resolv_conf,
	};
}

const char *agent_title(const struct agent *agent, char title[24])
{
	const char *id = agent->options.instance;

	(void)snprintf(title, 24, id && *id ? "shallop-%.6s" : "shallop%s", id ? id : "");
	return title;
}

static const char *find_pod_cidr(const struct agent *agent)
{
	const char *given = agent->options.pod_cidr;
	const char *cidr = json_str_at(
		desired_get(agent->desired, "Node", "", agent->options.node_name), "spec.podCIDR");

	if (cidr && *cidr)
		return cidr;
	return given && *given ? given : NULL;
}

static void mend_network(struct agent *agent)
{
	struct err err = { 0 };
	int r = agent->net ? netns_node_repair(agent->net, &err) : 0;

	if (r < 0)
		log_warn("pod network: %s", err.text);
	else if (r > 0)
		log_warn("our network rules had been changed; they are back");
}

/* Somebody changed nftables: perhaps he flushed ours too. */
static void on_rules_changed(struct loop *loop, int fd, unsigned events, void *data)
{
	(void)loop;
	(void)fd;
	(void)events;
	mend_network(data);
}

int agent_open_network(struct agent *agent, struct err *err)
{
	const char *pod_cidr, *cluster_cidr;
	char state[600];
	int r;

	if (agent->net)
		return 0;
	pod_cidr = find_pod_cidr(agent);
	if (!pod_cidr)
		return -EAGAIN;
	cluster_cidr = agent_cluster_text(agent, "clusterCIDR");
	(void)snprintf(state, sizeof(state), "%s/agent/state", agent->options.data_dir);
	r = netns_node_open(
		&(struct netns_options){
			.instance = agent->options.instance ? agent->options.instance : "",
			.pod_cidr = pod_cidr,
			.cluster_cidr = cluster_cidr && *cluster_cidr ? cluster_cidr : pod_cidr,
			.state_dir = state },
		&agent->net, err);
	if (r == 0)
		(void)snprintf(agent->pod_cidr, sizeof(agent->pod_cidr), "%s", pod_cidr);
	if (r == 0)
		r = loop_watch(agent->loop, netns_node_fd(agent->net), LOOP_READ, on_rules_changed,
			       agent);
	return r;
}

/* ---- desired state has changed ---- */

static bool begin_pod(struct agent *agent, struct json_object *json)
{
	struct nodepod *pod;
	struct err err = { 0 };

	if (nodepod_new(agent, json, &pod, &err) < 0) {
		log_error("%s", err.text);
		return false;
	}
	nodepod_begin(pod);
	return true;
}

static struct nodepod *find_by_name(struct agent *agent, const char *namespace, const char *name)
{
	map_for_each (node, next, &agent->pods) {
		struct nodepod *pod = map_entry(node, struct nodepod, node);

		if (strcmp(pod->namespace, namespace) == 0 && strcmp(pod->name, name) == 0)
			return pod;
	}
	return NULL;
}

void agent_pod_set(struct agent *agent, struct json_object *json)
{
	const char *uid = json_str_at(json, "metadata.uid");
	const char *namespace = json_str_at(json, "metadata.namespace");
	const char *name = json_str_at(json, "metadata.name");
	struct nodepod *pod = nodepod_find(agent, uid);

	if (pod) {
		nodepod_update(pod, json);
		return;
	}
	pod = namespace && name ? find_by_name(agent, namespace, name) : NULL;
	if (pod)
		nodepod_remove(pod); /* its successor begins when it has ended: agent_pod_gone() */
	else
		(void)begin_pod(agent, json);
}

void agent_pod_removed(struct agent *agent, const char *uid)
{
	struct nodepod *pod = nodepod_find(agent, uid);

	if (pod)
		nodepod_remove(pod);
}

void agent_pod_gone(struct agent *agent, struct nodepod *pod)
{
	auto_free char *namespace = strdup(pod->namespace);
	auto_free char *name = strdup(pod->name);
	struct json_object *next;
	char logs[1300];

	nodepod_log_dir(pod, NULL, logs, sizeof(logs));
	helper_remove_tree(agent->janitor, logs, NULL, NULL);
	(void)desired_save(agent->desired, pod->uid, NULL);
	nodepod_free(pod);
	next = namespace && name ? desired_get(agent->desired, "Pod", namespace, name) : NULL;
	if (next && !nodepod_find(agent, json_str_at(next, "metadata.uid")))
		(void)begin_pod(agent, next);
}

void agent_input_changed(struct agent *agent, const char *kind, const char *namespace,
			 const char *name)
{
	map_for_each (node, next, &agent->pods) {
		struct nodepod *pod = map_entry(node, struct nodepod, node);

		if (strcmp(pod->namespace, namespace) != 0)
			continue;
		nodepod_refresh_volumes(pod, kind, name);
		nodepod_event(pod, &(struct podmachine_event){ .type = POD_INPUT_CHANGED });
	}
}

void agent_node_changed(struct agent *agent)
{
	struct err err = { 0 };

	if (agent->net)
		return;
	if (agent_open_network(agent, &err) < 0) {
		if (err.code)
			log_error("pod network: %s", err.text);
		return;
	}
	map_for_each (node, next, &agent->pods)
		nodepod_event(map_entry(node, struct nodepod, node),
			      &(struct podmachine_event){ .type = POD_INPUT_CHANGED });
	uplink_node_changed(agent->uplink); /* Ready from now on */
}

/* ---- the end of a round: persist, then answer, then send ---- */

static void on_synced(int result, void *data)
{
	struct agent *agent = data;

	agent->sync_running = false;
	if (result < 0) {
		log_error("desired state could not be made durable: %s", err_text(result));
		agent->sync_wanted = true; /* with the next round; nothing is acknowledged */
		return;
	}
	uplink_synced_to_disk(agent->uplink);
}

static void on_round(struct loop *loop, void *data)
{
	struct agent *agent = data;
	struct err err = { 0 };

	(void)loop;
	if (desired_flush(agent->desired, &err) < 0) {
		log_error("agent state: %s", err.text);
	} else if (agent->sync_wanted && !agent->sync_running) {
		agent->sync_wanted = false;
		agent->sync_running = true;
		uplink_note_sync(agent->uplink);
		helper_sync(agent->syncer, desired_fd(agent->desired), on_synced, agent);
	}
	uplink_flush(agent->uplink);
}

/* ---- housekeeping ---- */

static void on_compacted(int result, void *data)
{
	struct agent *agent = data;
	struct err err = { 0 };

	if (result < 0)
		log_warn("agent state: compact: %s", err_text(result));
	else if (desired_compacted(agent->desired, &err) < 0)
		log_warn("agent state: %s", err.text);
}

/* Time as machines see it never jumps back, and follows the clock when it was set. */
static void follow_clock(struct agent *agent)
{
	int64_t drift_ns = loop_now_ns(agent->loop) - agent_now_ns(agent);

	if (drift_ns > DRIFT_MAX_NS || drift_ns < -DRIFT_MAX_NS) {
		log_info("the clock was set by %lld s", (long long)(drift_ns / NS_PER_S));
		agent->wall_offset_ns += drift_ns;
	}
}

static void on_tick(struct loop *loop, void *data)
{
	struct agent *agent = data;
	struct err err = { 0 };
	int fd;

	(void)loop;
	follow_clock(agent);
	(void)image_store_refresh(agent->images, NULL);
	mend_network(agent);
	map_for_each (node, next, &agent->pods) {
		struct nodepod *pod = map_entry(node, struct nodepod, node);

		nodelog_rotate(pod);
		volume_limit_check(pod);
	}
	uplink_node_changed(agent->uplink);
	uplink_renew(agent->uplink);
	fd = desired_compact(agent->desired, &err);
	if (fd >= 0)
		helper_sync(agent->syncer, fd, on_compacted, agent);
	else if (fd != -EAGAIN)
		log_warn("agent state: %s", err.text);
	loop_timer_set_ms(agent->tick, TICK_MS);
}

static void on_signal(struct loop *loop, int signo, void *data)
{
	(void)data;
	log_info("ending on signal %d; pods go on", signo);
	loop_stop(loop);
}

/* With a server: when the session is in step. Without one: after a moment, pods run all the same. */
void agent_say_ready(struct agent *agent)
{
	if (agent->ready_said)
		return;
	agent->ready_said = true;
	loop_timer_clear(agent->patience);
	(void)notify_send("READY=1");
}

static void on_patience(struct loop *loop, void *data)
{
	(void)loop;
	agent_say_ready(data);
}

/* ---- birth ---- */

static int make_dirs(const struct agent *agent, struct err *err)
{
	static const char *const dirs[] = { "agent/state", "pods", "logs/pods", "images" };
	char path[600];
	int r;

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", agent->options.data_dir, dirs[i]);
		r = path_mkdirs(path, 0755, err);
		if (r < 0)
			return r;
	}
	(void)snprintf(path, sizeof(path), "%s/pods", agent->options.run_dir);
	r = path_mkdirs(agent->options.run_dir, 0755, err);
	if (r == 0 && mkdir(path, 0700) < 0 && errno != EEXIST)
		r = err_set(err, -errno, "make %s", path);
	return r;
}

static int find_address(struct agent *agent, struct err *err)
{
	const char *given = agent->options.address;

	if (!given || !*given)
		return netns_node_address(agent->address, err);
	(void)snprintf(agent->address, sizeof(agent->address), "%s", given);
	return 0;
}

static int open_stores(struct agent *agent, struct err *err)
{
	auto_buf struct buf resolv = BUF_INIT(65536);
	char path[600];
	int r;

	(void)snprintf(path, sizeof(path), "%s/agent/state", agent->options.data_dir);
	r = desired_open(path, &agent->desired, err);
	if (r < 0)
		return r;
	(void)snprintf(path, sizeof(path), "%s/images", agent->options.data_dir);
	r = image_store_open(path, &agent->images, err);
	if (r < 0)
		return r;
	if (fd_read_file("/etc/resolv.conf", &resolv, NULL) == 0)
		agent->resolv_conf = strdup(buf_str(&resolv));
	return 0;
}

static int open_loop(struct agent *agent, struct err *err)
{
	int r = loop_new(&agent->loop, err);

	if (r < 0)
		return r;
	agent->wall_offset_ns = loop_now_ns(agent->loop) - loop_monotonic_ns(agent->loop);
	r = loop_signal(agent->loop, SIGTERM, on_signal, agent);
	if (r == 0)
		r = loop_signal(agent->loop, SIGINT, on_signal, agent);
	if (r == 0)
		r = loop_timer_new(agent->loop, on_tick, agent, &agent->tick);
	if (r == 0)
		r = loop_timer_new(agent->loop, on_patience, agent, &agent->patience);
	if (r < 0)
		return err_set(err, r, "event loop");
	loop_on_round(agent->loop, on_round, agent);
	r = helper_attach(agent->syncer, agent->loop, err);
	return r < 0 ? r : helper_attach(agent->janitor, agent->loop, err);
}

static void probe_host(struct agent *agent)
{
	const struct cgroup_host *cgroup = &agent->host.cgroup;

	runtime_host_probe(&agent->host);
	agent->limits_unenforced = !cgroup->cpu || !cgroup->memory || !cgroup->pids;
	if (agent->limits_unenforced)
		log_warn("cgroup2 lacks controllers here: limits of pods are not enforced");
	nodestatus_measure(agent);
}

static bool begin_desired(const struct desired_object *object, void *data)
{
	(void)begin_pod(data, object->json);
	return true;
}

/* With no server in reach: what lies on the disk is run. */
static void begin_pods(struct agent *agent)
{
	struct err err = { 0 };

	if (agent_open_network(agent, &err) < 0 && err.code)
		log_error("pod network: %s", err.text);
	desired_prune(agent->desired);
	desired_each(agent->desired, "Pod", begin_desired, agent);
	orphans_remove(agent);
}

static int begin(struct agent *agent, struct err *err)
{
	int r = make_dirs(agent, err);

	if (r == 0)
		r = open_loop(agent, err);
	if (r == 0)
		r = find_address(agent, err);
	if (r == 0)
		r = open_stores(agent, err);
	if (r < 0)
		return r;
	probe_host(agent);
	r = uplink_new(agent, &agent->uplink, err);
	if (r == 0)
		r = control_open(agent, &agent->control, err);
	if (r == 0)
		r = usage_begin(agent, err);
	if (r < 0)
		return r;
	begin_pods(agent);
	uplink_begin(agent->uplink);
	loop_timer_set_ms(agent->tick, TICK_MS);
	return 0;
}

/* Pods are left running, with their shims. */
static void agent_done(struct agent *agent)
{
	if (agent->desired && agent->loop)
		(void)desired_flush(agent->desired, NULL);
	map_for_each (node, next, &agent->pods)
		nodepod_free(map_entry(node, struct nodepod, node));
	usage_end(agent);
	control_close(agent->control);
	uplink_free(agent->uplink);
	if (agent->net)
		loop_unwatch(agent->loop, netns_node_fd(agent->net));
	netns_node_close(agent->net);
	image_store_close(agent->images);
	desired_close(agent->desired);
	helper_stop(agent->syncer);
	helper_stop(agent->janitor);
	loop_timer_free(agent->tick);
	(void)loop_timer_free(agent->patience);
	loop_free(agent->loop);
	free(agent->resolv_conf);
}

int agent_run(const struct agent_options *options, struct err *err)
{
	static struct agent agent; /* one a process */
	int r;

	agent = (struct agent){ .options = *options };
	/* Helpers first: they shall inherit nothing. */
	r = helper_start(&agent.syncer, err);
	if (r == 0)
		r = helper_start(&agent.janitor, err);
	if (r == 0)
		r = begin(&agent, err);
	if (r == 0) {
		loop_timer_set_ms(agent.patience, PATIENCE_MS);
		r = loop_run(agent.loop, err);
	}
	agent_done(&agent);
	return r;
}
