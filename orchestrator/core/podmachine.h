/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pod's mind on its node: what shall be, what was seen, what time it is → what to do.
 *
 * Pure: no system call, no clock, no randomness. The agent feeds the desired Pod and what it
 * observes (struct podmachine_event), steps the machine, carries out the effects that it takes out
 * with podmachine_next(), and comes back at podmachine_wake_ns() at the latest. Each effect that asks
 * for work is answered by exactly one event; the machine never asks twice for the same thing while
 * an answer stands out.
 *
 * Phases, conditions, container states, reasons, messages, back-off, probes, hooks and the
 * wording of events are the kubelet's of Kubernetes 1.37.
 *
 * Life of a pod: VOLUMES and SANDBOX at once; then init containers in turn, sidecars on the way,
 * then all containers, each IMAGE → START [→ HOOK]; in the end (deletion, deadline, nothing left to
 * run) HOOK, SIGNAL, KILL per container, then TEARDOWN; a pod that is being deleted then says ENDED,
 * once, with its final status.
 *
 * What survives a restart of the agent is podmachine_save(): a JSON value for podmachine_new().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

#define PODMACHINE_ID_MAX 65 /* container ids: 64 hex digits */

struct podmachine;

/* ---- what to do ---- */

enum podmachine_effect_type {
	POD_VOLUMES,  /* make the pod's directories and volumes → VOLUMES_READY or _FAILED */
	POD_SANDBOX,  /* namespaces, shim, network → SANDBOX_READY or _FAILED */
	POD_IMAGE,    /* find or pull container's image → IMAGE_READY or _FAILED */
	POD_START,    /* create and start @container as @id → STARTED or START_FAILED */
	POD_SIGNAL,   /* the container's stop signal to its first process; no answer */
	POD_KILL,     /* SIGKILL to all of the container; its end is the answer */
	POD_FORGET,   /* remains of the instance @id (root, cgroup) can go; no answer */
	POD_PROBE,    /* run @spec → PROBED */
	POD_HOOK,     /* run @spec → HOOKED */
	POD_RECORD,   /* tell the world: a Kubernetes event; no answer */
	POD_TEARDOWN, /* sandbox, network, volumes, cgroup: remove all → TORN_DOWN */
	POD_STATUS,   /* podmachine_status() has changed: report and save; no answer */
	POD_ENDED, /* deleted, and nothing is left: report the last status as the last; no answer */
	POD_EFFECT_COUNT,
};
enum podmachine_probe { POD_STARTUP, POD_LIVENESS, POD_READINESS, POD_PROBE_COUNT };
enum podmachine_hook { POD_POST_START, POD_PRE_STOP };

struct podmachine_effect {
	enum podmachine_effect_type type;
	const char *container; /* name; NULL: of the pod. Borrowed from the pod */
	const char *id;	       /* START, SIGNAL, KILL, FORGET, PROBE, HOOK: the instance */
	int attempt;	       /* START: 0, 1, …: the log file's number */
	struct json_object
		*spec; /* PROBE: the probe; HOOK: the handler; START, IMAGE: the container */
	enum podmachine_probe probe;
	enum podmachine_hook hook;
	uint64_t ticket;    /* PROBE, HOOK: to be repeated in the answer */
	int64_t timeout_ns; /* PROBE: how long; HOOK of PRE_STOP: the rest of the grace period */
	bool warning;	    /* RECORD: type Warning, else Normal */
	const char *reason, *text; /* RECORD */
	const char *field_path;	   /* RECORD: "spec.containers{web}", or NULL */
};

/* ---- what was seen ---- */

