/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/flags.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct flag *flag_find(const struct flag_set *sets, size_t n_sets, const char *name,
				    size_t len, void **target)
{
	for (size_t s = 0; s < n_sets; s++)
		for (size_t i = 0; i < sets[s].n; i++) {
			const struct flag *flag = &sets[s].flags[i];

			if (strlen(flag->name) == len && memcmp(flag->name, name, len) == 0) {
				*target = (char *)sets[s].target + flag->offset;
				return flag;
			}
		}
	return NULL;
}

static int flag_set_value(const struct flag *flag, void *target, const char *value, struct err *err)
{
	char *end;
	long number;

	if (flag->type == FLAG_TEXT) {
		if (strlen(value) >= flag->size)
			return err_say(err, -EINVAL, "--%s: longer than %zu bytes", flag->name,
				       flag->size - 1);
		memcpy(target, value, strlen(value) + 1);
		return 0;
	}
	errno = 0;
	number = strtol(value, &end, 10);
	if (errno || end == value || *end || number < flag->min || number > flag->max)
		return err_say(err, -EINVAL, "--%s: \"%s\" is not a number from %ld to %ld",
			       flag->name, value, flag->min, flag->max);
	*(int *)target = (int)number;
	return 0;
}

/* One flag at argv[*i]; steps over its value. */
static int flag_take(const struct flag_set *sets, size_t n_sets, int argc, char **argv, int *i,
		     struct err *err)
{
	const char *name = argv[*i] + 2, *equals = strchr(name, '='), *value;
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct flag *flag;
	void *target;

	flag = flag_find(sets, n_sets, name, len, &target);
	if (!flag)
		return err_say(err, -EINVAL, "unknown flag: --%.*s", (int)len, name);
	if (flag->type == FLAG_SWITCH) {
		value = equals ? equals + 1 : "true";
		if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
			return err_say(err, -EINVAL, "--%s: \"%s\" is neither true nor false",
				       flag->name, value);
		*(bool *)target = *value == 't';
		return 0;
	}
	if (!equals && *i + 1 >= argc)
		return err_say(err, -EINVAL, "flag needs an argument: --%s", flag->name);
	value = equals ? equals + 1 : argv[++*i];
	return flag_set_value(flag, target, value, err);
}

int flags_parse(const struct flag_set *sets, size_t n_sets, int *argc, char **argv, struct err *err)
{
	int kept = 0;

	for (int i = 0; i < *argc; i++) {
		int r;

		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return -ECANCELED;
		if (strcmp(argv[i], "--") == 0) {
			while (++i < *argc)
				argv[kept++] = argv[i];
			break;
		}
		if (strncmp(argv[i], "--", 2) != 0) {
			argv[kept++] = argv[i];
			continue;
		}
		r = flag_take(sets, n_sets, *argc, argv, &i, err);
		if (r < 0)
			return r;
	}
	*argc = kept;
	return 0;
}

void flags_help(const struct flag_set *sets, size_t n_sets)
{
	for (size_t s = 0; s < n_sets; s++)
		for (size_t i = 0; i < sets[s].n; i++) {
			const struct flag *flag = &sets[s].flags[i];
			char left[64];

			(void)snprintf(left, sizeof(left), "--%s%s%s", flag->name,
				       flag->value ? " " : "", flag->value ? flag->value : "");
			(void)printf("  %-28s %s\n", left, flag->help);
		}
}
