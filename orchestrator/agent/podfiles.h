/* SPDX-License-Identifier: Apache-2.0 */
/* The small files that every container of a pod finds in /etc: hosts, hostname, resolv.conf. */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#define PODFILES_HOSTNAME_MAX 64

/* The pod's host name (spec.hostnameOverride, spec.hostname, its name; 63 characters at most). */
void podfiles_hostname(const struct json_object *pod, char name[PODFILES_HOSTNAME_MAX]);

/* Network facts of the cluster that resolv.conf needs. */
struct podfiles_dns {
	const char *cluster_dns, *cluster_domain;
	const char *node_resolv_conf; /* content of the node's own file; NULL: none */
};
int podfiles_resolv_conf(const struct json_object *pod, const struct podfiles_dns *dns,
			 struct buf *out);
/* @node_hosts: content of the node's file, used with host network. */
int podfiles_hosts(const struct json_object *pod, const char *pod_ip, const char *cluster_domain,
		   const char *node_hosts, struct buf *out);

/* Write all three into the pod's directory: etc-hosts, hostname, resolv.conf. */
int podfiles_write(int pod_dir_fd, const struct json_object *pod, const char *pod_ip,
		   const struct podfiles_dns *dns, struct err *err);
