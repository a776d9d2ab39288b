/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stories of pods in virtual time, told as traces: one line per effect, "[ms] effect container".
 * A small world answers for the agent: everything works at once unless a story says otherwise.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/time.h"
#include "orchestrator/core/podmachine.h"

#define START_NS (1763978400LL * NS_PER_S)
#define SEEN_MAX 64

struct seen {
	int64_t at_ns;
	struct podmachine_event event;
	char container[64], id[PODMACHINE_ID_MAX];
	bool used;
};

struct world {
	struct podmachine *pm;
	struct buf trace;
	int64_t now_ns;
	struct seen later[SEEN_MAX];
	/* how the world behaves */
	int64_t term_ms;	  /* how long a container takes to go after its signal; -1: never */
	const char *image_reason; /* images fail so */
	const char *start_reason, *start_text;
	int start_failures; /* how many starts fail; -1: all */
	const char *volume_text;
	int volume_failures;
	enum podmachine_outcome probes[POD_PROBE_COUNT];
	int64_t hook_ms; /* -1: hooks never end */
	enum podmachine_outcome hook;
	bool events, statuses, probe_trace;
	int64_t life_ms; /* every instance of @mortal ends after so long; 0: never */
	const char *mortal;
	int life_code;
	bool life_oom;
};

static struct world *world_new(const char *pod_json)
{
	struct world *w = calloc(1, sizeof(*w));
	struct json_object *pod;
	struct err err = { 0 };

	CHECK(json_parse(pod_json, strlen(pod_json), &pod, &err) == 0);
	w->now_ns = START_NS;
	w->events = true;
	CHECK(podmachine_new(&(struct podmachine_options){ .host_ip = "192.168.0.2" }, pod, NULL,
			     w->now_ns, &w->pm, &err) == 0);
	json_unref(pod);
	return w;
}

static void world_free(struct world **w)
{
	podmachine_free((*w)->pm);
	buf_done(&(*w)->trace);
	free(*w);
}
#define auto_world __attribute__((cleanup(world_free)))

static void see_at(struct world *w, int64_t in_ms, const struct podmachine_event *event,
		   const char *container, const char *id)
{
	for (int i = 0; i < SEEN_MAX; i++) {
		struct seen *s = &w->later[i];

		if (s->used)
			continue;
		*s = (struct seen){ .at_ns = w->now_ns + in_ms * NS_PER_MS,
				    .event = *event,
				    .used = true };
		(void)snprintf(s->container, sizeof(s->container), "%s",
			       container ? container : "");
		(void)snprintf(s->id, sizeof(s->id), "%s", id ? id : "");
		return;
	}
	CHECK(!"too many events");
}

static void answer(struct world *w, const struct podmachine_effect *e)
{
	struct podmachine_event event = { .ticket = e->ticket };

	switch (e->type) {
	case POD_VOLUMES:
		event.type = w->volume_failures-- > 0 ? POD_VOLUMES_FAILED : POD_VOLUMES_READY;
		event.text = w->volume_text;
		break;
	case POD_SANDBOX:
		event.type = POD_SANDBOX_READY;
		event.ip = "10.244.0.5";
		break;
	case POD_IMAGE:
		event.type = w->image_reason ? POD_IMAGE_FAILED : POD_IMAGE_READY;
		event.reason = w->image_reason;
		event.text = w->image_reason ? "no registry answers" : NULL;
		event.image = "docker.io/library/nginx:latest";
		event.image_id = "docker.io/library/nginx@sha256:aa";
		break;
	case POD_START:
		event.type = w->start_failures == 0 ? POD_STARTED : POD_START_FAILED;
		if (w->start_failures > 0)
			w->start_failures--;
		event.reason = event.type == POD_STARTED ? NULL : w->start_reason;
		event.text = event.type == POD_STARTED ? NULL : w->start_text;
		event.at_ns = w->now_ns;
		if (event.type == POD_STARTED && w->life_ms && strcmp(w->mortal, e->container) == 0)
			see_at(w, w->life_ms,
			       &(struct podmachine_event){ .type = POD_EXITED,
							   .exit_code = w->life_code,
							   .oom = w->life_oom },
			       e->container, e->id);
		break;
	case POD_SIGNAL:
		if (w->term_ms < 0)
			return;
		event = (struct podmachine_event){ .type = POD_EXITED };
		see_at(w, w->term_ms, &event, e->container, e->id);
		return;
	case POD_KILL:
		event = (struct podmachine_event){ .type = POD_EXITED,
						   .exit_code = 137,
						   .signal = 9 };
		break;
	case POD_PROBE:
		event.type = POD_PROBED;
		event.outcome = w->probes[e->probe];
		event.text = "HTTP probe failed with statuscode: 500";
		break;
	case POD_HOOK:
		if (w->hook_ms < 0)
			return;
		event.type = POD_HOOKED;
		event.outcome = w->hook;
		see_at(w, w->hook_ms, &event, e->container, e->id);
		return;
	case POD_TEARDOWN:
		event.type = POD_TORN_DOWN;
		break;
	default:
		return;
	}
	see_at(w, 0, &event, e->container, e->id);
}

