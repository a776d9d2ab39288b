/* SPDX-License-Identifier: Apache-2.0 */
#include "netns/identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netns/ipam.h"

enum { ALIVE = 0x53, ALIVE_DEFAULT = 0x54, DEAD = 0x56, DEAD_DEFAULT = 0x57 };

int identity_of(const char *instance, struct identity *ret, struct err *err)
{
	size_t n = strspn(instance, "0123456789abcdef");
	uint32_t id = (uint32_t)strtoul(n == 6 ? instance : "0", NULL, 16);

	if (instance[n] || (n != 0 && n != 6))
		return err_say(err, -EINVAL, "instance %.20s: want six hex digits", instance);
	ret->group = (uint32_t)(n ? ALIVE : ALIVE_DEFAULT) << 24 | id;
	ret->dead_group = (uint32_t)(n ? DEAD : DEAD_DEFAULT) << 24 | id;
	(void)snprintf(ret->link_prefix, sizeof(ret->link_prefix), "sh%s", instance);
	(void)snprintf(ret->label, sizeof(ret->label), "lo:sh%s", instance);
	(void)snprintf(ret->table, sizeof(ret->table), "shallop%s%s", n ? "-" : "", instance);
	return 0;
}

void identity_link_name(const struct identity *identity, uint32_t link, char name[IFNAMSIZ])
{
	(void)snprintf(name, IFNAMSIZ, "%s%u", identity->link_prefix, link % IPAM_LINK_MAX);
}

uint32_t identity_link_number(const struct identity *identity, const char *name)
{
	size_t prefix = strlen(identity->link_prefix);
	unsigned long number;
	char *end;

	if (strncmp(name, identity->link_prefix, prefix) != 0 || name[prefix] < '1' ||
	    name[prefix] > '9')
		return 0;
	number = strtoul(name + prefix, &end, 10);
	return *end || number >= IPAM_LINK_MAX ? 0 : (uint32_t)number;
}

bool identity_of_group(uint32_t group, char *text, size_t size)
{
	if (group == (uint32_t)ALIVE_DEFAULT << 24)
		(void)snprintf(text, size, "the default instance");
	else if (group >> 24 == ALIVE)
		(void)snprintf(text, size, "instance %06x", group & 0xffffff);
	else
		return false;
	return true;
}
