/* SPDX-License-Identifier: Apache-2.0 */
/* shallop: the cluster's server, agent and verbs in one program. One table of verbs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "orchestrator/flags.h"
#include "orchestrator/verbs.h"

#define AT(member)   offsetof(struct verb_options, member)
#define SIZE(member) sizeof(((struct verb_options *)0)->member)
#define TEXT_FLAG(name, value, member, help)                                                       \
	{                                                                                          \
		name, value, help, FLAG_TEXT, AT(member), SIZE(member), 0, 0                       \
	}
#define INT_FLAG(name, value, member, min, max, help)                                              \
	{                                                                                          \
		name, value, help, FLAG_INT, AT(member), 0, min, max                               \
	}
#define SWITCH_FLAG(name, member, help)                                                            \
	{                                                                                          \
		name, NULL, help, FLAG_SWITCH, AT(member), 0, 0, 0                                 \
	}

static const struct flag common_flags[] = {
	TEXT_FLAG("data-dir", "DIR", instance.data_dir,
		  "where state lives (default " INSTANCE_DATA_DIR ")"),
	TEXT_FLAG("run-dir", "DIR", instance.run_dir,
		  "sockets and pinned namespaces (default " INSTANCE_RUN_DIR ")"),
};
static const struct flag cluster_flags[] = {
	TEXT_FLAG("address", "IP", instance.address,
		  "the node's address (default: source of the default route)"),
	INT_FLAG("port", "N", instance.port, 1, 65535, "the API's port (default 6443)"),
	INT_FLAG("node-port", "N", instance.node_port, 1, 65535,
		 "the port that nodes dial (default 6444)"),
	TEXT_FLAG("node-name", "NAME", instance.node_name,
		  "this node's name (default: the host's)"),
	TEXT_FLAG("pod-cidr", "CIDR", instance.pod_cidr,
		  "addresses of pods (default 10.244.0.0/16)"),
	TEXT_FLAG("service-cidr", "CIDR", instance.service_cidr,
		  "addresses of Services (default 10.96.0.0/12)"),
	TEXT_FLAG("cluster-domain", "NAME", instance.cluster_domain,
		  "DNS domain (default cluster.local)"),
	TEXT_FLAG("store", "KIND", instance.store, "sqlite"),
	SWITCH_FLAG("verbose", verbose, "log each step"),
};
static const struct flag up_flags[] = {
	INT_FLAG("timeout", "SECONDS", timeout_s, 1, 3600,
		 "give up when the node is not Ready by then (default 60)"),
};
static const struct flag down_flags[] = {
	SWITCH_FLAG("purge", purge, "remove everything of the instance from this host"),
	INT_FLAG("grace", "SECONDS", grace_s, 0, 3600,
		 "for pods to end by themselves (default 10)"),
};
static const struct flag agent_flags[] = {
	TEXT_FLAG("server", "HOST:PORT", server, "the node port of a server elsewhere"),
};
static const struct flag image_flags[] = {
	TEXT_FLAG("name", "NAME", image_name, "import: give the image this name as well"),
	TEXT_FLAG("output", "json", output, "list: as JSON"),
};

struct verb {
	const char *name, *arguments, *summary; /* summary NULL: not listed */
	int (*run)(struct verb_options *options, int argc, char **argv);
	const struct flag *flags[2];
	size_t n_flags[2];
	bool raw; /* argv is handed on as it is, flags included */
	bool needs_instance;
};
#define FLAGS(a)                                                                                   \
	{ a },                                                                                     \
	{                                                                                          \
		ARRAY_LEN(a)                                                                       \
	}
#define FLAGS2(a, b)                                                                               \
	{ a, b },                                                                                  \
	{                                                                                          \
		ARRAY_LEN(a), ARRAY_LEN(b)                                                         \
	}

static const struct verb verbs[] = {
	{ "up", "", "start server and agent, wait until the node is Ready", verb_up,
	  FLAGS2(cluster_flags, up_flags), false, false },
	{ "down", "", "stop everything, pods too; --purge removes it", verb_down, FLAGS(down_flags),
	  false, true },
	{ "status",
	  "",
	  "what runs, where, and what is wrong",
	  verb_status,
	  { 0 },
	  { 0 },
	  false,
	  true },
	{ "server", "", "the server, in the foreground", verb_server, FLAGS(cluster_flags), false,
	  false },
	{ "agent", "", "the node agent, in the foreground", verb_agent,
	  FLAGS2(cluster_flags, agent_flags), false, false },
	{ "node",
	  "issue NAME DIR",
	  "credentials for a node elsewhere",
	  verb_node,
	  { 0 },
	  { 0 },
	  false,
	  true },
	{ "keep", "", NULL, verb_keep, FLAGS(cluster_flags), false, true },
	{ "kubeconfig",
	  "",
	  "print the admin kubeconfig",
	  verb_kubeconfig,
	  { 0 },
	  { 0 },
	  false,
	  true },
	{ "kubectl",
	  "ARGS",
	  "run kubectl against this instance",
	  verb_kubectl,
	  { 0 },
	  { 0 },
	  true,
	  true },
	{ "image", "import FILE | list | inspect NAME | rm NAME | fsck", "the images of this node",
	  verb_image, FLAGS(image_flags), false, false },
	{ "version", "", "print the version", verb_version, { 0 }, { 0 }, false, false },
};

