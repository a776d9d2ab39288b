/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any pod, any news, in any order: the machine never asks twice for what has not been answered, and a
 * pod that is deleted comes to its end once the world answers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "orchestrator/core/podmachine.h"

#define ASKED_MAX 64
#define SETTLE	  400

struct asked {
	struct podmachine_effect effect; /* type, ticket */
	char container[64], id[PODMACHINE_ID_MAX];
};
struct world {
	struct podmachine *pm;
	struct json_object *pod;
	struct asked asked[ASKED_MAX];
	size_t n_asked;
	char running[ASKED_MAX][PODMACHINE_ID_MAX];
	size_t n_running;
	int64_t now_ns;
	const uint8_t *data;
	size_t left;
};

static unsigned take(struct world *w, unsigned below)
{
	if (w->left == 0)
		return 0;
	w->left--;
	return *w->data++ % below;
}

static bool wants_answer(enum podmachine_effect_type type)
{
	return type <= POD_START || type == POD_PROBE || type == POD_HOOK || type == POD_TEARDOWN;
}

static void note(struct world *w, const struct podmachine_effect *e)
{
	struct asked *a;

	for (size_t i = 0; i < w->n_asked; i++)
		if (w->asked[i].effect.type == e->type && e->type != POD_PROBE &&
		    e->type != POD_HOOK &&
		    strcmp(w->asked[i].container, e->container ? e->container : "") == 0 &&
		    strcmp(w->asked[i].id, e->id ? e->id : "") == 0)
			abort(); /* asked twice */
	if (w->n_asked == ASKED_MAX)
		return;
	a = &w->asked[w->n_asked++];
	*a = (struct asked){ .effect = *e };
	(void)snprintf(a->container, sizeof(a->container), "%s", e->container ? e->container : "");
	(void)snprintf(a->id, sizeof(a->id), "%s", e->id ? e->id : "");
}

static void exited(struct world *w, const char *id, int code)
{
	char own[PODMACHINE_ID_MAX];

	(void)snprintf(own, sizeof(own), "%s", id);
	for (size_t i = 0; i < w->n_running; i++)
		if (strcmp(w->running[i], own) == 0)
			memcpy(w->running[i], w->running[--w->n_running], PODMACHINE_ID_MAX);
	podmachine_event(
		w->pm,
		&(struct podmachine_event){
			.type = POD_EXITED, .id = own, .exit_code = code, .at_ns = w->now_ns },
		w->now_ns);
}

static void step(struct world *w, bool kind)
{
	struct podmachine_effect e;
	char killed[16][PODMACHINE_ID_MAX];
	size_t n_killed = 0;

	podmachine_step(w->pm, w->now_ns);
	while (podmachine_next(w->pm, &e)) {
		if (wants_answer(e.type))
			note(w, &e);
		else if ((e.type == POD_KILL || (kind && e.type == POD_SIGNAL)) && n_killed < 16)
			(void)snprintf(killed[n_killed++], PODMACHINE_ID_MAX, "%s", e.id);
	}
	for (size_t i = 0; i < n_killed; i++)
		exited(w, killed[i], 137);
	if (n_killed)
		step(w, kind);
}

static void answer(struct world *w, size_t i, unsigned how)
{
	static const struct {
		enum podmachine_event_type good, bad;
	} answers[] = {
		[POD_VOLUMES] = { POD_VOLUMES_READY, POD_VOLUMES_FAILED },
		[POD_SANDBOX] = { POD_SANDBOX_READY, POD_SANDBOX_FAILED },
		[POD_IMAGE] = { POD_IMAGE_READY, POD_IMAGE_FAILED },
		[POD_START] = { POD_STARTED, POD_START_FAILED },
		[POD_PROBE] = { POD_PROBED, POD_PROBED },
		[POD_HOOK] = { POD_HOOKED, POD_HOOKED },
		[POD_TEARDOWN] = { POD_TORN_DOWN, POD_TORN_DOWN },
	};
	static const char *const reasons[] = { "RunContainerError", "CreateContainerConfigError",
					       "ErrImagePull", NULL };
	struct asked a = w->asked[i];
	struct podmachine_event event = {
		.type = how == 0 ? answers[a.effect.type].good : answers[a.effect.type].bad,
		.container = a.container,
		.id = a.id,
		.ip = "10.0.0.1",
		.ticket = a.effect.ticket,
		.outcome = (enum podmachine_outcome)(how & 3),
		.reason = how ? reasons[how & 3] : NULL,
		.text = how ? "no" : NULL,
		.at_ns = w->now_ns,
	};

	w->asked[i] = w->asked[--w->n_asked];
	if (event.type == POD_STARTED && w->n_running < ASKED_MAX)
		(void)snprintf(w->running[w->n_running++], PODMACHINE_ID_MAX, "%s", a.id);
	if (event.type == POD_TORN_DOWN)
		w->n_running = 0;
	podmachine_event(w->pm, &event, w->now_ns);
}