static void tell(struct world *w, const struct podmachine_effect *e)
{
	static const char *const probe_names[] = { "startup", "liveness", "readiness" };
	long long ms = (w->now_ns - START_NS) / NS_PER_MS;

	if ((e->type == POD_RECORD && !w->events) || (e->type == POD_STATUS && !w->statuses) ||
	    (e->type == POD_PROBE && !w->probe_trace))
		return;
	(void)buf_printf(&w->trace, "[%7lld] %s", ms, podmachine_effect_name(e->type));
	if (e->container)
		(void)buf_printf(&w->trace, " %s", e->container);
	if (e->type == POD_START)
		(void)buf_printf(&w->trace, " #%d", e->attempt);
	if (e->type == POD_PROBE)
		(void)buf_printf(&w->trace, " %s", probe_names[e->probe]);
	if (e->type == POD_HOOK)
		(void)buf_puts(&w->trace, e->hook == POD_PRE_STOP ? " preStop" : " postStart");
	if (e->type == POD_RECORD)
		(void)buf_printf(&w->trace, "%s %s: %s", e->warning ? " Warning" : "", e->reason,
				 e->text);
	(void)buf_putc(&w->trace, '\n');
}

static void take_effects(struct world *w)
{
	struct podmachine_effect e;

	podmachine_step(w->pm, w->now_ns);
	while (podmachine_next(w->pm, &e)) {
		tell(w, &e);
		answer(w, &e);
	}
}

static struct seen *soonest(struct world *w)
{
	struct seen *best = NULL;

	for (int i = 0; i < SEEN_MAX; i++)
		if (w->later[i].used && (!best || w->later[i].at_ns < best->at_ns))
			best = &w->later[i];
	return best;
}

/* Run until @ms of the story. */
static void run(struct world *w, int64_t ms)
{
	const int64_t until_ns = START_NS + ms * NS_PER_MS;

	for (int round = 0;; round++) {
		struct seen *s;
		int64_t next_ns;

		CHECK(round < 20000);
		take_effects(w);
		s = soonest(w);
		next_ns = MIN(podmachine_wake_ns(w->pm), s ? s->at_ns : INT64_MAX);
		if (next_ns > until_ns)
			break;
		w->now_ns = MAX(w->now_ns, next_ns);
		if (!s || s->at_ns > w->now_ns)
			continue;
		s->used = false;
		s->event.container = s->container;
		s->event.id = s->id[0] ? s->id : NULL;
		if (s->event.type == POD_EXITED && s->event.at_ns == 0)
			s->event.at_ns = w->now_ns;
		podmachine_event(w->pm, &s->event, w->now_ns);
	}
	w->now_ns = until_ns;
}

/* The running instance of @container ends in @in_ms with @code. */
static void ends(struct world *w, const char *container, int64_t in_ms, int code)
{
	struct podmachine_instance instance;
	const char *why;

	CHECK(podmachine_instance(w->pm, container, false, &instance, &why) == 0);
	see_at(w, in_ms, &(struct podmachine_event){ .type = POD_EXITED, .exit_code = code },
	       container, instance.id);
}

static void trace_is(struct world *w, const char *expected)
{
	if (strcmp(buf_str(&w->trace), expected) != 0)
		print_message("--- trace\n%s--- expected\n%s", buf_str(&w->trace), expected);
	CHECK(strcmp(buf_str(&w->trace), expected) == 0);
	buf_clear(&w->trace);
}

static const char *status(struct world *w, const char *path)
{
	const char *text = json_str_at(podmachine_status(w->pm), path);

	return text ? text : "";
}

static struct json_object *cstatus(struct world *w, const char *list, size_t i)
{
	return json_idx(json_at(podmachine_status(w->pm), list), i);
}

static const char *cond(struct world *w, const char *type, const char *field)
{
	struct json_object *list = json_at(podmachine_status(w->pm), "conditions");

	for (size_t i = 0; i < json_len(list); i++)
		if (strcmp(json_str_at(json_idx(list, i), "type"), type) == 0) {
			const char *text = json_str_at(json_idx(list, i), field);

			return text ? text : "";
		}
	return "none";
}

static void want_pod(struct world *w, const char *pod_json)
{
	struct json_object *pod;

	CHECK(json_parse(pod_json, strlen(pod_json), &pod, NULL) == 0);
	podmachine_update(w->pm, pod, w->now_ns);
	json_unref(pod);
}

