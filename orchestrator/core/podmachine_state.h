/* SPDX-License-Identifier: Apache-2.0 */
/* The pod machine's inside, shared by the podmachine*.c files only. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/time.h"
#include "orchestrator/core/podmachine.h"

#define PM_CONTAINERS_MAX   256
#define PM_MESSAGE_MAX	    4096 /* of one container's termination message, as the kubelet cuts it */
#define PM_GRACE_MIN_S	    2	 /* even a grace period of 0 gives SIGTERM this long */
#define PM_RETRY_NS	    (10 * NS_PER_S) /* after a failure without a back-off of its own */
#define PM_SHOW_NS	    (1 * NS_PER_S) /* how long an end is shown before CrashLoopBackOff hides it */
#define PM_BACKOFF_FIRST_NS (10 * NS_PER_S)
#define PM_BACKOFF_MAX_NS   (300 * NS_PER_S)
#define PM_FOREVER_NS	    INT64_MAX

enum pm_kind { PM_INIT, PM_SIDECAR, PM_MAIN, PM_EPHEMERAL };
/* What is known about the newest instance. */
enum pm_state { PM_NEW, PM_RUNNING, PM_EXITED };
/* What is under way for the next one. */
enum pm_doing { PM_IDLE, PM_IMAGE, PM_STARTING, PM_POST_START };
enum pm_stop { PM_STAYS, PM_PRE_STOP, PM_TURN, PM_TERM, PM_KILLED };
enum pm_part { PM_NONE, PM_MAKING, PM_READY };

struct pm_end {
	char id[PODMACHINE_ID_MAX];
	int attempt, exit_code, signal;
	char *reason, *message;
	int64_t started_ns, finished_ns;
};

/* Kubernetes' flowcontrol.Backoff for one key. */
struct pm_backoff {
	int64_t delay_ns, updated_ns; /* delay 0: no entry */
};

struct pm_probe {
	struct json_object *spec; /* NULL: none. Borrowed from the pod */
	int64_t delay_s, period_s, timeout_s, grace_s;
	int success_threshold, failure_threshold;
	bool known, good; /* the result that counts, once there is one */
	bool last_good, on_hold;
	int run; /* how many times in a row */
	int64_t next_ns;
	uint64_t ticket; /* in flight; 0: none */
};

struct pm_container {
	char *name, *field_path;
	struct json_object *spec; /* a reference: the pod's next version may lack it */
	enum pm_kind kind;
	enum pm_state state;
	enum pm_doing doing;
	char id[PODMACHINE_ID_MAX]; /* newest instance; "" before the first */
	int attempt;		    /* of @id; -1 before the first */
	int restart_count;
	char *image, *image_id;
	char next_id[PODMACHINE_ID_MAX]; /* being started */
	int64_t started_ns;
	struct pm_end end;		  /* EXITED: how */
	struct pm_end last;		  /* of the instance before; id "" : none */
	char *wait_reason, *wait_message; /* why it is not running, as the kubelet's reason cache */
	struct pm_backoff crash, pull;
	char *pull_error; /* what the last failed pull said */
	int64_t retry_ns; /* not before */
	bool lost;	  /* belongs to an earlier sandbox */
	struct pm_probe probes[POD_PROBE_COUNT];
	uint64_t hook_ticket;
	struct json_object *user; /* status.user of the newest instance, or NULL */
	/* ending */
	enum pm_stop stop;
	int64_t stop_began_ns, stop_grace_s, stop_due_ns;
	bool stop_final;  /* not to be restarted afterwards */
	bool backing_off; /* the BackOff event of this wait has been told */
};

struct pm_effect {
	struct podmachine_effect effect;
	char id[PODMACHINE_ID_MAX];
	char *reason, *text;
	struct json_object *spec;
};

