/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of a request's path: /api/v1/… and /apis/GROUP/VERSION/…, namespaces, subresources,
 * and the legacy /watch/ prefix. What is no resource path is a document.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define APIPATH_MAX ((size_t)4096)

struct apipath {
	char *text; /* owned; the others point into it */
	const char *group, *version;
	const char *resource;  /* "" : the document of a group and version, or another one */
	const char *namespace; /* "" when the path names none */
	const char *name, *subresource;
	const char *rest; /* behind the subresource: of proxy */
	bool legacy_watch;
	bool document; /* not below a group and version */
};

/* 0, -E2BIG, -ENOMEM. @path has been percent-decoded. */
int apipath_parse(const char *path, struct apipath *ret);
void apipath_done(struct apipath *path);
