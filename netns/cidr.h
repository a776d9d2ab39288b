/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4 ranges: "10.244.0.0/16". Addresses are in host order here, so that they can be counted. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct cidr {
	uint32_t base; /* host order; bits beyond the prefix are zero */
	uint8_t prefix;
};

#define CIDR_TEXT_MAX 20

/* 0 or -EINVAL: not "a.b.c.d/n", or bits set beyond the prefix. */
int cidr_parse(const char *text, struct cidr *ret);
const char *cidr_format(const struct cidr *cidr, char text[CIDR_TEXT_MAX]);

static inline uint32_t cidr_mask(uint8_t prefix)
{
	return prefix == 0 ? 0 : ~(uint32_t)0 << (32 - prefix);
}
static inline bool cidr_holds(const struct cidr *cidr, uint32_t ip)
{
	return (ip & cidr_mask(cidr->prefix)) == cidr->base;
}
/* Two ranges overlap exactly when the wider one holds the other's first address. */
static inline bool cidr_overlaps(const struct cidr *a, const struct cidr *b)
{
	return a->prefix <= b->prefix ? cidr_holds(a, b->base) : cidr_holds(b, a->base);
}
