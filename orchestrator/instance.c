/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/crypt.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/path.h"

#define SETTINGS_VERSION 1

static const char *const role_names[] = {
	[ROLE_SERVER] = "server",
	[ROLE_AGENT] = "agent",
	[ROLE_KEEPER] = "keeper",
};
_Static_assert(ARRAY_LEN(role_names) == ROLE_COUNT, "every role has a name");

/* What D/settings.json holds: one row per text setting. */
#define TEXT(key)                                                                                  \
	{                                                                                          \
#key, offsetof(struct instance, key), sizeof(((struct instance *)0)->key)          \
	}
static const struct {
	const char *key;
	size_t offset, size;
} texts[] = {
	TEXT(address),	    TEXT(node_name),	  TEXT(pod_cidr),
	TEXT(service_cidr), TEXT(cluster_domain), TEXT(store),
};
#undef TEXT

static void copy(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from);
}

const char *role_name(enum role role)
{
	return role_names[role];
}

void instance_init(struct instance *in)
{
	struct utsname host;

	*in = (struct instance){ .port = 6443, .node_port = 6444 };
	copy(in->data_dir, sizeof(in->data_dir), INSTANCE_DATA_DIR);
	copy(in->run_dir, sizeof(in->run_dir), INSTANCE_RUN_DIR);
	copy(in->pod_cidr, sizeof(in->pod_cidr), "10.244.0.0/16");
	copy(in->service_cidr, sizeof(in->service_cidr), "10.96.0.0/12");
	copy(in->cluster_domain, sizeof(in->cluster_domain), "cluster.local");
	copy(in->store, sizeof(in->store), "sqlite");
	if (uname(&host) == 0) /* node names are DNS names: lower case */
		for (size_t i = 0; host.nodename[i] && i + 1 < sizeof(in->node_name); i++)
			in->node_name[i] = (char)(host.nodename[i] >= 'A' && host.nodename[i] <= 'Z'
							  ? host.nodename[i] + 32
							  : host.nodename[i]);
}

void instance_data_path(const struct instance *in, const char *name, char *text, size_t size)
{
	(void)snprintf(text, size, "%s/%s", in->data_dir, name);
}

void instance_run_path(const struct instance *in, const char *name, char *text, size_t size)
{
	(void)snprintf(text, size, "%s/%s", in->run_dir, name);
}

void instance_title(const struct instance *in, char *text, size_t size)
{
	(void)snprintf(text, size, "shallop%s%s", *in->id ? "-" : "", in->id);
}

/* No id belongs to the default data directory, and to it alone: an emptied file elsewhere must not make
 * `down --purge` take the default instance's network. */
static bool is_id(const struct instance *in, const char *text, size_t len)
{
	if (len == 0)
		return strcmp(in->data_dir, INSTANCE_DATA_DIR) == 0;
	return len == 6 && strspn(text, "0123456789abcdef") >= 6;
}

/* The id is kept twice, in D/instance and in D/settings.json: if one is lost, the other tells. */
static int load_id(struct instance *in, const struct json_object *settings, struct err *err)
{
	auto_buf struct buf text = BUF_INIT(64);
	const char *id = json_str_at(settings, "instance");
	char path[PATH_MAX];
	size_t len;
	int r;

	instance_data_path(in, "instance", path, sizeof(path));
	r = fd_read_file(path, &text, err);
	len = r < 0 ? 0 : strcspn(buf_str(&text), "\n");
	if (r == 0 && is_id(in, buf_str(&text), len))
		id = buf_str(&text);
	else if (id && is_id(in, id, strlen(id)))
		len = strlen(id);
	else if (r < 0)
		return r;
	else
		return err_say(err, -EUCLEAN,
			       "%s: not an instance id (6 hex digits), and settings.json beside it "
			       "has none either: write the ID of this instance's nft table "
			       "\"shallop-ID\" into it",
			       path);
	(void)snprintf(in->id, sizeof(in->id), "%.*s", (int)len, id);
	in->known = true;
	return 0;
}

static int read_settings(const char *path, struct json_object **ret, struct err *err)
{
	auto_buf struct buf text = BUF_INIT(65536);
	int r = fd_read_file(path, &text, err);

	if (r == -ENOENT)
		return 0; /* killed between the two files of the first `up`: the defaults hold */
	if (r == 0)
		r = json_parse(buf_str(&text), text.len, ret, err);
	if (r == 0 && json_kind(*ret) != JSON_OBJECT)
		r = err_say(err, -EUCLEAN, "not an object");
	return r < 0 ? err_say(err, -EUCLEAN,
			       "%s is damaged (%.200s): move it away and give `shallop up` the "
			       "flags "
			       "of the first `up` again",
			       path, err ? err->text : "")
		     : 0;
}

static int take_port(const struct json_object *json, const char *key, const char *path, int *ret,
		     struct err *err)
{
	int64_t port = json_get(json, key) ? json_int_at(json, key, 0) : *ret;

	if (port < 1 || port > 65535)
		return err_say(err, -EUCLEAN, "%s: \"%s\" is not a port from 1 to 65535", path,
			       key);
	*ret = (int)port;
	return 0;
}

