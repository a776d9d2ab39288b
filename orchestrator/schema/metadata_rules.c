/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/schema/metadata_rules.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define ANNOTATIONS_MAX 262144 /* bytes of keys and values together */

static void check_name(struct schema_site *site, const struct schema_kind *kind,
		       const struct json_object *metadata)
{
	const char *name = json_text_at(metadata, "name", ""),
		   *base = json_text_at(metadata, "generateName", "");
	size_t len = strlen(base);
	char masked[256];

	if (*base && kind->name_rule && len < sizeof(masked)) {
		/* random letters will follow: a dash at the end is fine */
		(void)snprintf(masked, sizeof(masked), "%s", base);
		if (len > 1 && masked[len - 1] == '-')
			masked[len - 2] = 'a', masked[len - 1] = '\0';
		const char *sentences[SCHEMA_RULE_MAX];
		unsigned n = kind->name_rule(masked, sentences);

		for (unsigned i = 0; i < n; i++)
			site_problem(site, CAUSE_INVALID, "generateName",
				     json_get(metadata, "generateName"), "%s", sentences[i]);
	}
	if (!*name)
		site_problem(site, CAUSE_REQUIRED, "name", NULL,
			     "name or generateName is required");
	else if (kind->name_rule)
		site_text_rule(site, "name", name, kind->name_rule);
}

static void check_namespace(struct schema_site *site, const struct schema_kind *kind,
			    const struct json_object *metadata)
{
	const char *namespace = json_text_at(metadata, "namespace", "");

	if (!kind->namespaced && *namespace)
		site_problem(site, CAUSE_FORBIDDEN, "namespace", NULL, "not allowed on this type");
	else if (kind->namespaced && !*namespace)
		site_required(site, "namespace");
	else if (kind->namespaced)
		site_text_rule(site, "namespace", namespace, rule_label);
}

void metadata_annotations(struct schema_site *site, const struct json_object *annotations)
{
	struct json_iter it;
	size_t total = 0;

	json_for_each (it, annotations) {
		const char *sentences[SCHEMA_RULE_MAX];
		auto_json struct json_object *key = json_new_string(it.key);
		char lower[512];
		unsigned n;

		for (size_t i = 0; i <= strlen(it.key) && i < sizeof(lower); i++)
			lower[i] = (char)tolower((unsigned char)it.key[i]);
		lower[sizeof(lower) - 1] = '\0';
		n = rule_qualified_name(lower, sentences);
		for (unsigned i = 0; i < n; i++)
			site_problem(site, CAUSE_INVALID, "annotations", key, "%s", sentences[i]);
		total += strlen(it.key) + json_str_len(it.value);
	}
	if (total > ANNOTATIONS_MAX)
		site_problem(site, CAUSE_TOO_LONG, "annotations", NULL,
			     "may not be more than %d bytes", ANNOTATIONS_MAX);
}

/* "v1", "apps/v1" */
static bool is_api_version(const char *text)
{
	const char *slash = strchr(text, '/');

	return !slash || (slash != text && slash[1] && !strchr(slash + 1, '/'));
}

static void check_owner(struct schema_site *site, const struct json_object *owner, size_t i)
{
	static const char *const needed[] = { "apiVersion", "kind", "name", "uid" };
	const char *version = json_text_at(owner, "apiVersion", "");
	size_t mark = site_enter(site, "ownerReferences", i);

	if (*version && !is_api_version(version))
		site_problem(site, CAUSE_INVALID, "apiVersion", json_get(owner, "apiVersion"),
			     "must be <group>/<version> or <version>");
	for (size_t k = 0; k < ARRAY_LEN(needed); k++)
		if (!*json_text_at(owner, needed[k], ""))
			site_problem(site, CAUSE_REQUIRED, needed[k], NULL, "must not be empty");
	if (strcmp(version, "v1") == 0 && strcmp(json_text_at(owner, "kind", ""), "Event") == 0)
		site_problem(site, CAUSE_INVALID, NULL, owner,
			     "/v1, Kind=Event is disallowed from being an owner");
	site_leave(site, mark);
}

