/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/podspec.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/agent/envlist.h"
#include "orchestrator/agent/podenv.h"

static const char path_default[] =
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static const struct json_object *pod_of(const struct podspec_input *in)
{
	return in->volumes->of.pod;
}

/* A field of the container's securityContext, else of the pod's. */
static struct json_object *security(const struct podspec_input *in, const char *field)
{
	struct json_object *own = json_get(json_get(in->container, "securityContext"), field);

	return own ? own : json_get(json_at(pod_of(in), "spec.securityContext"), field);
}

static bool is_privileged(const struct podspec_input *in)
{
	return json_bool_at(in->container, "securityContext.privileged", false);
}

/* ---- what runs ---- */

static int add_args(struct spec *spec, const struct json_object *list, const struct envlist *env,
		    struct err *err)
{
	for (size_t i = 0; i < json_len(list); i++) {
		const char *text = json_str(json_idx(list, i));
		auto_free char *expanded = envlist_expand(text ? text : "", env, NULL);

		if (!expanded)
			return err_set(err, -ENOMEM, "arguments");
		spec_strings_add(spec, &spec->process.args, expanded);
	}
	return 0;
}

static void add_image_args(struct spec *spec, char *const *args)
{
	for (size_t i = 0; args && args[i]; i++)
		spec_strings_add(spec, &spec->process.args, args[i]);
}

/* command replaces the image's entrypoint and its arguments; args alone only the arguments. */
static int fill_args(const struct podspec_input *in, struct spec *spec, const struct envlist *env,
		     struct err *err)
{
	const struct json_object *command = json_get(in->container, "command");
	const struct json_object *args = json_get(in->container, "args");
	int r = 0;

	if (json_len(command))
		r = add_args(spec, command, env, err);
	else
		add_image_args(spec, in->image->entrypoint);
	if (r == 0 && json_len(args))
		r = add_args(spec, args, env, err);
	else if (!json_len(command))
		add_image_args(spec, in->image->cmd);
	if (r == 0 && spec->process.args.n == 0)
		return err_say(err, -ENOEXEC, "no command specified");
	return r;
}

static int fill_env(const struct podspec_input *in, struct spec *spec, struct envlist *pod_env,
		    struct err *err)
{
	auto_envlist struct envlist all = { 0 };
	int r = podenv_make(in->volumes->desired, &in->volumes->of, in->container, pod_env, err);

	if (r < 0)
		return r;
	envlist_put(&all, path_default);
	if (json_bool_at(in->container, "tty", false))
		envlist_set(&all, "TERM", "xterm");
	envlist_set(&all, "HOSTNAME", in->hostname);
	for (size_t i = 0; in->image->env && in->image->env[i]; i++)
		envlist_put(&all, in->image->env[i]);
	for (size_t i = 0; i < pod_env->n; i++)
		envlist_set(&all, pod_env->items[i].name, pod_env->items[i].value);
	if (all.failed)
		return err_set(err, all.failed, "environment");
	for (size_t i = 0; i < all.n; i++)
		spec_strings_add(spec, &spec->process.env,
				 spec_printf(spec, "%s=%s", all.items[i].name, all.items[i].value));
	return 0;
}

static void fill_cwd(const struct podspec_input *in, struct spec *spec)
{
	const char *cwd = json_str_at(in->container, "workingDir");

	if (!cwd || !*cwd)
		cwd = in->image->working_dir;
	spec->process.cwd = spec_strdup(spec, cwd && *cwd ? cwd : "/");
}

/* ---- who runs it ---- */

static bool is_number(const char *text)
{
	return text && *text && strspn(text, "0123456789") == strlen(text);
}

static const char *describe(const struct podspec_input *in, char *text, size_t size)
{
	const struct json_object *pod = pod_of(in);

	(void)snprintf(text, size, "(pod: \"%s_%s(%s)\", container: %s)",
		       json_str_at(pod, "metadata.name"), json_str_at(pod, "metadata.namespace"),
		       json_str_at(pod, "metadata.uid"), json_str_at(in->container, "name"));
	return text;
}

static int check_non_root(const struct podspec_input *in, int64_t run_as, uint32_t image_uid,
			  struct err *err)
{
	const char *user = in->image->user ? in->image->user : "";
	char where[700], name[256];

