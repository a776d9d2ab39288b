/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server: sockets, disk and clock around the core. One process, one loop; a second thread only
 * writes to the store. It speaks HTTPS with API clients (front.h), the node protocol with agents
 * (nodefront.h), and keeps what the core commits (store.h).
 *
 * A round of the loop translates what came into core requests and node events; at its end the core
 * steps, what is staged goes to the store as one batch, and what the store has made durable is
 * published and answered. kill -9 at any moment loses nothing that was acknowledged.
 *
 * On disk, all below D = data_dir, crash safe, and readable by root alone:
 *	D/server/store.db	the objects (SQLite)
 *	D/server/pki/		keys and certificates (server_pki_ensure)
 *	D/kubeconfig		the administrator's, credentials embedded
 *
 * When both ports answer, READY=1 goes to NOTIFY_SOCKET (base/notify.h).
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct server_options {
	const char *data_dir, *run_dir; /* "/var/lib/shallop", "/run/shallop" */
	const char *instance;		/* 6 hex digits; "" for the default data-dir */
	/* The IP address that clients and nodes are told; a loopback address: listen there only. */
	const char *address;
	unsigned port, node_port; /* 6443, 6444 */
	const char *cluster_domain, *service_cidr, *pod_cidr;
};

/* Serve until SIGTERM or SIGINT: 0 then, else what stopped it. */
int server_run(const struct server_options *options, struct err *err);

/* ---- keys and certificates; `shallop up` calls these before it starts the two daemons ---- */

/*
 * Make what is missing, renew what has less than a third of its time left, and issue the server's
 * certificate anew when its names changed: CA (20 years), server, administrator, the key that signs
 * service-account tokens, D/kubeconfig. Only ever adds or replaces whole files: safe to interrupt,
 * idempotent.
 */
int server_pki_ensure(const struct server_options *options, struct err *err);

/*
 * D/agent/pki/ca.crt, node.key and node.crt (CN system:node:@node, O system:nodes), made or renewed
 * as above. For the node on the server's own machine; others get theirs by the node protocol.
 */
int server_pki_issue_node(const struct server_options *options, const char *node, struct err *err);
/* The same files into @dir: a node's credentials that are carried there by hand. */
int server_pki_issue_node_to(const struct server_options *options, const char *node,
			     const char *dir, struct err *err);
