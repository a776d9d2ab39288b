/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shallop-runtime: the OCI runtime as a command, in the manner of runc and crun. One table of verbs and
 * one of options for each drive parsing and help.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/time.h"
#include "runtime/reexec.h"
#include "runtime/verb.h"

#define ROOT_DEFAULT "/run/shallop-runtime"
#define EXIT_USAGE   2
#define EXIT_EXEC    255 /* as runc: the process could not be run */

enum option_kind { FLAG, TEXT, NUMBER, LIST };
struct option {
	const char *name;
	char letter;
	enum option_kind kind;
	size_t offset, count; /* into struct args */
	const char *help;
};
enum verb_flags {
	STOPS = 1,  /* what follows the first positional is somebody else's */
	CLONES = 2, /* makes processes that a container can see: run from a sealed place */
};
struct verb {
	const char *name;
	int (*run)(const struct args *args, struct err *err);
	const char *usage, *help;
	const struct option *options;
	size_t n_options;
	size_t min_rest, max_rest;
	unsigned flags;
};

#define AT(member) offsetof(struct args, member)

static const struct option global_options[] = {
	{ "root", 0, TEXT, AT(root), 0, "directory of the containers' state (" ROOT_DEFAULT ")" },
	{ "log", 0, TEXT, AT(log), 0, "file for error messages, beside stderr" },
	{ "log-format", 0, TEXT, AT(log_format), 0, "text or json" },
	{ "debug", 0, FLAG, AT(debug), 0, "accepted; there is nothing more to say" },
	{ "systemd-cgroup", 0, FLAG, AT(systemd_cgroup), 0, "refused: cgroupfs only" },
	{ "cgroup-manager", 0, TEXT, AT(cgroup_manager), 0, "cgroupfs or disabled" },
	{ "rootless", 0, TEXT, AT(rootless), 0, "accepted" },
	{ "criu", 0, TEXT, AT(criu), 0, "accepted" },
	{ "help", 'h', FLAG, AT(help), 0, "this text" },
	{ "version", 'v', FLAG, AT(version), 0, "version of runtime and specification" },
};

#define OPTIONS_CREATE                                                                                \
	{ "bundle", 'b', TEXT, AT(bundle), 0, "directory with config.json (.)" },                     \
		{ "config", 'f', TEXT, AT(config), 0, "configuration file instead of the bundle's" }, \
		{ "console-socket",   0, TEXT,                                                        \
		  AT(console_socket), 0, "unix socket that gets the terminal" },                      \
		{ "pid-file", 0, TEXT, AT(pid_file), 0, "file to write the process id to" },          \
		{ "preserve-fds",   0, NUMBER,                                                        \
		  AT(preserve_fds), 0, "descriptors after stderr to pass on" },                       \
		{ "no-pivot", 0, FLAG, AT(no_pivot), 0, "chroot instead of pivot_root" },             \
	{                                                                                             \
		"no-new-keyring", 0, FLAG, AT(no_new_keyring), 0, "accepted"                          \
	}

static const struct option create_options[] = { OPTIONS_CREATE };
static const struct option run_options[] = {
	OPTIONS_CREATE,
	{ "detach", 'd', FLAG, AT(detach), 0, "return when the container runs" },
	{ "keep", 0, FLAG, AT(keep), 0, "keep the state of the container when it ends" },
	{ "no-subreaper", 0, FLAG, AT(no_subreaper), 0, "accepted" },
};
static const struct option kill_options[] = {
	{ "all", 'a', FLAG, AT(all), 0, "signal every process of the container" },
};
static const struct option delete_options[] = {
	{ "force", 'f', FLAG, AT(force), 0, "kill it first; no such container is fine too" },
};
static const struct option list_options[] = {
	{ "format", 'f', TEXT, AT(format), 0, "table or json" },
	{ "quiet", 'q', FLAG, AT(quiet), 0, "ids only" },
};
static const struct option exec_options_[] = {
	{ "process", 'p', TEXT, AT(process), 0, "file with the process as JSON" },
	{ "cwd", 0, TEXT, AT(cwd), 0, "working directory" },
	{ "env", 'e', LIST, AT(env), AT(n_env), "NAME=value" },
	{ "tty", 't', FLAG, AT(tty), 0, "give it a terminal" },
	{ "user", 'u', TEXT, AT(user), 0, "UID[:GID]" },
	{ "additional-gids", 'g', LIST, AT(gids), AT(n_gids), "supplementary group" },
	{ "detach", 'd', FLAG, AT(detach), 0, "return when the process runs" },
	{ "pid-file", 0, TEXT, AT(pid_file), 0, "file to write the process id to" },
	{ "console-socket", 0, TEXT, AT(console_socket), 0, "unix socket that gets the terminal" },
	{ "cap", 'c', LIST, AT(caps), AT(n_caps), "one more capability" },
	{ "no-new-privs", 0, FLAG, AT(no_new_privs), 0, "set no_new_privs" },
	{ "preserve-fds", 0, NUMBER, AT(preserve_fds), 0, "descriptors after stderr to pass on" },
	{ "apparmor", 0, TEXT, AT(apparmor), 0, "refused where it can't be applied" },
	{ "process-label", 0, TEXT, AT(process_label), 0, "refused where it can't be applied" },
	{ "cgroup", 0, TEXT, AT(cgroup), 0, "accepted when it is the container's own (/)" },
	{ "ignore-paused", 0, FLAG, AT(ignore_paused), 0, "exec also where all is frozen" },
};

