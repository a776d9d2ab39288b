/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where credentials come from beside a kubeconfig's own text: a program that it names (user.exec,
 * client.authentication.k8s.io), asked once a run; and, with no kubeconfig at all inside of a pod, the
 * pod's service account.
 */
#pragma once

#include "ctl/kubeconfig.h"

/* Ask @target->exec and fill in what it says. The sentence follows "getting credentials: ". */
int credential_ask(struct kubeconfig_target *target, struct err *err);

/* 1: we are in a pod and @target is now its API server and account; 0: we are not. */
int credential_in_cluster(struct kubeconfig_target *target, const char *account_dir,
			  struct err *err);
#define CREDENTIAL_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"
