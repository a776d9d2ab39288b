/* SPDX-License-Identifier: Apache-2.0 */
/* Flows that the kernel remembers: what must be forgotten when a port changes hands. */
#pragma once

#include <netinet/in.h>
#include <stdint.h>

#include "netns/netlink.h"

/*
 * Forget UDP flows to @port (of @ip; INADDR_ANY: of any address). A flow keeps the translation, or the
 * lack of one, that its first packet met, for minutes after: a client that goes on sending would never
 * see the port's new owner. TCP needs none of this, a new connection is a new flow. Best effort: at
 * most CONNTRACK_FORGET_MAX flows, and a kernel without ctnetlink answers -EPROTONOSUPPORT or such.
 */
#define CONNTRACK_FORGET_MAX 4096
int conntrack_forget_udp(struct in_addr ip, uint16_t port);
