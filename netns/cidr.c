/* SPDX-License-Identifier: Apache-2.0 */
#include "netns/cidr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int cidr_parse(const char *text, struct cidr *ret)
{
	const char *slash = strchr(text, '/'), *p;
	char address[INET_ADDRSTRLEN];
	struct in_addr in;
	unsigned prefix = 0;

	if (!slash || (size_t)(slash - text) >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (inet_pton(AF_INET, address, &in) != 1)
		return -EINVAL;
	for (p = slash + 1; *p >= '0' && *p <= '9' && p - slash <= 2; p++)
		prefix = prefix * 10 + (unsigned)(*p - '0');
	if (*p || p == slash + 1 || prefix > 32)
		return -EINVAL;
	if (ntohl(in.s_addr) & ~cidr_mask((uint8_t)prefix))
		return -EINVAL;
	*ret = (struct cidr){ ntohl(in.s_addr), (uint8_t)prefix };
	return 0;
}

const char *cidr_format(const struct cidr *cidr, char text[CIDR_TEXT_MAX])
{
	uint32_t b = cidr->base;

	(void)snprintf(text, CIDR_TEXT_MAX, "%u.%u.%u.%u/%u", b >> 24, b >> 16 & 255, b >> 8 & 255,
		       b & 255, cidr->prefix);
	return text;
}
