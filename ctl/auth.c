/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl auth: may I, and who am I? */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/describe.h"
#include "ctl/printer.h"
#include "ctl/session.h"
#include "ctl/tabs.h"

/* POST a review; the answer is what it says. */
static int review(struct session *session, const char *path, struct json_object *object,
		  struct json_object **ret, struct err *err)
{
	struct rest_request q = { .method = "POST", .content_type = "application/json" };
	auto_buf struct buf text = { 0 }, body = { 0 };
	int r = json_write(&text, object);

	if (r < 0)
		return err_set(err, r, "error: prepare the request");
	q.path = path;
	q.body = text.data;
	q.body_len = text.len;
	r = rest_call(session->rest, &q, &body, err);
	if (r >= 0 && (r < 200 || r > 299))
		r = rest_problem(r, &q, &body, NULL, err);
	return r < 0 ? r : json_parse(buf_str(&body), body.len, ret, err);
}

/* ---- can-i ---- */

static int fill_resource(struct session *session, const struct cli *cli,
			 struct json_object *attributes)
{
	const char *word = cli->args[1], *slash = strchr(word, '/');
	const char *name = slash ? slash + 1 : cli->n_args > 2 ? cli->args[2] : "";
	struct resource_type type = { 0 };
	struct err err = { 0 };
	char wanted[256];

	(void)snprintf(wanted, sizeof(wanted), "%.*s", slash ? (int)(slash - word) : 255, word);
	if (strcmp(wanted, "*") == 0)
		(void)snprintf(type.resource, sizeof(type.resource), "*");
	else if (types_find(session->types, wanted, &type, &err) == -ENOENT) {
		(void)fprintf(stderr, "Warning: the server doesn't have a resource type '%s'\n\n",
			      wanted);
		(void)snprintf(type.resource, sizeof(type.resource), "%.*s",
			       (int)strcspn(wanted, "."), wanted);
		if (strchr(wanted, '.'))
			(void)snprintf(type.group, sizeof(type.group), "%s",
				       strchr(wanted, '.') + 1);
	} else if (err.code < 0) {
		return session_fail(&err);
	} else if (!type.namespaced && !cli_bool(cli, "all-namespaces")) {
		(void)fprintf(stderr, "Warning: resource '%s' is not namespace scoped%s%s%s\n\n",
			      type.resource, *type.group ? " in group '" : "", type.group,
			      *type.group ? "'" : "");
	}
	if (!cli_bool(cli, "all-namespaces"))
		(void)json_put_str(attributes, "namespace", session->namespace);
	(void)json_put_str(attributes, "verb", cli->args[0]);
	if (*type.group)
		(void)json_put_str(attributes, "group", type.group);
	(void)json_put_str(attributes, "resource", type.resource);
	if (*cli_str(cli, "subresource"))
		(void)json_put_str(attributes, "subresource", cli_str(cli, "subresource"));
	if (*name)
		(void)json_put_str(attributes, "name", name);
	return 0;
}

static int can_i(struct session *session, const struct cli *cli)
{
	auto_json struct json_object *ask = json_new_object(), *answer = NULL;
	struct json_object *attributes = json_new_object();
	const char *reason, *problem;
	struct err err = { 0 };
	bool allowed;
	int r = 0;

	(void)json_put_str(ask, "apiVersion", "authorization.k8s.io/v1");
	(void)json_put_str(ask, "kind", "SelfSubjectAccessReview");
	if (cli->args[1][0] == '/') {
		(void)json_put_at(ask, "spec.nonResourceAttributes", attributes);
		(void)json_put_str(attributes, "path", cli->args[1]);
		(void)json_put_str(attributes, "verb", cli->args[0]);
	} else {
		(void)json_put_at(ask, "spec.resourceAttributes", attributes);
		r = fill_resource(session, cli, attributes);
	}
	if (r != 0)
		return r;
	if (review(session, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", ask, &answer,
		   &err) < 0)
		return session_fail(&err);
	allowed = json_bool_at(answer, "status.allowed", false);
	reason = json_str_at(answer, "status.reason");
	problem = json_str_at(answer, "status.evaluationError");
	if (!cli_bool(cli, "quiet"))
		(void)printf("%s%s%s%s%s\n", allowed ? "yes" : "no", reason && *reason ? " - " : "",
			     reason ? reason : "", problem && *problem ? " - " : "",
			     problem ? problem : "");
	return allowed ? 0 : 1;
}

int command_auth_can_i(struct cli *cli)
{
	struct session session;
	int r;

	if (cli_bool(cli, "list"))
		return command_fail("--list is not supported by this kubectl: ask for one verb and "
				    "resource at a time");
	if (cli->n_args < 2 || cli->n_args > 3)
		return command_fail("you must specify two arguments: verb resource or verb "
				    "resource/resourceName.\nSee 'kubectl auth can-i -h' for help "
				    "and examples.");
	r = session_open(cli, &session);
	if (r != 0)
		return r;
	r = can_i(&session, cli);
	session_close(&session);
	return r;
}

/* ---- whoami ---- */

static void put_user(const struct json_object *user, struct buf *rows)
{
	const struct json_object *extra = json_get(user, "extra");
	auto_free const char **keys = NULL;
	auto_buf struct buf groups = { 0 };
	const char *name = json_str_at(user, "username"), *uid = json_str_at(user, "uid");
	size_t n;

	(void)buf_puts(rows, "ATTRIBUTE\tVALUE\n");
	if (name && *name)
		(void)buf_printf(rows, "Username\t%s\n", name);
	if (uid && *uid)
		(void)buf_printf(rows, "UID\t%s\n", uid);
	if (json_len(json_get(user, "groups"))) {
		jsonpath_sprint(json_get(user, "groups"), &groups);
		(void)buf_printf(rows, "Groups\t%s\n", buf_str(&groups));
	}
	n = describe_keys(extra, &keys);
	for (size_t i = 0; i < n; i++) {
		auto_buf struct buf values = { 0 };

		jsonpath_sprint(json_get(extra, keys[i]), &values);
		(void)buf_printf(rows, "Extra: %s\t%s\n", keys[i], buf_str(&values));
	}
}

static int whoami(struct session *session, struct printer *printer)
{
	auto_json struct json_object *ask = json_new_object(), *answer = NULL;
	auto_buf struct buf rows = { 0 }, out = { 0 };
	struct tabs tabs = TABS_GET;
	struct err err = { 0 };
	int r;

	(void)json_put_str(ask, "apiVersion", "authentication.k8s.io/v1");
	(void)json_put_str(ask, "kind", "SelfSubjectReview");
	r = review(session, "/apis/authentication.k8s.io/v1/selfsubjectreviews", ask, &answer,
		   &err);
	if (r < 0)
		return session_fail(&err);
	if (printer->kind != PRINTER_TABLE) {
		r = printer_put(printer, answer, &out, &err);
		return r < 0 ? 1 : command_print(&out);
	}
	put_user(json_at(answer, "status.userInfo"), &rows);
	r = tabs_write(&tabs, buf_str(&rows), rows.len, &out);
	return r < 0 ? command_fail("%s", err_text(r)) : command_print(&out);
}

int command_auth_whoami(struct cli *cli)
{
	struct printer printer;
	struct session session;
	int r = printer_open(cli, false, &printer);

	if (r != 0)
		return r;
	r = session_open(cli, &session);
	if (r == 0) {
		r = whoami(&session, &printer);
		session_close(&session);
	}
	printer_close(&printer);
	return r;
}