	if (!json_truth(security(in, "runAsNonRoot"), false))
		return 0;
	(void)describe(in, where, sizeof(where));
	if (run_as == 0)
		return err_say(err, -EINVAL, "container's runAsUser breaks non-root policy %s",
			       where);
	if (run_as > 0)
		return 0;
	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(user, ":"), user);
	if (*name && !is_number(name))
		return err_say(err, -EINVAL,
			       "container has runAsNonRoot and image has non-numeric user (%s), "
			       "cannot verify user is non-root %s",
			       name, where);
	if (image_uid == 0)
		return err_say(err, -EINVAL,
			       "container has runAsNonRoot and image will run as root %s", where);
	return 0;
}

static void add_group(struct podspec_user *user, uint32_t gid)
{
	for (size_t i = 0; i < user->n_groups; i++)
		if (user->groups[i] == gid)
			return;
	if (user->n_groups < ARRAY_LEN(user->groups))
		user->groups[user->n_groups++] = gid;
}

/* Groups of the image's user (unless the policy is Strict), then the pod's. */
static void fill_groups(const struct podspec_input *in, const uint32_t *image_groups,
			size_t n_image_groups, struct podspec_user *user)
{
	const struct json_object *context = json_at(pod_of(in), "spec.securityContext");
	const struct json_object *more = json_get(context, "supplementalGroups");
	const char *policy = json_str_at(context, "supplementalGroupsPolicy");
	int64_t fs_group = json_int_at(context, "fsGroup", -1);

	add_group(user, user->gid);
	for (size_t i = 0; i < n_image_groups && !(policy && strcmp(policy, "Strict") == 0); i++)
		add_group(user, image_groups[i]);
	if (fs_group >= 0)
		add_group(user, (uint32_t)fs_group);
	for (size_t i = 0; i < json_len(more); i++)
		add_group(user, (uint32_t)json_int(json_idx(more, i), 0));
}

static int fill_user(const struct podspec_input *in, struct spec *spec, struct podspec_user *user,
		     struct err *err)
{
	int64_t run_as = json_int(security(in, "runAsUser"), -1);
	int64_t run_as_group = json_int(security(in, "runAsGroup"), -1);
	uint32_t groups[32];
	size_t n_groups = ARRAY_LEN(groups);
	char number[24], home[256] = "";
	const char *wanted = in->image->user;
	int r;

	if (run_as >= 0) {
		(void)snprintf(number, sizeof(number), "%lld", (long long)run_as);
		wanted = number;
	}
	r = image_user_lookup(in->rootfs_fd, wanted ? wanted : "", &user->uid, &user->gid, groups,
			      &n_groups, home, sizeof(home), err);
	if (r < 0)
		return err_prefix(err, r == -EINVAL ? -ENOENT : r, "failed to generate spec");
	r = check_non_root(in, run_as, user->uid, err);
	if (r < 0)
		return r;
	if (run_as_group >= 0)
		user->gid = (uint32_t)run_as_group;
	fill_groups(in, groups, n_groups, user);
	spec->process.uid = user->uid;
	spec->process.gid = user->gid;
	spec->process.groups = spec_alloc(spec, sizeof(uint32_t) * (user->n_groups + 1));
	if (!spec->process.groups)
		return err_set(err, -ENOMEM, "groups");
	memcpy(spec->process.groups, user->groups, sizeof(uint32_t) * user->n_groups);
	spec->process.n_groups = user->n_groups;
	if (*home) { /* unless the image or the pod says otherwise */
		bool given = false;

		for (size_t i = 0; i < spec->process.env.n; i++)
			given = given || strncmp(spec->process.env.items[i], "HOME=", 5) == 0;
		if (!given)
			spec_strings_add(spec, &spec->process.env,
					 spec_printf(spec, "HOME=%s", home));
	}
	return 0;
}

/* ---- what it may do ---- */

static int change_capabilities(const struct json_object *list, bool add, uint64_t *set,
			       struct err *err)
{
	const uint64_t all = (UINT64_C(1) << SPEC_CAP_COUNT) - 1;

