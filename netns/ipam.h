/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pod has which address, link number and host ports; across restarts.
 *
 * The record is a log, D/agent/state/ipam: a version line, then one line per change, each with a
 * checksum. Nothing here calls fsync on the way of a pod, and nothing has to:
 *   - a killed agent loses nothing, because what was written is in the page cache, and a line is
 *     written before the kernel is told anything;
 *   - a power cut may lose the newest lines, but it has taken every link and namespace with it: the
 *     worst is that a pod, made anew, gets another address. Lines lost in the middle fail their
 *     checksum and are passed over; when two pods claim an address, the later line is right.
 * So a release needs no durable write either: what is left over goes in netns_node_reconcile().
 * Addresses are handed out in turn, not lowest first, so that a released one rests as long as it can
 * before peers with stale connections meet its next owner.
 */
#pragma once

#include <stdint.h>

#include "base/map.h"
#include "netns/cidr.h"
#include "netns/netns.h"

#define IPAM_UID_MAX   64      /* with the NUL */
#define IPAM_PORTS_MAX 256     /* of one pod */
#define IPAM_LINK_MAX  1000000 /* link numbers are below: six digits */

struct ipam_record {
	struct map_node by_uid;
	char uid[IPAM_UID_MAX];
	struct in_addr ip;
	uint32_t link; /* number in the link's name; 0: never connected */
	int ifindex;   /* of the host's end, 0: not connected. Not in the log */
	bool set_up;   /* both ends were seen to by this process. Not in the log */
	size_t n_ports;
	struct netns_port *ports; /* owned */
};

struct ipam;
/*
 * Load @state_dir/ipam (made if missing) for addresses of @range. The first address and the last are
 * nobody's, the second is the node's own. Records outside of @range are dropped. -EPROTONOSUPPORT:
 * the log is of a newer version. -EINVAL: no room in @range.
 */
int ipam_open(const char *state_dir, const struct cidr *range, struct ipam **ret, struct err *err);
struct ipam *ipam_close(struct ipam *ipam);
OWN_DEFINE(ipam, struct ipam *, ipam_close)
#define auto_ipam OWN(ipam)

struct in_addr ipam_node_address(const struct ipam *ipam);
struct ipam_record *ipam_find(const struct ipam *ipam, const char *uid);
struct ipam_record *ipam_first(const struct ipam *ipam);
struct ipam_record *ipam_next(const struct ipam_record *record);
size_t ipam_count(const struct ipam *ipam);

/*
 * A new record for @uid, in memory only until ipam_write(): with a free address, or with @wanted
 * unless that is INADDR_ANY. -ENOSPC: none is free. -EADDRINUSE: @wanted is taken. -EINVAL: not a
 * uid, or not an address of the range.
 */
int ipam_take(struct ipam *ipam, const char *uid, struct in_addr wanted, struct ipam_record **ret,
	      struct err *err);
/* Nobody may have the address of an unknown link: it is taken until ipam_unblock() or reopening. */
void ipam_block(struct ipam *ipam, struct in_addr ip);
void ipam_unblock(struct ipam *ipam, struct in_addr ip);

/* A link number that no record has. */
uint32_t ipam_next_link(struct ipam *ipam);
int ipam_set_ports(struct ipam_record *record, const struct netns_port *ports, size_t n);
/* Who has a host port that collides with @port, other than @but; or NULL. */
const struct ipam_record *ipam_port_owner(const struct ipam *ipam, const struct netns_port *port,
					  const struct ipam_record *but);

/* Append the record as it is now. */
int ipam_write(struct ipam *ipam, const struct ipam_record *record, struct err *err);
/* Free the address and the record. The line on disk is a courtesy, see above. */
void ipam_release(struct ipam *ipam, struct ipam_record *record);
/* Rewrite the log when most of it is history. Syncs the disk: not on a pod's way. */
int ipam_tidy(struct ipam *ipam, struct err *err);
