/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the address log: writing and reading them. What they are for is told in ipam.h. */
#pragma once

#include "base/buf.h"
#include "netns/ipam.h"

/* "shallop-ipam N\n" is the first line. A reader takes this version and the one before it. */
#define IPAM_LOG_NAME	 "shallop-ipam "
#define IPAM_LOG_VERSION 1

bool ipam_uid_ok(const char *uid);
int ipam_log_put(struct buf *buf, const struct ipam_record *record);
int ipam_log_put_released(struct buf *buf, const char *uid);
/* One line without its newline. On success the ports of *ret are the caller's to free. -EBADMSG: torn
 * or foreign; -ENOMEM. */
int ipam_log_parse(const char *line, size_t len, struct ipam_record *ret, bool *ret_released);
