/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's kubeconfig: one cluster, one user, one context, credentials embedded. */
#pragma once

#include "base/buf.h"

struct kubeconfig {
	const char *name;   /* of cluster, user and context */
	const char *server; /* "https://10.0.0.7:6443" */
	const char *ca_pem, *cert_pem, *key_pem;
};
/* YAML, appended to @ret. -ENOMEM. */
int kubeconfig_write(const struct kubeconfig *config, struct buf *ret);
