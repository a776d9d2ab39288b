/* SPDX-License-Identifier: Apache-2.0 */
/* What a pod's machine decides, done: one function per effect. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "orchestrator/agent/nodepod.h"
#include "orchestrator/agent/podimage.h"
#include "orchestrator/agent/prober.h"
#include "orchestrator/agent/uplink.h"

#define PORTS_MAX   128
#define SYSCTLS_MAX 64

static void tell(struct nodepod *pod, const struct podmachine_event *event)
{
	podmachine_event(pod->machine, event, agent_now_ns(pod->agent));
	pod->pump_again = true;
}

/* ---- volumes ---- */

static int open_made(const char *path, struct err *err)
{
	int r = 0, fd;

	if (mkdir(path, 0750) < 0 && errno != EEXIST)
		r = path_mkdirs(path, 0750, err);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set(err, -errno, "open %s", path) : fd;
}

static int make_dirs(struct nodepod *pod, struct err *err)
{
	if (pod->dir_fd < 0)
		pod->dir_fd = open_made(pod->dir, err);
	if (pod->small_dir_fd < 0)
		pod->small_dir_fd = open_made(pod->small_dir, err);
	return MIN(MIN(pod->dir_fd, pod->small_dir_fd), 0);
}

static void do_volumes(struct nodepod *pod, const struct podmachine_effect *effect)
{
	struct volume_context ctx;
	struct err err = { 0 };
	int r = make_dirs(pod, &err);

	(void)effect;
	if (r == 0) {
		nodepod_volume_context(pod, &ctx);
		r = volumes_make(&ctx, &err);
	}
	if (r == -EAGAIN) {
		pod->volumes_pending = true;
		nodepod_ask_tokens(pod);
		tell(pod, &(struct podmachine_event){ .type = POD_VOLUMES_PENDING });
		return;
	}
	tell(pod,
	     &(struct podmachine_event){ .type = r < 0 ? POD_VOLUMES_FAILED : POD_VOLUMES_READY,
					 .text = err.text });
}

/* ---- sandbox ---- */

static size_t host_ports(const struct json_object *pod, struct netns_port ports[PORTS_MAX])
{
	static const char *const lists[] = { "spec.initContainers", "spec.containers" };
	size_t n = 0;

	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (size_t i = 0; i < json_len(json_at(pod, lists[l])); i++) {
			struct json_object *list =
				json_get(json_idx(json_at(pod, lists[l]), i), "ports");

			for (size_t k = 0; k < json_len(list) && n < PORTS_MAX; k++) {
				struct json_object *port = json_idx(list, k);
				const char *protocol = json_str_at(port, "protocol");
				const char *ip = json_str_at(port, "hostIP");
				int64_t host = json_int_at(port, "hostPort", 0);

				if (host <= 0 || host > UINT16_MAX)
					continue;
				ports[n] = (struct netns_port){ .host_port = (uint16_t)host,
								.pod_port = (uint16_t)json_int_at(
									port, "containerPort", 0),
								.protocol = IPPROTO_TCP };
				if (protocol && strcmp(protocol, "UDP") == 0)
					ports[n].protocol = IPPROTO_UDP;
				else if (protocol && strcmp(protocol, "SCTP") == 0)
					ports[n].protocol = IPPROTO_SCTP;
				if (ip && *ip)
					(void)inet_pton(AF_INET, ip, &ports[n].host_ip);
				n++;
			}
		}
	return n;
}

static size_t sysctls_of(const struct json_object *pod, struct spec_pair sysctls[SYSCTLS_MAX])
{
	struct json_object *list = json_at(pod, "spec.securityContext.sysctls");
	size_t n = 0;

	for (size_t i = 0; i < json_len(list) && n < SYSCTLS_MAX; i++) {
		sysctls[n].key = json_str_at(json_idx(list, i), "name");
		sysctls[n].value = json_str_at(json_idx(list, i), "value");
		if (sysctls[n].key && sysctls[n].value)
			n++;
	}
	return n;
}

