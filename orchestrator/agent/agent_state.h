/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's inside: what its files share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/map.h"
#include "image/image.h"
#include "netns/netns.h"
#include "orchestrator/agent/agent.h"
#include "orchestrator/agent/desired.h"
#include "orchestrator/agent/downward.h"
#include "orchestrator/agent/helper.h"
#include "orchestrator/agent/podfiles.h"
#include "runtime/runtime.h"

struct uplink;
struct nodepod;
struct control;

struct agent {
	struct agent_options options; /* texts borrowed from the caller of agent_run() */
	char address[INET6_ADDRSTRLEN];
	struct loop *loop;
	struct desired *desired;
	struct helper *syncer, *janitor;
	struct image_store *images;
	struct netns_node *net; /* NULL until the node's share of the pod network is known */
	char pod_cidr[64];
	struct runtime_host host;
	bool limits_unenforced;
	int oom_score_floor;
	int64_t cpu_milli, memory_bytes, storage_bytes;
	struct map pods; /* struct nodepod by uid */
	struct uplink *uplink;
	struct control *control;
	struct loop_timer *tick;     /* housekeeping every few seconds */
	struct loop_timer *patience; /* then we are ready without a server */
	bool ready_said;
	bool sync_wanted; /* something that has to be acknowledged lies in the log */
	bool sync_running;
	int64_t wall_offset_ns; /* wall clock minus monotonic, steady against jumps */
	char *resolv_conf;	/* the node's own, read at start */
};

/* Wall-clock time that does not jump while the agent runs: what machines are told. */
int64_t agent_now_ns(const struct agent *agent);

/* What the cluster is called and where its DNS answers: the server's word, else the options'. */
const char *agent_cluster_text(const struct agent *agent, const char *key);
void agent_dns(const struct agent *agent, struct podfiles_dns *ret);
/* "shallop" or "shallop-3fa9c1": cgroups and names of this instance. */
const char *agent_title(const struct agent *agent, char title[24]);
/* Open the pod network once its range is known. 0: it is open; -EAGAIN: not known yet. */
int agent_open_network(struct agent *agent, struct err *err);

/* ---- desired state has changed (uplink.c calls these) ---- */

void agent_pod_set(struct agent *agent, struct json_object *pod);
void agent_pod_removed(struct agent *agent, const char *uid);
/* A ConfigMap, a Secret or images: pods that wait for it try again, volumes are written anew. */
void agent_input_changed(struct agent *agent, const char *kind, const char *namespace,
			 const char *name);
void agent_node_changed(struct agent *agent);
/* A pod has ended and is forgotten: the next one of its name may begin. */
void agent_pod_gone(struct agent *agent, struct nodepod *pod);

/* Tell who waits for it (NOTIFY_SOCKET) that this node is in service; once. */
void agent_say_ready(struct agent *agent);
