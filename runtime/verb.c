/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/verb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "runtime/cgroup.h"
#include "runtime/config.h"
#include "runtime/launch.h"
#include "runtime/relay.h"

#define SPEC_VERSION "1.3.0"

/* ---- create, run, start ---- */

static struct launch_options launch_of(const struct args *a)
{
	return (struct launch_options){
		.root = a->root,
		.id = a->rest[0],
		.bundle = a->bundle,
		.config = a->config,
		.console_socket = a->console_socket,
		.pid_file = a->pid_file,
		.preserve_fds = (unsigned)a->preserve_fds,
		.no_pivot = a->no_pivot,
		.no_cgroup = a->cgroup_manager && strcmp(a->cgroup_manager, "disabled") == 0,
	};
}

int verb_create(const struct args *a, struct err *err)
{
	struct launch_options o = launch_of(a);
	auto_record struct record *r = NULL;
	struct launched launched;

	return launch_create(&o, &r, &launched, err);
}

int verb_run(const struct args *a, struct err *err)
{
	struct launch_options o = launch_of(a);
	auto_close int signal_fd = -EBADF;
	struct record *r = NULL;
	struct launched launched;
	int code, exit_code;

	o.start = true;
	o.foreground = !a->detach;
	if (!a->detach) {
		signal_fd = relay_signals(err);
		if (signal_fd < 0)
			return signal_fd;
	}
	code = launch_create(&o, &r, &launched, err);
	if (code < 0)
		return code;
	if (a->detach) {
		(void)record_free(r);
		return 0;
	}
	exit_code = relay_run(launched.pid, signal_fd, launched.master_fd, err);
	(void)fd_close(launched.master_fd);
	if (a->keep) {
		(void)record_free(r);
		return exit_code;
	}
	code = launch_delete(r, a->root, true, err);
	return code < 0 ? code : exit_code;
}

int verb_start(const struct args *a, struct err *err)
{
	auto_record struct record *r = NULL;
	int code = record_open(a->root, a->rest[0], &r, err);

	return code < 0 ? code : launch_start(r, err);
}

/* ---- state, list ---- */

static int put_out(const struct buf *text)
{
	return fd_write_all(STDOUT_FILENO, buf_str(text), text->len);
}

int verb_state(const struct args *a, struct err *err)
{
	auto_record struct record *r = NULL;
	auto_buf struct buf text = BUF_INIT(1 << 20);
	int code = record_open(a->root, a->rest[0], &r, err);

	if (code < 0)
		return code;
	code = record_state_json(r, record_status(r), true, &text);
	if (code == 0)
		code = buf_putc(&text, '\n');
	if (code == 0)
		code = put_out(&text);
	return code < 0 ? err_set(err, code, "print the state") : 0;
}

