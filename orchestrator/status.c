/* SPDX-License-Identifier: Apache-2.0 */
/* `shallop status`: what runs, where, and what is wrong, in one screen. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/time.h"
#include "orchestrator/client.h"
#include "orchestrator/verbs.h"

/* Resident memory of a process in KiB, from /proc; 0: gone. */
static unsigned long rss_kib(pid_t pid)
{
	auto_buf struct buf text = BUF_INIT(65536);
	char path[64];
	const char *line;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (fd_read_file(path, &text, NULL) < 0)
		return 0;
	line = strstr(buf_str(&text), "\nVmRSS:");
	return line ? strtoul(line + 7, NULL, 10) : 0;
}

static bool print_role(const struct instance *in, enum role role, const char *where)
{
	pid_t pid = instance_holder(in, role);

	if (pid)
		(void)printf("%-9s running   pid %-8d %5.1f MB   %s\n", role_name(role), (int)pid,
			     (double)rss_kib(pid) / 1024, where);
	else
		(void)printf("%-9s stopped\n", role_name(role));
	return pid != 0;
}

/* "Ready", or the first condition that says otherwise, with its message. */
static void print_node(const struct json_object *node)
{
	const struct json_object *conditions = json_at(node, "status.conditions");
	const char *ready = "Unknown";

	for (size_t i = 0; i < json_len(conditions); i++) {
		const struct json_object *c = json_idx(conditions, i);
		const char *type = json_str_at(c, "type"), *status = json_str_at(c, "status");

		if (type && status && strcmp(type, "Ready") == 0)
			ready = strcmp(status, "True") == 0 ? "Ready" : "NotReady";
	}
	(void)printf("node      %-9s %s   kubelet API %s\n", ready,
		     json_str_at(node, "metadata.name"),
		     json_str_at(node, "status.nodeInfo.kubeletVersion"));
	for (size_t i = 0; i < json_len(conditions); i++) {
		const struct json_object *c = json_idx(conditions, i);
		const char *type = json_str_at(c, "type"), *status = json_str_at(c, "status");
		const char *message = json_str_at(c, "message");

		if (type && status && strcmp(type, "Ready") != 0 && strcmp(status, "True") == 0)
			(void)printf("          %s: %s\n", type, message ? message : "");
	}
}

static void print_pods(const struct json_object *pods)
{
	static const char *const phases[] = { "Running", "Pending", "Succeeded", "Failed",
					      "Unknown" };
	const struct json_object *items = json_get(pods, "items");

	(void)printf("pods      %zu", json_len(items));
	for (size_t p = 0; p < ARRAY_LEN(phases); p++) {
		size_t n = 0;

		for (size_t i = 0; i < json_len(items); i++) {
			const char *phase = json_str_at(json_idx(items, i), "status.phase");

			n += phase && strcmp(phase, phases[p]) == 0;
		}
		if (n)
			(void)printf("   %zu %s", n, phases[p]);
	}
	(void)printf("\n");
}

static int print_cluster(const struct instance *in, struct err *err)
{
	auto_json struct json_object *nodes = NULL, *pods = NULL;
	int r;

	r = client_get(in, "/api/v1/nodes", 5000, &nodes, err);
	if (r == 0)
		r = client_get(in, "/api/v1/pods", 5000, &pods, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < json_len(json_get(nodes, "items")); i++)
		print_node(json_idx(json_get(nodes, "items"), i));
	print_pods(pods);
	return 0;
}

int verb_status(struct verb_options *options, int argc, char **argv)
{
	const struct instance *in = &options->instance;
	char title[64], where[128];
	struct err err = { 0 };
	bool all = true;
	int r;

	(void)argv;
	if (argc > 0)
		return EXIT_USAGE;
	instance_title(in, title, sizeof(title));
	(void)printf("%-9s version %s   data %s\n", title, SHALLOP_VERSION, in->data_dir);
	(void)snprintf(where, sizeof(where), "https://%s:%d", in->address, in->port);
	all &= print_role(in, ROLE_SERVER, where);
	(void)snprintf(where, sizeof(where), "pods %s, services %s", in->pod_cidr,
		       in->service_cidr);
	all &= print_role(in, ROLE_AGENT, where);
	if (!instance_holder(in, ROLE_SERVER)) {
		(void)printf("\nnext: sudo shallop up\n");
		return EXIT_FAILED;
	}
	r = print_cluster(in, &err);
	if (r < 0)
		return verb_fail(&err, "SH006", NULL);
	return all ? EXIT_DONE : EXIT_FAILED;
}
