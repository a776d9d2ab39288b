/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which part of the cluster's pod range each node has (spec.podCIDR): a /24 each, the first that is
 * free. A part is claimed from the moment it is given, before its Node is published, so that two
 * nodes that register at once never get the same.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "orchestrator/core/core.h"

struct podranges;

#define PODRANGE_MAX 64

/* Follows the nodes of @core (borrowed). -EINVAL: @cidr is no IPv4 range. */
int podranges_new(struct core *core, const char *cidr, struct podranges **ret, struct err *err);
struct podranges *podranges_free(struct podranges *ranges);

/* The part of @node, the same each time: "10.244.3.0/24". -ERANGE: all are taken. */
int podranges_claim(struct podranges *ranges, const char *node, char text[PODRANGE_MAX],
		    struct err *err);
