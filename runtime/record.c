/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"
#include "base/time.h"
#include "runtime/config.h"
#include "runtime/runtime.h"

static const char *const status_names[RECORD_STATUS_COUNT] = {
	[RECORD_CREATING] = "creating", [RECORD_CREATED] = "created", [RECORD_RUNNING] = "running",
	[RECORD_PAUSED] = "paused",	[RECORD_STOPPED] = "stopped",
};

const char *record_status_name(enum record_status status)
{
	return status_names[status];
}

/* As runc: letters, digits, _ + - . and no path tricks. */
bool record_id_is_valid(const char *id)
{
	static const char good[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";
	size_t len = strlen(id);

	return len > 0 && len < RECORD_ID_MAX && strspn(id, good) == len && strcmp(id, ".") != 0 &&
	       strcmp(id, "..") != 0;
}

static struct record *record_new(const char *id)
{
	struct record *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->dir_fd = -EBADF;
	r->id = strdup(id);
	r->spec = spec_new();
	return r->id && r->spec ? r : record_free(r);
}

struct record *record_free(struct record *r)
{
	if (!r)
		return NULL;
	free(r->id);
	free(r->bundle);
	free(r->root_path);
	free(r->created);
	free(r->oci_version);
	free(r->cgroup);
	(void)fd_close(r->dir_fd);
	(void)spec_free(r->spec);
	free(r);
	return NULL;
}

static int open_root(const char *root)
{
	int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int record_create(const char *root, const char *id, struct record **ret, struct err *err)
{
	auto_record struct record *r = NULL;
	auto_close int root_fd = -EBADF;
	int code;

	if (!record_id_is_valid(id))
		return err_say(err, -EINVAL, "invalid container id \"%s\"", id);
	root_fd = open_root(root);
	if (root_fd == -ENOENT) {
		code = path_mkdirs(root, 0700, err);
		if (code < 0)
			return code;
		root_fd = open_root(root);
	}
	if (root_fd < 0)
		return err_set(err, root_fd, "open %s", root);
	r = record_new(id);
	if (!r)
		return err_set(err, -ENOMEM, "container %s", id);
	if (mkdirat(root_fd, id, 0711) < 0) {
		code = -errno;
		return code == -EEXIST
			       ? err_say(err, code, "container with id \"%s\" exists already", id)
			       : err_set(err, code, "make the directory of container %s", id);
	}
	r->dir_fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r->dir_fd < 0) {
		code = -errno;
		(void)unlinkat(root_fd, id, AT_REMOVEDIR);
		return err_set(err, code, "open the directory of container %s", id);
	}
	r->owner = geteuid();
	*ret = take_ptr(&r);
	return 0;
}

static char *text_of(const struct json_object *json, const char *key)
{
	const char *text = json_str(json_get(json, key));

	return text ? strdup(text) : NULL;
}

static int read_record(struct record *r, struct err *err)
{
	auto_buf struct buf text = BUF_INIT(1 << 20);
	auto_buf struct buf config = BUF_INIT(CONFIG_MAX);
	auto_json struct json_object *json = NULL;
	int code = fd_read_file_at(r->dir_fd, "record.json", &text, err);

	if (code == 0)
		code = json_parse(buf_str(&text), text.len, &json, err);
	if (code < 0)
		return code;
	r->bundle = text_of(json, "bundle");
	r->root_path = text_of(json, "rootfs");
	r->created = text_of(json, "created");
	r->oci_version = text_of(json, "ociVersion");
	r->cgroup = text_of(json, "cgroup");
	r->pid = (pid_t)json_int(json_get(json, "pid"), 0);
	r->start_time = (uint64_t)json_int(json_get(json, "startTime"), 0);
	r->owner = (uint32_t)json_int(json_get(json, "owner"), 0);
	code = fd_read_file_at(r->dir_fd, "config.json", &config, err);
	return code < 0 ? code : config_parse(r->spec, buf_str(&config), config.len, err);
}

int record_open(const char *root, const char *id, struct record **ret, struct err *err)
{
	auto_record struct record *r = NULL;
	auto_close int root_fd = -EBADF;
	int code;

	if (!record_id_is_valid(id))
		return err_say(err, -EINVAL, "invalid container id \"%s\"", id);
	r = record_new(id);
	if (!r)
		return err_set(err, -ENOMEM, "container %s", id);
	root_fd = open_root(root);
	r->dir_fd = root_fd < 0
			    ? -EBADF
			    : openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r->dir_fd < 0)
		return err_say(err, -ENOENT, "container \"%s\" does not exist", id);
	code = read_record(r, err);
	if (code < 0)
		return err_prefix(err, code, "container %s", id);
	*ret = take_ptr(&r);
	return 0;
}