static int add_to_list(const struct args *a, const struct record *r, struct buf *out)
{
	enum record_status status = record_status(r);
	bool json = a->format && strcmp(a->format, "json") == 0;

	if (a->quiet)
		return buf_printf(out, "%s\n", r->id);
	if (!json)
		return buf_printf(out, "%-36s %-10d %-10s %-40s %-32s %u\n", r->id,
				  status == RECORD_STOPPED ? 0 : (int)r->pid,
				  record_status_name(status), r->bundle, r->created, r->owner);
	if (out->len > 1)
		(void)buf_putc(out, ',');
	return record_state_json(r, status, true, out);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted names of @root's entries, NULL at the end; the caller frees all. */
static char **names_in(const char *root)
{
	DIR *dir = opendir(root);
	struct dirent *e;
	char **names = calloc(1, sizeof(*names));
	size_t n = 0, cap = names ? 1 : 0;

	while (names && dir && (e = readdir(dir))) {
		if (e->d_name[0] == '.' || array_grow(&names, &cap, n + 2, sizeof(*names)) < 0)
			continue;
		names[n] = strdup(e->d_name);
		n += names[n] != NULL;
	}
	if (dir)
		(void)closedir(dir);
	if (names) {
		names[n] = NULL;
		qsort(names, n, sizeof(*names), compare_names);
	}
	return names;
}

int verb_list(const struct args *a, struct err *err)
{
	bool json = a->format && strcmp(a->format, "json") == 0;
	auto_buf struct buf out = BUF_INIT(64u << 20);
	char **names;

	if (a->format && !json && strcmp(a->format, "table") != 0)
		return err_say(err, -EINVAL, "format must be table or json");
	names = names_in(a->root);
	if (json)
		(void)buf_putc(&out, '[');
	else if (!a->quiet)
		(void)buf_printf(&out, "%-36s %-10s %-10s %-40s %-32s %s\n", "ID", "PID", "STATUS",
				 "BUNDLE", "CREATED", "OWNER");
	for (size_t i = 0; names && names[i]; i++) {
		auto_record struct record *r = NULL;

		/* One that is being made or removed is not listed. */
		if (record_open(a->root, names[i], &r, NULL) == 0)
			(void)add_to_list(a, r, &out);
		free(names[i]);
	}
	free(names);
	if (json)
		(void)buf_puts(&out, "]\n");
	return buf_error(&out) ? err_set(err, buf_error(&out), "list containers") : put_out(&out);
}

/* ---- kill, delete, pause ---- */

static int signal_by_name(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (*text && !*end)
		return number > 0 && number < 65 ? (int)number : -EINVAL;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	for (int signo = 1; signo < 32; signo++)
		if (strcasecmp(sigabbrev_np(signo), text) == 0)
			return signo;
	if (strncasecmp(text, "RTMIN", 5) == 0) {
		number = text[5] == '+' ? strtol(text + 6, &end, 10) : 0;
		return number >= 0 && SIGRTMIN + number <= SIGRTMAX ? SIGRTMIN + (int)number
								    : -EINVAL;
	}
	return -EINVAL;
}

int verb_kill(const struct args *a, struct err *err)
{
	const char *name = a->n_rest > 1 ? a->rest[1] : "TERM";
	auto_record struct record *r = NULL;
	int signo = signal_by_name(name), code;

	if (signo < 0)
		return err_say(err, signo, "unknown signal \"%s\"", name);
	code = record_open(a->root, a->rest[0], &r, err);
	return code < 0 ? code : launch_kill(r, signo, a->all, err);
}

int verb_delete(const struct args *a, struct err *err)
{
	struct record *r = NULL;
	int code = record_open(a->root, a->rest[0], &r, err);

	if (code == -ENOENT && a->force) {
		/* Also what died half-made. */
		auto_close int root_fd = open(a->root, O_PATH | O_DIRECTORY | O_CLOEXEC);

		err->code = 0;
		if (root_fd >= 0 && record_id_is_valid(a->rest[0]))
			return path_remove_tree_at(root_fd, a->rest[0], err);
		return 0;
	}
	return code < 0 ? code : launch_delete(r, a->root, a->force, err);
}

static int set_frozen(const struct args *a, bool frozen, struct err *err)
{
	auto_record struct record *r = NULL;
	auto_close int fd = -EBADF;
	struct cgroup_host host;
	int code = record_open(a->root, a->rest[0], &r, err);
	enum record_status wanted = frozen ? RECORD_RUNNING : RECORD_PAUSED;

	if (code < 0)
		return code;
	if (record_status(r) != wanted)
		return err_say(err, -EINVAL, "container %s is not %s: it is %s", r->id,
			       record_status_name(wanted), record_status_name(record_status(r)));
	if (!r->cgroup)
		return err_say(err, -EOPNOTSUPP, "container %s has no cgroup", r->id);
	cgroup_host_probe(&host);
	fd = cgroup_open(&host, r->cgroup, NULL, NULL, err);
	return fd < 0 ? fd : cgroup_freeze(fd, frozen, err);
}

int verb_pause(const struct args *a, struct err *err)
{
	return set_frozen(a, true, err);
}

int verb_resume(const struct args *a, struct err *err)
{
	return set_frozen(a, false, err);
}

/* ---- exec ---- */

/* A number and nothing else: "1x", "-1" and "4294967296" name nobody (CVE-2024-40635 and kin). */
static int parse_id(const char *text, size_t len, uint32_t *ret)
{
	uint64_t value = 0;

	if (len == 0 || len > 10)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	if (value >= UINT32_MAX)
		return -EINVAL;
	*ret = (uint32_t)value;
	return 0;
}

static int set_user(struct spec_process *p, const char *text, struct err *err)
{
	size_t len = strcspn(text, ":");
	int r = parse_id(text, len, &p->uid);

	p->gid = 0;
	if (r == 0 && text[len])
		r = parse_id(text + len + 1, strlen(text + len + 1), &p->gid);
	return r < 0 ? err_say(err, r, "user \"%s\" is not UID[:GID]", text) : 0;
}

static int set_lists(struct spec *spec, const struct args *a, struct err *err)
{
	struct spec_process *p = &spec->process;

	for (size_t i = 0; i < a->n_env; i++)
		spec_strings_add(spec, &p->env, a->env[i]);
	for (size_t i = 0; i < a->n_caps; i++) {
		int cap = spec_capability_by_name(a->caps[i]);
		uint64_t bit = UINT64_C(1) << (cap < 0 ? 0 : cap);

		if (cap < 0)
			return err_say(err, -EINVAL, "\"%s\" is no capability", a->caps[i]);
		p->has_capabilities = true;
		p->capabilities.bounding |= bit;
		p->capabilities.permitted |= bit;
		p->capabilities.effective |= bit;
	}
	for (size_t i = 0; i < a->n_gids; i++) {
		uint32_t *gid = SPEC_ADD(spec, p, groups);

		if (!gid)
			return err_set(err, -ENOMEM, "collect groups");
		if (parse_id(a->gids[i], strlen(a->gids[i]), gid) < 0)
			return err_say(err, -EINVAL, "group \"%s\" is no number", a->gids[i]);
	}
	return 0;
}

/* The container's own process, changed by the flags; or the one of --process. */
static int exec_process(struct spec *spec, const struct args *a, struct err *err)
{
	struct spec_process *p = &spec->process;
	int r = 0;

	if (a->process) {
		auto_buf struct buf text = BUF_INIT(CONFIG_MAX);

		p->terminal = false;
		r = fd_read_file(a->process, &text, err);
		if (r == 0)
			r = config_parse_process(spec, buf_str(&text), text.len, err);
	} else {
		p->args = (struct spec_strings){ 0 };
		for (size_t i = 1; i < a->n_rest; i++)
			spec_strings_add(spec, &p->args, a->rest[i]);
		p->terminal = a->tty;
		p->console_rows = p->console_cols = 0;
	}
	if (r == 0 && a->user)
		r = set_user(p, a->user, err);
	if (r == 0)
		r = set_lists(spec, a, err);
	if (a->cwd)
		p->cwd = a->cwd;
	if (a->apparmor)
		p->apparmor_profile = a->apparmor;
	if (a->process_label)
		p->selinux_label = a->process_label;
	p->no_new_privileges |= a->no_new_privs;
	return r;
}

static int run_exec(const struct args *a, struct record *r, struct err *err)
{
	struct exec_request request = { .spec = r->spec,
					.console_socket = a->console_socket,
					.pid_file = a->pid_file,
					.preserve_fds = (unsigned)a->preserve_fds,
					.foreground = !a->detach };
	auto_close int signal_fd = -EBADF;
	enum record_status status = record_status(r);
	struct launched launched;
	int code = exec_process(r->spec, a, err), exit_code;

	if (code < 0)
		return code;
	if (status == RECORD_PAUSED && !a->ignore_paused)
		return err_say(err, -EINVAL, "cannot exec in a paused container (--ignore-paused)");
	if (status != RECORD_RUNNING && status != RECORD_CREATED && status != RECORD_PAUSED)
		return err_say(err, -ESRCH, "cannot exec in a container that is %s",
			       record_status_name(status));
	if (a->cgroup && strcmp(a->cgroup, "/") != 0)
		return err_say(err, -EOPNOTSUPP, "exec into cgroup %s is not supported", a->cgroup);
	if (!a->detach) {
		signal_fd = relay_signals(err);
		if (signal_fd < 0)
			return signal_fd;
	}
	code = launch_exec(r, &request, &launched, err);
	if (code < 0 || a->detach)
		return code;
	exit_code = relay_run(launched.pid, signal_fd, launched.master_fd, err);
	(void)fd_close(launched.master_fd);
	return exit_code;
}

int verb_exec(const struct args *a, struct err *err)
{
	auto_record struct record *r = NULL;
	int code;

	if (a->n_rest < 2 && !a->process)
		return err_say(err, -EINVAL, "exec without a command");
	code = record_open(a->root, a->rest[0], &r, err);
	return code < 0 ? code : run_exec(a, r, err);
}

int verb_version(const struct args *a, struct err *err)
{
	(void)a;
	(void)err;
	(void)printf("shallop-runtime version " SHALLOP_VERSION "\nspec: " SPEC_VERSION "\n");
	return 0;
}
