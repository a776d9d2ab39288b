/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's sandbox: what it tells us, and how a new agent finds it again. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "orchestrator/agent/execution.h"
#include "orchestrator/agent/nodelog.h"
#include "orchestrator/agent/nodepod.h"
#include "orchestrator/agent/nodestream.h"

#define EVENTS_A_ROUND	   64
#define MESSAGE_MAX	   4096
#define LOG_FALLBACK_MAX   2048
#define LOG_FALLBACK_LINES 80

/* ---- how a container ended, in its own words ---- */

static void read_some(int dir_fd, const char *path, struct buf *out)
{
	auto_close int fd = openat(dir_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	char text[MESSAGE_MAX];
	ssize_t n = fd >= 0 ? fd_read_all(fd, text, sizeof(text)) : 0;

	if (n > 0)
		(void)buf_append(out, text, (size_t)n);
}

/* The file behind terminationMessagePath; empty with FallbackToLogsOnError: the end of its log. */
static void termination_message(struct nodepod *pod, const struct podmachine_event *event,
				const struct json_object *spec, int attempt, struct buf *out)
{
	const char *policy = json_str_at(spec, "terminationMessagePolicy");
	char path[700], dir[1400];

	(void)snprintf(path, sizeof(path), "roots/%s/" NODEPOD_LAST_WORDS, event->id);
	if (pod->dir_fd >= 0)
		read_some(pod->dir_fd, path, out);
	if (out->len || event->exit_code == 0 || !policy ||
	    strcmp(policy, "FallbackToLogsOnError") != 0)
		return;
	nodepod_log_dir(pod, event->container, dir, sizeof(dir));
	(void)nodelog_tail(dir, attempt, LOG_FALLBACK_LINES, LOG_FALLBACK_MAX, out);
}

static void container_exited(struct nodepod *pod, const struct sandbox_event *from)
{
	auto_buf struct buf text = BUF_INIT(MESSAGE_MAX);
	struct podmachine_instance instance = { 0 };
	const char *name = podmachine_container_of(pod->machine, from->id), *why;
	struct podmachine_event event = { .type = POD_EXITED,
					  .container = name,
					  .id = from->id,
					  .exit_code = from->exit_code,
					  .signal = from->signal,
					  .oom = from->oom_killed,
					  .at_ns = from->ended_ns,
					  .started_ns = from->started_ns };

	if (!name)
		return;
	(void)podmachine_instance(pod->machine, name, false, &instance, &why);
	if (from->log_dropped_lines)
		log_warn("pod %s/%s: container %s: %llu lines of its log were lost to a full disk",
			 pod->namespace, pod->name, name,
			 (unsigned long long)from->log_dropped_lines);
	termination_message(pod, &event, instance.spec, instance.attempt, &text);
	event.text = text.len ? buf_str(&text) : NULL;
	nodepod_event(pod, &event);
	nodestream_poke(pod); /* who follows its log has it all */
}

/* ---- answers to starts ---- */

static struct nodepod_start *find_start(struct nodepod *pod, const struct sandbox_event *event)
{
	list_for_each (link, next, &pod->starts) {
		struct nodepod_start *s = list_entry(link, struct nodepod_start, link);

		if (s->request == event->request)
			return s;
	}
	return NULL;
}

static void start_answered(struct nodepod *pod, const struct sandbox_event *from)
{
	struct nodepod_start *s = find_start(pod, from);
	struct podmachine_event event = { .at_ns = from->started_ns };

	if (!s) {
		if (from->type == SANDBOX_FAILED)
			log_warn("pod %s/%s: %s", pod->namespace, pod->name, from->error);
		return;
	}
	list_remove(&s->link);
	event.id = s->id;
	if (from->type == SANDBOX_STARTED) {
		log_trace("pod %s/%s: started", pod->namespace, pod->name);
		event.type = POD_STARTED;
		event.has_user = true;
		event.uid = s->user.uid;
		event.gid = s->user.gid;
		event.groups = s->user.groups;
		event.n_groups = (unsigned)s->user.n_groups;
	} else {
		event.type = POD_START_FAILED;
		event.reason = "RunContainerError";
		event.text = from->error;
	}
	nodepod_event(pod, &event);
	free(s);
}

/* ---- the sandbox itself ---- */

void nodepod_drop_sandbox(struct nodepod *pod)
{
	struct err gone = { 0 };

	(void)err_say(&gone, -ECONNRESET, "the pod's sandbox is gone");
	if (pod->sandbox_fd >= 0)
		loop_unwatch(pod->agent->loop, pod->sandbox_fd);
	pod->sandbox_fd = -EBADF;
	pod->sandbox = sandbox_close(pod->sandbox);
	execution_end_all(pod, &gone);
	while (!list_empty(&pod->starts)) {
		struct nodepod_start *s = list_entry(pod->starts.next, struct nodepod_start, link);

		list_remove(&s->link);
		free(s);
	}
}

/*
 * Nothing of a dead sandbox may live on. Its cgroup goes too: some kernels kill at birth what is cloned
 * into a cgroup that was once written "1" to cgroup.kill (the new process is compared with its
 * parent's count of kills, not with that of the cgroup it goes to).
 */
static void bury_sandbox(struct nodepod *pod)
{
	struct agent *agent = pod->agent;
	struct err err = { 0 };

	nodepod_drop_sandbox(pod);
	if (sandbox_forget(agent->options.run_dir, pod->uid, pod->cgroup_fd, &err) < 0)
		log_warn("pod %s/%s: %s", pod->namespace, pod->name, err.text);
	pod->cgroup_fd = fd_close(pod->cgroup_fd);
	if (agent->host.cgroup.mount[0] &&
	    cgroup_remove(&agent->host.cgroup, pod->cgroup, &err) < 0)
		log_warn("pod %s/%s: %s", pod->namespace, pod->name, err.text);
	pod->attached = false;
}

static void sandbox_gone(struct nodepod *pod)
{
	log_warn("pod %s/%s: its shim is gone", pod->namespace, pod->name);
	bury_sandbox(pod);
	pod->adopting = false;
	nodepod_event(pod, &(struct podmachine_event){ .type = POD_SANDBOX_LOST });
}

static void known(struct nodepod *pod, const struct sandbox_event *from)
{
	const char *name = podmachine_container_of(pod->machine, from->id);

	if (strncmp(from->id, "exec-", 5) == 0)
		return;
	if (!name) { /* of no container that we know: it must not run beside its successor */
		if (from->running)
			(void)sandbox_kill(pod->sandbox, from->id, NULL);
		(void)sandbox_remove(pod->sandbox, from->id, NULL);
		return;
	}
	if (from->running)
		nodepod_event(pod, &(struct podmachine_event){ .type = POD_ALIVE,
							       .container = name,
							       .id = from->id,
							       .started_ns = from->started_ns });
	else
		container_exited(pod, from);
}

static void take_event(struct nodepod *pod, const struct sandbox_event *event)
{
	if (execution_event(pod, event))
		return;
	switch (event->type) {
	case SANDBOX_STARTED:
	case SANDBOX_FAILED:
		start_answered(pod, event);
		break;
	case SANDBOX_EXITED:
		container_exited(pod, event);
		break;
	case SANDBOX_KNOWN:
		known(pod, event);
		break;
	case SANDBOX_SYNCED:
		pod->adopting = false;
		nodepod_event(pod, &(struct podmachine_event){ .type = POD_SYNCED });
		break;
	default:
		break;
	}
}

static void on_sandbox(struct loop *loop, int fd, unsigned events, void *data)
{
	struct nodepod *pod = data;

	(void)loop;
	(void)fd;
	(void)events;
	for (int i = 0; i < EVENTS_A_ROUND && pod->sandbox; i++) {
		struct sandbox_event event;
		int r = sandbox_next_event(pod->sandbox, &event);

		if (r == 0)
			return;
		if (r < 0 || event.type == SANDBOX_GONE) {
			sandbox_gone(pod);
			return;
		}
		take_event(pod, &event);
	}
}

int nodepod_watch_sandbox(struct nodepod *pod, struct err *err)
{
	int r;

	pod->sandbox_fd = sandbox_fd(pod->sandbox);
	r = loop_watch(pod->agent->loop, pod->sandbox_fd, LOOP_READ, on_sandbox, pod);
	if (r < 0) {
		pod->sandbox_fd = -EBADF;
		return err_set(err, r, "watch the sandbox");
	}
	return 0;
}

/* ---- the first thing that happens to a pod ---- */

static void open_dir(struct nodepod *pod)
{
	if (pod->dir_fd < 0)
		pod->dir_fd = open(pod->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (pod->small_dir_fd < 0)
		pod->small_dir_fd = open(pod->small_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int adopt(struct nodepod *pod, struct err *err)
{
	struct agent *agent = pod->agent;
	struct cgroup_limits none = { 0 };
	struct netns_pod link;
	char ip[INET_ADDRSTRLEN] = "";
	bool unenforced;
	int r = sandbox_adopt(agent->options.run_dir, pod->uid, &pod->sandbox, err);

	if (r < 0)
		return r;
	r = nodepod_watch_sandbox(pod, err);
	if (r < 0)
		return r;
	open_dir(pod);
	pod->cgroup_fd = cgroup_open(&agent->host.cgroup, pod->cgroup, &none, &unenforced, NULL);
	if (agent->net &&
	    netns_pod_adopt(agent->net, pod->uid, sandbox_net_fd(pod->sandbox), &link, NULL) == 0) {
		(void)inet_ntop(AF_INET, &link.ip, ip, sizeof(ip));
		pod->attached = true;
	} else {
		(void)snprintf(ip, sizeof(ip), "%s", podmachine_ip(pod->machine));
	}
	pod->adopting = true; /* the machine is told all before it decides anything */
	nodepod_event(pod, &(struct podmachine_event){ .type = POD_ADOPTED, .ip = ip });
	return 0;
}

void nodepod_begin(struct nodepod *pod)
{
	struct err err = { 0 };

	log_trace("pod %s/%s: desired", pod->namespace, pod->name);
	if (!podmachine_wants_sandbox(pod->machine)) {
		open_dir(pod);
		nodepod_pump(pod);
		return;
	}
	if (adopt(pod, &err) == 0)
		return;
	log_info("pod %s/%s: no living sandbox (%s); it starts over", pod->namespace, pod->name,
		 err.text);
	bury_sandbox(pod);
	open_dir(pod);
	nodepod_event(pod, &(struct podmachine_event){ .type = POD_SANDBOX_LOST });
}
