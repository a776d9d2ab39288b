/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of `kubectl describe` that several kinds share. A description is text with tabs, aligned at its
 * end (and at describe_break(), where kubectl flushes its writer).
 */
#pragma once

#include "base/json.h"
#include "ctl/session.h"

struct description {
	struct session *session;
	struct buf text; /* not yet aligned */
	struct buf out;	 /* aligned */
	int64_t now_ns;
};

void describe_line(struct description *d, unsigned level, const char *fmt, ...) PRINTF_LIKE(3, 4);
void describe_text(struct description *d, const char *fmt, ...)
	PRINTF_LIKE(2, 3); /* no indent, no newline */
void describe_break(struct description *d);
void describe_labels(struct description *d, const char *title, const struct json_object *labels);
void describe_annotations(struct description *d, const struct json_object *annotations);
void describe_events(struct description *d, const struct json_object *events);
/* "Tue, 24 Nov 2026 10:05:16 +0000"; a missing time is Go's zero time. Returns @text. */
const char *describe_time(const char *rfc3339, char text[64]);
/* The time since, as "5s"; "<unknown>" when missing. */
const char *describe_age(const struct description *d, const char *rfc3339, char text[64]);

/* Member names in byte order; *ret is freed by the caller. */
size_t describe_keys(const struct json_object *object, const char ***ret);

/* Name, namespace, labels, annotations. */
void describe_header(struct description *d, const struct json_object *object, bool namespaced);

void describe_pod(struct description *d, const struct json_object *pod);   /* describe_pod.c */
void describe_node(struct description *d, const struct json_object *node); /* describe_node.c */
/* describe_service.c */
void describe_service(struct description *d, const struct json_object *service);
void describe_endpoints(struct description *d, const struct json_object *endpoints);
void describe_endpoint_slice(struct description *d, const struct json_object *slice);
void describe_service_account(struct description *d, const struct json_object *account);
/* describe_quota.c: quotas and limit ranges of a namespace, where the server has such kinds. */
void describe_quotas(struct description *d, const char *namespace);
