/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/credential.h"

static int request_timeout(const struct cli *cli, int64_t *ret_ns)
{
	const char *text = cli_str(cli, "request-timeout");
	char *end;
	long seconds = strtol(text, &end, 10);

	if (*text && !*end) {
		*ret_ns = seconds * 1000000000LL;
		return 0;
	}
	return cli_parse_duration(text, ret_ns);
}

/* What the kubeconfig leaves to others. */
static int find_credentials(struct session *session, struct err *err)
{
	struct kubeconfig_target *t = &session->target;
	int r = 0;

	if (t->proxy_url && *t->proxy_url)
		return err_say(err, -EOPNOTSUPP,
			       "proxies are not supported by this kubectl: take proxy-url %s away "
			       "and reach %s directly",
			       t->proxy_url, t->server);
	if (strcmp(t->server, KUBECONFIG_NO_SERVER) == 0 &&
	    json_len(json_get(session->config.merged, "clusters")) == 0)
		r = credential_in_cluster(t, CREDENTIAL_ACCOUNT_DIR, err);
	if (r == 0 && t->exec && !t->token && !t->cert_pem && credential_ask(t, err) < 0)
		return err_prefix(err, -EACCES,
				  "Unable to connect to the server: getting credentials");
	return r < 0 ? r : 0;
}

int session_open(const struct cli *cli, struct session *ret)
{
	struct session session = { 0 };
	struct err err = { 0 };
	int64_t timeout_ns = 0;
	int r;

	if (request_timeout(cli, &timeout_ns) < 0)
		return command_fail(
			"Invalid timeout value. Timeout must be a single integer in seconds, or an "
			"integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)");
	r = command_kubeconfig(cli, &session.config, &err);
	if (r == 0)
		r = command_target(cli, &session.config, &session.target, &err);
	if (r == 0)
		r = find_credentials(&session, &err);
	if (r == 0)
		r = rest_new(&session.target, timeout_ns, &session.rest, &err);
	if (r == 0 && types_new(session.rest, &session.types) < 0)
		r = err_set(&err, -ENOMEM, "start");
	if (r < 0) {
		session_close(&session);
		/* What the real one says without "error: ". */
		if (strncmp(err.text, "Unable to connect", 17) == 0 ||
		    strncmp(err.text, "Error in ", 9) == 0)
			return session_fail(&err);
		return command_fail("%s", err.text);
	}
	session.namespace = session.target.namespace;
	*ret = session;
	return 0;
}

void session_close(struct session *session)
{
	(void)types_free(session->types);
	(void)rest_free(session->rest);
	kubeconfig_target_done(&session->target);
	kubeconfig_done(&session->config);
	*session = (struct session){ 0 };
}

int session_fail(const struct err *err)
{
	(void)fflush(stdout);
	(void)fprintf(stderr, "%s\n", rest_text(err));
	return 1;
}
