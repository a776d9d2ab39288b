/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: one table of commands and flags (commands.c) drives parsing, completion of names,
 * help and the wording of errors, which is cobra's, since scripts match it.
 *
 * A parsed line is a struct cli. Flags are asked for by name; asking for one that the command does not
 * have is a programming mistake and asserted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum cli_type {
	CLI_BOOL,
	CLI_STRING,
	CLI_INT,
	CLI_DURATION, /* Go's "1m30s", kept as text, checked */
	CLI_LIST,     /* may be given again, and each value splits at commas */
	CLI_ARRAY,    /* may be given again */
};
struct cli_flag {
	const char *name;
	char shorthand; /* or 0 */
	enum cli_type type;
	const char *otherwise; /* the default, as text */
	const char *bare;      /* the value of "--flag" without one; NULL: it needs one */
};
struct cli;
struct cli_command {
	const char *name;    /* "get", "config view" */
	const char *aliases; /* comma-separated, or NULL */
	const char *usage;   /* arguments, for help */
	const char *summary;
	int (*run)(struct cli *cli); /* NULL: only a group ("config") */
	const struct cli_flag *flags;
	size_t n_flags;
};
/* commands.c */
extern const struct cli_command cli_commands[];
extern const size_t cli_n_commands;
extern const struct cli_flag cli_global_flags[];
extern const size_t cli_n_global_flags;

struct cli {
	const struct cli_command *command;
	const char **args; /* what is not a flag; NULL-terminated, borrowed from argv */
	size_t n_args;
	size_t dash; /* how many of them stood before "--"; SIZE_MAX: there was none */
	struct cli_value *values;
	size_t n_values;
};

/*
 * Parse a whole command line. 0; 1: help was printed, and the exit code is *ret_code; -EINVAL with the sentence that the
 * real kubectl prints after "error: ".
 */
int cli_parse(int argc, char **argv, struct cli *ret, int *ret_code, struct err *err);
void cli_done(struct cli *cli);

bool cli_bool(const struct cli *cli, const char *flag);
const char *cli_str(const struct cli *cli, const char *flag);
int64_t cli_int(const struct cli *cli, const char *flag);
int64_t cli_duration_ns(const struct cli *cli, const char *flag);
bool cli_has(const struct cli *cli, const char *flag);	 /* does the command have it? */
bool cli_given(const struct cli *cli, const char *flag); /* on this command line */
/* Values of a CLI_LIST or CLI_ARRAY, NULL-terminated; never NULL. Borrowed. */
const char *const *cli_list(const struct cli *cli, const char *flag);

/* Go's time.ParseDuration ("1h", "90s", "1m30s", "250ms", "0"). 0 or -EINVAL. */
int cli_parse_duration(const char *text, int64_t *ret_ns);
