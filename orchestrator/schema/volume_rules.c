/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "orchestrator/schema/rules.h"
#include "orchestrator/schema/schema_types.h"

void volume_check(struct schema_site *site, const struct json_object *volume)
{
	bool found = json_get(volume, "emptyDir");

	for (size_t i = 0; i < core_v1_volume.n_fields; i++) {
		const char *name = core_v1_volume.fields[i].name;

		if (!core_v1_volume.fields[i].ref || strcmp(name, "emptyDir") == 0 ||
		    !json_get(volume, name))
			continue;
		if (found)
			site_problem(site, CAUSE_FORBIDDEN, name, NULL,
				     "may not specify more than 1 volume type");
		found = true;
	}
}

void projection_check(struct schema_site *site, const struct json_object *projection)
{
	if (json_len(projection) > 1)
		site_problem(site, CAUSE_FORBIDDEN, NULL, NULL,
			     "may not specify more than 1 volume type per source");
}

void empty_dir_check(struct schema_site *site, const struct json_object *dir)
{
	const char *limit = json_str(json_get(dir, "sizeLimit"));

	if (limit && *limit == '-')
		site_problem(site, CAUSE_FORBIDDEN, "sizeLimit", NULL,
			     "SizeLimit field must be a valid resource quantity");
}