static void check_owners(struct schema_site *site, const struct json_object *owners)
{
	const struct json_object *controller = NULL;

	for (size_t i = 0, n = json_len(owners); i < n; i++) {
		const struct json_object *owner = json_idx(owners, i);

		check_owner(site, owner, i);
		if (!json_bool_at(owner, "controller", false))
			continue;
		if (controller)
			site_problem(site, CAUSE_INVALID, "ownerReferences", owners,
				     "Only one reference can have Controller set to true. Found "
				     "\"true\" in references for %s/%s and %s/%s",
				     json_text_at(controller, "kind", ""),
				     json_text_at(controller, "name", ""),
				     json_text_at(owner, "kind", ""),
				     json_text_at(owner, "name", ""));
		controller = owner;
	}
}

void metadata_finalizers(struct schema_site *site, const char *field,
			 const struct json_object *finalizers, bool indexed)
{
	static const char *const standard[] = { "orphan", "foregroundDeletion", "kubernetes" };

	for (size_t i = 0, n = json_len(finalizers); i < n; i++) {
		const struct json_object *value = json_idx(finalizers, i);
		const char *text = json_str(value);
		bool known = text && strchr(text, '/');
		char sub[128];

		site_rule(site, field, value, rule_qualified_name);
		for (size_t k = 0; k < ARRAY_LEN(standard); k++)
			known |= text && strcmp(text, standard[k]) == 0;
		(void)snprintf(sub, sizeof(sub), indexed ? "%s[%zu]" : "%s", field, i);
		if (!known)
			site_problem(site, CAUSE_INVALID, sub, value,
				     "name is neither a standard finalizer name nor is it fully "
				     "qualified");
	}
}

static bool has_element(const struct json_object *list, const struct json_object *value)
{
	for (size_t i = 0, n = json_len(list); i < n; i++)
		if (json_equal(json_idx(list, i), value))
			return true;
	return false;
}

/* While it is being deleted, finalizers may only go. */
static void check_new_finalizers(struct schema_site *site, const struct json_object *new_list,
				 const struct json_object *old_list)
{
	auto_buf struct buf added = BUF_INIT(65536);

	for (size_t i = 0, n = json_len(new_list); i < n; i++)
		if (!has_element(old_list, json_idx(new_list, i)))
			(void)buf_printf(&added, "%s\"%s\"", added.len ? ", " : "",
					 json_str(json_idx(new_list, i)));
	if (added.len)
		site_problem(site, CAUSE_FORBIDDEN, "finalizers", NULL,
			     "no new finalizers can be added if the object is being deleted, "
			     "found new finalizers []string{%s}",
			     buf_str(&added));
}

static void check_update(struct schema_site *site, const struct json_object *metadata,
			 const struct json_object *old)
{
	static const char *const fixed[] = { "name",
					     "namespace",
					     "uid",
					     "creationTimestamp",
					     "deletionTimestamp",
					     "deletionGracePeriodSeconds" };

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		site_immutable(site, fixed[i], json_get(metadata, fixed[i]),
			       json_get(old, fixed[i]));
	if (json_int_at(metadata, "generation", 0) < json_int_at(old, "generation", 0))
		site_problem(site, CAUSE_INVALID, "generation", json_get(metadata, "generation"),
			     "must not be decremented");
	if (json_get(old, "deletionTimestamp"))
		check_new_finalizers(site, json_get(metadata, "finalizers"),
				     json_get(old, "finalizers"));
}

void metadata_validate(struct schema_site *site, const struct schema_kind *kind)
{
	const struct json_object *metadata = json_get(site->root, "metadata");
	size_t mark = site_enter(site, "metadata", SIZE_MAX);

	check_name(site, kind, metadata);
	check_namespace(site, kind, metadata);
	if (json_int_at(metadata, "generation", 0) < 0)
		site_problem(site, CAUSE_INVALID, "generation", json_get(metadata, "generation"),
			     "must be greater than or equal to 0");
	site_labels(site, "labels", json_get(metadata, "labels"));
	metadata_annotations(site, json_get(metadata, "annotations"));
	check_owners(site, json_get(metadata, "ownerReferences"));
	metadata_finalizers(site, "finalizers", json_get(metadata, "finalizers"), true);
	if (site->old)
		check_update(site, metadata, json_get(site->old, "metadata"));
	site_leave(site, mark);
}
