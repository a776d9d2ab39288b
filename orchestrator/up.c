/* SPDX-License-Identifier: Apache-2.0 */
/* `shallop up`: from nothing, or from whatever state the instance is in, to a node that is Ready. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/notify.h"
#include "base/path.h"
#include "base/time.h"
#include "netns/netns.h"
#include "orchestrator/client.h"
#include "orchestrator/keeper.h"
#include "orchestrator/server/server.h"
#include "orchestrator/userconfig.h"
#include "orchestrator/verbs.h"
#include "runtime/runtime.h"

/* What the host must have; each row one sentence that says what is missing and what to do. */
static int check_host(struct err *err)
{
	struct runtime_host host;

	runtime_host_probe(&host);
	if (!host.root)
		return err_say(err, -EPERM, "`shallop up` needs root: run it with sudo");
	if (!*host.cgroup.mount)
		return err_say(err, -ENOTSUP,
			       "no cgroup2 file system is mounted: boot with "
			       "systemd.unified_cgroup_hierarchy=1, "
			       "or mount -t cgroup2 none /sys/fs/cgroup");
	if (!host.overlayfs)
		return err_say(err, -ENOTSUP,
			       "the kernel has no overlayfs: modprobe overlay, or a kernel with "
			       "CONFIG_OVERLAY_FS");
	return 0;
}

static int check_cidrs(const struct instance *in, struct err *err)
{
	const struct {
		const char *flag, *cidr;
	} ranges[] = { { "--pod-cidr", in->pod_cidr }, { "--service-cidr", in->service_cidr } };
	char what[256];

	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		int r = netns_cidr_overlap(ranges[i].cidr, in->id, what, sizeof(what), err);

		if (r < 0)
			return r;
		if (r > 0)
			return err_say(err, -EADDRINUSE, "%s %s overlaps %s: choose another range",
				       ranges[i].flag, ranges[i].cidr, what);
	}
	return 0;
}

/*
 * Wait until the programs that are being started have said READY=1. The kernel says who spoke; a
 * program holds its role's lock before it says so.
 */
static int wait_ready(const struct instance *in, int notify_fd, unsigned waiting,
		      int64_t deadline_ns, struct err *err)
{
	while (waiting) {
		int64_t left_ms = (deadline_ns - time_monotonic_ns()) / NS_PER_MS;
		char text[1024];
		pid_t pid;
		ssize_t n;

		if (left_ms <= 0)
			return err_say(err, -ETIMEDOUT, "the %s did not become ready",
				       waiting & 1u << ROLE_SERVER ? "server" : "agent");
		n = notify_receive(notify_fd, (int)left_ms, text, sizeof(text), &pid);
		if (n == -EAGAIN || n == -EINTR)
			continue;
		if (n < 0)
			return err_set(err, (int)n, "wait for server and agent");
		if (strncmp(text, "ERRNO=", 6) == 0) /* it ends, and says why (roles.c) */
			return err_say(err, -ECHILD, "%s", text + strcspn(text, "\n") + 1);
		if (!strstr(text, "READY=1"))
			continue;
		for (unsigned role = 0; role < ROLE_COUNT; role++)
			if (instance_holder(in, role) == pid)
				waiting &= ~(1u << role);
	}
	return 0;
}

/* Is this the node's Ready condition, and True? */
static bool node_is_ready(const struct json_object *node)
{
	const struct json_object *conditions = json_at(node, "status.conditions");

	for (size_t i = 0; i < json_len(conditions); i++) {
		const struct json_object *c = json_idx(conditions, i);
		const char *type = json_str_at(c, "type"), *status = json_str_at(c, "status");

		if (type && status && strcmp(type, "Ready") == 0)
			return strcmp(status, "True") == 0;
	}
	return false;
}

/*
 * The agent says READY when the server has acknowledged its status, so one look is nearly always
 * enough; the pauses are for a node whose status says that it is not ready yet.
 */
static int wait_node(const struct instance *in, int64_t deadline_ns, struct err *err)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "/api/v1/nodes/%s", in->node_name);
	for (;;) {
		auto_json struct json_object *node = NULL;
		int64_t left_ms = (deadline_ns - time_monotonic_ns()) / NS_PER_MS;
		int r = client_get(in, path, (int)MAX(left_ms, 1), &node, err);

		if (r == 0 && node_is_ready(node))
			return 0;
		if (left_ms <= 0)
			return r < 0 ? r
				     : err_say(err, -ETIMEDOUT, "node %s is not Ready",
					       in->node_name);
		(void)usleep(20000);
	}
}

static int up_prepare(struct verb_options *options, struct err *err)
{
	struct instance *in = &options->instance;
	int r;

	if (!*in->address) {
		r = netns_node_address(in->address, err);
		if (r < 0)
			return r;
	}
	r = check_cidrs(in, err);
	if (r < 0)
		return r;
	return instance_save(in, err);
}

static int up_start(struct verb_options *options, unsigned missing, int64_t deadline_ns,
		    struct err *err)
{
	const struct instance *in = &options->instance;
	auto_close int notify_fd = -EBADF;
	struct server_options server;
	char path[PATH_MAX];
	int r;

	server_options_of(in, &server);
	r = server_pki_ensure(&server, err);
	if (r == 0)
		r = server_pki_issue_node(&server, in->node_name, err);
	if (r < 0)
		return r;
	instance_run_path(in, "up.sock", path, sizeof(path));
	r = notify_listen(path, &notify_fd, err);
	if (r < 0)
		return r;
	if (setenv("NOTIFY_SOCKET", path, 1) < 0)
		return err_set(err, -errno, "set NOTIFY_SOCKET");
	r = keeper_start(in, err);
	if (r >= 0)
		r = wait_ready(in, notify_fd, missing, deadline_ns, err);
	(void)unlink(path);
	return r;
}

int verb_up(struct verb_options *options, int argc, char **argv)
{
	struct instance *in = &options->instance;
	int64_t deadline_ns = time_monotonic_ns() + options->timeout_s * NS_PER_S;
	auto_close int lock_fd = -EBADF;
	unsigned missing = 0;
	struct err err = { 0 };
	char log[PATH_MAX];
	int r;

	(void)argv;
	if (argc > 0)
		return EXIT_USAGE;
	r = check_host(&err);
	if (r < 0)
		return verb_fail(&err, "SH001", NULL);
	lock_fd = instance_lock_verb(in, &err);
	if (lock_fd < 0)
		return verb_fail(&err, "SH002", NULL);
	for (unsigned role = ROLE_SERVER; role <= ROLE_AGENT; role++)
		if (!instance_holder(in, role))
			missing |= 1u << role;
	if (missing) {
		r = up_prepare(options, &err);
		if (r < 0)
			return verb_fail(&err, "SH002", NULL);
	}
	instance_data_path(in, "logs/shallop.log", log, sizeof(log));
	/* Nothing missing but no keeper: somebody killed it, the others went on. */
	if (missing || !instance_holder(in, ROLE_KEEPER)) {
		r = up_start(options, missing, deadline_ns, &err);
		if (r < 0)
			return verb_fail(&err, "SH003", log);
	}
	r = wait_node(in, deadline_ns, &err);
	if (r < 0)
		return verb_fail(&err, "SH004", log);
	userconfig_give(in);
	(void)printf("node %s is Ready\n\n"
		     "  export KUBECONFIG=%s/kubeconfig\n"
		     "  kubectl get nodes -o wide\n",
		     in->node_name, in->data_dir);
	return EXIT_DONE;
}
