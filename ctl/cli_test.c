/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "tests/unit/test.h"

#define WORDS_MAX 16

/* Parse a line of words separated by blanks. */
static int parse(const char *line, struct cli *cli, struct err *err)
{
	static char text[512];
	char *argv[WORDS_MAX + 2] = { (char *)"kubectl" };
	int argc = 1, code;

	(void)snprintf(text, sizeof(text), "%s", line);
	for (char *p = text, *word; (word = strsep(&p, " ")) && argc <= WORDS_MAX;)
		if (*word)
			argv[argc++] = word;
	return cli_parse(argc, argv, cli, &code, err);
}

static const struct {
	const char *line, *command, *args, *flag, *value;
} lines[] = {
	{ "get pods", "get", "pods", "output", "" },
	{ "get pods -o wide", "get", "pods", "output", "wide" },
	{ "get pods -owide", "get", "pods", "output", "wide" },
	{ "get pods -o=wide", "get", "pods", "output", "wide" },
	{ "get pods --output wide", "get", "pods", "output", "wide" },
	{ "get pods --output=wide", "get", "pods", "output", "wide" },
	{ "get pods --output=a --output=b", "get", "pods", "output", "b" },
	{ "-n x get pods", "get", "pods", "namespace", "x" },
	{ "--namespace=x get pods", "get", "pods", "namespace", "x" },
	{ "get -n x pods", "get", "pods", "namespace", "x" },
	{ "get pods a -A", "get", "pods a", "all-namespaces", "true" },
	{ "get pods --all-namespaces=false", "get", "pods", "all-namespaces", "false" },
	{ "exec -it p -- sh -c x", "exec", "p sh -c x", "stdin", "true" },
	{ "exec -ti p -- sh", "exec", "p sh", "tty", "true" },
	{ "exec p -c=web -- -n get", "exec", "p -n get", "container", "web" },
	{ "config view --minify", "config view", "", "minify", "true" },
	{ "config --kubeconfig f view", "config view", "", "kubeconfig", "f" },
	{ "config use x", "config use-context", "x", "context", "" },
	{ "delete pods --cascade", "delete", "pods", "cascade", "background" },
	{ "delete pods --cascade=orphan", "delete", "pods", "cascade", "orphan" },
	{ "delete pods --grace-period=-1", "delete", "pods", "grace-period", "-1" },
	{ "get -", "get", "-", "output", "" },
};

TEST(cli_parses_lines)
{
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct err err = { 0 };
		struct cli cli;
		char args[256] = "";

		CHECK(parse(lines[i].line, &cli, &err) == 0);
		for (size_t k = 0; k < cli.n_args; k++)
			(void)snprintf(args + strlen(args), sizeof(args) - strlen(args), "%s%s",
				       k ? " " : "", cli.args[k]);
		CHECK_STR(cli.command->name, lines[i].command);
		CHECK_STR(args, lines[i].args);
		CHECK_STR(cli_str(&cli, lines[i].flag), lines[i].value);
		cli_done(&cli);
	}
}

static const struct {
	const char *line, *problem;
} broken[] = {
	{ "get pods --nope", "unknown flag: --nope\nSee 'kubectl get --help' for usage." },
	{ "get pods -z", "unknown shorthand flag: 'z' in -z\nSee 'kubectl get --help' for usage." },
	{ "get pods -o", "flag needs an argument: 'o' in -o\nSee 'kubectl get --help' for usage." },
	{ "get pods --output",
	  "flag needs an argument: --output\nSee 'kubectl get --help' for usage." },
	{ "get pods --watch=maybe", "invalid argument \"maybe\" for \"-w, --watch\" flag: "
				    "strconv.ParseBool: parsing \"maybe\": invalid syntax" },
	{ "delete pods --grace-period=x", "invalid argument \"x\" for \"--grace-period\" flag: "
					  "strconv.ParseInt: parsing \"x\": invalid syntax" },
	{ "delete pods --timeout=x",
	  "invalid argument \"x\" for \"--timeout\" flag: time: invalid duration \"x\"" },
	{ "nonsense", "unknown command \"nonsense\" for \"kubectl\"" },
	{ "gett", "unknown command \"gett\" for \"kubectl\"\n\nDid you mean this?\n\tget" },
};

