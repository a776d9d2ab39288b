/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/cli.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/time.h"

struct cli_value {
	const struct cli_flag *flag;
	const char *text; /* the last one given (booleans: "true" or "false") */
	char **list;	  /* of CLI_LIST and CLI_ARRAY; NULL-terminated */
	size_t n_list, cap_list;
};

/* ---- finding ---- */

static const struct cli_flag *find_in(const struct cli_flag *flags, size_t n, const char *name,
				      size_t len, char shorthand)
{
	for (size_t i = 0; i < n; i++) {
		if (!flags[i].name)
			continue;
		if (shorthand
			    ? flags[i].shorthand == shorthand
			    : strlen(flags[i].name) == len && memcmp(flags[i].name, name, len) == 0)
			return &flags[i];
	}
	return NULL;
}

static const struct cli_flag *find_flag(const struct cli_command *command, const char *name,
					size_t len, char shorthand)
{
	const struct cli_flag *flag = NULL;

	if (command)
		flag = find_in(command->flags, command->n_flags, name, len, shorthand);
	return flag ? flag : find_in(cli_global_flags, cli_n_global_flags, name, len, shorthand);
}

/* Is @word one of a comma-separated list? */
static bool in_list(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (list && *list) {
		size_t n = strcspn(list, ",");

		if (n == len && memcmp(list, word, n) == 0)
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

/* "get"; or, with @group "config", "view". The exact command, else one whose alias it is. */
static const struct cli_command *find_command(const char *group, const char *word)
{
	size_t skip = group ? strlen(group) + 1 : 0;

	for (size_t i = 0; i < cli_n_commands; i++) {
		const struct cli_command *c = &cli_commands[i];

		if (group && (strncmp(c->name, group, skip - 1) != 0 || c->name[skip - 1] != ' '))
			continue;
		if (strcmp(c->name + skip, word) == 0 || in_list(c->aliases, word))
			if (group || !strchr(c->name, ' '))
				return c;
	}
	return NULL;
}

/* ---- suggestions ---- */

/* Levenshtein's, of short words, without case. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[64], n = (unsigned)strlen(b);

	if (strlen(a) >= ARRAY_LEN(row) || n >= ARRAY_LEN(row))
		return UINT_MAX;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned cost = tolower((unsigned char)a[i - 1]) !=
					tolower((unsigned char)b[j - 1]);
			unsigned best = MIN(MIN(row[j], row[j - 1]) + 1, diagonal + cost);

			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[n];
}

static void suggest(const char *word, struct err *err)
{
	bool any = false;

	if (!err)
		return;
	for (size_t i = 0; i < cli_n_commands; i++) {
		const char *name = cli_commands[i].name;
		size_t used = strlen(err->text);

		if (strchr(name, ' ') ||
		    (distance(word, name) > 2 && strncasecmp(name, word, strlen(word)) != 0))
			continue;
		(void)snprintf(err->text + used, sizeof(err->text) - used, "%s\t%s\n",
			       any ? "" : "\n\nDid you mean this?\n", name);
		any = true;
	}
	/* The sentence ends without a newline. */
	if (any && err->text[strlen(err->text) - 1] == '\n')
		err->text[strlen(err->text) - 1] = '\0';
}

/* ---- values ---- */

static struct cli_value *value_of(const struct cli *cli, const struct cli_flag *flag)
{
	for (size_t i = 0; i < cli->n_values; i++)
		if (cli->values[i].flag == flag)
			return &cli->values[i];
	return NULL;
}

static int list_add(struct cli_value *value, const char *text, size_t len)
{
	int r = array_grow(&value->list, &value->cap_list, value->n_list + 2, sizeof(*value->list));

	if (r < 0)
		return r;
	value->list[value->n_list] = strndup(text, len);
	if (!value->list[value->n_list])
		return -ENOMEM;
	value->list[++value->n_list] = NULL;
	return 0;
}

static int list_add_all(struct cli_value *value, const char *text)
{
	int r = 0;

	if (value->flag->type == CLI_ARRAY)
		return list_add(value, text, strlen(text));
	while (r == 0) {
		size_t n = strcspn(text, ",");

		r = list_add(value, text, n);
		if (!text[n])
			break;
		text += n + 1;
	}
	return r;
}

/* The words of Go's strconv, which pflag passes on. */
static const char *type_problem(const struct cli_flag *flag, const char *text, char *why,
				size_t size)
{
	static const char *const booleans[] = { "1",	"0",	 "t",	 "f",	  "T",	  "F",
						"true", "false", "TRUE", "FALSE", "True", "False" };
	int64_t ns;
	char *end;

	switch (flag->type) {
	case CLI_BOOL:
		for (size_t i = 0; i < ARRAY_LEN(booleans); i++)
			if (strcmp(booleans[i], text) == 0)
				return NULL;
		(void)snprintf(why, size, "strconv.ParseBool: parsing \"%s\": invalid syntax",
			       text);
		return why;
	case CLI_INT:
		errno = 0;
		(void)strtoll(text, &end, 0);
		if (*text && !*end && !errno)
			return NULL;
		(void)snprintf(why, size, "strconv.ParseInt: parsing \"%s\": %s", text,
			       errno == ERANGE ? "value out of range" : "invalid syntax");
		return why;
	case CLI_DURATION:
		if (cli_parse_duration(text, &ns) == 0)
			return NULL;
		(void)snprintf(why, size, "time: invalid duration \"%s\"", text);
		return why;
	default:
		return NULL;
	}
}

static int set_value(struct cli *cli, const struct cli_flag *flag, const char *text,
		     struct err *err)
{
	struct cli_value *value = value_of(cli, flag), *more;
	char why[256], shown[80];

	if (type_problem(flag, text, why, sizeof(why))) {
		(void)snprintf(shown, sizeof(shown), flag->shorthand ? "-%c, --%s" : "%.0d--%s",
			       flag->shorthand, flag->name);
		return err_say(err, -EINVAL, "invalid argument \"%s\" for \"%s\" flag: %s", text,
			       shown, why);
	}
	if (!value) {
		more = reallocarray(cli->values, cli->n_values + 1, sizeof(*more));
		if (!more)
			return err_set(err, -ENOMEM, "parse flags");
		cli->values = more;
		value = &more[cli->n_values++];
		*value = (struct cli_value){ .flag = flag };
	}
	value->text = flag->type == CLI_BOOL ? (strchr("1tT", *text) ? "true" : "false") : text;
	if (flag->type == CLI_LIST || flag->type == CLI_ARRAY)
		return list_add_all(value, text);
	return 0;
}

/* ---- the line ---- */

struct scan {
	int argc, i;
	char **argv;
	struct cli *cli;
	struct err *err;
};

static int see_help(struct scan *s, int code)
{
	const struct cli_command *command = s->cli->command;
	size_t used;

	if (!s->err)
		return code;
	used = strlen(s->err->text);
	(void)snprintf(s->err->text + used, sizeof(s->err->text) - used,
		       "\nSee 'kubectl%s%s --help' for usage.", command ? " " : "",
		       command ? command->name : "");
	return code;
}

/* "--name", "--name=value", "--name value" */
static int take_long(struct scan *s)
{
	const char *name = s->argv[s->i] + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct cli_flag *flag = find_flag(s->cli->command, name, len, 0);

	if (!flag)
		return see_help(s,
				err_say(s->err, -EINVAL, "unknown flag: --%.*s", (int)len, name));
	if (equals)
		return set_value(s->cli, flag, equals + 1, s->err);
	if (flag->bare)
		return set_value(s->cli, flag, flag->bare, s->err);
	if (s->i + 1 >= s->argc)
		return see_help(
			s, err_say(s->err, -EINVAL, "flag needs an argument: --%s", flag->name));
	return set_value(s->cli, flag, s->argv[++s->i], s->err);
}

/* "-it", "-ojson", "-o json", "-o=json" */
static int take_short(struct scan *s)
{
	const char *group = s->argv[s->i] + 1;

	for (const char *p = group; *p; p++) {
		const struct cli_flag *flag = find_flag(s->cli->command, NULL, 0, *p);
		int r;

		if (!flag)
			return see_help(s,
					err_say(s->err, -EINVAL,
						"unknown shorthand flag: '%c' in -%s", *p, group));
		if (p[1] == '=')
			return set_value(s->cli, flag, p + 2, s->err);
		if (flag->bare) {
			r = set_value(s->cli, flag, flag->bare, s->err);
			if (r < 0)
				return r;
			continue;
		}
		if (p[1])
			return set_value(s->cli, flag, p + 1, s->err);
		if (s->i + 1 >= s->argc)
			return see_help(s,
					err_say(s->err, -EINVAL,
						"flag needs an argument: '%c' in -%s", *p, group));
		return set_value(s->cli, flag, s->argv[++s->i], s->err);
	}
	return 0;
}

/* Step over a flag in front of the command's name, so that "kubectl -n x get" finds "get". */
static bool takes_next(const char *word)
{
	const struct cli_flag *flag;

	if (word[1] == '-') {
		if (strchr(word, '='))
			return false;
		flag = find_flag(NULL, word + 2, strlen(word + 2), 0);
	} else {
		flag = word[2] ? NULL : find_flag(NULL, NULL, 0, word[1]);
	}
	return flag && !flag->bare;
}

/* The command's words are taken out of argv; *n_left is what remains. */
static int take_command(struct scan *s)
{
	const char *group = NULL;
	int kept = 0;
	bool found = false;

	for (int i = 0; i < s->argc; i++) {
		char *word = s->argv[i];

		if (found || strcmp(word, "--") == 0) {
			found = true; /* after "--" nothing is a command */
			s->argv[kept++] = word;
			continue;
		}
		if (word[0] == '-' && word[1]) {
			s->argv[kept++] = word;
			if (takes_next(word) && i + 1 < s->argc)
				s->argv[kept++] = s->argv[++i];
			continue;
		}
		const struct cli_command *command = find_command(group, word);

		if (!command && group) {
			s->argv[kept++] = word;
			found = true;
			continue;
		}
		if (!command) {
			(void)err_say(s->err, -EINVAL, "unknown command \"%s\" for \"kubectl\"",
				      word);
			suggest(word, s->err);
			return -EINVAL;
		}
		s->cli->command = command;
		group = command->run ? NULL : command->name;
		found = command->run != NULL;
	}
	s->argc = kept;
	return 0;
}

/* For a group that was called without what it should do. */
static void print_group(const struct cli_command *group)
{
	size_t n = strlen(group->name);

	(void)fprintf(stderr, "%s\n\nAvailable Commands:\n", group->summary);
	for (size_t i = 0; i < cli_n_commands; i++)
		if (strncmp(cli_commands[i].name, group->name, n) == 0 &&
		    cli_commands[i].name[n] == ' ')
			(void)fprintf(stderr, "  %-15s %s\n", cli_commands[i].name + n + 1,
				      cli_commands[i].summary);
	(void)fprintf(stderr,
		      "\nUsage:\n  kubectl %s [flags] [options]\n\nUse \"kubectl %s <command> "
		      "--help\" for more information about a given command.\n",
		      group->name, group->name);
}

static void print_help(const struct cli_command *command)
{
	if (command && command->run) {
		(void)printf("%s\n\nUsage:\n  kubectl %s %s\n\nOptions:\n", command->summary,
			     command->name, command->usage);
		for (size_t i = 0; i < command->n_flags; i++) {
			const struct cli_flag *f = &command->flags[i];

			if (!f->name)
				continue;
			if (f->shorthand)
				(void)printf("    -%c, --%s=%s\n", f->shorthand, f->name,
					     f->otherwise);
			else
				(void)printf("    --%s=%s\n", f->name, f->otherwise);
		}
		(void)printf("\nUse \"kubectl options\" for a list of global command-line options "
			     "(applies to all commands).\n");
		return;
	}
	if (command) {
		print_group(command);
		return;
	}
	(void)printf("kubectl controls the Kubernetes cluster manager.\n\nCommands:\n");
	for (size_t i = 0; i < cli_n_commands; i++)
		if (cli_commands[i].run && cli_commands[i].summary)
			(void)printf("  %-24s %s\n", cli_commands[i].name, cli_commands[i].summary);
	(void)printf(
		"\nUsage:\n  kubectl [flags] [options]\n\n"
		"Use \"kubectl <command> --help\" for more information about a given command.\n");
}

int cli_parse(int argc, char **argv, struct cli *ret, int *ret_code, struct err *err)
{
	struct cli cli = { .dash = SIZE_MAX };
	struct scan s = { .argc = argc - 1, .argv = argv + 1, .cli = &cli, .err = err };
	int r;

	*ret = cli;
	*ret_code = 0;
	r = take_command(&s);
	if (r < 0)
		return r;
	cli.args = calloc((size_t)s.argc + 1, sizeof(*cli.args));
	if (!cli.args)
		return err_set(err, -ENOMEM, "parse the command line");
	for (s.i = 0; s.i < s.argc && r == 0; s.i++) {
		const char *word = s.argv[s.i];

		if (strcmp(word, "--") == 0) {
			cli.dash = cli.n_args;
			while (++s.i < s.argc)
				cli.args[cli.n_args++] = s.argv[s.i];
		} else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
			print_help(cli.command);
			r = 1;
		} else if (word[0] == '-' && word[1] == '-') {
			r = take_long(&s);
		} else if (word[0] == '-' && word[1]) {
			r = take_short(&s);
		} else {
			cli.args[cli.n_args++] = word;
		}
	}
	*ret = cli;
	if (r == 0 && (!cli.command || !cli.command->run)) {
		print_help(cli.command);
		r = 1;
		*ret_code = cli.command != NULL; /* a group alone is a mistake */
	}
	if (r != 0)
		cli_done(ret);
	return r;
}