static int make_cgroup(struct nodepod *pod, struct err *err)
{
	struct agent *agent = pod->agent;
	struct cgroup_limits limits;
	bool unenforced = false;

	if (pod->cgroup_fd >= 0 || !agent->host.cgroup.mount[0])
		return 0;
	podspec_pod_limits(podmachine_pod(pod->machine), &limits);
	pod->cgroup_fd = cgroup_open(&agent->host.cgroup, pod->cgroup, &limits, &unenforced, err);
	return pod->cgroup_fd < 0 ? pod->cgroup_fd : 0;
}

static int connect_network(struct nodepod *pod, bool host_network, char ip[INET_ADDRSTRLEN],
			   struct err *err)
{
	struct agent *agent = pod->agent;
	struct netns_port ports[PORTS_MAX];
	struct netns_pod link;
	size_t n;
	int r;

	if (host_network) {
		(void)snprintf(ip, INET_ADDRSTRLEN, "%s", agent->address);
		return 0;
	}
	r = agent_open_network(agent, err);
	if (r == -EAGAIN)
		return err_say(err, r,
			       "the pod network is not known yet: no server has been heard");
	if (r < 0)
		return r;
	n = host_ports(podmachine_pod(pod->machine), ports);
	r = netns_pod_attach(agent->net, pod->uid, sandbox_net_fd(pod->sandbox), ports, n, &link,
			     err);
	if (r < 0)
		return r;
	pod->attached = true;
	(void)inet_ntop(AF_INET, &link.ip, ip, INET_ADDRSTRLEN);
	return 0;
}

static int make_sandbox(struct nodepod *pod, char ip[INET_ADDRSTRLEN], struct err *err)
{
	struct agent *agent = pod->agent;
	const struct json_object *json = podmachine_pod(pod->machine);
	bool host_network = json_bool_at(json, "spec.hostNetwork", false);
	struct spec_pair sysctls[SYSCTLS_MAX];
	char hostname[PODFILES_HOSTNAME_MAX];
	struct podfiles_dns dns;
	int r;

	if (!json_bool_at(json, "spec.hostUsers", true))
		return err_say(err, -EOPNOTSUPP, "hostUsers: false is not supported by this node");
	podfiles_hostname(json, hostname);
	r = make_cgroup(pod, err);
	if (r < 0)
		return r;
	r = sandbox_create(
		&(struct sandbox_options){
			.run_dir = agent->options.run_dir,
			.shim_path = agent->options.shim_path,
			.uid = pod->uid,
			.hostname = host_network ? NULL : hostname,
			.host_network = host_network,
			.host_ipc = json_bool_at(json, "spec.hostIPC", false),
			.host_pid = json_bool_at(json, "spec.hostPID", false),
			.share_pid = json_bool_at(json, "spec.shareProcessNamespace", false),
			.cgroup_fd = pod->cgroup_fd,
			.cgroup_path = pod->cgroup,
			.sysctls = sysctls,
			.n_sysctls = sysctls_of(json, sysctls) },
		&pod->sandbox, err);
	if (r < 0)
		return r;
	r = connect_network(pod, host_network, ip, err);
	if (r == 0) {
		agent_dns(agent, &dns);
		r = podfiles_write(pod->dir_fd, json, ip, &dns, err);
	}
	return r < 0 ? r : nodepod_watch_sandbox(pod, err);
}

static void undo_sandbox(struct nodepod *pod)
{
	struct err err = { 0 };

	if (pod->sandbox_fd >= 0)
		loop_unwatch(pod->agent->loop, pod->sandbox_fd);
	pod->sandbox_fd = -EBADF;
	if (pod->agent->net && pod->attached)
		(void)netns_pod_detach(pod->agent->net, pod->uid, NULL);
	pod->attached = false;
	if (pod->sandbox && sandbox_destroy(take_ptr(&pod->sandbox), &err) < 0)
		log_warn("pod %s/%s: %s", pod->namespace, pod->name, err.text);
}

static void do_sandbox(struct nodepod *pod, const struct podmachine_effect *effect)
{
	char ip[INET_ADDRSTRLEN] = "";
	struct err err = { 0 };
	int r = make_dirs(pod, &err);

	(void)effect;
	if (r == 0)
		r = make_sandbox(pod, ip, &err);
	if (r < 0)
		undo_sandbox(pod);
	log_trace("pod %s/%s: sandbox", pod->namespace, pod->name);
	tell(pod,
	     &(struct podmachine_event){ .type = r < 0 ? POD_SANDBOX_FAILED : POD_SANDBOX_READY,
					 .ip = ip,
					 .text = err.text });
}

