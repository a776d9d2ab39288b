/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/credential.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crypt.h"
#include "base/fd.h"

#define ANSWER_MAX ((size_t)1 << 20)

extern char **environ;

struct words {
	char **list; /* NULL-terminated; owned */
	size_t n, cap;
};

static void words_done(struct words *words)
{
	for (size_t i = 0; i < words->n; i++)
		free(words->list[i]);
	free(words->list);
}

/* Takes @text over; NULL is out of memory. */
static int add(struct words *words, char *text)
{
	if (!text || array_grow(&words->list, &words->cap, words->n + 2, sizeof(char *)) < 0) {
		free(text);
		return -ENOMEM;
	}
	words->list[words->n++] = text;
	words->list[words->n] = NULL;
	return 0;
}

/* ---- the question ---- */

static int put_cluster(const struct kubeconfig_target *target, struct json_object *spec)
{
	struct json_object *cluster = json_new_object();
	auto_buf struct buf ca = { 0 };
	int r = json_put(spec, "cluster", cluster);

	if (r == 0)
		r = json_put_str(cluster, "server", target->server);
	if (r == 0 && target->tls_server_name)
		r = json_put_str(cluster, "tls-server-name", target->tls_server_name);
	if (r == 0 && target->insecure)
		r = json_put_bool(cluster, "insecure-skip-tls-verify", true);
	if (r == 0 && target->ca_pem) {
		r = base64_encode(&ca, target->ca_pem, strlen(target->ca_pem));
		if (r == 0)
			r = json_put_str(cluster, "certificate-authority-data", buf_str(&ca));
	}
	return r < 0 ? r : json_put(cluster, "config", NULL);
}

/* KUBERNETES_EXEC_INFO=… */
static int make_question(const struct kubeconfig_target *target, bool interactive, char **ret)
{
	const struct json_object *exec = target->exec;
	auto_json struct json_object *question = json_new_object();
	struct json_object *spec = json_new_object();
	auto_buf struct buf text = { 0 };
	int r;

	(void)json_put_str(question, "kind", "ExecCredential");
	(void)json_put_str(question, "apiVersion", json_str_at(exec, "apiVersion"));
	r = json_put(question, "spec", spec);
	if (r == 0 && json_bool_at(exec, "provideClusterInfo", false))
		r = put_cluster(target, spec);
	if (r == 0)
		r = json_put_bool(spec, "interactive", interactive);
	(void)buf_puts(&text, "KUBERNETES_EXEC_INFO=");
	if (r == 0)
		r = json_write(&text, question);
	if (r == 0)
		*ret = buf_take(&text);
	return r < 0 || !*ret ? -ENOMEM : 0;
}

/* Ours, the plugin's own, and the question. */
static int make_environment(const struct kubeconfig_target *target, bool interactive,
			    struct words *ret)
{
	const struct json_object *env = json_get(target->exec, "env");
	char *question = NULL, *pair;
	int r = 0;

	for (char **e = environ; *e && r == 0; e++)
		if (strncmp(*e, "KUBERNETES_EXEC_INFO=", 21) != 0)
			r = add(ret, strdup(*e));
	for (size_t i = 0; i < json_len(env) && r == 0; i++) {
		const char *name = json_str_at(json_idx(env, i), "name"),
			   *value = json_str_at(json_idx(env, i), "value");

		if (!name)
			continue;
		r = asprintf(&pair, "%s=%s", name, value ? value : "") < 0 ? -ENOMEM
									   : add(ret, pair);
	}
	if (r == 0)
		r = make_question(target, interactive, &question);
	return r < 0 ? r : add(ret, question);
}

/* ---- the program ---- */

static int run(const char *command, char **argv, char **envp, bool interactive, struct buf *answer,
	       struct err *err)
{
	auto_close int out = -EBADF, in = -EBADF;
	posix_spawn_file_actions_t actions;
	int fds[2], status, r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(err, -errno, "exec: pipe");
	out = fds[0];
	in = fds[1];
	if (posix_spawn_file_actions_init(&actions) != 0)
		return err_set(err, -ENOMEM, "exec: start %s", command);
	r = posix_spawn_file_actions_adddup2(&actions, in, STDOUT_FILENO);
	if (r == 0 && !interactive)
		r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY,
						     0);
	if (r == 0)
		r = posix_spawnp(&pid, command, &actions, NULL, argv, envp);
	(void)posix_spawn_file_actions_destroy(&actions);
	in = fd_close(in);
	if (r == ENOENT)
		return err_say(err, -ENOENT, "exec: executable %s not found", command);
	if (r != 0)
		return err_say(err, -r, "exec: start %s: %s", command, err_text(-r));
	r = fd_read_to_end(out, answer);
	out = fd_close(out);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return err_set(err, r, "exec: read from %s", command);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_say(err, -ECHILD, "exec: executable %s failed with exit code %d",
			       command, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return 0;
}

/* ---- the answer ---- */

