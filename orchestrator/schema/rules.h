/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules: what is valid beyond what the rows' types say, worded as Kubernetes words it.
 *
 * Rules for texts (schema_rule_fn) are named by the rows. Rules that look at more than one field
 * (a type's .check, a kind's .validate) get a site: where in the object they are, and where problems
 * go. A problem's @sub is a field below the site ("image"), an index ("[2]"), or NULL for the site.
 */
#pragma once

#include "orchestrator/schema/schema.h"

/* ---- texts ---- */

schema_rule_fn rule_subdomain;	    /* RFC 1123 subdomain, 253 */
schema_rule_fn rule_label;	    /* RFC 1123 label, 63 */
schema_rule_fn rule_qualified_name; /* [prefix/]name, as of label keys */
schema_rule_fn rule_label_value;
schema_rule_fn rule_port_name; /* IANA_SVC_NAME, 15 */
schema_rule_fn rule_env_name;
schema_rule_fn rule_config_key; /* of ConfigMap and Secret data */
schema_rule_fn rule_http_header;
schema_rule_fn rule_ip;
schema_rule_fn rule_endpoint_ip; /* an address that a Service may lead to: no loopback, … */
schema_rule_fn rule_cidr;
schema_rule_fn rule_search_domain; /* of resolv.conf */
schema_rule_fn rule_inside;	   /* a relative path without ".." */
schema_rule_fn rule_absolute;	   /* a path from the root */
schema_rule_fn rule_device_path;
schema_rule_fn rule_no_dots; /* a path without ".." */

/* ---- the site ---- */

#define SITE_PATH_MAX  1024
#define SITE_DEPTH_MAX 128

struct schema_site {
	struct schema_problems *problems;
	const struct json_object *root, *old; /* the whole objects; @old NULL: create */
	bool too_long;			      /* a list was: nothing compares elements any more */
	size_t depth; /* the way down; a path is made of it only when there is a problem */
	struct {
		const char *name;
		size_t index; /* SIZE_MAX: no list */
	} way[SITE_DEPTH_MAX];
};
/* Go down; site_leave() with what site_enter() returned goes back. @name is borrowed. */
size_t site_enter(struct schema_site *site, const char *name, size_t index);
void site_leave(struct schema_site *site, size_t mark);

/* "spec.containers[0].image"; returns @path. */
const char *site_path(const struct schema_site *site, const char *sub, char path[SITE_PATH_MAX]);
void site_problem(struct schema_site *site, enum schema_cause cause, const char *sub,
		  const struct json_object *value, const char *fmt, ...) PRINTF_LIKE(5, 6);
void site_required(struct schema_site *site, const char *sub);
/* @value must obey @rule; what is no text is left alone. */
void site_rule(struct schema_site *site, const char *sub, const struct json_object *value,
	       schema_rule_fn *rule);
void site_text_rule(struct schema_site *site, const char *sub, const char *text,
		    schema_rule_fn *rule);
void site_one_of(struct schema_site *site, const char *sub, const struct json_object *value,
		 const char *const *allowed);
/* It is none of @allowed. */
void site_unsupported(struct schema_site *site, const char *sub, const struct json_object *value,
		      const char *const *allowed);
/* A port: a number in range, or the name of one. */
void site_port(struct schema_site *site, const char *sub, const struct json_object *value);
/* Keys and values of labels, of a selector; problems lie on the site's @sub itself. */
void site_labels(struct schema_site *site, const char *sub, const struct json_object *labels);
/* Each value may occur once: for i, the @key of element i of @list, "…[i].key: Duplicate value". */
void site_unique(struct schema_site *site, const char *list_name, const struct json_object *list,
		 const char *key);
/* An old value that is set may not change. */
void site_immutable(struct schema_site *site, const char *sub, const struct json_object *value,
		    const struct json_object *old);
bool site_text_is(const struct json_object *object, const char *path, const char *text);

/* ---- checks of types, beside their rows' own ---- */

typedef void schema_type_check(struct schema_site *site, const struct json_object *object);
schema_type_check pod_os_check, pod_spec_check, pod_template_spec_check, pod_dns_config_check,
	toleration_check, pod_security_check, topology_spread_check, container_check,
	ephemeral_container_check, security_context_check, seccomp_profile_check,
	app_armor_profile_check, env_var_check, env_var_source_check, env_from_check, probe_check,
	lifecycle_handler_check, http_get_check, tcp_socket_check, resources_check, volume_check,
	projection_check, empty_dir_check, downward_file_check, node_selector_check,
	node_term_check, label_selector_check, pod_affinity_term_check;