	for (size_t i = 0; i < json_len(list); i++) {
		const char *name = json_str(json_idx(list, i));
		int cap;

		if (name && strcmp(name, "ALL") == 0) {
			*set = add ? all : 0;
			continue;
		}
		cap = spec_capability_by_name(name ? name : "");
		if (cap < 0 && add)
			return err_say(err, -ENOENT, "unknown capability to add: \"CAP_%s\"",
				       name ? name : "");
		if (cap >= 0)
			*set = add ? *set | UINT64_C(1) << cap : *set & ~(UINT64_C(1) << cap);
	}
	return 0;
}

static bool has_all(const struct json_object *list)
{
	for (size_t i = 0; i < json_len(list); i++)
		if (json_str(json_idx(list, i)) && strcmp(json_str(json_idx(list, i)), "ALL") == 0)
			return true;
	return false;
}

static int fill_capabilities(const struct podspec_input *in, struct spec *spec, struct err *err)
{
	const struct json_object *caps = json_at(in->container, "securityContext.capabilities");
	const struct json_object *add = json_get(caps, "add"), *drop = json_get(caps, "drop");
	struct spec_capabilities *to = &spec->process.capabilities;
	uint64_t set;
	int r;

	spec_default_capabilities(spec);
	set = to->bounding;
	/* ALL first, whichever list it stands in: "drop ALL, add X" leaves X. */
	if (has_all(add))
		set = (UINT64_C(1) << SPEC_CAP_COUNT) - 1;
	if (has_all(drop))
		set = 0;
	r = has_all(add) ? 0 : change_capabilities(add, true, &set, err);
	if (r == 0 && !has_all(drop))
		r = change_capabilities(drop, false, &set, err);
	to->bounding = to->permitted = to->effective = set;
	return r;
}

static int fill_seccomp(const struct podspec_input *in, struct spec *spec, struct err *err)
{
	const char *type = json_str_at(security(in, "seccompProfile"), "type");

	if (type && strcmp(type, "Unconfined") == 0)
		return 0;
	if (type && strcmp(type, "Localhost") == 0)
		return err_say(err, -EOPNOTSUPP,
			       "seccompProfile of type Localhost is not supported by this node "
			       "(RuntimeDefault and Unconfined are)");
	spec_default_seccomp(spec);
	return 0;
}

static int fill_security(const struct podspec_input *in, struct spec *spec, struct err *err)
{
	const char *proc = json_str_at(in->container, "securityContext.procMount");
	const char *apparmor = json_str_at(security(in, "appArmorProfile"), "type");
	int r;

	spec->root_readonly =
		json_bool_at(in->container, "securityContext.readOnlyRootFilesystem", false);
	if (is_privileged(in)) {
		spec_default_privileged(spec);
		return 0;
	}
	if (apparmor && strcmp(apparmor, "Localhost") == 0)
		return err_say(err, -EOPNOTSUPP,
			       "appArmorProfile of type Localhost is not supported by this node");
	spec_default_namespaces(spec);
	spec_default_mounts(spec);
	r = fill_capabilities(in, spec, err);
	if (r < 0)
		return r;
	if (!proc || strcmp(proc, "Unmasked") != 0) {
		spec_default_masked(spec);
		spec_default_readonly(spec);
	}
	spec->process.no_new_privileges =
		!json_bool_at(in->container, "securityContext.allowPrivilegeEscalation", true);
	return fill_seccomp(in, spec, err);
}

/* ---- what it may use: podspec_resources.c has the sums ---- */

static void fill_resources(const struct podspec_input *in, struct spec *spec)
{
	int score = podspec_oom_score(pod_of(in), in->container, in->memory_capacity_bytes);

	podspec_resources(in->container, in->cgroup, spec);
	spec->process.has_oom_score_adj = true;
	spec->process.oom_score_adj = MAX(score, in->oom_score_floor);
}

/* ---- where ---- */

static bool mounts_at(const struct json_object *container, const char *path)
{
	struct json_object *list = json_get(container, "volumeMounts");

	for (size_t i = 0; i < json_len(list); i++) {
		const char *at = json_str_at(json_idx(list, i), "mountPath");

		if (at && strcmp(at, path) == 0)
			return true;
	}
	return false;
}