void cli_done(struct cli *cli)
{
	for (size_t i = 0; i < cli->n_values; i++) {
		for (size_t j = 0; j < cli->values[i].n_list; j++)
			free(cli->values[i].list[j]);
		free(cli->values[i].list);
	}
	free(cli->values);
	free(cli->args);
	*cli = (struct cli){ 0 };
}

/* ---- asking ---- */

static const struct cli_flag *must_find(const struct cli *cli, const char *name)
{
	const struct cli_flag *flag = find_flag(cli->command, name, strlen(name), 0);

	assert(flag); /* the command's row in commands.c lacks it */
	return flag;
}

const char *cli_str(const struct cli *cli, const char *name)
{
	const struct cli_flag *flag = must_find(cli, name);
	const struct cli_value *value = value_of(cli, flag);

	return value ? value->text : flag->otherwise;
}

bool cli_bool(const struct cli *cli, const char *name)
{
	return strcmp(cli_str(cli, name), "true") == 0;
}

int64_t cli_int(const struct cli *cli, const char *name)
{
	return strtoll(cli_str(cli, name), NULL, 0);
}

int64_t cli_duration_ns(const struct cli *cli, const char *name)
{
	int64_t ns = 0;

	(void)cli_parse_duration(cli_str(cli, name), &ns);
	return ns;
}

