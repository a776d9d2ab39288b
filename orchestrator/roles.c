/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that run in the foreground (server, agent, keep), and the small ones. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/path.h"
#include "netns/netns.h"
#include "orchestrator/agent/agent.h"
#include "orchestrator/keeper.h"
#include "orchestrator/server/server.h"
#include "orchestrator/verbs.h"

/* Root, directories, the role's lock (held until the process ends), the address. */
static int role_begin(struct instance *in, enum role role, struct err *err)
{
	int r = 0;

	if (geteuid() != 0)
		return err_say(err, -EPERM,
			       "`shallop %s` needs root: run it with sudo or from systemd",
			       role_name(role));
	if (!*in->address)
		r = netns_node_address(in->address, err);
	if (r == 0 && role != ROLE_KEEPER)
		r = instance_save(in, err);
	if (r < 0)
		return r;
	r = path_mkdirs(in->run_dir, 0755, err);
	return r < 0 ? r : instance_lock(in, role, err);
}

/* A failure goes to the log and to whoever waits for READY=1: `up` need not wait in vain. */
static int role_end(enum role role, const struct err *err, int r)
{
	char state[640];

	if (r >= 0)
		return EXIT_DONE;
	log_error("%s", err->text);
	(void)snprintf(state, sizeof(state), "ERRNO=%d\nthe %s ended: %s", -r, role_name(role),
		       err->text);
	if (r != -EBUSY) /* the one that runs already will speak for itself */
		(void)notify_send(state);
	return EXIT_FAILED;
}

int verb_server(struct verb_options *options, int argc, char **argv)
{
	struct instance *in = &options->instance;
	struct server_options server;
	struct err err = { 0 };
	int r;

	(void)argv;
	if (argc > 0)
		return EXIT_USAGE;
	r = role_begin(in, ROLE_SERVER, &err);
	if (r < 0)
		return role_end(ROLE_SERVER, &err, r);
	server_options_of(in, &server);
	return role_end(ROLE_SERVER, &err, server_run(&server, &err));
}

/* bin/shallop-shim beside this program. */
static int shim_path(char *path, size_t size, struct err *err)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 32);
	char *slash;

	if (n < 0)
		return err_set(err, -errno, "find this program's path");
	path[n] = '\0';
	slash = strrchr(path, '/');
	(void)snprintf(slash ? slash + 1 : path, 32, "shallop-shim");
	if (access(path, X_OK) < 0)
		return err_set(err, -errno, "%s", path);
	return 0;
}

/* --server HOST:PORT; without it, the server of this very instance. */
static int server_of(const struct verb_options *options, char *host, size_t size,
		     unsigned *ret_port, struct err *err)
{
	const char *colon = strrchr(options->server, ':');
	char *end;
	unsigned long port;

	if (!*options->server) {
		(void)snprintf(host, size, "%s", options->instance.address);
		*ret_port = (unsigned)options->instance.node_port;
		return 0;
	}
	port = colon ? strtoul(colon + 1, &end, 10) : 0;
	if (!colon || colon == options->server || *end || port < 1 || port > 65535)
		return err_say(err, -EINVAL, "--server: \"%s\" is not HOST:PORT", options->server);
	(void)snprintf(host, size, "%.*s", (int)(colon - options->server), options->server);
	*ret_port = (unsigned)port;
	return 0;
}

int verb_agent(struct verb_options *options, int argc, char **argv)
{
	struct instance *in = &options->instance;
	char shim[PATH_MAX], host[256];
	struct err err = { 0 };
	unsigned port = 0;
	int r;

	(void)argv;
	if (argc > 0)
		return EXIT_USAGE;
	r = role_begin(in, ROLE_AGENT, &err);
	if (r >= 0)
		r = shim_path(shim, sizeof(shim), &err);
	if (r >= 0)
		r = server_of(options, host, sizeof(host), &port, &err);
	if (r < 0)
		return role_end(ROLE_AGENT, &err, r);
	struct agent_options agent = {
		.data_dir = in->data_dir,
		.run_dir = in->run_dir,
		.instance = in->id,
		.node_name = in->node_name,
		.address = in->address,
		.server_host = host,
		.server_port = port,
		.cluster_cidr = in->pod_cidr,
		.service_cidr = in->service_cidr,
		.cluster_domain = in->cluster_domain,
		.shim_path = shim,
	};
	return role_end(ROLE_AGENT, &err, agent_run(&agent, &err));
}

