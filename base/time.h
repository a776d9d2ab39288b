/* SPDX-License-Identifier: Apache-2.0 */
/* Points in time as Kubernetes writes them. A point is int64_t nanoseconds since 1970, UTC. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define NS_PER_US 1000LL
#define NS_PER_MS 1000000LL
#define NS_PER_S  1000000000LL

#define TIME_TEXT_MAX 40

int64_t time_now_ns(void);	 /* CLOCK_REALTIME; not for core/, which is told the time */
int64_t time_monotonic_ns(void); /* CLOCK_MONOTONIC */

/* meta/v1 Time, "2026-11-24T10:05:16Z"; returns @text. */
const char *time_format(int64_t ns, char text[TIME_TEXT_MAX]);
const char *time_format_micro(int64_t ns, char text[TIME_TEXT_MAX]); /* MicroTime: .000000 */
const char *time_format_nano(int64_t ns,
			     char text[TIME_TEXT_MAX]); /* RFC3339Nano, CRI logs: .000000000 */

/* RFC 3339 with any fraction and any offset. 0 or -EINVAL. */
int time_parse(const char *text, int64_t *ret_ns);

/* Kubernetes' HumanDuration: "5s", "3m27s", "2d"; negative beyond a second: "<invalid>". */
const char *time_human(int64_t duration_ns, char text[TIME_TEXT_MAX]);