#define META                                                                                       \
	"\"metadata\":{\"name\":\"web\",\"namespace\":\"default\",\"uid\":\"u1\",\"generation\":"  \
	"1}"
#define GONE(grace)                                                                                \
	"\"metadata\":{\"name\":\"web\",\"namespace\":\"default\",\"uid\":\"u1\",\"generation\":"  \
	"2,"                                                                                       \
	"\"deletionTimestamp\":\"2026-11-24T10:00:00Z\",\"deletionGracePeriodSeconds\":" #grace    \
	"}"
#define WEB "{\"name\":\"web\",\"image\":\"nginx\"}"

TEST(a_pod_starts_and_is_ready)
{
	auto_world struct world *w = world_new("{" META ",\"spec\":{\"containers\":[" WEB "]}}");

	take_effects(w);
	CHECK_STR(status(w, "phase"), "Pending");
	CHECK_STR(json_str_at(cstatus(w, "containerStatuses", 0), "state.waiting.reason"),
		  "ContainerCreating");
	CHECK_STR(cond(w, "PodReadyToStartContainers", "status"), "False");
	CHECK_STR(cond(w, "Ready", "message"), "containers with unready status: [web]");
	run(w, 0);
	trace_is(w, "[      0] volumes\n"
		    "[      0] sandbox\n"
		    "[      0] image web\n"
		    "[      0] record web Pulled: Container image \"nginx\" already present on "
		    "machine and can be accessed by the pod\n"
		    "[      0] start web #0\n"
		    "[      0] record web Created: Container created\n"
		    "[      0] record web Started: Container started\n");
	CHECK_STR(status(w, "phase"), "Running");
	CHECK_STR(status(w, "podIP"), "10.244.0.5");
	CHECK_STR(status(w, "hostIP"), "192.168.0.2");
	CHECK_STR(cond(w, "Ready", "status"), "True");
	CHECK_STR(cond(w, "Initialized", "status"), "True");
	CHECK_STR(cond(w, "PodReadyToStartContainers", "status"), "True");
	struct json_object *c = cstatus(w, "containerStatuses", 0);

	CHECK(json_bool_at(c, "ready", false) && json_bool_at(c, "started", false));
	CHECK(strncmp(json_str_at(c, "containerID"), "shallop://", 10) == 0);
	CHECK_INT(strlen(json_str_at(c, "containerID")), 10 + 64);
	CHECK_STR(json_str_at(c, "image"), "docker.io/library/nginx:latest");
	CHECK_STR(json_str_at(c, "state.running.startedAt"), "2025-11-24T10:00:00Z");
	CHECK(podmachine_wake_ns(w->pm) == INT64_MAX); /* nothing to do: no timer at all */
}

TEST(a_crashing_container_backs_off_and_doubles)
{
	auto_world struct world *w = world_new("{" META ",\"spec\":{\"containers\":[" WEB "]}}");

	w->mortal = "web";
	w->life_ms = 1000;
	w->life_code = 1;
	w->events = false;
	run(w, 3000);
	CHECK_STR(status(w, "phase"), "Running");
	struct json_object *c = cstatus(w, "containerStatuses", 0);

	CHECK_STR(json_str_at(c, "state.waiting.reason"), "CrashLoopBackOff");
	CHECK_STR(json_str_at(c, "state.waiting.message"),
		  "back-off 10s restarting failed container=web pod=web_default(u1)");
	CHECK_STR(json_str_at(c, "lastState.terminated.reason"), "Error");
	CHECK_INT(json_int_at(c, "restartCount", -1), 1);
	CHECK_STR(cond(w, "Ready", "reason"), "ContainersNotReady");
	run(w, 160000);
	trace_is(w, "[      0] volumes\n[      0] sandbox\n"
		    "[      0] image web\n[      0] start web #0\n"
		    "[   1000] image web\n[   1000] start web #1\n"
		    "[  12000] image web\n[  12000] start web #2\n[  12000] forget web\n"
		    "[  33000] image web\n[  33000] start web #3\n[  33000] forget web\n"
		    "[  74000] image web\n[  74000] start web #4\n[  74000] forget web\n"
		    "[ 155000] image web\n[ 155000] start web #5\n[ 155000] forget web\n");
	c = cstatus(w, "containerStatuses", 0);
	CHECK_INT(json_int_at(c, "restartCount", -1), 5);
}