static struct json_object *make_pod(struct world *w)
{
	static const char *const policies[] = { "Always", "OnFailure", "Never" };
	static const char *const extras[] = {
		"",
		",\"livenessProbe\":{\"periodSeconds\":1,\"failureThreshold\":1}",
		",\"startupProbe\":{\"periodSeconds\":2},\"readinessProbe\":{\"failureThreshold\":"
		"1}",
		",\"lifecycle\":{\"preStop\":{\"sleep\":{\"seconds\":1}},\"postStart\":{\"exec\":{}"
		"}}",
	};
	char text[1024];
	struct json_object *pod = NULL;

	(void)snprintf(text, sizeof(text),
		       "{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u\"},\"spec\":{"
		       "\"restartPolicy\":\"%s\",\"activeDeadlineSeconds\":%u,\"initContainers\":["
		       "{\"name\":\"i\"%s},{\"name\":\"s\",\"restartPolicy\":\"Always\"%s}],"
		       "\"containers\":[{\"name\":\"a\"%s},{\"name\":\"b\"%s}]}}",
		       policies[take(w, 3)], take(w, 4) ? 0 : 100, extras[take(w, 4)],
		       extras[take(w, 4)], extras[take(w, 4)], extras[take(w, 4)]);
	(void)json_parse(text, strlen(text), &pod, NULL);
	return pod;
}

static void restart_agent(struct world *w)
{
	struct json_object *saved = podmachine_save(w->pm);

	podmachine_free(w->pm);
	w->n_asked = 0;
	if (podmachine_new(&(struct podmachine_options){ .host_ip = "h" }, w->pod, saved, w->now_ns,
			   &w->pm, NULL) < 0)
		abort();
	json_unref(saved);
	if (!podmachine_wants_sandbox(w->pm))
		return;
	if (take(w, 4) == 0) {
		w->n_running = 0;
		podmachine_event(w->pm, &(struct podmachine_event){ .type = POD_SANDBOX_LOST },
				 w->now_ns);
		return;
	}
	podmachine_event(w->pm, &(struct podmachine_event){ .type = POD_ADOPTED, .ip = "1" },
			 w->now_ns);
	for (size_t i = 0; i < w->n_running; i++)
		podmachine_event(
			w->pm, &(struct podmachine_event){ .type = POD_ALIVE, .id = w->running[i] },
			w->now_ns);
	podmachine_event(w->pm, &(struct podmachine_event){ .type = POD_SYNCED }, w->now_ns);
}

static void delete (struct world *w)
{
	struct json_object *pod = json_copy(w->pod);

	(void)json_put_at(pod, "metadata.deletionTimestamp",
			  json_new_string("2026-01-01T00:00:00Z"));
	(void)json_put_at(pod, "metadata.deletionGracePeriodSeconds", json_new_int(take(w, 40)));
	json_unref(w->pod);
	w->pod = pod;
	podmachine_update(w->pm, pod, w->now_ns);
}

static void something_happens(struct world *w)
{
	switch (take(w, 9)) {
	case 0:
	case 1:
	case 2:
		if (w->n_asked)
			answer(w, take(w, (unsigned)w->n_asked), take(w, 3) ? 0 : take(w, 8));
		break;
	case 3:
		if (w->n_running)
			exited(w, w->running[take(w, (unsigned)w->n_running)], (int)take(w, 3));
		break;
	case 4:
		w->now_ns += (int64_t)take(w, 200) * 100 * NS_PER_MS;
		break;
	case 5:
		podmachine_event(w->pm, &(struct podmachine_event){ .type = POD_INPUT_CHANGED },
				 w->now_ns);
		break;
	case 6:
		if (take(w, 8) == 0 && podmachine_ip(w->pm)[0]) {
			w->n_running = 0;
			podmachine_event(w->pm,
					 &(struct podmachine_event){ .type = POD_SANDBOX_LOST },
					 w->now_ns);
		}
		break;
	case 7:
		restart_agent(w);
		break;
	default:
		if (take(w, 16) == 0)
			delete (w);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .data = data, .left = size, .now_ns = 1763978400LL * NS_PER_S };

	w.pod = make_pod(&w);
	if (!w.pod || podmachine_new(&(struct podmachine_options){ .host_ip = "h" }, w.pod, NULL,
				     w.now_ns, &w.pm, NULL) < 0)
		abort();
	while (w.left) {
		step(&w, false);
		something_happens(&w);
	}
	delete (&w);
	for (int i = 0; i < SETTLE && !podmachine_ended(w.pm); i++) {
		step(&w, true);
		while (w.n_asked)
			answer(&w, 0, 0);
		w.now_ns += NS_PER_S;
	}
	if (!podmachine_ended(w.pm))
		abort(); /* it hangs */
	podmachine_free(w.pm);
	json_unref(w.pod);
	return 0;
}
