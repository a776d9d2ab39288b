/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/podranges.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"

#define NODE_BITS 24 /* of the address: each node gets one such part */

struct podranges {
	struct core *core;
	char *cidr;
	uint32_t base;	/* host order */
	unsigned bits;	/* of the part: NODE_BITS, or more where the whole range is smaller */
	unsigned parts; /* how many there are */
	unsigned first_free;
	uint64_t *taken;   /* a bit each */
	struct map claims; /* by node */
};

struct claim {
	struct map_node map_node;
	unsigned part;
	char node[];
};

static bool is_taken(const struct podranges *ranges, unsigned part)
{
	return ranges->taken[part / 64] >> part % 64 & 1;
}

static int claim_add(struct podranges *ranges, const char *node, unsigned part)
{
	struct claim *claim = calloc(1, sizeof(*claim) + strlen(node) + 1);

	if (!claim)
		return -ENOMEM;
	memcpy(claim->node, node, strlen(node) + 1);
	claim->part = part;
	(void)map_insert(&ranges->claims, &claim->map_node, claim->node);
	ranges->taken[part / 64] |= (uint64_t)1 << part % 64;
	return 0;
}

static void claim_drop(struct podranges *ranges, struct claim *claim)
{
	ranges->taken[claim->part / 64] &= ~((uint64_t)1 << claim->part % 64);
	ranges->first_free = MIN(ranges->first_free, claim->part);
	map_remove(&ranges->claims, &claim->map_node);
	free(claim);
}

/* Which of our parts is "10.244.3.0/24"? -ENOENT: none. */
static int part_of(const struct podranges *ranges, const char *cidr)
{
	char text[INET_ADDRSTRLEN];
	struct in_addr address;
	unsigned bits;
	uint32_t part;

	if (sscanf(cidr, "%15[0-9.]/%u", text, &bits) != 2 || bits != ranges->bits ||
	    inet_pton(AF_INET, text, &address) != 1 || ntohl(address.s_addr) < ranges->base)
		return -ENOENT;
	part = (ntohl(address.s_addr) - ranges->base) >> (32 - ranges->bits);
	return part < ranges->parts ? (int)part : -ENOENT;
}

static void on_node(struct core *core, enum core_event_type type, struct object *object,
		    struct object *old, void *data)
{
	struct podranges *ranges = data;
	const char *name = object_name(object);
	struct map_node *found = map_find(&ranges->claims, name);
	auto_json struct json_object *node = NULL;
	const char *cidr;
	int part;

	(void)core;
	(void)old;
	if (found) { /* a node keeps its part as long as it is there */
		if (type == CORE_DELETED)
			claim_drop(ranges, map_entry(found, struct claim, map_node));
		return;
	}
	if (type == CORE_DELETED)
		return;
	node = object_parse(object);
	cidr = json_str_at(node, "spec.podCIDR");
	part = cidr ? part_of(ranges, cidr) : -ENOENT;
	if (part >= 0 && !is_taken(ranges, (unsigned)part))
		(void)claim_add(ranges, name, (unsigned)part);
}

static int read_range(struct podranges *ranges, const char *cidr, struct err *err)
{
	char text[INET_ADDRSTRLEN];
	struct in_addr address;
	unsigned bits;

	if (sscanf(cidr, "%15[0-9.]/%u", text, &bits) != 2 || bits < 8 || bits > 30 ||
	    inet_pton(AF_INET, text, &address) != 1)
		return err_say(err, -EINVAL, "pod range %s: not an IPv4 range of /8 to /30", cidr);
	ranges->bits = MAX(bits, NODE_BITS);
	ranges->parts = 1u << (ranges->bits - bits);
	ranges->base = ntohl(address.s_addr) & ~(UINT32_MAX >> bits);
	return 0;
}

int podranges_new(struct core *core, const char *cidr, struct podranges **ret, struct err *err)
{
	const struct schema_kind *nodes = schema_kind_of_resource("", "v1", "nodes");
	struct podranges *ranges = calloc(1, sizeof(*ranges));
	int r = ranges ? read_range(ranges, cidr, err) : err_set(err, -ENOMEM, "pod range");

	if (r == 0) {
		ranges->core = core;
		ranges->cidr = strdup(cidr);
		ranges->taken = calloc((ranges->parts + 63) / 64, sizeof(*ranges->taken));
		r = !ranges->cidr || !ranges->taken ? -ENOMEM
						    : core_listen(core, nodes, on_node, ranges);
		if (r < 0)
			(void)err_set(err, r, "pod range %s", cidr);
	}
	if (r < 0) {
		(void)podranges_free(ranges);
		return r;
	}
	*ret = ranges;
	return 0;
}

struct podranges *podranges_free(struct podranges *ranges)
{
	if (!ranges)
		return NULL;
	map_for_each (node, next, &ranges->claims)
		claim_drop(ranges, map_entry(node, struct claim, map_node));
	free(ranges->cidr);
	free(ranges->taken);
	free(ranges);
	return NULL;
}

int podranges_claim(struct podranges *ranges, const char *node, char text[PODRANGE_MAX],
		    struct err *err)
{
	struct map_node *found = map_find(&ranges->claims, node);
	unsigned part = ranges->first_free;
	char address_text[INET_ADDRSTRLEN];
	struct in_addr address;

	if (found) {
		part = map_entry(found, struct claim, map_node)->part;
	} else {
		while (part < ranges->parts && is_taken(ranges, part))
			part++;
		ranges->first_free = part;
		if (part == ranges->parts)
			return err_say(err, -ERANGE, "node %s: no part of the pod range %s is free",
				       node, ranges->cidr);
		if (claim_add(ranges, node, part) < 0)
			return err_set(err, -ENOMEM, "node %s: pod range", node);
	}
	address.s_addr = htonl(ranges->base + (part << (32 - ranges->bits)));
	(void)inet_ntop(AF_INET, &address, address_text, sizeof(address_text));
	(void)snprintf(text, PODRANGE_MAX, "%s/%u", address_text, ranges->bits);
	return 0;
}