bool cli_has(const struct cli *cli, const char *name)
{
	return find_flag(cli->command, name, strlen(name), 0) != NULL;
}

bool cli_given(const struct cli *cli, const char *name)
{
	return value_of(cli, must_find(cli, name)) != NULL;
}

const char *const *cli_list(const struct cli *cli, const char *name)
{
	static const char *const none[] = { NULL };
	const struct cli_value *value = value_of(cli, must_find(cli, name));

	return value && value->list ? (const char *const *)value->list : none;
}

int cli_parse_duration(const char *text, int64_t *ret_ns)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = { { "ns", 1 },
		      { "us", NS_PER_US },
		      { "µs", NS_PER_US },
		      { "ms", NS_PER_MS },
		      { "s", NS_PER_S },
		      { "m", 60 * NS_PER_S },
		      { "h", 3600 * NS_PER_S } };
	bool minus = *text == '-';
	int64_t total = 0;

	text += *text == '-' || *text == '+';
	if (strcmp(text, "0") == 0) {
		*ret_ns = 0;
		return 0;
	}
	if (!*text)
		return -EINVAL;
	while (*text) {
		const struct {
			const char *name;
			int64_t ns;
		} *unit = NULL;
		size_t name_len;
		char *end;
		double number = strtod(text, &end);

		if (end == text || strspn(text, "0123456789.") != (size_t)(end - text))
			return -EINVAL;
		name_len = strcspn(end, "0123456789.");
		for (size_t i = 0; i < ARRAY_LEN(units); i++)
			if (strlen(units[i].name) == name_len &&
			    memcmp(units[i].name, end, name_len) == 0)
				unit = (const void *)&units[i];
		if (!unit || number * (double)unit->ns > 9e18 - (double)total)
			return -EINVAL;
		total += (int64_t)(number * (double)unit->ns);
		text = end + name_len;
	}
	*ret_ns = minus ? -total : total;
	return 0;
}
