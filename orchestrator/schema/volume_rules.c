/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "orchestrator/schema/rules.h"
#include "orchestrator/schema/schema_types.h"

/* Of the members that stand for sources, one. */
static void check_one_source(struct schema_site *site, const struct schema_type *type,
			     const struct json_object *object, const char *first)
{
	bool found = json_get(object, first);

	for (size_t i = 0; i < type->n_fields; i++) {
		const char *name = type->fields[i].name;

		if (!type->fields[i].ref || strcmp(name, first) == 0 || !json_get(object, name))
			continue;
		if (found)
			site_problem(site, CAUSE_FORBIDDEN, name, NULL,
				     "may not specify more than 1 volume type");
		found = true;
	}
}

void volume_check(struct schema_site *site, const struct json_object *volume)
{
	check_one_source(site, &core_v1_volume, volume, "emptyDir");
}

void projection_check(struct schema_site *site, const struct json_object *projection)
{
	check_one_source(site, &core_v1_volume_projection, projection, "secret");
}

void empty_dir_check(struct schema_site *site, const struct json_object *dir)
{
	const char *limit = json_str(json_get(dir, "sizeLimit"));

	if (limit && *limit == '-')
		site_problem(site, CAUSE_FORBIDDEN, "sizeLimit", NULL,
			     "SizeLimit field must be a valid resource quantity");
}
