/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/apipath.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Cut the next segment off; "" at the end. */
static const char *segment(char **p)
{
	char *start = *p, *slash = strchr(start, '/');

	if (slash) {
		*slash = '\0';
		*p = slash + 1;
	} else {
		*p = start + strlen(start);
	}
	return start;
}

static bool namespace_subresource(const char *name)
{
	return strcmp(name, "status") == 0 || strcmp(name, "finalize") == 0;
}

/* "namespaces/NS/RESOURCE…" narrows to a namespace; "namespaces/NS[/status]" is the object. */
static void parse_resource(struct apipath *path, char *p)
{
	path->resource = segment(&p);
	path->name = segment(&p);
	path->subresource = segment(&p);
	if (strcmp(path->resource, "namespaces") == 0 && *path->name) {
		path->namespace = path->name;
		if (*path->subresource && !namespace_subresource(path->subresource)) {
			path->resource = path->subresource;
			path->name = segment(&p);
			path->subresource = segment(&p);
		}
	}
	path->rest = p;
}

int apipath_parse(const char *text, struct apipath *ret)
{
	struct apipath path = { .group = "",
				.version = "",
				.resource = "",
				.namespace = "",
				.name = "",
				.subresource = "",
				.rest = "",
				.document = true };
	size_t len = strlen(text);
	char *p;

	if (len > APIPATH_MAX)
		return -E2BIG;
	path.text = malloc(len + 1);
	if (!path.text)
		return -ENOMEM;
	memcpy(path.text, text, len + 1);
	p = path.text;
	if (strncmp(p, "/api/", 5) == 0) {
		p += 5;
	} else if (strncmp(p, "/apis/", 6) == 0) {
		p += 6;
		path.group = segment(&p);
	} else {
		*ret = path;
		return 0;
	}
	path.version = segment(&p);
	if (*path.version) {
		path.document = false;
		if (strncmp(p, "watch/", 6) == 0) {
			path.legacy_watch = true;
			p += 6;
		}
		parse_resource(&path, p);
	}
	*ret = path;
	return 0;
}

void apipath_done(struct apipath *path)
{
	free(path->text);
	*path = (struct apipath){ 0 };
}
