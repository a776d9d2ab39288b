/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod on this node: its machine, and the hands that do what the machine decides.
 *
 * What is quick is done at once and answered at once; what takes its time (a start, a probe, the
 * removal of a tree) is answered when it is done. After every event the machine is stepped until it
 * wants nothing more: nodepod_pump().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "orchestrator/agent/agent_state.h"
#include "orchestrator/agent/tokens.h"
#include "orchestrator/agent/volume.h"
#include "orchestrator/core/podmachine.h"
#include "orchestrator/agent/podspec.h"

#define NODEPOD_UID_MAX	   64
#define NODEPOD_LAST_WORDS "last-words" /* the termination log, beside a container's root */

/* A start that was asked for: what its answer will need. */
struct nodepod_start {
	struct list link;
	uint64_t request;
	char id[PODMACHINE_ID_MAX];
	struct podspec_user user;
};

struct nodepod {
	struct map_node node; /* agent->pods */
	struct agent *agent;
	char uid[NODEPOD_UID_MAX + 1];
	char *namespace, *name;
	struct podmachine *machine;
	struct loop_timer *timer;
	char *dir;	 /* D/pods/UID */
	int dir_fd;	 /* -EBADF until it was made */
	char *small_dir; /* R/pods/UID: volumes of small files (volume.h) */
	int small_dir_fd;
	char cgroup[256];
	int cgroup_fd;
	struct sandbox *sandbox;
	int sandbox_fd;		 /* watched */
	bool adopting, attached; /* attached: has links and an address */
	struct tokens tokens;
	int64_t sizes_due_ns;	/* when emptyDirs with a limit are measured again */
	bool volumes_pending;	/* the machine waits for tokens */
	struct list starts;	/* struct nodepod_start */
	struct list executions; /* struct execution (execution.h) */
	struct list streams;	/* struct nodestream */
	struct list probes;	/* struct probe_run (prober.h) */
	bool pumping, pump_again;
	int64_t began_ns; /* when it came to this agent, monotonic */
	bool status_unsent, ended_unsent, ended_sent;
	bool retired;	   /* about to be freed
*/
	bool removed;	   /* desired has it no more */
	bool tearing_tree; /* the janitor is at it */
};

/* @uid must be fit for a path: letters, digits and dashes. */
bool nodepod_uid_is_safe(const char *uid);
int nodepod_new(struct agent *agent, struct json_object *pod, struct nodepod **ret,
		struct err *err);
/* The pod's processes are left alone. */
struct nodepod *nodepod_free(struct nodepod *pod);

/* Start living: adopt what is there or let the machine begin. */
void nodepod_begin(struct nodepod *pod);
void nodepod_update(struct nodepod *pod, struct json_object *json);
void nodepod_remove(struct nodepod *pod);
/* Note what the next agent has to know of it. */
void nodepod_save(struct nodepod *pod);
/* Tell the machine something, then pump. */
void nodepod_event(struct nodepod *pod, const struct podmachine_event *event);
void nodepod_pump(struct nodepod *pod);
/* Write volumes anew that show this object; kind NULL: all (tokens, labels). */
void nodepod_refresh_volumes(struct nodepod *pod, const char *kind, const char *name);
/* Tokens that are due are asked for; called also when a session begins. */
void nodepod_ask_tokens(struct nodepod *pod);
bool nodepod_token_refused(struct nodepod *pod, uint64_t request, const char *sentence);
bool nodepod_token_given(struct nodepod *pod, uint64_t request, const struct json_object *message);

/* exec, attach and port-forward streams into the pod end (nodestream.c). */
void nodepod_end_streams(struct nodepod *pod);

void nodepod_volume_context(struct nodepod *pod, struct volume_context *ret);
/* D/logs/pods/NS_NAME_UID/CONTAINER */
void nodepod_log_dir(const struct nodepod *pod, const char *container, char *path, size_t size);
struct nodepod *nodepod_find(const struct agent *agent, const char *uid);

/* effects.c */
/* The image store need not keep layers for the roots of this pod any more. */
void nodepod_forget_roots(struct agent *agent, const char *pod_dir);
void nodepod_perform(struct nodepod *pod, const struct podmachine_effect *effect);
/* sandbox events, in nodepod_sandbox.c */
int nodepod_watch_sandbox(struct nodepod *pod, struct err *err);
void nodepod_drop_sandbox(struct nodepod *pod);
