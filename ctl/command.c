/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"

int command_fail(const char *fmt, ...)
{
	va_list args;

	(void)fflush(stdout);
	(void)fputs("error: ", stderr);
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fputc('\n', stderr);
	return 1;
}

int command_kubeconfig(const struct cli *cli, struct kubeconfig *ret, struct err *err)
{
	return kubeconfig_load(cli_str(cli, "kubeconfig"), ret, err);
}

int command_target(const struct cli *cli, const struct kubeconfig *config,
		   struct kubeconfig_target *ret, struct err *err)
{
	struct kubeconfig_overrides o = {
		.context = cli_str(cli, "context"),
		.cluster = cli_str(cli, "cluster"),
		.user = cli_str(cli, "user"),
		.namespace = cli_str(cli, "namespace"),
		.server = cli_str(cli, "server"),
		.token = cli_str(cli, "token"),
		.certificate_authority = cli_str(cli, "certificate-authority"),
		.client_certificate = cli_str(cli, "client-certificate"),
		.client_key = cli_str(cli, "client-key"),
		.tls_server_name = cli_str(cli, "tls-server-name"),
		.as = cli_str(cli, "as"),
		.username = cli_str(cli, "username"),
		.password = cli_str(cli, "password"),
		.proxy_url = cli_str(cli, "proxy-url"),
		.insecure = cli_bool(cli, "insecure-skip-tls-verify"),
		.insecure_given = cli_given(cli, "insecure-skip-tls-verify"),
	};

	return kubeconfig_resolve(config, &o, ret, err);
}

int command_print(const struct buf *buf)
{
	(void)fflush(stdout);
	return fd_write_all(STDOUT_FILENO, buf_str(buf), buf->len) < 0 ? 1 : 0;
}