struct podmachine {
	struct json_object *pod;
	char *uid, *name, *namespace, *full; /* "web_default(uid)", as the kubelet prints pods */
	char host_ip[64], ip[64];
	struct pm_container *containers; /* init, then main, then ephemeral */
	size_t n_containers;
	enum pm_part sandbox, volumes;
	bool volumes_pending; /* MAKING, and only an answer from afar is missing */
	bool had_sandbox;     /* ever: the next one is a change */
	int64_t sandbox_retry_ns, volumes_retry_ns, volumes_delay_ns;
	int64_t start_ns;  /* status.startTime */
	bool main_started; /* in this sandbox: initialized for good */
	bool deleting, removed, ending, tearing, finished, ended;
	int64_t grace_s, ending_began_ns;
	char *reason, *message; /* of the status */
	char *phase;
	bool host_network;
	uint64_t tickets;
	/* effects */
	struct pm_effect *effects;
	size_t n_effects, cap_effects, next_effect;
	struct json_object *status;
	bool touched; /* the status may have changed */
	int64_t wake_ns;
};

/* podmachine.c */
struct pm_effect *pm_effect(struct podmachine *pm, enum podmachine_effect_type type,
			    struct pm_container *c);
void pm_record(struct podmachine *pm, struct pm_container *c, bool warning, const char *reason,
	       const char *fmt, ...) PRINTF_LIKE(5, 6);
void pm_set(char **text, const char *value);
void pm_waits(struct podmachine *pm, struct pm_container *c, const char *reason,
	      const char *message);
void pm_end_done(struct pm_end *end);
bool pm_restarts(const struct podmachine *pm, const struct pm_container *c, int exit_code);
struct pm_container *pm_find(const struct podmachine *pm, const char *name);
static inline void pm_wake(struct podmachine *pm, int64_t at_ns)
{
	if (at_ns < pm->wake_ns)
		pm->wake_ns = at_ns;
}
static inline bool pm_is_up(const struct pm_container *c)
{
	return c->state == PM_RUNNING;
}
/* The startup probe, if there is one, has said yes. */
bool pm_started(const struct pm_container *c);
bool pm_ready(const struct pm_container *c);

/* podmachine_start.c */
void pm_start_step(struct podmachine *pm, int64_t now_ns);
void pm_image_event(struct podmachine *pm, struct pm_container *c,
		    const struct podmachine_event *event, int64_t now_ns);
void pm_start_event(struct podmachine *pm, struct pm_container *c,
		    const struct podmachine_event *event, int64_t now_ns);
void pm_post_start_done(struct podmachine *pm, struct pm_container *c,
			const struct podmachine_event *event, int64_t now_ns);

/* podmachine_probe.c */
void pm_probe_parse(struct pm_container *c);
void pm_probe_reset(struct pm_container *c, int64_t now_ns);
void pm_probe_step(struct podmachine *pm, struct pm_container *c, int64_t now_ns);
void pm_probe_event(struct podmachine *pm, const struct podmachine_event *event, int64_t now_ns);

/* podmachine_stop.c */
int64_t pm_grace_s(const struct podmachine *pm, const struct pm_container *c, int probe);
void pm_stop(struct podmachine *pm, struct pm_container *c, const char *message, int64_t grace_s,
	     bool final, int64_t now_ns);
void pm_stop_step(struct podmachine *pm, struct pm_container *c, int64_t now_ns);
void pm_pre_stop_done(struct podmachine *pm, struct pm_container *c,
		      const struct podmachine_event *event, int64_t now_ns);
void pm_ending_step(struct podmachine *pm, int64_t now_ns);
void pm_shorten(struct podmachine *pm, int64_t now_ns);

/* podmachine_status.c */
struct json_object *pm_status(struct podmachine *pm, int64_t now_ns); /* and pm->phase */

/* podmachine_resources.c */
struct json_object *pm_total(const struct podmachine *pm, const char *what);

/* podmachine_save.c */
void pm_restore(struct podmachine *pm, const struct json_object *saved);
void pm_restore_status(struct podmachine *pm);