static void fill_pod_files(const struct podspec_input *in, struct spec *spec)
{
	static const struct {
		const char *file, *path;
	} files[] = {
		{ "etc-hosts", "/etc/hosts" },
		{ "hostname", "/etc/hostname" },
		{ "resolv.conf", "/etc/resolv.conf" },
	};
	const char *log_path = json_str_at(in->container, "terminationMessagePath");
	const char *options = spec->root_readonly ? "rbind,rprivate,ro" : "rbind,rprivate";

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (!mounts_at(in->container, files[i].path))
			(void)spec_add_mount(
				spec, files[i].path, NULL,
				spec_printf(spec, "%s/%s", in->volumes->pod_dir, files[i].file),
				i == 0 ? "rbind,rprivate" : options);
	if (in->termination_log)
		(void)spec_add_mount(spec,
				     log_path && *log_path ? log_path : "/dev/termination-log",
				     NULL, in->termination_log, "rbind,rprivate");
}

/* A namespace of the pod or of the host instead of one of its own. */
static void fill_namespaces(const struct podspec_input *in, struct spec *spec)
{
	if (json_bool_at(pod_of(in), "spec.hostPID", false) ||
	    json_bool_at(pod_of(in), "spec.shareProcessNamespace", false))
		spec->namespaces[SPEC_NS_PID].wanted = false;
}

int podspec_make(const struct podspec_input *in, struct spec *spec, struct fd_list *fds,
		 struct podspec_user *ret_user, struct err *err)
{
	auto_envlist struct envlist env = { 0 };
	int r = fill_env(in, spec, &env, err);

	if (r == 0)
		r = fill_args(in, spec, &env, err);
	if (r < 0)
		return r;
	spec->has_process = true;
	fill_cwd(in, spec);
	r = fill_security(in, spec, err);
	if (r == 0)
		r = fill_user(in, spec, ret_user, err);
	if (r < 0)
		return r;
	fill_namespaces(in, spec);
	fill_resources(in, spec);
	spec->process.terminal = json_bool_at(in->container, "tty", false);
	fill_pod_files(in, spec);
	r = volumes_mount(in->volumes, in->container, &env, spec, fds, err);
	if (r < 0)
		return r;
	return spec_error(spec) ? err_set(err, spec_error(spec), "container") : 0;
}

/* ---- signals ---- */

static const struct {
	const char *name;
	int signo;
} signals[] = {
	{ "HUP", SIGHUP },   { "INT", SIGINT },	      { "QUIT", SIGQUIT }, { "ILL", SIGILL },
	{ "TRAP", SIGTRAP }, { "ABRT", SIGABRT },     { "BUS", SIGBUS },   { "FPE", SIGFPE },
	{ "KILL", SIGKILL }, { "USR1", SIGUSR1 },     { "SEGV", SIGSEGV }, { "USR2", SIGUSR2 },
	{ "PIPE", SIGPIPE }, { "ALRM", SIGALRM },     { "TERM", SIGTERM }, { "STKFLT", SIGSTKFLT },
	{ "CHLD", SIGCHLD }, { "CONT", SIGCONT },     { "STOP", SIGSTOP }, { "TSTP", SIGTSTP },
	{ "TTIN", SIGTTIN }, { "TTOU", SIGTTOU },     { "URG", SIGURG },   { "XCPU", SIGXCPU },
	{ "XFSZ", SIGXFSZ }, { "VTALRM", SIGVTALRM }, { "PROF", SIGPROF }, { "WINCH", SIGWINCH },
	{ "IO", SIGIO },     { "POLL", SIGPOLL },     { "PWR", SIGPWR },   { "SYS", SIGSYS },
	{ "IOT", SIGIOT },   { "CLD", SIGCHLD },
};

int podspec_signal(const char *name)
{
	int offset = 0;

	if (!name || !*name)
		return 0;
	if (is_number(name)) {
		long n = strtol(name, NULL, 10);

		return n > 0 && n <= SIGRTMAX ? (int)n : 0;
	}
	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (strcmp(name, signals[i].name) == 0)
			return signals[i].signo;
	if (sscanf(name, "RTMIN+%d", &offset) == 1 || strcmp(name, "RTMIN") == 0)
		return offset >= 0 && SIGRTMIN + offset <= SIGRTMAX ? SIGRTMIN + offset : 0;
	if (sscanf(name, "RTMAX-%d", &offset) == 1 || strcmp(name, "RTMAX") == 0)
		return offset >= 0 && SIGRTMAX - offset >= SIGRTMIN ? SIGRTMAX - offset : 0;
	return 0;
}
