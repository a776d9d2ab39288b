/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/quantity.h"
#include "orchestrator/agent/envlist.h"
#include "orchestrator/agent/projection.h"

/* ---- fds that live until the container has started ---- */

void fd_list_done(struct fd_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		fd_close(list->fds[i]);
	free(list->fds);
	*list = (struct fd_list){ 0 };
}

int fd_list_add(struct fd_list *list, int fd)
{
	int r;

	if (fd < 0)
		return fd;
	r = array_grow(&list->fds, &list->cap, list->n + 1, sizeof(*list->fds));
	if (r < 0) {
		fd_close(fd);
		return r;
	}
	list->fds[list->n++] = fd;
	return fd;
}

/* ---- where a volume lies ---- */

static const struct {
	const char *field, *plugin;
} plugins[] = {
	{ "emptyDir", "kubernetes.io~empty-dir" },
	{ "configMap", "kubernetes.io~configmap" },
	{ "secret", "kubernetes.io~secret" },
	{ "projected", "kubernetes.io~projected" },
	{ "downwardAPI", "kubernetes.io~downward-api" },
};

static const char *plugin_of(const struct json_object *volume)
{
	for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
		if (json_has(volume, plugins[i].field))
			return plugins[i].plugin;
	return NULL;
}

/* A volume without any source is an emptyDir. */
static bool is_empty_dir(const struct json_object *volume)
{
	return json_has(volume, "emptyDir") || json_len(volume) == 1;
}

static void path_of(const struct json_object *volume, char *path, size_t size)
{
	const char *plugin = is_empty_dir(volume) ? plugins[0].plugin : plugin_of(volume);

	(void)snprintf(path, size, "volumes/%s/%s", plugin, json_str_at(volume, "name"));
}

/* The directory that path_of() starts from. */
static int home_of(const struct volume_context *ctx, const struct json_object *volume)
{
	return is_empty_dir(volume) ? ctx->pod_dir_fd : ctx->small_dir_fd;
}

static int64_t fs_group(const struct json_object *pod)
{
	return json_int_at(pod, "spec.securityContext.fsGroup", -1);
}

static int open_dir(const struct volume_context *ctx, const struct json_object *volume,
		    struct err *err)
{
	char path[600];
	int fd;

	path_of(volume, path, sizeof(path));
	fd = path_mkdirs_in_root(home_of(ctx, volume), path, 0755);
	if (fd < 0)
		return err_set(err, fd, "make %s", path);
	fd_close(fd);
	fd = path_open_in_root(home_of(ctx, volume), path, O_RDONLY | O_DIRECTORY, 0);
	return fd < 0 ? err_set(err, fd, "open %s", path) : fd;
}

/* ---- emptyDir ---- */

static int mount_tmpfs(const struct volume_context *ctx, const struct json_object *volume,
		       struct err *err)
{
	const char *limit = json_str_at(volume, "emptyDir.sizeLimit");
	char path[600], full[1200], options[64] = "mode=0777";
	struct quantity size;
	struct stat here, above;