/* ---- images ---- */

static void do_image(struct nodepod *pod, const struct podmachine_effect *effect)
{
	struct podimage found;
	int r = podimage_find(pod->agent->images, effect->spec, &found);

	if (found.asked)
		tell(pod, &(struct podmachine_event){ .type = POD_IMAGE_PULLING,
						      .container = effect->container });
	tell(pod,
	     &(struct podmachine_event){ .type = r < 0 ? POD_IMAGE_FAILED : POD_IMAGE_READY,
					 .container = effect->container,
					 .reason = found.reason,
					 .text = r < 0 ? found.text : NULL,
					 .warning = r == 0 && found.text[0] ? found.text : NULL,
					 .image = found.name,
					 .image_id = found.id });
	image_free(found.image);
}

/* ---- starting ---- */

static const char *root_dir(const struct nodepod *pod, const char *id, char *path, size_t size)
{
	(void)snprintf(path, size, "%s/roots/%s", pod->dir, id);
	return path;
}

static int make_log(struct nodepod *pod, const struct podmachine_effect *effect, char *path,
		    size_t size, struct err *err)
{
	char dir[1300];
	int r;

	nodepod_log_dir(pod, effect->container, dir, sizeof(dir));
	r = path_mkdirs(dir, 0755, err);
	if (r < 0)
		return r;
	(void)snprintf(path, size, "%s/%d.log", dir, effect->attempt);
	return 0;
}

/* An empty file that the container may fill with its last words; goes with its root. */
static int make_termination_log(struct nodepod *pod, const struct podmachine_effect *effect,
				char *path, size_t size, struct err *err)
{
	char dir[600];
	auto_close int fd = -EBADF;

	(void)snprintf(path, size, "%s/%s", root_dir(pod, effect->id, dir, sizeof(dir)),
		       NODEPOD_LAST_WORDS);
	fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0 || fchmod(fd, 0666) < 0)
		return err_set(err, -errno, "create the termination log");
	return 0;
}

static int start_container(struct nodepod *pod, const struct podmachine_effect *effect,
			   const struct podspec_input *in, struct nodepod_start *start,
			   const char **stage, struct err *err)
{
	auto_spec struct spec *spec = spec_new();
	auto_fd_list struct fd_list fds = { 0 };
	char log_path[1400];
	int64_t r;

	if (!spec)
		return err_set(err, -ENOMEM, "container %s", effect->container);
	r = podspec_make(in, spec, &fds, &start->user, err);
	if (r < 0) {
		if (r == -ENOEXEC || r == -ENOENT)
			*stage = "CreateContainerError";
		return (int)r;
	}
	*stage = "CreateContainerError";
	r = make_log(pod, effect, log_path, sizeof(log_path), err);
	if (r < 0)
		return (int)r;
	r = sandbox_start(pod->sandbox,
			  &(struct container_options){
				  .id = effect->id,
				  .spec = spec,
				  .rootfs_fd = in->rootfs_fd,
				  .cgroup_parent_fd = pod->cgroup_fd,
				  .log_path = log_path,
				  .tty = json_bool_at(effect->spec, "tty", false),
				  .stdin_open = json_bool_at(effect->spec, "stdin", false),
				  .stdin_once = json_bool_at(effect->spec, "stdinOnce", false),
			  },
			  err);
	if (r < 0)
		return (int)r;
	start->request = (uint64_t)r;
	return 0;
}

static int prepare_and_start(struct nodepod *pod, const struct podmachine_effect *effect,
			     struct nodepod_start *start, const char **stage, struct err *err)
{
	struct agent *agent = pod->agent;
	struct podimage found;
	auto_image struct image *image = NULL;
	auto_close int rootfs_fd = -EBADF;
	char dir[600], log_path[1400], hostname[PODFILES_HOSTNAME_MAX];
	struct volume_context ctx;
	int r = podimage_find(agent->images, effect->spec, &found);

