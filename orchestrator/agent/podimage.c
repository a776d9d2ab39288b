/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/podimage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int refuse(struct podimage *ret, int code, const char *reason)
{
	ret->reason = reason;
	return code;
}

static int missing(struct podimage *ret, const char *name, const char *policy)
{
	if (strcmp(policy, "Never") == 0) {
		(void)snprintf(ret->text, sizeof(ret->text),
			       "Container image \"%s\" is not present with pull policy of Never",
			       name);
		return refuse(ret, -ENOENT, "ErrImageNeverPull");
	}
	ret->asked = true;
	(void)snprintf(ret->text, sizeof(ret->text),
		       "the image is not on this node and no registry is in reach; import it with: "
		       "shallop image import FILE");
	return refuse(ret, -ENOENT, "ErrImagePull");
}

int podimage_find(struct image_store *store, const struct json_object *container,
		  struct podimage *ret)
{
	const char *name = json_str_at(container, "image");
	const char *policy = json_str_at(container, "imagePullPolicy");
	struct image_ref ref;
	struct err err = { 0 };
	int r;

	*ret = (struct podimage){ 0 };
	r = image_ref_parse(name ? name : "", &ref, &err);
	if (r < 0) {
		(void)snprintf(ret->text, sizeof(ret->text),
			       "Failed to apply default image tag \"%s\": couldn't parse image "
			       "name \"%s\": %s",
			       name ? name : "", name ? name : "", err.text);
		return refuse(ret, r, "InvalidImageName");
	}
	if (!policy || !*policy)
		policy = !ref.has_digest && strcmp(ref.tag, "latest") == 0 ? "Always"
									   : "IfNotPresent";
	(void)image_store_refresh(store, NULL);
	r = image_find(store, ref.canonical, &ret->image, &err);
	if (r == -ENOENT)
		return missing(ret, name, policy);
	if (r < 0) {
		(void)snprintf(ret->text, sizeof(ret->text), "%s", err.text);
		return refuse(ret, r, "ImageInspectError");
	}
	(void)snprintf(ret->name, sizeof(ret->name), "%s", ref.canonical);
	(void)snprintf(ret->id, sizeof(ret->id), "%s",
		       ret->image->repo_digests && ret->image->repo_digests[0]
			       ? ret->image->repo_digests[0]
			       : ret->image->id);
	if (strcmp(policy, "Always") == 0)
		(void)snprintf(ret->text, sizeof(ret->text),
			       "No registry is in reach to check image \"%s\" with; the one on "
			       "this node is used",
			       name);
	return 0;
}
