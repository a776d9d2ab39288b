/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "tests/unit/test.h"

/* A plugin that is a shell script printing @status, asked. */
static int ask(const char *script, struct kubeconfig_target *target, struct err *err)
{
	auto_json struct json_object *exec = json_new_object();
	struct json_object *args = json_new_array();

	(void)json_put_str(exec, "apiVersion", "client.authentication.k8s.io/v1");
	(void)json_put_str(exec, "command", "sh");
	(void)json_put_str(exec, "interactiveMode", "Never");
	(void)json_add(args, json_new_string("-c"));
	(void)json_add(args, json_new_string(script));
	(void)json_put(exec, "args", args);
	*target = (struct kubeconfig_target){ .exec = exec };
	return credential_ask(target, err);
}

#define SAYS(version, status)                                                                      \
	"echo '{\"apiVersion\":\"client.authentication.k8s.io/" version                            \
	"\",\"kind\":\"ExecCredential\"" status "}'"

TEST(credential_plugins_give_tokens_and_certificates)
{
	struct kubeconfig_target target;

	CHECK(ask(SAYS("v1", ",\"status\":{\"token\":\"t\"}"), &target, NULL) == 0);
	CHECK_STR(target.token, "t");
	kubeconfig_target_done(&target);
	CHECK(ask(SAYS("v1",
		       ",\"status\":{\"clientCertificateData\":\"c\",\"clientKeyData\":\"k\"}"),
		  &target, NULL) == 0);
	CHECK_STR(target.cert_pem, "c");
	CHECK_STR(target.key_pem, "k");
	kubeconfig_target_done(&target);
}

TEST(credential_plugins_hear_what_is_asked)
{
	struct kubeconfig_target target;

	CHECK(ask("case $KUBERNETES_EXEC_INFO in *'\"kind\":\"ExecCredential\"'*'\"interactive\":"
		  "false'*) " SAYS("v1", ",\"status\":{\"token\":\"t\"}") ";; esac",
		  &target, NULL) == 0);
	kubeconfig_target_done(&target);
}

TEST(credential_plugins_that_fail_are_named)
{
	static const struct {
		const char *script, *problem;
	} rows[] = {
		{ "exit 3", "exec: executable sh failed with exit code 3" },
		{ SAYS("v1beta1", ""),
		  "exec plugin is configured to use API version client.authentication.k8s.io/v1, "
		  "plugin returned version client.authentication.k8s.io/v1beta1" },
		{ SAYS("v1", ""), "exec plugin didn't return a status field" },
		{ SAYS("v1", ",\"status\":{}"),
		  "exec plugin didn't return a token or cert/key pair" },
		{ SAYS("v1", ",\"status\":{\"clientKeyData\":\"k\"}"),
		  "exec plugin returned only certificate or key, not both" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct kubeconfig_target target;
		struct err err = { 0 };
		int fds = open_fds();

		CHECK(ask(rows[i].script, &target, &err) < 0);
		CHECK_STR(err.text, rows[i].problem);
		CHECK(open_fds() == fds);
		kubeconfig_target_done(&target);
	}
}

TEST(credential_of_a_pod)
{
	struct kubeconfig_target target = { 0 };
	char dir[PATH_MAX], path[PATH_MAX + 16];
	static const char *const names[] = { "token", "ca.crt", "namespace" };

	(void)snprintf(dir, sizeof(dir), "%s", test_dir());
	CHECK(setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1) == 0);
	CHECK(setenv("KUBERNETES_SERVICE_PORT", "443", 1) == 0);
	CHECK(credential_in_cluster(&target, dir, NULL) == 0); /* no account here */
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		CHECK(fd_write_file_at(AT_FDCWD, path, names[i], strlen(names[i]), 0600, NULL) ==
		      0);
	}
	CHECK(credential_in_cluster(&target, dir, NULL) == 1);
	CHECK_STR(target.server, "https://10.0.0.1:443");
	CHECK_STR(target.token, "token");
	CHECK_STR(target.ca_pem, "ca.crt");
	CHECK_STR(target.namespace, "namespace");
	kubeconfig_target_done(&target);
	(void)unsetenv("KUBERNETES_SERVICE_HOST");
	CHECK(credential_in_cluster(&target, dir, NULL) == 0);
	(void)unsetenv("KUBERNETES_SERVICE_PORT");
}
