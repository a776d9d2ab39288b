/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/nodepod.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "orchestrator/agent/prober.h"
#include "orchestrator/agent/execution.h"
#include "orchestrator/agent/uplink.h"

#define PUMP_MAX 1000 /* effects of one pump: more would be a machine that runs in circles */

bool nodepod_uid_is_safe(const char *uid)
{
	size_t n = uid ? strlen(uid) : 0;

	return n > 0 && n <= NODEPOD_UID_MAX &&
	       strspn(uid, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") == n;
}

struct nodepod *nodepod_find(const struct agent *agent, const char *uid)
{
	struct map_node *node = uid ? map_find(&agent->pods, uid) : NULL;

	return node ? map_entry(node, struct nodepod, node) : NULL;
}

static void on_timer(struct loop *loop, void *data)
{
	(void)loop;
	nodepod_pump(data);
}

static int fill(struct nodepod *pod, struct json_object *json, struct err *err)
{
	struct agent *agent = pod->agent;
	const char *name = json_str_at(json, "metadata.name");
	const char *namespace = json_str_at(json, "metadata.namespace");
	struct podmachine_options options = { .host_ip = agent->address };
	int r;

	pod->name = strdup(name ? name : "");
	pod->namespace = strdup(namespace ? namespace : "");
	if (!pod->name || !pod->namespace ||
	    asprintf(&pod->dir, "%s/pods/%s", agent->options.data_dir, pod->uid) < 0 ||
	    asprintf(&pod->small_dir, "%s/pods/%s", agent->options.run_dir, pod->uid) < 0)
		return err_set(err, -ENOMEM, "pod");
	tokens_load(&pod->tokens, json_get(desired_saved(agent->desired, pod->uid), "tokens"));
	r = podmachine_new(&options, json, desired_saved(agent->desired, pod->uid),
			   agent_now_ns(agent), &pod->machine, err);
	if (r < 0)
		return r;
	return loop_timer_new(agent->loop, on_timer, pod, &pod->timer);
}

/* As the kubelet arranges them: guaranteed pods right below, the other classes in their own. */
static void name_cgroup(struct nodepod *pod)
{
	static const char *const classes[] = { [QOS_GUARANTEED] = "",
					       [QOS_BURSTABLE] = "burstable/",
					       [QOS_BEST_EFFORT] = "besteffort/" };
	char title[24];

	(void)snprintf(pod->cgroup, sizeof(pod->cgroup), "%s/%spod%s",
		       agent_title(pod->agent, title),
		       classes[podspec_qos(podmachine_pod(pod->machine))], pod->uid);
}

int nodepod_new(struct agent *agent, struct json_object *json, struct nodepod **ret,
		struct err *err)
{
	const char *uid = json_str_at(json, "metadata.uid");
	struct nodepod *pod;
	int r;

	if (!nodepod_uid_is_safe(uid))
		return err_say(err, -EINVAL, "pod uid \"%s\" is not one", uid ? uid : "");
	pod = calloc(1, sizeof(*pod));
	if (!pod)
		return err_set(err, -ENOMEM, "pod %s", uid);
	pod->agent = agent;
	pod->began_ns = loop_monotonic_ns(agent->loop);
	pod->dir_fd = pod->small_dir_fd = pod->cgroup_fd = pod->sandbox_fd = -EBADF;
	list_init(&pod->starts);
	list_init(&pod->executions);
	list_init(&pod->probes);
	list_init(&pod->streams);
	(void)snprintf(pod->uid, sizeof(pod->uid), "%s", uid);
	r = fill(pod, json, err);
	if (r < 0) {
		nodepod_free(pod);
		return err_prefix(err, r, "pod %s", uid);
	}
	name_cgroup(pod);
	(void)map_insert(&agent->pods, &pod->node, pod->uid);
	*ret = pod;
	return 0;
}

struct nodepod *nodepod_free(struct nodepod *pod)
{
	if (!pod)
		return NULL;
	if (pod->node.key)
		map_remove(&pod->agent->pods, &pod->node);
	prober_end_all(pod);
	execution_end_all(pod, NULL);
	nodepod_drop_sandbox(pod);
	loop_timer_free(pod->timer);
	podmachine_free(pod->machine);
	tokens_done(&pod->tokens);
	fd_close(pod->dir_fd);
	fd_close(pod->small_dir_fd);
	fd_close(pod->cgroup_fd);
	free(pod->dir);
	free(pod->small_dir);
	free(pod->name);
	free(pod->namespace);
	free(pod);
	return NULL;
}

void nodepod_volume_context(struct nodepod *pod, struct volume_context *ret)
{
	const struct agent *agent = pod->agent;

	*ret = (struct volume_context){
		.desired = agent->desired,
		.of = { .pod = podmachine_pod(pod->machine),
			.pod_ip = podmachine_ip(pod->machine),
			.host_ip = agent->address,
			.node_cpu_milli = agent->cpu_milli,
			.node_memory_bytes = agent->memory_bytes,
			.node_storage_bytes = agent->storage_bytes },
		.tokens = &pod->tokens,
		.pod_dir_fd = pod->dir_fd,
		.pod_dir = pod->dir,
		.small_dir_fd = pod->small_dir_fd,
		.now_ns = agent_now_ns(agent),
	};
}

void nodepod_log_dir(const struct nodepod *pod, const char *container, char *path, size_t size)
{
	(void)snprintf(path, size, "%s/logs/pods/%s_%s_%s%s%s", pod->agent->options.data_dir,
		       pod->namespace, pod->name, pod->uid, container ? "/" : "",
		       container ? container : "");
}

/* ---- driving the machine ---- */

/* Forgotten by the server and over: it can go, at the end of the round. */
static void retire(struct loop *loop, void *data)
{
	struct nodepod *pod = data;

	(void)loop;
	agent_pod_gone(pod->agent, pod);
}

static void arm(struct nodepod *pod)
{
	int64_t wake_ns = MIN(podmachine_wake_ns(pod->machine), tokens_due_ns(&pod->tokens));
	int64_t now_ns = agent_now_ns(pod->agent);

	if (wake_ns == INT64_MAX)
		loop_timer_clear(pod->timer);
	else
		loop_timer_set_ns(pod->timer, MAX(wake_ns - now_ns, 0));
}

void nodepod_pump(struct nodepod *pod)
{
	struct podmachine_effect effect;
	int done = 0;

	if (pod->adopting || pod->retired)
		return;
	if (pod->pumping) {
		pod->pump_again = true;
		return;
	}
	pod->pumping = true;
	do {
		bool any = false;

		pod->pump_again = false;
		podmachine_step(pod->machine, agent_now_ns(pod->agent));
		while (done < PUMP_MAX && podmachine_next(pod->machine, &effect)) {
			nodepod_perform(pod, &effect);
			any = true;
			done++;
		}
		pod->pump_again = pod->pump_again || any;
	} while (pod->pump_again && done < PUMP_MAX);
	pod->pumping = false;
	if (done >= PUMP_MAX)
		log_warn("pod %s/%s: more than %d effects in one round", pod->namespace, pod->name,
			 PUMP_MAX);
	nodepod_ask_tokens(pod);
	arm(pod);
	if (pod->removed && podmachine_ended(pod->machine) && !pod->tearing_tree) {
		pod->retired = true;
		loop_defer(pod->agent->loop, retire, pod);
	}
}

void nodepod_event(struct nodepod *pod, const struct podmachine_event *event)
{
	podmachine_event(pod->machine, event, agent_now_ns(pod->agent));
	nodepod_pump(pod);
}

void nodepod_update(struct nodepod *pod, struct json_object *json)
{
	podmachine_update(pod->machine, json, agent_now_ns(pod->agent));
	pod->removed = false;
	nodepod_pump(pod);
	nodepod_refresh_volumes(pod, NULL, NULL); /* labels and annotations may be shown in them */
}

void nodepod_remove(struct nodepod *pod)
{
	pod->removed = true;
	podmachine_remove(pod->machine, agent_now_ns(pod->agent));
	nodepod_pump(pod);
}

void nodepod_save(struct nodepod *pod)
{
	struct json_object *state = podmachine_save(pod->machine);

	(void)json_put(state, "tokens", tokens_save(&pod->tokens));
	if (desired_save(pod->agent->desired, pod->uid, state) < 0)
		log_warn("pod %s/%s: its state could not be noted", pod->namespace, pod->name);
}

/* ---- volumes and tokens that change ---- */

void nodepod_refresh_volumes(struct nodepod *pod, const char *kind, const char *name)
{
	struct volume_context ctx;
	struct err err = { 0 };

	if (pod->dir_fd < 0 || podmachine_finished(pod->machine) || pod->tearing_tree)
		return;
	if (kind && !volumes_use(podmachine_pod(pod->machine), kind, name))
		return;
	nodepod_volume_context(pod, &ctx);
	if (volumes_refresh(&ctx, &err) < 0)
		log_warn("pod %s/%s: volumes: %s", pod->namespace, pod->name, err.text);
}

void nodepod_ask_tokens(struct nodepod *pod)
{
	for (size_t i = 0; i < pod->tokens.n; i++) {
		struct token *token = &pod->tokens.items[i];

		if (token_is_due(token, agent_now_ns(pod->agent)))
			token->request = uplink_ask_token(pod->agent->uplink, pod, token);
	}
}

bool nodepod_token_given(struct nodepod *pod, uint64_t request, const struct json_object *message)
{
	struct volume_context ctx;
	struct err err = { 0 };
	int r;

	if (!tokens_given(&pod->tokens, request, message, agent_now_ns(pod->agent)))
		return false;
	nodepod_save(pod);
	log_trace("pod %s/%s: token", pod->namespace, pod->name);
	if (pod->dir_fd < 0 || podmachine_finished(pod->machine))
		return true;
	nodepod_volume_context(pod, &ctx);
	r = volumes_make(&ctx, &err);
	if (!pod->volumes_pending || r == -EAGAIN)
		return true;
	pod->volumes_pending = false;
	nodepod_event(pod, &(struct podmachine_event){ .type = r < 0 ? POD_VOLUMES_FAILED
								     : POD_VOLUMES_READY,
						       .text = err.text });
	return true;
}

bool nodepod_token_refused(struct nodepod *pod, uint64_t request, const char *sentence)
{
	char text[700];

	if (!tokens_refused(&pod->tokens, request, agent_now_ns(pod->agent)))
		return false;
	if (!pod->volumes_pending)
		return true;
	pod->volumes_pending = false;
	(void)snprintf(
		text, sizeof(text),
		"MountVolume.SetUp failed for a projected volume : failed to fetch token: %s",
		sentence);
	nodepod_event(pod, &(struct podmachine_event){ .type = POD_VOLUMES_FAILED, .text = text });
	return true;
}
