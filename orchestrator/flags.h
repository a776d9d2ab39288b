/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command-line flags of the shallop program: one table drives parsing and help. "--name value",
 * "--name=value", and "--name" for switches; flags and arguments may be mixed, "--" ends flags.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum flag_type { FLAG_TEXT, FLAG_INT, FLAG_SWITCH };

struct flag {
	const char *name;  /* without dashes */
	const char *value; /* its name in help, or NULL for switches */
	const char *help;
	enum flag_type type;
	size_t offset, size; /* where in the target; size of a text */
	long min, max;	     /* of FLAG_INT */
};

/* Several tables are searched in turn, each with its own target. */
struct flag_set {
	const struct flag *flags;
	size_t n;
	void *target;
};

/*
 * Moves what is not a flag to the front of argv; *argc becomes their number. -EINVAL with a sentence
 * for an unknown flag, a missing or wrong value. --help and -h give -ECANCELED.
 */
int flags_parse(const struct flag_set *sets, size_t n_sets, int *argc, char **argv,
		struct err *err);
/* One line per flag, on stdout. */
void flags_help(const struct flag_set *sets, size_t n_sets);