static const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static int usage(FILE *out)
{
	(void)fprintf(out, "usage: shallop VERB [flags]\n\nVerbs:\n");
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (verbs[i].summary)
			(void)fprintf(out, "  %-12s %s\n", verbs[i].name, verbs[i].summary);
	(void)fprintf(out, "\nshallop VERB --help shows a verb's flags.\n");
	return EXIT_USAGE;
}

static size_t verb_flags(const struct verb *verb, struct verb_options *options,
			 struct flag_set sets[3])
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(verb->flags); i++)
		if (verb->flags[i])
			sets[n++] = (struct flag_set){ verb->flags[i], verb->n_flags[i], options };
	sets[n++] = (struct flag_set){ common_flags, ARRAY_LEN(common_flags), options };
	return n;
}

/*
 * Flags are read twice: first for the directories, which say where the kept settings are; then over
 * these settings, so that a flag wins over what the first `up` was given.
 */
static int options_read(const struct verb *verb, struct verb_options *options, int *argc,
			char **argv, struct err *err)
{
	struct flag_set sets[3];
	size_t n = verb_flags(verb, options, sets);
	char *again[256];
	int count = *argc, r;

	if (count > (int)ARRAY_LEN(again))
		return err_say(err, -EINVAL, "too many arguments");
	memcpy(again, argv, (size_t)count * sizeof(*argv));
	r = flags_parse(sets, n, argc, argv, err);
	if (r < 0)
		return r;
	r = instance_load(&options->instance, err);
	if (verb->run == verb_down && r < 0 && (options->instance.known || r == -ENOENT)) {
		(void)fprintf(stderr, "shallop: %s\n",
			      r == -ENOENT
				      ? "no instance there (any more): looking for remains only"
				      : err->text);
		r = 0;
	}
	if (r == -ENOENT && verb->needs_instance)
		return err_say(err, -ENOENT,
			       "there is no instance in %s: `sudo shallop up` makes one",
			       options->instance.data_dir);
	if (r < 0 && r != -ENOENT)
		return r;
	return flags_parse(sets, n, &count, again, err);
}

int verb_fail(const struct err *err, const char *code, const char *log)
{
	(void)fprintf(stderr, "shallop: %s [%s]\n", err->text, code);
	if (log)
		(void)fprintf(stderr, "  the log says more: %s\n", log);
	return EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct verb_options options = { .grace_s = 10, .timeout_s = 60 };
	const struct verb *verb;
	struct err err = { 0 };
	int r;

	if (argc < 2)
		return usage(stderr);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		(void)usage(stdout);
		return EXIT_DONE;
	}
	verb = verb_find(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
	if (!verb) {
		(void)fprintf(stderr, "shallop: unknown verb \"%s\"\n\n", argv[1]);
		return usage(stderr);
	}
	argc -= 2;
	argv += 2;
	instance_init(&options.instance);
	if (verb->raw) {
		(void)instance_load(&options.instance, &err);
		return verb->run(&options, argc, argv);
	}
	r = options_read(verb, &options, &argc, argv, &err);
	if (r == -ECANCELED) {
		struct flag_set sets[3];

		(void)printf("usage: shallop %s%s%s [flags]\n\n", verb->name,
			     *verb->arguments ? " " : "", verb->arguments);
		flags_help(sets, verb_flags(verb, &options, sets));
		return EXIT_DONE;
	}
	if (r == -EINVAL) {
		(void)fprintf(stderr, "shallop %s: %s\n", verb->name, err.text);
		return EXIT_USAGE;
	}
	if (r < 0)
		return verb_fail(&err, "SH007", NULL);
	log_open("shallop", options.verbose ? LOG_TRACE : LOG_INFO);
	r = verb->run(&options, argc, argv);
	if (r == EXIT_USAGE)
		(void)fprintf(stderr, "usage: shallop %s %s\n", verb->name, verb->arguments);
	return r;
}