TEST(cli_says_what_is_wrong)
{
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		struct err err = { 0 };
		struct cli cli;

		CHECK(parse(broken[i].line, &cli, &err) == -EINVAL);
		CHECK_STR(err.text, broken[i].problem);
	}
}

TEST(cli_lists_split_and_arrays_do_not)
{
	struct err err = { 0 };
	struct cli cli;
	const char *const *list;

	CHECK(parse("get -f a,b -f c -L x", &cli, &err) == 0);
	list = cli_list(&cli, "filename");
	CHECK_STR(list[0], "a");
	CHECK_STR(list[1], "b");
	CHECK_STR(list[2], "c");
	CHECK(!list[3]);
	cli_done(&cli);
	CHECK(parse("run x --image=y --env=A=1,2", &cli, &err) == 0);
	list = cli_list(&cli, "env");
	CHECK_STR(list[0], "A=1,2");
	CHECK(!list[1] && cli_given(&cli, "image") && !cli_given(&cli, "port"));
	CHECK(cli_has(&cli, "image") && !cli_has(&cli, "cascadex"));
	cli_done(&cli);
}

TEST(cli_remembers_the_dashes)
{
	struct err err = { 0 };
	struct cli cli;

	CHECK(parse("exec p -- ls", &cli, &err) == 0 && cli.dash == 1);
	cli_done(&cli);
	CHECK(parse("exec p ls", &cli, &err) == 0 && cli.dash == SIZE_MAX);
	cli_done(&cli);
}

/* The table itself: names are unique, shorthands too, defaults fit their types. */
TEST(cli_table_is_sound)
{
	for (size_t i = 0; i < cli_n_commands; i++) {
		const struct cli_command *c = &cli_commands[i];
		int64_t ns;

		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(cli_commands[k].name, c->name) != 0);
		for (size_t f = 0; f < c->n_flags; f++) {
			const struct cli_flag *flag = &c->flags[f];

			if (!flag->name)
				continue;
			for (size_t g = 0; g < f; g++) {
				if (!c->flags[g].name)
					continue;
				CHECK(strcmp(c->flags[g].name, flag->name) != 0);
				CHECK(!flag->shorthand || c->flags[g].shorthand != flag->shorthand);
			}
			CHECK(flag->type != CLI_BOOL || flag->bare);
			CHECK(flag->type != CLI_DURATION ||
			      cli_parse_duration(flag->otherwise, &ns) == 0);
		}
		CHECK(c->summary && *c->summary && c->usage);
	}
}

TEST(cli_durations)
{
	static const struct {
		const char *text;
		int64_t ns; /* -1: refused */
	} rows[] = { { "0", 0 },
		     { "1s", NS_PER_S },
		     { "1m30s", 90 * NS_PER_S },
		     { "1.5h", 5400 * NS_PER_S },
		     { "250ms", 250 * NS_PER_MS },
		     { "3us", 3 * NS_PER_US },
		     { "7ns", 7 },
		     { "-5s", -5 * NS_PER_S },
		     { "+5s", 5 * NS_PER_S },
		     { "", -1 },
		     { "5", -1 },
		     { "s", -1 },
		     { "1x", -1 },
		     { "1e3s", -1 },
		     { "1m 3s", -1 },
		     { "99999999999h", -1 } };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t ns = -1;
		int r = cli_parse_duration(rows[i].text, &ns);

		CHECK(rows[i].ns == -1 ? r == -EINVAL : r == 0 && ns == rows[i].ns);
	}
}

TEST(cli_survives_failing_memory)
{
	for (unsigned nth = 1;; nth++) {
		struct cli cli = { 0 };
		int r;

		fault_arm(nth);
		r = parse("get pods -f a,b -f c -o wide -n x", &cli, NULL);
		if (!fault_disarm()) {
			CHECK(r == 0);
			cli_done(&cli);
			return;
		}
		CHECK(r < 0);
	}
}