/* `node issue NAME DIR`: what an agent elsewhere needs to be NAME, to be carried there by hand. */
int verb_node(struct verb_options *options, int argc, char **argv)
{
	struct server_options server;
	struct err err = { 0 };

	if (argc != 3 || strcmp(argv[0], "issue") != 0)
		return EXIT_USAGE;
	server_options_of(&options->instance, &server);
	if (server_pki_issue_node_to(&server, argv[1], argv[2], &err) < 0)
		return verb_fail(&err, "SH009", NULL);
	(void)printf(
		"%s/{ca.crt,node.crt,node.key}: copy them to agent/pki below the data directory of "
		"node %s, then there:\n"
		"  shallop agent --node-name %s --server %s:%d\n",
		argv[2], argv[1], argv[1], options->instance.address, options->instance.node_port);
	return EXIT_DONE;
}

int verb_keep(struct verb_options *options, int argc, char **argv)
{
	struct err err = { 0 };
	int r;

	(void)argv;
	if (argc > 0)
		return EXIT_USAGE;
	r = role_begin(&options->instance, ROLE_KEEPER, &err);
	if (r >= 0)
		r = keeper_run(&options->instance, &err);
	return role_end(ROLE_KEEPER, &err, r);
}

void server_options_of(const struct instance *in, struct server_options *ret)
{
	*ret = (struct server_options){
		.data_dir = in->data_dir,
		.run_dir = in->run_dir,
		.instance = in->id,
		.address = in->address,
		.port = (unsigned)in->port,
		.node_port = (unsigned)in->node_port,
		.cluster_domain = in->cluster_domain,
		.service_cidr = in->service_cidr,
		.pod_cidr = in->pod_cidr,
	};
}

int verb_kubeconfig(struct verb_options *options, int argc, char **argv)
{
	auto_buf struct buf text = BUF_INIT(65536);
	char path[PATH_MAX];
	struct err err = { 0 };
	int r;

	(void)argv;
	if (argc > 0)
		return EXIT_USAGE;
	instance_data_path(&options->instance, "kubeconfig", path, sizeof(path));
	r = fd_read_file(path, &text, &err);
	if (r < 0)
		return verb_fail(&err, "SH008", NULL);
	return fwrite(text.data, 1, text.len, stdout) == text.len ? EXIT_DONE : EXIT_FAILED;
}

/* bin/kubectl beside this program, with this instance's kubeconfig unless the caller has one. */
int verb_kubectl(struct verb_options *options, int argc, char **argv)
{
	char path[PATH_MAX], config[PATH_MAX], **args;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	char *slash;

	if (n < 0)
		return EXIT_FAILED;
	path[n] = '\0';
	slash = strrchr(path, '/');
	(void)snprintf(slash ? slash + 1 : path, 32, "kubectl");
	instance_data_path(&options->instance, "kubeconfig", config, sizeof(config));
	if (access(config, R_OK) == 0)
		(void)setenv("KUBECONFIG", config, 0);
	args = calloc((size_t)argc + 2, sizeof(*args));
	if (!args)
		return EXIT_FAILED;
	args[0] = path;
	if (argc)
		memcpy(args + 1, argv, (size_t)argc * sizeof(*args));
	(void)execv(path, args);
	(void)fprintf(stderr, "shallop: run %s: %s\n", path, strerror(errno));
	free(args);
	return EXIT_FAILED;
}

int verb_version(struct verb_options *options, int argc, char **argv)
{
	(void)options;
	(void)argv;
	if (argc > 0)
		return EXIT_USAGE;
	(void)printf("shallop %s (Kubernetes API v1.37)\n", SHALLOP_VERSION);
	return EXIT_DONE;
}