int instance_load(struct instance *in, struct err *err)
{
	auto_json struct json_object *json = NULL;
	struct err bad = { 0 };
	char path[PATH_MAX];
	int r, damage;

	instance_data_path(in, "settings.json", path, sizeof(path));
	damage = read_settings(path, &json, &bad);
	r = load_id(in, json, err);
	if (r < 0)
		return r;
	if (damage < 0)
		return err_say(err, damage, "%s", bad.text);
	if (!json)
		return 0;
	if (json_int_at(json, "version", 0) > SETTINGS_VERSION)
		return err_say(err, -EPROTONOSUPPORT,
			       "%s was written by a newer shallop: upgrade this one", path);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const struct json_object *field = json_get(json, texts[i].key);
		const char *value = json_str(field);

		if (field && (!value || strlen(value) >= texts[i].size))
			return err_say(err, -EUCLEAN,
				       "%s: \"%s\" is not a text of at most %zu bytes", path,
				       texts[i].key, texts[i].size - 1);
		if (value)
			copy((char *)in + texts[i].offset, texts[i].size, value);
	}
	r = take_port(json, "port", path, &in->port, err);
	return r < 0 ? r : take_port(json, "node_port", path, &in->node_port, err);
}

static int save_id(struct instance *in, struct err *err)
{
	char path[PATH_MAX], line[8];
	unsigned char raw[3];
	int n;

	instance_data_path(in, "instance", path, sizeof(path));
	if (access(path, F_OK) == 0 && load_id(in, NULL, NULL) == 0)
		return 0;
	if (in->known) /* settings.json told: the file is written anew */
		return fd_write_file_at(AT_FDCWD, path, line,
					(size_t)snprintf(line, sizeof(line), "%s\n", in->id), 0644,
					err);
	if (strcmp(in->data_dir, INSTANCE_DATA_DIR) != 0) {
		random_bytes(raw, sizeof(raw));
		(void)snprintf(in->id, sizeof(in->id), "%02x%02x%02x", raw[0], raw[1], raw[2]);
	}
	n = snprintf(line, sizeof(line), "%s\n", in->id);
	return fd_write_file_at(AT_FDCWD, path, line, (size_t)n, 0644, err);
}

int instance_save(struct instance *in, struct err *err)
{
	auto_json struct json_object *json = json_new_object();
	auto_buf struct buf text = { 0 }, old = BUF_INIT(64 << 10);
	auto_close int dir_fd = -EBADF;
	char path[PATH_MAX];
	int r;

	r = path_mkdirs(in->data_dir, 0755, err);
	if (r == 0)
		r = path_mkdirs(in->run_dir, 0755, err);
	if (r < 0)
		return r;
	/* Server and agent may start at the same moment: one after the other here. */
	dir_fd = open(in->data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0 || flock(dir_fd, LOCK_EX) < 0)
		return err_set(err, -errno, "lock %s", in->data_dir);
	r = save_id(in, err);
	if (r < 0)
		return r;
	r = json_put_int(json, "version", SETTINGS_VERSION);
	if (r == 0)
		r = json_put_str(json, "instance", in->id);
	for (size_t i = 0; i < ARRAY_LEN(texts) && r == 0; i++)
		r = json_put_str(json, texts[i].key, (const char *)in + texts[i].offset);
	if (r == 0)
		r = json_put_int(json, "port", in->port);
	if (r == 0)
		r = json_put_int(json, "node_port", in->node_port);
	if (r == 0)
		r = json_write_style(&text, json, JSON_INDENT_2);
	if (r < 0)
		return err_set(err, r, "write settings");
	instance_data_path(in, "settings.json", path, sizeof(path));
	/* Unchanged, it is not written: a full disk is no reason not to start. */
	if (fd_read_file(path, &old, NULL) == 0 && old.len == text.len &&
	    memcmp(old.data, text.data, text.len) == 0)
		return 0;
	return fd_write_file_at(AT_FDCWD, path, text.data, text.len, 0644, err);
}

int instance_lock_verb(const struct instance *in, struct err *err)
{
	char path[PATH_MAX];
	struct stat st;

	instance_run_path(in, "verb.lock", path, sizeof(path));
	for (bool told = false;;) {
		auto_close int fd = -EBADF;
		int r = path_mkdirs(in->run_dir, 0755, err);

		if (r < 0)
			return r;
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0 && errno == ENOENT)
			continue; /* purged between the two calls */
		if (fd < 0)
			return err_set(err, -errno, "open %s", path);
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			if (!told)
				(void)fprintf(stderr,
					      "shallop: waiting for another `up` or `down` of %s\n",
					      in->data_dir);
			told = true;
			if (flock(fd, LOCK_EX) < 0 && errno != EINTR)
				return err_set(err, -errno, "lock %s", path);
		}
		/* The one before may have been a purge: then this file is nobody's any more. */
		if (fstat(fd, &st) == 0 && st.st_nlink > 0)
			return take_fd(&fd);
	}
}

static void lock_path(const struct instance *in, enum role role, char *text, size_t size)
{
	(void)snprintf(text, size, "%s/%s.pid", in->run_dir, role_names[role]);
}

static pid_t holder_of(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char text[16] = "";

	/* An open-file-description lock names no pid (-1): the file's content does. */
	if (fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	if (pread(fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return (pid_t)strtol(text, NULL, 10);
}

int instance_lock(const struct instance *in, enum role role, struct err *err)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	auto_close int fd = -EBADF;
	char path[PATH_MAX], line[16];
	int n;

	lock_path(in, role, path, sizeof(path));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_set(err, -errno, "open %s", path);
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			return err_say(err, -EBUSY, "the %s of %s is already running (pid %d)",
				       role_names[role], in->data_dir, (int)holder_of(fd));
		return err_set(err, -errno, "lock %s", path);
	}
	n = snprintf(line, sizeof(line), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, line, (size_t)n, 0) != n)
		return err_set(err, -errno, "write %s", path);
	return take_fd(&fd);
}

pid_t instance_holder(const struct instance *in, enum role role)
{
	auto_close int fd = -EBADF;
	char path[PATH_MAX];

	lock_path(in, role, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? 0 : holder_of(fd);
}
