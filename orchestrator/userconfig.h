/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ~/.kube/config of the person who types the command (also behind sudo): a copy of the admin kubeconfig
 * if there is none, never overwritten; and taken away again as long as it is still that copy. Done with
 * that person's rights, so that a link in their home leads nowhere it should not.
 */
#pragma once

#include "orchestrator/instance.h"

void userconfig_give(const struct instance *instance);
void userconfig_forget(const struct instance *instance);