	*stage = "CreateContainerError";
	image = found.image;
	if (r < 0)
		return err_say(err, r, "%s", found.text);
	rootfs_fd = image_rootfs_open(agent->images, image,
				      root_dir(pod, effect->id, dir, sizeof(dir)), false, err);
	if (rootfs_fd < 0)
		return rootfs_fd;
	r = make_termination_log(pod, effect, log_path, sizeof(log_path), err);
	if (r < 0)
		return r;
	*stage = "CreateContainerConfigError";
	podfiles_hostname(podmachine_pod(pod->machine), hostname);
	nodepod_volume_context(pod, &ctx);
	return start_container(pod, effect,
			       &(struct podspec_input){
				       .volumes = &ctx,
				       .container = effect->spec,
				       .image = image,
				       .rootfs_fd = rootfs_fd,
				       .termination_log = log_path,
				       .hostname = hostname,
				       .cgroup = &agent->host.cgroup,
				       .oom_score_floor = agent->oom_score_floor,
				       .memory_capacity_bytes = agent->memory_bytes,
			       },
			       start, stage, err);
}

static void remove_root(struct nodepod *pod, const char *id)
{
	char dir[600];

	image_rootfs_forget(pod->agent->images, root_dir(pod, id, dir, sizeof(dir)));
	helper_remove_tree(pod->agent->janitor, dir, NULL, NULL);
}

static void do_start(struct nodepod *pod, const struct podmachine_effect *effect)
{
	struct nodepod_start *start = calloc(1, sizeof(*start));
	const char *stage = "CreateContainerError";
	struct err err = { 0 };
	int r = start ? 0 : err_set(&err, -ENOMEM, "container %s", effect->container);

	if (r == 0)
		r = prepare_and_start(pod, effect, start, &stage, &err);
	if (r == 0) {
		(void)snprintf(start->id, sizeof(start->id), "%s", effect->id);
		list_append(&pod->starts, &start->link);
		log_trace("pod %s/%s: handed over", pod->namespace, pod->name);
		return;
	}
	free(start);
	remove_root(pod, effect->id);
	tell(pod, &(struct podmachine_event){ .type = POD_START_FAILED,
					      .container = effect->container,
					      .id = effect->id,
					      .reason = stage,
					      .text = err.text });
}

/* ---- stopping ---- */

static int stop_signal(struct nodepod *pod, const char *container)
{
	struct podmachine_instance instance;
	struct podimage found;
	const char *why, *wanted;
	int signo;

	if (podmachine_instance(pod->machine, container, false, &instance, &why) < 0)
		return SIGTERM;
	wanted = json_str_at(instance.spec, "lifecycle.stopSignal");
	signo = podspec_signal(wanted);
	if (!signo && podimage_find(pod->agent->images, instance.spec, &found) == 0) {
		signo = podspec_signal(found.image->stop_signal);
		image_free(found.image);
	}
	return signo ? signo : SIGTERM;
}

static void do_signal(struct nodepod *pod, const struct podmachine_effect *effect)
{
	struct err err = { 0 };
	int signo = stop_signal(pod, effect->container);

	if (pod->sandbox && sandbox_signal(pod->sandbox, effect->id, signo, &err) < 0)
		log_warn("pod %s/%s: %s", pod->namespace, pod->name, err.text);
}

static void do_kill(struct nodepod *pod, const struct podmachine_effect *effect)
{
	struct err err = { 0 };

	if (pod->sandbox && sandbox_kill(pod->sandbox, effect->id, &err) < 0)
		log_warn("pod %s/%s: %s", pod->namespace, pod->name, err.text);
}

static void do_forget(struct nodepod *pod, const struct podmachine_effect *effect)
{
	if (pod->sandbox)
		(void)sandbox_remove(pod->sandbox, effect->id, NULL);
	remove_root(pod, effect->id);
}

/* ---- the end ---- */

void nodepod_forget_roots(struct agent *agent, const char *pod_dir)
{
	char path[700], dir[1000];
	struct dirent *entry;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/roots", pod_dir);
	d = opendir(path);
	if (!d)
		return;
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(dir, sizeof(dir), "%s/%s", path, entry->d_name);
		image_rootfs_forget(agent->images, dir);
	}
	(void)closedir(d);
}