TEST(back_off_stops_at_five_minutes_and_is_forgotten_after_ten)
{
	auto_world struct world *w = world_new("{" META ",\"spec\":{\"containers\":[" WEB "]}}");

	w->mortal = "web";
	w->life_ms = 1000;
	w->life_code = 2;
	w->events = false;
	run(w, 1500000);
	CHECK(strstr(json_str_at(cstatus(w, "containerStatuses", 0), "state.waiting.message"),
		     "back-off 5m0s restarting"));
	w->life_ms = 0; /* the next one stays up */
	run(w, 2500000);
	CHECK(json_at(cstatus(w, "containerStatuses", 0), "state.running"));
	ends(w, "web", 0, 1);
	buf_clear(&w->trace);
	run(w, 2500000);
	trace_is(w, "[2500000] image web\n[2500000] start web #11\n[2500000] forget web\n");
	ends(w, "web", 0, 1);
	run(w, 2502000);
	CHECK(strstr(json_str_at(cstatus(w, "containerStatuses", 0), "state.waiting.message"),
		     "back-off 10s restarting"));
}

TEST(never_and_on_failure_end_the_pod)
{
	static const struct {
		const char *policy;
		int code;
		bool oom;
		const char *phase, *reason, *why;
	} cases[] = {
		{ "Never", 0, false, "Succeeded", "Completed", "PodCompleted" },
		{ "Never", 3, false, "Failed", "Error", "PodFailed" },
		{ "Never", 137, true, "Failed", "OOMKilled", "PodFailed" },
		{ "OnFailure", 0, false, "Succeeded", "Completed", "PodCompleted" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char pod[512];

		(void)snprintf(pod, sizeof(pod),
			       "{" META ",\"spec\":{\"restartPolicy\":\"%s\",\"containers\":[" WEB
			       "]}}",
			       cases[i].policy);
		auto_world struct world *w = world_new(pod);

		w->mortal = "web";
		w->life_ms = 50;
		w->life_code = cases[i].code;
		w->life_oom = cases[i].oom;
		run(w, 60000);
		CHECK_STR(status(w, "phase"), cases[i].phase);
		CHECK_STR(
			json_str_at(cstatus(w, "containerStatuses", 0), "state.terminated.reason"),
			cases[i].reason);
		CHECK_STR(cond(w, "Ready", "reason"), cases[i].why);
		CHECK_STR(cond(w, "PodReadyToStartContainers", "status"), "False");
		CHECK(podmachine_finished(w->pm) && !podmachine_ended(w->pm));
		CHECK(strstr(buf_str(&w->trace), "[     50] teardown\n"));
	}
}

TEST(deletion_is_graceful_then_deadly_then_said)
{
	auto_world struct world *w = world_new("{" META ",\"spec\":{\"containers\":[" WEB "]}}");

	w->term_ms = -1;
	run(w, 1000);
	buf_clear(&w->trace);
	want_pod(w, "{" GONE(5) ",\"spec\":{\"containers\":[" WEB "]}}");
	run(w, 20000);
	trace_is(w, "[   1000] record web Killing: Stopping container web\n"
		    "[   1000] signal web\n"
		    "[   6000] kill web\n"
		    "[   6000] teardown\n"
		    "[   6000] ended\n");
	CHECK_STR(status(w, "phase"), "Failed");
	CHECK_INT(json_int_at(cstatus(w, "containerStatuses", 0), "state.terminated.exitCode", 0),
		  137);
	CHECK(podmachine_ended(w->pm));
}

TEST(a_shorter_second_deletion_counts)
{
	auto_world struct world *w = world_new("{" META ",\"spec\":{\"containers\":[" WEB "]}}");

	w->term_ms = -1;
	run(w, 0);
	want_pod(w, "{" GONE(300) ",\"spec\":{\"containers\":[" WEB "]}}");
	run(w, 10000);
	buf_clear(&w->trace);
	want_pod(w, "{" GONE(0) ",\"spec\":{\"containers\":[" WEB "]}}");
	run(w, 60000);
	trace_is(w, "[  12000] kill web\n[  12000] teardown\n[  12000] ended\n");
}

TEST(pre_stop_takes_its_time_out_of_the_grace_period)
{
	auto_world struct world *w = world_new(
		"{" META ",\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":\"nginx\","
		"\"lifecycle\":{\"preStop\":{\"exec\":{\"command\":[\"x\"]}}}}]}}");

	w->term_ms = -1;
	w->hook_ms = 3500;
	run(w, 0);
	buf_clear(&w->trace);
	want_pod(w,
		 "{" GONE(10) ",\"spec\":{\"containers\":[{\"name\":\"web\",\"image\":\"nginx\","
			      "\"lifecycle\":{\"preStop\":{\"exec\":{\"command\":[\"x\"]}}}}]}}");
	run(w, 60000);
	trace_is(w, "[      0] record web Killing: Stopping container web\n"
		    "[      0] hook web preStop\n"
		    "[   3500] signal web\n"
		    "[  10500] kill web\n"
		    "[  10500] teardown\n"
		    "[  10500] ended\n");
}

TEST(a_failed_post_start_hook_kills)
{
	auto_world struct world *w = world_new(
		"{" META ",\"spec\":{\"terminationGracePeriodSeconds\":3,\"containers\":[{\"name\":"
		"\"web\",\"image\":\"nginx\","
		"\"lifecycle\":{\"postStart\":{\"exec\":{\"command\":[\"x\"]}}}}]}}");

	w->hook = POD_FAILURE;
	w->hook_ms = 200;
	w->term_ms = 100;
	run(w, 100);
	CHECK_STR(json_str_at(cstatus(w, "containerStatuses", 0), "state.waiting.reason"),
		  "ContainerCreating");
	buf_clear(&w->trace);
	run(w, 290);
	trace_is(w, "[    200] record web Warning FailedPostStartHook: PostStartHook failed\n"
		    "[    200] record web Killing: FailedPostStartHook\n"
		    "[    200] signal web\n");
}

#define INITS                                                                                      \
	"\"initContainers\":[{\"name\":\"one\",\"image\":\"i\"},{\"name\":\"side\",\"image\":"     \
	"\"i\","                                                                                   \
	"\"restartPolicy\":\"Always\",\"startupProbe\":{\"tcpSocket\":{\"port\":1},"               \
	"\"periodSeconds\":1}},{\"name\":\"two\",\"image\":\"i\"}],"

TEST(init_containers_run_in_turn_and_sidecars_stay)
{
	auto_world struct world *w =
		world_new("{" META ",\"spec\":{" INITS "\"containers\":[" WEB "]}}");

	w->events = false;
	w->probe_trace = true;
	w->probes[POD_STARTUP] = POD_FAILURE;
	run(w, 100);
	CHECK_STR(json_str_at(cstatus(w, "containerStatuses", 0), "state.waiting.reason"),
		  "PodInitializing");
	CHECK_STR(cond(w, "Initialized", "message"),
		  "containers with incomplete status: [one side two]");
	ends(w, "one", 0, 0);
	run(w, 1500);
	w->probes[POD_STARTUP] = POD_SUCCESS;
	run(w, 2200);
	ends(w, "two", 0, 0);
	run(w, 2200);
	trace_is(w, "[      0] volumes\n[      0] sandbox\n"
		    "[      0] image one\n[      0] start one #0\n"
		    "[    100] image side\n[    100] start side #0\n"
		    "[    100] probe side startup\n"
		    "[   1100] probe side startup\n"
		    "[   2100] probe side startup\n"
		    "[   2100] image two\n[   2100] start two #0\n"
		    "[   2200] image web\n[   2200] start web #0\n");
	CHECK_STR(status(w, "phase"), "Running");
	CHECK_STR(cond(w, "Initialized", "status"), "True");
	CHECK_STR(json_str_at(cstatus(w, "initContainerStatuses", 0), "state.terminated.reason"),
		  "Completed");
	CHECK(json_bool_at(cstatus(w, "initContainerStatuses", 0), "ready", false));
	/* The sidecar goes last. */
	w->term_ms = 500;
	want_pod(w, "{" GONE(30) ",\"spec\":{" INITS "\"containers\":[" WEB "]}}");
	run(w, 9000);
	trace_is(w, "[   2200] signal web\n[   2700] signal side\n[   3200] teardown\n"
		    "[   3200] ended\n");
}

TEST(a_failing_init_container_fails_a_pod_that_never_restarts)
{
	auto_world struct world *w =
		world_new("{" META ",\"spec\":{\"restartPolicy\":\"Never\",\"initContainers\":["
			  "{\"name\":\"one\",\"image\":\"i\"}],\"containers\":[" WEB "]}}");

	w->mortal = "one";
	w->life_ms = 10;
	w->life_code = 4;
	run(w, 1000);
	CHECK_STR(status(w, "phase"), "Failed");
	CHECK(podmachine_finished(w->pm));
	CHECK_STR(json_str_at(cstatus(w, "containerStatuses", 0), "state.waiting.reason"),
		  "PodInitializing");
	CHECK(!strstr(buf_str(&w->trace), "start web"));
}

TEST(images_that_do_not_come)
{
	auto_world struct world *w = world_new("{" META ",\"spec\":{\"containers\":[" WEB "]}}");

	w->image_reason = "ErrImagePull";
	run(w, 500);
	CHECK_STR(json_str_at(cstatus(w, "containerStatuses", 0), "state.waiting.reason"),
		  "ErrImagePull");
	run(w, 5000);
	CHECK_STR(json_str_at(cstatus(w, "containerStatuses", 0), "state.waiting.reason"),
		  "ImagePullBackOff");
	CHECK_STR(json_str_at(cstatus(w, "containerStatuses", 0), "state.waiting.message"),
		  "Back-off pulling image \"nginx\": ErrImagePull: no registry answers");
	CHECK_STR(status(w, "phase"), "Pending");
	w->image_reason = NULL;
	podmachine_event(w->pm, &(struct podmachine_event){ .type = POD_INPUT_CHANGED }, w->now_ns);
	run(w, 20000);
	CHECK_STR(status(w, "phase"), "Running");
	trace_is(
		w,
		"[      0] volumes\n[      0] sandbox\n[      0] image web\n"
		"[      0] record web Warning Failed: Failed to pull image \"nginx\": no registry "
		"answers\n"
		"[      0] record web Warning Failed: Error: ErrImagePull\n"
		"[   1000] record web BackOff: Back-off pulling image \"nginx\"\n"
		"[   1000] record web Warning Failed: Error: ImagePullBackOff\n"
		"[   5000] record web BackOff: Back-off pulling image \"nginx\"\n"
		"[   5000] record web Warning Failed: Error: ImagePullBackOff\n"
		"[  10000] image web\n"
		"[  10000] record web Pulled: Container image \"nginx\" already present on machine "
		"and can be accessed by the pod\n"
		"[  10000] start web #0\n"
		"[  10000] record web Created: Container created\n"
		"[  10000] record web Started: Container started\n");
}

TEST(a_missing_config_map_is_waited_for)
{
	auto_world struct world *w = world_new("{" META ",\"spec\":{\"containers\":[" WEB "]}}");

	w->start_failures = 1;
	w->start_reason = "CreateContainerConfigError";
	w->start_text = "configmap \"conf\" not found";
	run(w, 3000);
	CHECK_STR(json_str_at(cstatus(w, "containerStatuses", 0), "state.waiting.reason"),
		  "CreateContainerConfigError");
	CHECK_STR(json_str_at(cstatus(w, "containerStatuses", 0), "state.waiting.message"),
		  "configmap \"conf\" not found");
	CHECK(strstr(buf_str(&w->trace), "Warning Failed: Error: configmap \"conf\" not found"));
	buf_clear(&w->trace);
	podmachine_event(w->pm, &(struct podmachine_event){ .type = POD_INPUT_CHANGED }, w->now_ns);
	w->events = false;
	run(w, 3000);
	trace_is(w, "[   3000] image web\n[   3000] start web #0\n");
	CHECK_INT(json_int_at(cstatus(w, "containerStatuses", 0), "restartCount", -1), 0);
}

TEST(a_program_that_cannot_be_run)
{
	auto_world struct world *w = world_new("{" META ",\"spec\":{\"containers\":[" WEB "]}}");

	w->start_failures = -1;
	w->start_reason = "RunContainerError";
	w->start_text = "exec: \"nope\": executable file not found in $PATH";
	run(w, 500);
	struct json_object *c = cstatus(w, "containerStatuses", 0);

	CHECK_STR(json_str_at(c, "state.waiting.reason"), "RunContainerError");
	CHECK_STR(json_str_at(c, "lastState.terminated.reason"), "StartError");
	CHECK_INT(json_int_at(c, "lastState.terminated.exitCode", 0), 128);
	CHECK_STR(json_str_at(c, "lastState.terminated.startedAt"), "1970-01-01T00:00:00Z");
	run(w, 4000);
	CHECK_STR(json_str_at(cstatus(w, "containerStatuses", 0), "state.waiting.reason"),
		  "CrashLoopBackOff");
}

TEST(volumes_that_fail_are_tried_again)
{
	auto_world struct world *w = world_new("{" META ",\"spec\":{\"containers\":[" WEB "]}}");

	w->volume_failures = 2;
	w->volume_text = "MountVolume.SetUp failed for volume \"c\" : configmap \"c\" not found";
	run(w, 10000);
	CHECK(strncmp(buf_str(&w->trace),
		      "[      0] volumes\n"
		      "[      0] record Warning FailedMount: MountVolume.SetUp failed for volume "
		      "\"c\" : configmap \"c\" not found\n"
		      "[    500] volumes\n",
		      60) == 0);
	CHECK_STR(status(w, "phase"), "Running");
}

#define PROBED                                                                                     \
	"{\"name\":\"web\",\"image\":\"nginx\",\"livenessProbe\":{\"httpGet\":{\"port\":80},"      \
	"\"periodSeconds\":5,\"initialDelaySeconds\":3,\"failureThreshold\":2},"                   \
	"\"readinessProbe\":{\"httpGet\":{\"port\":80},\"periodSeconds\":2,"                       \
	"\"failureThreshold\":1,\"successThreshold\":2}}"

TEST(probes_keep_their_times_and_thresholds)
{
	auto_world struct world *w = world_new(
		"{" META ",\"spec\":{\"terminationGracePeriodSeconds\":4,\"containers\":[" PROBED
		"]}}");

	w->probe_trace = true;
	run(w, 0);
	CHECK_STR(cond(w, "Ready", "status"), "False");
	CHECK_STR(status(w, "phase"), "Running");
	buf_clear(&w->trace);
	run(w, 3000);
	trace_is(w, "[   2000] probe web readiness\n[   3000] probe web liveness\n");
	CHECK_STR(cond(w, "Ready", "status"), "True");
	w->probes[POD_LIVENESS] = POD_FAILURE;
	w->term_ms = 1000;
	w->probe_trace = false;
	run(w, 14500);
	trace_is(w, "[   8000] record web Warning Unhealthy: Liveness probe failed: HTTP probe "
		    "failed with statuscode: 500\n"
		    "[  13000] record web Warning Unhealthy: Liveness probe failed: HTTP probe "
		    "failed with statuscode: 500\n"
		    "[  13000] record web Killing: Container web failed liveness probe, will be "
		    "restarted\n"
		    "[  13000] signal web\n"
		    "[  14000] image web\n"
		    "[  14000] record web Pulled: Container image \"nginx\" already present on "
		    "machine and can be accessed by the pod\n"
		    "[  14000] start web #1\n"
		    "[  14000] record web Created: Container created\n"
		    "[  14000] record web Started: Container started\n");
	CHECK_INT(json_int_at(cstatus(w, "containerStatuses", 0), "restartCount", -1), 1);
	CHECK_STR(cond(w, "Ready", "status"), "False"); /* until it has said yes twice */
	w->probes[POD_LIVENESS] = POD_SUCCESS;
	run(w, 16500);
	CHECK_STR(cond(w, "Ready", "status"), "True");
	w->probes[POD_READINESS] = POD_FAILURE;
	run(w, 18500);
	CHECK_STR(cond(w, "Ready", "message"), "containers with unready status: [web]");
}

TEST(the_active_deadline_ends_a_pod)
{
	auto_world struct world *w = world_new(
		"{" META ",\"spec\":{\"activeDeadlineSeconds\":7,\"containers\":[" WEB "]}}");

	w->term_ms = 10;
	run(w, 100000);
	CHECK_STR(status(w, "phase"), "Failed");
	CHECK_STR(status(w, "reason"), "DeadlineExceeded");
	CHECK_STR(status(w, "message"),
		  "Pod was active on the node longer than the specified deadline");
	CHECK(strstr(buf_str(&w->trace), "[   7000] signal web\n[   7010] teardown\n"));
}

TEST(a_lost_sandbox_starts_over)
{
	auto_world struct world *w =
		world_new("{" META ",\"spec\":{\"initContainers\":[{\"name\":\"one\",\"image\":"
			  "\"i\"}],\"containers\":[" WEB "]}}");

	w->mortal = "one";
	w->life_ms = 10;
	run(w, 1000);
	CHECK_STR(status(w, "phase"), "Running");
	buf_clear(&w->trace);
	w->events = false;
	podmachine_event(w->pm, &(struct podmachine_event){ .type = POD_SANDBOX_LOST }, w->now_ns);
	run(w, 2000);
	trace_is(w, "[   1000] sandbox\n[   1000] image one\n[   1000] start one #1\n"
		    "[   1010] image web\n[   1010] start web #1\n");
	struct json_object *c = cstatus(w, "containerStatuses", 0);

	CHECK_STR(json_str_at(c, "lastState.terminated.reason"), "ContainerStatusUnknown");
	CHECK_INT(json_int_at(c, "lastState.terminated.exitCode", 0), 137);
	CHECK_INT(json_int_at(c, "restartCount", -1), 1);
}

TEST(a_saved_pod_goes_on_where_it_was)
{
	auto_world struct world *w = world_new("{" META ",\"spec\":{\"containers\":[" PROBED "]}}");
	struct podmachine_instance instance;
	const char *why;

	run(w, 5000);
	CHECK_STR(cond(w, "Ready", "status"), "True");
	CHECK(podmachine_instance(w->pm, "web", false, &instance, &why) == 0);
	struct json_object *saved = podmachine_save(w->pm);
	struct json_object *pod = json_ref(podmachine_pod(w->pm));
	struct json_object *before = json_ref(podmachine_status(w->pm));

	podmachine_free(w->pm);
	CHECK(podmachine_new(&(struct podmachine_options){ .host_ip = "192.168.0.2" }, pod, saved,
			     w->now_ns, &w->pm, NULL) == 0);
	CHECK(podmachine_wants_sandbox(w->pm));
	podmachine_event(w->pm,
			 &(struct podmachine_event){ .type = POD_ADOPTED, .ip = "10.244.0.5" },
			 w->now_ns);
	podmachine_event(w->pm, &(struct podmachine_event){ .type = POD_ALIVE, .id = instance.id },
			 w->now_ns);
	podmachine_event(w->pm, &(struct podmachine_event){ .type = POD_SYNCED }, w->now_ns);
	buf_clear(&w->trace);
	memset(w->later, 0, sizeof(w->later));
	run(w, 6000);
	trace_is(w, ""); /* zero restarts, nothing said */
	CHECK(json_equal(before, podmachine_status(w->pm)));
	json_unref(before);
	json_unref(saved);
	json_unref(pod);
}

TEST(what_did_not_survive_is_restarted)
{
	auto_world struct world *w = world_new("{" META ",\"spec\":{\"containers\":[" WEB "]}}");

	run(w, 5000);
	podmachine_event(w->pm,
			 &(struct podmachine_event){ .type = POD_ADOPTED, .ip = "10.244.0.5" },
			 w->now_ns);
	podmachine_event(w->pm, &(struct podmachine_event){ .type = POD_SYNCED }, w->now_ns);
	buf_clear(&w->trace);
	w->events = false;
	run(w, 6000);
	trace_is(w, "[   5000] image web\n[   5000] start web #1\n");
}

TEST(a_removed_pod_ends_silently)
{
	auto_world struct world *w = world_new("{" META ",\"spec\":{\"containers\":[" WEB "]}}");

	run(w, 0);
	buf_clear(&w->trace);
	w->events = false;
	w->statuses = true;
	w->term_ms = 20;
	podmachine_remove(w->pm, w->now_ns);
	run(w, 6000);
	trace_is(w, "[      0] signal web\n[     20] teardown\n");
	CHECK(podmachine_ended(w->pm));
}

TEST(a_pod_with_a_final_phase_is_not_started_again)
{
	auto_world struct world *w =
		world_new("{" META ",\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[" WEB
			  "]},\"status\":{\"phase\":\"Succeeded\",\"containerStatuses\":[{\"name\":"
			  "\"web\",\"containerID\":\"shallop://ab\",\"state\":{\"terminated\":{"
			  "\"exitCode\":0,\"reason\":\"Completed\"}}}]}}");

	run(w, 1000);
	trace_is(w, "[      0] teardown\n");
	CHECK_STR(status(w, "phase"), "Succeeded");
	CHECK_STR(json_str_at(cstatus(w, "containerStatuses", 0), "state.terminated.reason"),
		  "Completed");
}

TEST(a_deleted_pod_that_never_ran_fails)
{
	auto_world struct world *w =
		world_new("{" GONE(30) ",\"spec\":{\"containers\":[" WEB "]}}");

	run(w, 1000);
	trace_is(w, "[      0] teardown\n[      0] ended\n");
	CHECK_STR(status(w, "phase"), "Failed");
	CHECK_STR(json_str_at(cstatus(w, "containerStatuses", 0), "state.terminated.reason"),
		  "ContainerStatusUnknown");
}

TEST(every_effect_has_a_name)
{
	for (int i = 0; i < POD_EFFECT_COUNT; i++)
		for (int k = 0; k < i; k++)
			CHECK(strcmp(podmachine_effect_name((enum podmachine_effect_type)i),
				     podmachine_effect_name((enum podmachine_effect_type)k)) != 0);
}

TEST(a_container_that_vanishes_from_the_spec_is_still_ended)
{
	auto_world struct world *w = world_new("{" META ",\"spec\":{\"containers\":[" WEB "]}}");

	run(w, 0);
	buf_clear(&w->trace);
	w->events = false;
	want_pod(w, "{" GONE(1) ",\"spec\":{\"containers\":[{\"name\":\"other\"}]}}");
	run(w, 5000);
	trace_is(w, "[      0] signal web\n[      0] teardown\n[      0] ended\n");
}

TEST(a_pods_resources_are_those_of_all_its_containers)
{
	auto_world struct world *w = world_new(
		"{" META
		",\"spec\":{\"initContainers\":[{\"name\":\"i\",\"image\":\"i\",\"resources\":"
		"{\"requests\":{\"cpu\":\"1\"}}},{\"name\":\"s\",\"image\":\"i\",\"restartPolicy\":"
		"\"Always\",\"resources\":{\"requests\":{\"memory\":\"1Mi\"}}}],\"containers\":["
		"{\"name\":\"a\",\"image\":\"i\",\"resources\":{\"requests\":{\"cpu\":\"100m\","
		"\"memory\":\"1Mi\"},\"limits\":{\"memory\":\"1Gi\"}}},"
		"{\"name\":\"b\",\"image\":\"i\",\"resources\":{\"requests\":{\"cpu\":\"250m\"}}}]}"
		"}");
	struct json_object *status;

	run(w, 0);
	status = podmachine_status(w->pm);
	CHECK_STR(json_str_at(status, "allocatedResources.cpu"), "1"); /* the init container's */
	CHECK_STR(json_str_at(status, "allocatedResources.memory"), "2Mi");
	CHECK_STR(json_str_at(status, "resources.limits.memory"), "1Gi");
}
