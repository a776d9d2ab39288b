/* SPDX-License-Identifier: Apache-2.0 */
/* Messages about desired objects, without seq; revisions as a node sees them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/server/nodeset_impl.h"

const struct nodeset_kind nodeset_kinds[] = {
	[NODE_KIND_NODE] = { "Node", "", "v1", "nodes", SCOPE_OWN },
	[NODE_KIND_POD] = { "Pod", "", "v1", "pods", SCOPE_BOUND },
	[NODE_KIND_CONFIG_MAP] = { "ConfigMap", "", "v1", "configmaps", SCOPE_NAMED },
	[NODE_KIND_SECRET] = { "Secret", "", "v1", "secrets", SCOPE_NAMED },
	[NODE_KIND_SERVICE] = { "Service", "", "v1", "services", SCOPE_ALL },
	[NODE_KIND_SLICE] = { "EndpointSlice", "discovery.k8s.io", "v1", "endpointslices",
			      SCOPE_ALL },
};
_Static_assert(ARRAY_LEN(nodeset_kinds) == NODE_KIND_COUNT, "every kind has a row");

static void put_member(struct buf *out, const char *key, const char *value)
{
	(void)buf_printf(out, ",\"%s\":", key);
	(void)json_write_string(out, value, strlen(value), JSON_COMPACT);
}

static void put_head(struct buf *out, const char *op, const char *kind, const char *namespace,
		     const char *name, const char *uid, const char *revision)
{
	buf_clear(out);
	(void)buf_printf(out, "\"op\":\"%s\",\"kind\":\"%s\"", op, kind);
	if (*namespace)
		put_member(out, "namespace", namespace);
	put_member(out, "name", name);
	put_member(out, "uid", uid);
	put_member(out, "revision", revision);
}

/* NULL: it could not be made. */
void nodeset_send(struct nodeset *set, const struct buf *message)
{
	if (message)
		set->send(set->data, message->data, message->len);
	else
		set->send(set->data, NULL, 0);
}

/* The message that sets @object; NULL: out of memory. */
const struct buf *nodeset_set_message(struct nodesets *sets, enum node_kind kind,
				      const struct object *object, const char *revision)
{
	struct buf *out = &sets->message;

	out->failed = 0;
	put_head(out, "set", nodeset_kinds[kind].kind, object_namespace(object),
		 object_name(object), object_uid(object), revision);
	(void)buf_puts(out, ",\"object\":");
	if (buf_error(out) == 0 && object_write(object, out) < 0)
		return NULL;
	(void)buf_putc(out, '}');
	return buf_error(out) < 0 ? NULL : out;
}

void nodeset_send_set(struct nodeset *set, enum node_kind kind, const struct object *object,
		      const char *revision)
{
	nodeset_send(set, nodeset_set_message(set->sets, kind, object, revision));
}

void nodeset_send_remove(struct nodeset *set, const char *kind, const char *namespace,
			 const char *name, const char *uid, const char *revision)
{
	struct buf *out = &set->sets->message;

	out->failed = 0;
	put_head(out, "remove", kind, namespace, name, uid, revision);
	(void)buf_putc(out, '}');
	nodeset_send(set, buf_error(out) == 0 ? out : NULL);
}

const char *nodeset_revision(const struct object *object, char text[NODESET_REVISION_MAX])
{
	(void)snprintf(text, NODESET_REVISION_MAX, "%" PRIu64, object_revision(object));
	return text;
}

/* A digest of what concerns the node: everything but status and managedFields. */
int nodeset_digest(struct json_object *json, char text[NODESET_REVISION_MAX])
{
	struct json_object *metadata = json_get(json, "metadata");
	auto_buf struct buf out = { 0 };
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

	json_del(json, "status");
	json_del(metadata, "managedFields");
	json_del(metadata, "resourceVersion");
	if (json_write(&out, json) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < out.len; i++)
		hash = (hash ^ (unsigned char)out.data[i]) * 0x100000001b3u;
	(void)snprintf(text, NODESET_REVISION_MAX, "%016" PRIx64, hash);
	return 0;
}

int nodeset_node_digest(const struct object *object, char revision[NODESET_REVISION_MAX])
{
	auto_json struct json_object *json = object_parse(object);

	return json ? nodeset_digest(json, revision) : -ENOMEM;
}