static void torn_down(int result, void *data)
{
	struct nodepod *pod = data;

	pod->tearing_tree = false;
	if (result < 0)
		log_warn("pod %s/%s: remove %s: %s", pod->namespace, pod->name, pod->dir,
			 err_text(result));
	nodepod_event(pod, &(struct podmachine_event){ .type = POD_TORN_DOWN });
}

static void do_teardown(struct nodepod *pod, const struct podmachine_effect *effect)
{
	struct agent *agent = pod->agent;
	struct err err = { 0 };

	(void)effect;
	prober_end_all(pod);
	nodepod_end_streams(pod);
	if (agent->net && netns_pod_detach(agent->net, pod->uid, &err) < 0)
		log_warn("pod %s/%s: %s", pod->namespace, pod->name, err.text);
	pod->attached = false;
	if (pod->sandbox) {
		struct sandbox *sandbox = take_ptr(&pod->sandbox);

		loop_unwatch(agent->loop, pod->sandbox_fd);
		pod->sandbox_fd = -EBADF;
		if (sandbox_destroy(sandbox, &err) < 0)
			log_warn("pod %s/%s: %s", pod->namespace, pod->name, err.text);
		nodepod_drop_sandbox(pod);
	} else {
		(void)sandbox_forget(agent->options.run_dir, pod->uid, pod->cgroup_fd, NULL);
	}
	if (volumes_unmount(pod->dir, podmachine_pod(pod->machine), &err) < 0)
		log_warn("pod %s/%s: %s", pod->namespace, pod->name, err.text);
	nodepod_forget_roots(agent, pod->dir);
	pod->dir_fd = fd_close(pod->dir_fd);
	pod->small_dir_fd = fd_close(pod->small_dir_fd);
	pod->cgroup_fd = fd_close(pod->cgroup_fd);
	if (agent->host.cgroup.mount[0] &&
	    cgroup_remove(&agent->host.cgroup, pod->cgroup, &err) < 0)
		log_warn("pod %s/%s: %s", pod->namespace, pod->name, err.text);
	pod->tearing_tree = true;
	helper_remove_tree(agent->janitor, pod->small_dir, NULL, NULL);
	helper_remove_tree(agent->janitor, pod->dir, torn_down, pod);
}

/* ---- what others shall know ---- */

static void do_record(struct nodepod *pod, const struct podmachine_effect *effect)
{
	uplink_event(pod->agent->uplink, pod, effect->field_path, effect->warning, effect->reason,
		     effect->text ? effect->text : "");
}

static void do_status(struct nodepod *pod, const struct podmachine_effect *effect)
{
	(void)effect;
	pod->status_unsent = true;
	nodepod_save(pod);
}

static void do_ended(struct nodepod *pod, const struct podmachine_effect *effect)
{
	(void)effect;
	pod->status_unsent = pod->ended_unsent = true;
	nodepod_save(pod);
}

static void (*const doers[])(struct nodepod *pod, const struct podmachine_effect *effect) = {
	[POD_VOLUMES] = do_volumes, [POD_SANDBOX] = do_sandbox,	  [POD_IMAGE] = do_image,
	[POD_START] = do_start,	    [POD_SIGNAL] = do_signal,	  [POD_KILL] = do_kill,
	[POD_FORGET] = do_forget,   [POD_PROBE] = prober_run,	  [POD_HOOK] = prober_run,
	[POD_RECORD] = do_record,   [POD_TEARDOWN] = do_teardown, [POD_STATUS] = do_status,
	[POD_ENDED] = do_ended,
};
_Static_assert(ARRAY_LEN(doers) == POD_EFFECT_COUNT, "every effect is carried out");

void nodepod_perform(struct nodepod *pod, const struct podmachine_effect *effect)
{
	/* What the effect points to lives until the machine is told something: keep our own copy. */
	struct podmachine_effect own = *effect;
	char id[PODMACHINE_ID_MAX];

	(void)snprintf(id, sizeof(id), "%s", effect->id ? effect->id : "");
	own.id = id;
	own.spec = json_ref(effect->spec);
	doers[own.type](pod, &own);
	json_unref(own.spec);
}