int record_set_config(struct record *r, const char *text, size_t len, struct err *err)
{
	int code = config_parse(r->spec, text, len, err);
	auto_close int fd = -EBADF;

	if (code < 0)
		return code;
	fd = openat(r->dir_fd, "config.json", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	code = fd < 0 ? -errno : fd_write_all(fd, text, len);
	return code < 0 ? err_set(err, code, "keep the configuration of container %s", r->id) : 0;
}

/* No fsync: a machine that went down took the container along. */
int record_save(const struct record *r, struct err *err)
{
	auto_json struct json_object *json = json_new_object();
	auto_buf struct buf text = BUF_INIT(1 << 20);
	auto_close int fd = -EBADF;
	int code;

	(void)json_put_int(json, "version", 1);
	(void)json_put_str(json, "id", r->id);
	(void)json_put_str(json, "ociVersion", r->oci_version);
	(void)json_put_str(json, "bundle", r->bundle);
	(void)json_put_str(json, "rootfs", r->root_path);
	(void)json_put_str(json, "created", r->created);
	(void)json_put_str(json, "cgroup", r->cgroup);
	(void)json_put_int(json, "pid", r->pid);
	(void)json_put_int(json, "startTime", (int64_t)r->start_time);
	(void)json_put_int(json, "owner", r->owner);
	code = json ? json_write(&text, json) : -ENOMEM;
	if (code < 0)
		return err_set(err, code, "write down container %s", r->id);
	fd = openat(r->dir_fd, "record.json.tmp",
		    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	code = fd < 0 ? -errno : fd_write_all(fd, text.data, text.len);
	if (code == 0 && renameat(r->dir_fd, "record.json.tmp", r->dir_fd, "record.json") < 0)
		code = -errno;
	return code < 0 ? err_set(err, code, "write down container %s", r->id) : 0;
}

int record_remove(struct record *r, const char *root, struct err *err)
{
	auto_close int root_fd = open_root(root);
	int code = root_fd < 0 ? root_fd : path_remove_tree_at(root_fd, r->id, err);

	(void)record_free(r);
	return code;
}

/* ---- its process ---- */

/* Field @n of /proc/PID/stat, counted behind the name, which may hold anything. */
static bool stat_fields(pid_t pid, char *ret_state, uint64_t *ret_start)
{
	auto_buf struct buf text = BUF_INIT(4096);
	char path[64];
	const char *at;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (pid <= 0 || fd_read_file(path, &text, NULL) < 0)
		return false;
	at = strrchr(buf_str(&text), ')');
	if (!at || strlen(at) < 4)
		return false;
	*ret_state = at[2];
	at += 2;
	for (int field = 3; field < 22 && at; field++)
		at = strchr(at + 1, ' ');
	*ret_start = at ? strtoull(at, NULL, 10) : 0;
	return true;
}

uint64_t process_start_time(pid_t pid)
{
	uint64_t start = 0;
	char state;

	return stat_fields(pid, &state, &start) ? start : 0;
}

bool record_alive(const struct record *r)
{
	uint64_t start = 0;
	char state = 'Z';

	return stat_fields(r->pid, &state, &start) && start == r->start_time && state != 'Z' &&
	       state != 'X';
}

static bool is_frozen(const struct record *r)
{
	struct cgroup_host host;
	char path[PATH_MAX];
	auto_buf struct buf text = BUF_INIT(64);

	if (!r->cgroup)
		return false;
	cgroup_host_probe(&host);
	(void)snprintf(path, sizeof(path), "%s/%s/cgroup.freeze", host.mount, r->cgroup);
	return fd_read_file(path, &text, NULL) == 0 && buf_str(&text)[0] == '1';
}

enum record_status record_status(const struct record *r)
{
	if (r->pid == 0)
		return RECORD_CREATING;
	if (!record_alive(r))
		return RECORD_STOPPED;
	if (faccessat(r->dir_fd, "start.sock", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return RECORD_CREATED;
	return is_frozen(r) ? RECORD_PAUSED : RECORD_RUNNING;
}

int record_state_json(const struct record *r, enum record_status status, bool full, struct buf *ret)
{
	auto_json struct json_object *json = json_new_object();
	struct json_object *annotations = json_new_object();

	(void)json_put_str(json, "ociVersion", r->oci_version);
	(void)json_put_str(json, "id", r->id);
	(void)json_put_int(json, "pid", status == RECORD_STOPPED ? 0 : r->pid);
	(void)json_put_str(json, "status", status_names[status]);
	(void)json_put_str(json, "bundle", r->bundle);
	if (full) {
		char owner[16];

		/* A number, but for the one whose name is certain: no name service in here. */
		(void)snprintf(owner, sizeof(owner), "%u", r->owner);
		(void)json_put_str(json, "rootfs", r->root_path);
		(void)json_put_str(json, "created", r->created);
		(void)json_put_str(json, "owner", r->owner ? owner : "root");
	}
	for (size_t i = 0; i < r->spec->n_annotations; i++)
		(void)json_put_str(annotations, r->spec->annotations[i].key,
				   r->spec->annotations[i].value);
	(void)json_put(json, "annotations", annotations);
	return json ? json_write_style(ret, json, full ? JSON_INDENT_2 : JSON_COMPACT) : -ENOMEM;
}