	path_of(volume, path, sizeof(path));
	(void)snprintf(full, sizeof(full), "%s/%s", ctx->pod_dir, path);
	if (stat(full, &here) < 0 || stat(ctx->pod_dir, &above) < 0)
		return err_set(err, -errno, "look at %s", path);
	if (here.st_dev != above.st_dev)
		return 0; /* mounted before */
	if (limit && quantity_parse(limit, &size, NULL) == 0 && quantity_value(&size) > 0)
		(void)snprintf(options, sizeof(options), "mode=0777,size=%lld",
			       (long long)quantity_value(&size));
	if (mount("tmpfs", full, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
		return err_set(err, -errno, "mount a tmpfs at %s", path);
	return 0;
}

static int make_empty_dir(const struct volume_context *ctx, const struct json_object *volume,
			  struct err *err)
{
	const char *medium = json_str_at(volume, "emptyDir.medium");
	int64_t gid = fs_group(ctx->of.pod);
	auto_close int fd = open_dir(ctx, volume, err);
	int r;

	if (fd < 0)
		return fd;
	if (medium && strcmp(medium, "Memory") == 0) {
		r = mount_tmpfs(ctx, volume, err);
		if (r < 0)
			return r;
		fd_close(fd);
		fd = open_dir(ctx, volume, err); /* what is on top now */
		if (fd < 0)
			return fd;
	} else if (medium && *medium) {
		return err_say(err, -EOPNOTSUPP,
			       "emptyDir of medium %s is not supported by this node", medium);
	}
	if (gid >= 0 && fchown(fd, (uid_t)-1, (gid_t)gid) < 0)
		return err_set(err, -errno, "chown");
	if (fchmod(fd, gid >= 0 ? 02777 : 0777) < 0)
		return err_set(err, -errno, "chmod");
	return 0;
}

/* ---- hostPath ---- */

static const struct {
	const char *type, *what; /* what: as in "is not a directory" */
	mode_t format;
	bool create;
} path_types[] = {
	{ "DirectoryOrCreate", "directory", S_IFDIR, true },
	{ "Directory", "directory", S_IFDIR, false },
	{ "FileOrCreate", "file", S_IFREG, true },
	{ "File", "file", S_IFREG, false },
	{ "Socket", "socket file", S_IFSOCK, false },
	{ "CharDevice", "character device", S_IFCHR, false },
	{ "BlockDevice", "block device", S_IFBLK, false },
};

static int make_path(const char *path, mode_t format, struct err *err)
{
	auto_close int fd = -EBADF;

	if (format == S_IFDIR)
		return path_mkdirs(path, 0755, err);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return fd < 0 && errno != EEXIST ? err_set(err, -errno, "create %s", path) : 0;
}

static int check_host_path(const struct json_object *volume, struct err *err)
{
	const char *path = json_str_at(volume, "hostPath.path");
	const char *type = json_str_at(volume, "hostPath.type");
	struct stat st;

	if (!path || *path != '/')
		return err_say(err, -EINVAL, "hostPath \"%s\" is not absolute", path ? path : "");
	if (!type || !*type)
		return stat(path, &st) < 0 ? make_path(path, S_IFDIR, err) : 0;
	for (size_t i = 0; i < ARRAY_LEN(path_types); i++) {
		if (strcmp(type, path_types[i].type) != 0)
			continue;
		if (stat(path, &st) < 0) {
			if (path_types[i].create)
				return make_path(path, path_types[i].format, err);
			st.st_mode = 0;
		}
		if ((st.st_mode & S_IFMT) == path_types[i].format)
			return 0;
		return err_say(err, -EINVAL, "hostPath type check failed: %s is not a %s", path,
			       path_types[i].what);
	}
	return err_say(err, -EINVAL, "hostPath type \"%s\" is unknown", type);
}

/* ---- all of them ---- */

static int make_projection(const struct volume_context *ctx, const struct json_object *volume,
			   struct err *err)
{
	auto_atomicdir struct atomicdir dir = { .gid = fs_group(ctx->of.pod) };
	auto_close int fd = open_dir(ctx, volume, err);
	int r;

	if (fd < 0)
		return fd;
	r = projection_collect(ctx, volume, &dir, err);
	if (r == -EAGAIN && faccessat(fd, "..data", F_OK, 0) == 0)
		return r; /* the token of an earlier life still serves */
	if (r < 0)
		return r;
	return atomicdir_write(&dir, fd, ctx->now_ns, err);
}

static const char *source_name(const struct json_object *volume)
{
	struct json_iter it;

	json_for_each (it, volume)
		if (strcmp(it.key, "name") != 0)
			return it.key;
	return "";
}

static int make_one(const struct volume_context *ctx, const struct json_object *volume,
		    struct err *err)
{
	if (is_empty_dir(volume))
		return make_empty_dir(ctx, volume, err);
	if (json_has(volume, "hostPath"))
		return check_host_path(volume, err);
	if (projection_kind(volume))
		return make_projection(ctx, volume, err);
	return err_say(err, -EOPNOTSUPP, "volumes of type %s are not supported by this node",
		       source_name(volume));
}

int volumes_make(const struct volume_context *ctx, struct err *err)
{
	struct json_object *list = json_at(ctx->of.pod, "spec.volumes");
	bool waiting = false;

	for (size_t i = 0; i < json_len(list); i++) {
		const struct json_object *volume = json_idx(list, i);
		int r = make_one(ctx, volume, err);

		if (r == -EAGAIN)
			waiting = true;
		else if (r < 0)
			return err_prefix(err, r, "MountVolume.SetUp failed for volume \"%s\" ",
					  json_str_at(volume, "name"));
	}
	return waiting ? -EAGAIN : 0;
}

int volumes_refresh(const struct volume_context *ctx, struct err *err)
{
	struct json_object *list = json_at(ctx->of.pod, "spec.volumes");
	int changed = 0;

	for (size_t i = 0; i < json_len(list); i++) {
		const struct json_object *volume = json_idx(list, i);
		int r;

		if (is_empty_dir(volume) || !projection_kind(volume))
			continue;
		r = make_projection(ctx, volume, err);
		if (r < 0 && r != -EAGAIN)
			return r;
		changed = changed || r == 1;
	}
	return changed;
}

bool volumes_use(const struct json_object *pod, const char *kind, const char *name)
{
	struct json_object *list = json_at(pod, "spec.volumes");

	for (size_t i = 0; i < json_len(list); i++)
		if (projection_uses(json_idx(list, i), kind, name))
			return true;
	return false;
}

int volumes_unmount(const char *pod_dir, const struct json_object *pod, struct err *err)
{
	struct json_object *list = json_at(pod, "spec.volumes");

	for (size_t i = 0; i < json_len(list); i++) {
		const char *medium = json_str_at(json_idx(list, i), "emptyDir.medium");
		char path[600], full[1200];

		if (!medium || strcmp(medium, "Memory") != 0)
			continue;
		path_of(json_idx(list, i), path, sizeof(path));
		(void)snprintf(full, sizeof(full), "%s/%s", pod_dir, path);
		if (umount2(full, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL &&
		    errno != ENOENT)
			return err_set(err, -errno, "unmount %s", path);
	}
	return 0;
}

int volumes_unmount_all(const char *pod_dir, struct err *err)
{
	auto_buf struct buf text = BUF_INIT((size_t)64 << 20);
	size_t n = strlen(pod_dir);
	int r = fd_read_file("/proc/self/mountinfo", &text, err);
	char *save = NULL;

	if (r < 0)
		return r;
	for (char *line = text.len ? strtok_r(text.data, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		char point[1200];

		/* the fifth field; our own paths need none of its escapes */
		if (sscanf(line, "%*s %*s %*s %*s %1199s", point) != 1 ||
		    strncmp(point, pod_dir, n) != 0 || point[n] != '/')
			continue;
		if (umount2(point, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL)
			return err_set(err, -errno, "unmount %s", point);
	}
	return 0;
}

/* ---- into a container ---- */

static const struct json_object *find_volume(const struct json_object *pod, const char *name)
{
	struct json_object *list = json_at(pod, "spec.volumes");

	for (size_t i = 0; name && i < json_len(list); i++) {
		const char *n = json_str_at(json_idx(list, i), "name");

		if (n && strcmp(n, name) == 0)
			return json_idx(list, i);
	}
	return NULL;
}

static int open_volume(const struct volume_context *ctx, const struct json_object *volume,
		       struct err *err)
{
	char path[600];
	int fd;

	if (json_has(volume, "hostPath")) {
		const char *host = json_str_at(volume, "hostPath.path");

		fd = open(host ? host : "", O_PATH | O_CLOEXEC);
		return fd < 0 ? err_set(err, -errno, "open %s", host) : fd;
	}
	path_of(volume, path, sizeof(path));
	fd = path_open_in_root(home_of(ctx, volume), path, O_PATH, 0);
	return fd < 0 ? err_set(err, fd, "open volume %s", json_str_at(volume, "name")) : fd;
}

/* A path below a volume that its users can write: links in it stay inside the volume. */
static int open_sub_path(int volume_fd, const char *sub_path, const char *mount_name,
			 struct err *err)
{
	struct stat st;
	int fd;

	for (const char *part = sub_path; part; part = strchr(part, '/')) {
		part += *part == '/';
		if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
			return err_say(err, -EINVAL,
				       "unable to provision SubPath `%s`: must not contain '..'",
				       sub_path);
	}
	if (*sub_path == '/')
		return err_say(err, -EINVAL, "error SubPath `%s` must not be an absolute path",
			       sub_path);
	fd = path_open_in_root(volume_fd, sub_path, O_PATH, 0);
	if (fd == -ENOENT) {
		mode_t mode = fstat(volume_fd, &st) == 0 ? st.st_mode & 07777 : 0755;

		fd = path_mkdirs_in_root(volume_fd, sub_path, mode);
		/* mkdir is subject to the umask; the owner's group follows the volume's */
		if (fd >= 0) {
			char link[PATH_FD_MAX];

			if (chmod(path_of_fd(fd, link), mode) < 0 ||
			    fchownat(fd, "", (uid_t)-1, st.st_gid, AT_EMPTY_PATH) < 0) {
				int r = -errno;

				fd_close(fd);
				fd = r;
			}
		}
	}
	if (fd < 0)
		return err_say(err, fd, "failed to prepare subPath for volumeMount \"%s\": %s: %s",
			       mount_name, sub_path, err_text(fd));
	return fd;
}

/* What the agent writes and keeps up to date is not for containers to write, whatever the mount says. */
static bool is_ours_to_write(const struct json_object *volume)
{
	static const char *const kinds[] = { "configMap", "secret", "downwardAPI", "projected" };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (json_get(volume, kinds[i]))
			return true;
	return false;
}

static const char *options_of(const struct json_object *mount, bool read_only)
{
	static const struct {
		const char *propagation, *rw, *ro, *rro;
	} rows[] = {
		{ "None", "rbind,rprivate", "rbind,ro,rprivate", "rbind,rro,rprivate" },
		{ "HostToContainer", "rbind,rslave", "rbind,ro,rslave", "rbind,rro,rslave" },
		{ "Bidirectional", "rbind,rshared", "rbind,ro,rshared", "rbind,rro,rshared" },
	};
	const char *propagation = json_str_at(mount, "mountPropagation");
	const char *recursive = json_str_at(mount, "recursiveReadOnly");
	size_t row = 0;

	for (size_t i = 0; propagation && i < ARRAY_LEN(rows); i++)
		if (strcmp(propagation, rows[i].propagation) == 0)
			row = i;
	if (!read_only && !json_bool_at(mount, "readOnly", false))
		return rows[row].rw;
	return recursive && strcmp(recursive, "Disabled") != 0 ? rows[row].rro : rows[row].ro;
}

static int mount_one(const struct volume_context *ctx, const struct json_object *mount,
		     const struct envlist *env, struct spec *spec, struct fd_list *fds,
		     struct err *err)
{
	const char *name = json_str_at(mount, "name"), *path = json_str_at(mount, "mountPath");
	const char *sub = json_str_at(mount, "subPath");
	const char *expr = json_str_at(mount, "subPathExpr");
	const struct json_object *volume = find_volume(ctx->of.pod, name);
	auto_free char *expanded = expr ? envlist_expand(expr, env, NULL) : NULL;
	struct spec_mount *m;
	int fd;

	if (!volume || !path)
		return err_say(err, -EINVAL, "cannot find volume \"%s\" to mount into container",
			       name ? name : "");
	fd = fd_list_add(fds, open_volume(ctx, volume, err));
	if (fd < 0)
		return fd;
	if (expr && *expr)
		sub = expanded;
	if (sub && *sub) {
		fd = fd_list_add(fds, open_sub_path(fd, sub, name, err));
		if (fd < 0)
			return fd;
	}
	m = spec_add_mount(spec, path, NULL, NULL, options_of(mount, is_ours_to_write(volume)));
	if (m)
		m->source_fd = fd;
	return m ? 0 : err_set(err, -ENOMEM, "mount %s", name);
}

int volumes_mount(const struct volume_context *ctx, const struct json_object *container,
		  const struct envlist *env, struct spec *spec, struct fd_list *fds,
		  struct err *err)
{
	struct json_object *list = json_get(container, "volumeMounts");

	if (json_len(json_get(container, "volumeDevices")))
		return err_say(err, -EOPNOTSUPP, "volumeDevices are not supported by this node");
	for (size_t i = 0; i < json_len(list); i++) {
		int r = mount_one(ctx, json_idx(list, i), env, spec, fds, err);

		if (r < 0)
			return r;
	}
	return 0;
}