enum podmachine_event_type {
	POD_VOLUMES_READY,
	POD_VOLUMES_FAILED,  /* text: "MountVolume.SetUp failed for volume …" */
	POD_VOLUMES_PENDING, /* all is there but what a server has been asked for: go on meanwhile */
	POD_SANDBOX_READY,   /* ip ("" with host network) */
	POD_SANDBOX_FAILED,  /* text */
	POD_SANDBOX_LOST,    /* shim gone: whatever ran there is dead */
	POD_ADOPTED, /* after a restart: sandbox lives (ip); the containers follow as ALIVE, EXITED */
	POD_IMAGE_READY, /* image, image_id; text: the sentence for the Pulled event; warning: a second one */
	POD_IMAGE_PULLING, /* the registry is being asked; no answer yet */
	POD_IMAGE_FAILED, /* reason: ErrImagePull, ErrImageNeverPull, InvalidImageName, …; text */
	POD_STARTED,	  /* id, at_ns; uid, gid, groups */
	POD_START_FAILED, /* id; reason: CreateContainerConfigError, CreateContainerError, RunContainerError */
	POD_ALIVE,  /* adoption: id runs */
	POD_SYNCED, /* adoption: no more of them; what was thought to run and did not come is gone */
	POD_EXITED, /* id, exit_code, signal, oom, at_ns (ended), started_ns, text: termination message */
	POD_PROBED,	   /* ticket, outcome, text */
	POD_HOOKED,	   /* ticket, outcome, text */
	POD_INPUT_CHANGED, /* a ConfigMap, a Secret, an image: try again what waits for one */
	POD_TORN_DOWN,
	POD_EVENT_COUNT,
};
enum podmachine_outcome {
	POD_SUCCESS,
	POD_FAILURE, /* the probe or hook says no; text says why */
	POD_WARNING, /* success with a warning (a redirect) */
	POD_ERROR,   /* it could not be run; thrown away after an event */
};
struct podmachine_event {
	enum podmachine_event_type type;
	const char *container; /* IMAGE_*, STARTED, START_FAILED, ALIVE, EXITED */
	const char *id;
	const char *text, *reason, *warning;
	const char *image, *image_id;
	const char *ip;
	uint64_t ticket;
	enum podmachine_outcome outcome;
	int exit_code, signal;
	bool oom;
	int64_t at_ns, started_ns;
	bool has_user; /* STARTED */
	uint32_t uid, gid;
	const uint32_t *groups;
	unsigned n_groups;
};

/* ---- the machine ---- */

struct podmachine_options {
	const char *host_ip; /* of the node; copied */
};

/*
 * @pod: the desired Pod as the API gives it (its own reference is taken). @saved: what
 * podmachine_save() gave before, or NULL; then the status inside @pod is believed as far as it goes
 * (restart counts, transition times, a phase that is final).
 */
int podmachine_new(const struct podmachine_options *options, struct json_object *pod,
		   const struct json_object *saved, int64_t now_ns, struct podmachine **ret,
		   struct err *err);
struct podmachine *podmachine_free(struct podmachine *machine);
OWN_DEFINE(podmachine, struct podmachine *, podmachine_free)
#define auto_podmachine OWN(podmachine)

/* Another version of the same pod (same uid): deletion, labels, ephemeral containers. */
void podmachine_update(struct podmachine *machine, struct json_object *pod, int64_t now_ns);
/* End it now with its own grace period and report nothing: removed by the server, or replaced. */
void podmachine_remove(struct podmachine *machine, int64_t now_ns);
/* End it because of the node ("Evicted", …): phase Failed with this reason and message. */
void podmachine_evict(struct podmachine *machine, const char *reason, const char *message,
		      int64_t now_ns);

void podmachine_event(struct podmachine *machine, const struct podmachine_event *event,
		      int64_t now_ns);
/* Decide. Call after events and at podmachine_wake_ns(). */
void podmachine_step(struct podmachine *machine, int64_t now_ns);
/* The next effect in order; false: none waits. Pointers in it hold until the machine's next call. */
bool podmachine_next(struct podmachine *machine, struct podmachine_effect *ret);
/* When time alone gives it something to do (absolute); INT64_MAX: never. */
int64_t podmachine_wake_ns(const struct podmachine *machine);

/* ---- looking at it ---- */

struct json_object *podmachine_status(const struct podmachine *machine); /* borrowed */
struct json_object *podmachine_pod(const struct podmachine *machine);	 /* borrowed */
struct json_object *podmachine_save(const struct podmachine *machine);	 /* the caller's */
const char *podmachine_phase(const struct podmachine *machine);
const char *podmachine_ip(const struct podmachine *machine);	 /* "" before there is one */
bool podmachine_wants_sandbox(const struct podmachine *machine); /* saved one had one: adopt it */
bool podmachine_finished(const struct podmachine *machine); /* torn down: nothing of it is left */
bool podmachine_ended(
	const struct podmachine *machine); /* finished, and ENDED was said or not wanted */

/* The instance of @container: of the running or last one, or, @previous, the one before. */
struct podmachine_instance {
	char id[PODMACHINE_ID_MAX];
	int attempt;
	bool running;
	int exit_code;
	int64_t started_ns, finished_ns;
	struct json_object *spec; /* of the container; borrowed */
};
/* -ENOENT: no such container; -EAGAIN: it has had no (previous) instance yet, @why_waiting says why. */
int podmachine_instance(const struct podmachine *machine, const char *container, bool previous,
			struct podmachine_instance *ret, const char **why_waiting);
/* The name of the container whose instance is @id (also of the previous one), or NULL. */
const char *podmachine_container_of(const struct podmachine *machine, const char *id);

const char *podmachine_effect_name(enum podmachine_effect_type type);
