/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl version, cluster-info, api-versions, api-resources: about the server itself. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/yaml.h"
#include "ctl/command.h"
#include "ctl/session.h"
#include "ctl/tabs.h"

/* The release whose behaviour and output this program has; scripts compare these. */
#define KUBECTL_MAJOR	  "1"
#define KUBECTL_MINOR	  "37"
#define KUBECTL_VERSION	  "v1.37.2"
#define KUSTOMIZE_VERSION "v5.8.1"

static struct json_object *client_version(void)
{
	static const char *const pairs[][2] = {
		{ "major", KUBECTL_MAJOR },
		{ "minor", KUBECTL_MINOR },
		{ "gitVersion", KUBECTL_VERSION },
		{ "gitCommit", "" },
		{ "gitTreeState", "" },
		{ "buildDate", "1970-01-01T00:00:00Z" },
		{ "goVersion", "" },
		{ "compiler", "gcc" },
		{ "platform", "linux/"
#if defined(__x86_64__)
			      "amd64"
#elif defined(__aarch64__)
			      "arm64"
#else
			      "unknown"
#endif
		},
	};
	struct json_object *version = json_new_object();

	for (size_t i = 0; version && i < ARRAY_LEN(pairs); i++)
		(void)json_put_str(version, pairs[i][0], pairs[i][1]);
	return version;
}

static int print_versions(const char *output, struct json_object *server)
{
	auto_json struct json_object *all = json_new_object();
	auto_buf struct buf text = { 0 };

	(void)json_put(all, "clientVersion", client_version());
	(void)json_put_str(all, "kustomizeVersion", KUSTOMIZE_VERSION);
	if (server)
		(void)json_put(all, "serverVersion", json_ref(server));
	if (strcmp(output, "yaml") == 0) {
		(void)yaml_write(&text, all);
	} else {
		(void)json_write_style(&text, all, JSON_INDENT_2 | JSON_HTML_SAFE);
		(void)buf_putc(&text, '\n');
	}
	return command_print(&text);
}

static void warn_of_skew(const struct json_object *server)
{
	const char *major = json_str_at(server, "major"), *minor = json_str_at(server, "minor");
	long theirs = minor ? strtol(minor, NULL, 10) : 0, ours = strtol(KUBECTL_MINOR, NULL, 10);

	if (major && minor &&
	    (strcmp(major, KUBECTL_MAJOR) != 0 || theirs > ours + 1 || theirs < ours - 1))
		(void)fprintf(
			stderr,
			"Warning: version difference between client (" KUBECTL_MAJOR
			"." KUBECTL_MINOR
			") and server (%s.%s) exceeds the supported minor version skew of +/-1\n",
			major, minor);
}

int command_version(struct cli *cli)
{
	const char *output = cli_str(cli, "output");
	auto_json struct json_object *server = NULL;
	struct session session = { 0 };
	struct err err = { 0 };
	int r = 0;

	if (cli->n_args > 0)
		return command_fail("extra arguments: [%s]", cli->args[0]);
	if (*output && strcmp(output, "json") != 0 && strcmp(output, "yaml") != 0)
		return command_fail("--output must be 'yaml' or 'json'");
	if (!cli_bool(cli, "client")) {
		r = session_open(cli, &session);
		if (r != 0)
			return r;
		r = rest_get(session.rest, "/version?timeout=32s", "application/json, */*", &server,
			     &err);
	}
	if (*output) {
		(void)print_versions(output, server);
	} else {
		(void)printf("Client Version: " KUBECTL_VERSION
			     "\nKustomize Version: " KUSTOMIZE_VERSION "\n");
		if (server)
			(void)printf("Server Version: %s\n", json_str_at(server, "gitVersion"));
	}
	if (server)
		warn_of_skew(server);
	r = r < 0 ? session_fail(&err) : 0;
	if (session.rest)
		session_close(&session);
	return r;
}

/* ---- cluster-info ---- */

/* The proxy path of a Service that says it is part of the cluster. */
static void print_service(const struct session *session, const struct json_object *service)
{
	const struct json_object *labels = json_at(service, "metadata.labels");
	const struct json_object *port = json_idx(json_at(service, "spec.ports"), 0);
	const char *name = json_str(json_get(labels, "kubernetes.io/name"));
	const char *scheme = json_int_at(port, "port", 0) == 443 ? "https:" : "";
	const char *port_name = json_str_at(port, "name");

	if (!name)
		name = json_str_at(service, "metadata.name");
	(void)printf("%s is running at %s/api/v1/namespaces/%s/services/%s%s%s%s/proxy\n", name,
		     rest_server(session->rest), json_str_at(service, "metadata.namespace"), scheme,
		     json_str_at(service, "metadata.name"), port_name || *scheme ? ":" : "",
		     port_name ? port_name : "");
}

int command_cluster_info(struct cli *cli)
{
	static const char path[] = "/api/v1/namespaces/kube-system/services?labelSelector="
				   "kubernetes.io%2Fcluster-service%3Dtrue";
	auto_json struct json_object *services = NULL;
	struct session session;
	struct err err = { 0 };
	int r = session_open(cli, &session);

	if (r != 0)
		return r;
	r = rest_get(session.rest, path, NULL, &services, &err);
	if (r == 0) {
		(void)printf("Kubernetes control plane is running at %s\n",
			     rest_server(session.rest));
		for (size_t i = 0; i < json_len(json_get(services, "items")); i++)
			print_service(&session, json_idx(json_get(services, "items"), i));
		(void)printf("\nTo further debug and diagnose cluster problems, use 'kubectl "
			     "cluster-info "
			     "dump'.\n");
	}
	r = r < 0 ? session_fail(&err) : 0;
	session_close(&session);
	return r;
}
