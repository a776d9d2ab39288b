/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node agent: runs the pods that the server wants on this node, and goes on without it.
 *
 * One process, one loop, no thread. Each pod has a machine (orchestrator/core/podmachine.h) that
 * decides, and a nodepod (nodepod.h) that carries out what was decided through the three doors
 * image/, netns/ and runtime/. What is wanted lies on disk (desired.h) before it is acknowledged, so
 * the agent starts with no server in reach, and pods outlive it: SIGTERM and SIGKILL end the agent
 * and nothing else; the next one adopts the living shims.
 *
 * On disk, below D = data_dir:
 *	D/agent/pki/		ca.crt, node.crt, node.key: who this node is
 *	D/agent/state/		what is wanted, what pods were like, addresses; versioned, crash safe
 *	D/pods/UID/		volumes, etc-hosts, roots of containers
 *	D/logs/pods/		NS_NAME_UID/CONTAINER/N.log, CRI format, 5 files of 10 MiB each
 *	D/images/		the image store
 * and below R = run_dir: R/agent.sock (control.h), R/shim, R/ns.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct agent_options {
	const char *data_dir, *run_dir; /* "/var/lib/shallop", "/run/shallop" */
	const char *instance;		/* 6 hex digits; "" for the default data-dir */
	const char *node_name;
	const char *server_host; /* where to dial first; others are learnt */
	unsigned server_port;
	/* The node's share of the pod network; NULL or "": Node.spec.podCIDR, as the server gives it. */
	const char *pod_cidr;
	/* What the server says replaces these; they count until it has been heard once. */
	const char *cluster_cidr, *service_cidr, *cluster_dns, *cluster_domain;
	const char *address;   /* the node's own; NULL or "": found */
	const char *shim_path; /* bin/shallop-shim */
	bool edge;	       /* joined with --edge */
};

/*
 * Run until SIGTERM or SIGINT: 0 then, else what stopped it. Pods are left running. READY=1 goes to
 * NOTIFY_SOCKET when a session with a server is in step, or after two seconds without one.
 */
int agent_run(const struct agent_options *options, struct err *err);