/* ---- the table ---- */

#define WITH(rows) rows, ARRAY_LEN(rows)
#define WITH_NONE  NULL, 0
static const struct verb verbs[] = {
	{ "create", verb_create, "ID", "make a container, its process waiting",
	  WITH(create_options), 1, 1, CLONES },
	{ "start", verb_start, "ID", "let the process of a created container go", WITH_NONE, 1, 1,
	  0 },
	{ "run", verb_run, "ID", "create and start; wait for its end", WITH(run_options), 1, 1,
	  CLONES },
	{ "state", verb_state, "ID", "the state of a container as JSON", WITH_NONE, 1, 1, 0 },
	{ "kill", verb_kill, "ID [SIGNAL]", "signal a container (TERM)", WITH(kill_options), 1, 2,
	  0 },
	{ "delete", verb_delete, "ID", "remove a stopped container", WITH(delete_options), 1, 1,
	  0 },
	{ "exec", verb_exec, "ID COMMAND [ARGUMENT…]", "run another process in a container",
	  WITH(exec_options_), 1, SIZE_MAX, STOPS | CLONES },
	{ "list", verb_list, "", "the containers below --root", WITH(list_options), 0, 0, 0 },
	{ "pause", verb_pause, "ID", "freeze a container", WITH_NONE, 1, 1, 0 },
	{ "resume", verb_resume, "ID", "thaw it", WITH_NONE, 1, 1, 0 },
	{ "version", verb_version, "", "version of runtime and specification", WITH_NONE, 0, 0, 0 },
};

static void print_options(FILE *out, const struct option *options, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char letter[8] = "   ", name[48];

		if (options[i].letter)
			(void)snprintf(letter, sizeof(letter), "-%c,", options[i].letter);
		(void)snprintf(name, sizeof(name), "%s%s", options[i].name,
			       options[i].kind == FLAG ? "" : " VALUE");
		(void)fprintf(out, "  %s --%-24s %s\n", letter, name, options[i].help);
	}
}

static void print_help(FILE *out, const struct verb *verb)
{
	if (verb) {
		(void)fprintf(out, "usage: shallop-runtime [OPTION…] %s [OPTION…] %s\n%s\n",
			      verb->name, verb->usage, verb->help);
		print_options(out, verb->options, verb->n_options);
		return;
	}
	(void)fprintf(out, "usage: shallop-runtime [OPTION…] VERB …\n\n");
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		(void)fprintf(out, "  %-8s %-24s %s\n", verbs[i].name, verbs[i].usage,
			      verbs[i].help);
	(void)fprintf(out, "\n");
	print_options(out, global_options, ARRAY_LEN(global_options));
}

/* ---- parsing ---- */

static const struct option *find_option(const struct option *options, size_t n, const char *text,
					size_t len, bool is_letter)
{
	for (size_t i = 0; i < n; i++) {
		if (is_letter ? options[i].letter == *text
			      : strncmp(options[i].name, text, len) == 0 && !options[i].name[len])
			return &options[i];
	}
	return NULL;
}

static int set_option(struct args *a, const struct option *o, const char *value, struct err *err)
{
	char *at = (char *)a + o->offset, *end;

	switch (o->kind) {
	case FLAG:
		*(bool *)at = !value || strcmp(value, "false") != 0;
		return 0;
	case TEXT:
		*(const char **)at = value;
		return 0;
	case NUMBER:
		*(long *)at = strtol(value, &end, 10);
		if (!*value || *end || *(long *)at < 0 || *(long *)at > 1024)
			return err_say(err, -EINVAL, "--%s: \"%s\" is not a number up to 1024",
				       o->name, value);
		return 0;
	case LIST: {
		size_t *n = (size_t *)((char *)a + o->count);

		if (*n == ARGS_LIST_MAX)
			return err_say(err, -E2BIG, "--%s: more than %d", o->name, ARGS_LIST_MAX);
		((const char **)at)[(*n)++] = value;
		return 0;
	}
	}
	return -EINVAL;
}

