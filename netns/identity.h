/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names an instance goes by in the kernel, all made from its id. Two instances never share one.
 *
 *	              default           id "1a2b3c"
 *	links         sh1 … sh999999    sh1a2b3c1 … sh1a2b3c999999
 *	link group    0x54000000        0x531a2b3c     (alive)
 *	link group    0x57000000        0x561a2b3c     (given up, deleted in one go later)
 *	route metric  the alive group   the same
 *	lo address    label lo:sh       lo:sh1a2b3c
 *	nftables      shallop           shallop-1a2b3c
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "netns/nft.h"

struct identity {
	char link_prefix[9];
	uint32_t group, dead_group;
	char label[IFNAMSIZ];
	char table[NFT_NAME_OF_TABLE_MAX];
};
/* @instance is "" or six hex digits; else -EINVAL. */
int identity_of(const char *instance, struct identity *ret, struct err *err);
void identity_link_name(const struct identity *identity, uint32_t link, char name[IFNAMSIZ]);
/* The number in a link's name, or 0: not one of ours. */
uint32_t identity_link_number(const struct identity *identity, const char *name);
static inline bool identity_owns_group(const struct identity *identity, uint32_t group)
{
	return group == identity->group || group == identity->dead_group;
}
/* Whose alive group (or route metric) is this? "the default instance", "instance 1a2b3c"; false: not
 * any instance's. */
bool identity_of_group(uint32_t group, char *text, size_t size);