static int take(char **to, const char *text)
{
	free(*to);
	*to = strdup(text);
	return *to ? 0 : -ENOMEM;
}

static int take_answer(struct kubeconfig_target *target, const struct buf *answer, struct err *err)
{
	const char *wanted = json_str_at(target->exec, "apiVersion"), *said, *token, *cert, *key;
	auto_json struct json_object *credential = NULL;
	struct err why = { 0 };
	int r = json_parse(buf_str(answer), answer->len, &credential, &why);

	if (r < 0)
		return err_say(err, r, "decoding stdout: %s", why.text);
	said = json_str_at(credential, "apiVersion");
	if (!said || strcmp(said, wanted) != 0)
		return err_say(err, -EPROTO,
			       "exec plugin is configured to use API version %s, plugin returned "
			       "version %s",
			       wanted, said ? said : "");
	if (json_kind(json_get(credential, "status")) != JSON_OBJECT)
		return err_say(err, -EPROTO, "exec plugin didn't return a status field");
	token = json_str_at(credential, "status.token");
	cert = json_str_at(credential, "status.clientCertificateData");
	key = json_str_at(credential, "status.clientKeyData");
	if (!cert != !key)
		return err_say(err, -EPROTO,
			       "exec plugin returned only certificate or key, not both");
	if (!token && !cert)
		return err_say(err, -EPROTO, "exec plugin didn't return a token or cert/key pair");
	if (token)
		r = take(&target->token, token);
	if (r == 0 && cert)
		r = take(&target->cert_pem, cert);
	if (r == 0 && key)
		r = take(&target->key_pem, key);
	return r < 0 ? err_set(err, r, "exec plugin") : 0;
}

int credential_ask(struct kubeconfig_target *target, struct err *err)
{
	const struct json_object *args = json_get(target->exec, "args");
	const char *command = json_str_at(target->exec, "command"),
		   *version = json_str_at(target->exec, "apiVersion"),
		   *mode = json_str_at(target->exec, "interactiveMode"),
		   *hint = json_str_at(target->exec, "installHint");
	bool interactive = isatty(STDIN_FILENO) && (!mode || strcmp(mode, "Never") != 0);
	auto_buf struct buf answer = BUF_INIT(ANSWER_MAX);
	struct words argv = { 0 }, env = { 0 };
	int r;

	if (!command || !*command)
		return err_say(err, -EINVAL, "exec: the kubeconfig names no command");
	if (!version || (strcmp(version, "client.authentication.k8s.io/v1") != 0 &&
			 strcmp(version, "client.authentication.k8s.io/v1beta1") != 0))
		return err_say(err, -EINVAL, "exec plugin: invalid apiVersion \"%s\"",
			       version ? version : "");
	if (mode && strcmp(mode, "Always") == 0 && !interactive)
		return err_say(err, -ENOTTY,
			       "exec plugin cannot support interactive mode: standard input is not "
			       "a terminal");
	r = add(&argv, strdup(command));
	for (size_t i = 0; i < json_len(args) && r == 0; i++) {
		const char *word = json_str(json_idx(args, i));

		r = add(&argv, strdup(word ? word : ""));
	}
	if (r == 0)
		r = make_environment(target, interactive, &env);
	if (r < 0)
		(void)err_set(err, r, "exec");
	else
		r = run(command, argv.list, env.list, interactive, &answer, err);
	if (r == -ENOENT && hint)
		r = err_say(err, r, "exec: executable %s not found\n\n%s", command, hint);
	if (r == 0)
		r = take_answer(target, &answer, err);
	words_done(&argv);
	words_done(&env);
	if (answer.len)
		explicit_bzero(answer.data, answer.len);
	return r;
}

/* ---- inside of a pod ---- */

static int read_account(const char *dir, const char *name, char **ret, struct err *err)
{
	auto_buf struct buf text = BUF_INIT(ANSWER_MAX);
	char path[PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	r = fd_read_file(path, &text, err);
	if (r < 0)
		return r;
	free(*ret);
	*ret = buf_take(&text);
	return *ret ? 0 : err_set(err, -ENOMEM, "read %s", path);
}

int credential_in_cluster(struct kubeconfig_target *target, const char *dir, struct err *err)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"),
		   *port = getenv("KUBERNETES_SERVICE_PORT");
	char path[PATH_MAX], *server;
	int r;

	(void)snprintf(path, sizeof(path), "%s/token", dir);
	if (!host || !port || !*host || !*port || access(path, R_OK) < 0)
		return 0;
	if (asprintf(&server, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port) <
	    0)
		return err_set(err, -ENOMEM, "read the pod's account");
	free(target->server);
	target->server = server;
	r = read_account(dir, "token", &target->token, err);
	if (r == 0)
		r = read_account(dir, "ca.crt", &target->ca_pem, err);
	if (r == 0 && !target->namespace_given)
		r = read_account(dir, "namespace", &target->namespace, err);
	return r < 0 ? r : 1;
}