/* Options of one table, up to the first word that is none if @stop; else words are collected. */
static int parse_options(struct args *a, const struct option *options, size_t n, char ***argv,
			 bool stop, struct err *err)
{
	while (**argv) {
		const char *word = **argv, *value = NULL;
		const struct option *o;
		size_t len;

		if (word[0] != '-' || !word[1]) {
			if (stop)
				return 0;
			a->rest[a->n_rest++] = word;
			(*argv)++;
			continue;
		}
		(*argv)++;
		if (strcmp(word, "--") == 0)
			return 0;
		if (word[1] != '-') {
			o = find_option(options, n, word + 1, 1, true);
			value = word[2] == '=' ? word + 3 : word[2] ? word + 2 : NULL;
		} else {
			len = strcspn(word + 2, "=");
			o = find_option(options, n, word + 2, len, false);
			value = word[2 + len] ? word + 3 + len : NULL;
		}
		if (!o)
			return err_say(err, -EINVAL, "unknown option %s", word);
		if (!value && o->kind != FLAG) {
			if (!**argv)
				return err_say(err, -EINVAL, "option --%s needs a value", o->name);
			value = *(*argv)++;
		}
		int r = set_option(a, o, value, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int check_globals(const struct args *a, struct err *err)
{
	const char *manager = a->cgroup_manager;

	if (a->systemd_cgroup || (manager && strcmp(manager, "systemd") == 0))
		return err_say(err, -EOPNOTSUPP,
			       "the systemd cgroup manager is not supported: use cgroupfs");
	if (manager && strcmp(manager, "cgroupfs") != 0 && strcmp(manager, "disabled") != 0)
		return err_say(err, -EINVAL, "unknown cgroup manager \"%s\"", manager);
	return 0;
}

/* Engines read this file to tell their users what went wrong. */
static void log_error_to(const struct args *a, const struct err *err)
{
	auto_json struct json_object *json = NULL;
	auto_buf struct buf line = BUF_INIT(65536);
	auto_close int fd = -EBADF;
	char now[TIME_TEXT_MAX];

	if (!a->log)
		return;
	fd = open(a->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	json = json_new_object();
	(void)time_format(time_now_ns(), now);
	(void)json_put_str(json, "level", "error");
	(void)json_put_str(json, "msg", err->text);
	(void)json_put_str(json, "time", now);
	if (a->log_format && strcmp(a->log_format, "json") == 0) {
		(void)json_write(&line, json);
		(void)buf_putc(&line, '\n');
	} else {
		(void)buf_printf(&line, "time=\"%s\" level=error msg=", now);
		(void)json_write_string(&line, err->text, strlen(err->text), JSON_COMPACT);
		(void)buf_putc(&line, '\n');
	}
	(void)fd_write_all(fd, buf_str(&line), line.len);
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* Everything up to the verb's own work. Returns NULL with *exit_code set when there is none to do. */
static const struct verb *parse(struct args *a, char **argv, int *exit_code, struct err *err)
{
	const struct verb *verb;
	int r = parse_options(a, WITH(global_options), &argv, true, err);

	*exit_code = EXIT_USAGE;
	if (r == 0)
		r = check_globals(a, err);
	if (r < 0) {
		*exit_code = r == -EOPNOTSUPP ? 1 : EXIT_USAGE;
		return NULL;
	}
	if (a->help || a->version || !*argv) {
		*exit_code = a->help || a->version ? 0 : EXIT_USAGE;
		if (a->version)
			(void)verb_version(a, err);
		else
			print_help(a->help ? stdout : stderr, NULL);
		return NULL;
	}
	verb = find_verb(*argv);
	if (!verb) {
		(void)err_say(err, -EINVAL, "unknown verb \"%s\"", *argv);
		return NULL;
	}
	argv++;
	if (*argv && (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0)) {
		print_help(stdout, verb);
		*exit_code = 0;
		return NULL;
	}
	r = parse_options(a, verb->options, verb->n_options, &argv, verb->flags & STOPS, err);
	if (r < 0)
		return NULL;
	while (*argv)
		a->rest[a->n_rest++] = *argv++;
	if (a->n_rest < verb->min_rest || a->n_rest > verb->max_rest) {
		(void)err_say(err, -EINVAL, "usage: shallop-runtime %s [OPTION…] %s", verb->name,
			      verb->usage);
		return NULL;
	}
	return verb;
}

int main(int argc, char **argv)
{
	auto_free const char **rest = calloc((size_t)argc + 1, sizeof(*rest));
	static struct args args;
	struct err err = { 0 };
	const struct verb *verb;
	int r, exit_code;

	if (!rest)
		return 1;
	(void)signal(SIGPIPE, SIG_IGN);
	args.root = ROOT_DEFAULT;
	args.rest = rest;
	verb = parse(&args, argv + 1, &exit_code, &err);
	if (!verb) {
		if (err.code) {
			(void)fprintf(stderr, "shallop-runtime: %s\n", err.text);
			log_error_to(&args, &err);
		}
		return exit_code;
	}
	r = verb->flags & CLONES ? reexec_self(argv, &err) : 0;
	if (r == 0)
		r = verb->run(&args, &err);
	if (r >= 0)
		return r;
	if (!err.code)
		(void)err_set(&err, r, "%s", verb->name);
	(void)fprintf(stderr, "shallop-runtime: %s\n", err.text);
	log_error_to(&args, &err);
	return verb->run == verb_exec ? EXIT_EXEC : 1;
}
