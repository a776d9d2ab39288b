/* SPDX-License-Identifier: Apache-2.0 */
/*
 * USER of an image to ids. The files belong to the image: they are opened inside its root, must be
 * regular and small, and a line that is no entry is passed over, as libc does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"
#include "image/image.h"

#define ACCOUNTS_MAX  ((size_t)1 << 20) /* of /etc/passwd and of /etc/group */
#define ACCOUNT_PARTS 7

struct account {
	char *part[ACCOUNT_PARTS]; /* "" where the line has no more */
};

/* A decimal number that fits in a uid_t and is not (uid_t)-1. -EINVAL: not a number at all. */
static int id_parse(const char *text, uint32_t *ret)
{
	uint64_t value = 0;

	if (!*text || text[strspn(text, "0123456789")])
		return -EINVAL;
	for (; *text; text++) {
		value = value * 10 + (uint64_t)(*text - '0');
		if (value >= UINT32_MAX)
			return -ERANGE;
	}
	*ret = (uint32_t)value;
	return 0;
}

/* A file that is not there is an empty one. */
static int read_accounts(int rootfs_fd, const char *path, struct buf *text, struct err *err)
{
	auto_close int fd = path_open_in_root(rootfs_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;
	int r;

	text->max = ACCOUNTS_MAX;
	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return err_set(err, fd, "open %s of the image", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_say(err, -EINVAL, "%s of the image is not a regular file", path);
	r = fd_read_to_end(fd, text);
	return r < 0 ? err_set(err, r, "read %s of the image", path) : 0;
}

/* Cut the next line out of *at, in place. */
static bool next_account(char **at, struct account *ret)
{
	char *line = *at;

	if (!line || !*line)
		return false;
	*at = line + strcspn(line, "\n");
	if (**at)
		*(*at)++ = '\0';
	for (size_t i = 0; i < ACCOUNT_PARTS; i++) {
		ret->part[i] = line;
		line += strcspn(line, ":");
		if (*line)
			*line++ = '\0';
	}
	return true;
}

struct lookup {
	char user[256], group[256];
	bool has_group;
	uint32_t uid, gid;
	char name[256]; /* of the user, "" if /etc/passwd doesn't know him */
	char *home;
	size_t home_size;
};

static int split(const char *text, struct lookup *l, struct err *err)
{
	const char *colon = strchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : strlen(text);

	if (n >= sizeof(l->user) || (colon && strlen(colon + 1) >= sizeof(l->group)))
		return err_say(err, -EINVAL, "user \"%.64s...\" is too long", text);
	(void)snprintf(l->user, sizeof(l->user), "%.*s", (int)n, text);
	(void)snprintf(l->group, sizeof(l->group), "%s", colon ? colon + 1 : "");
	l->has_group = *l->group;
	if (!*l->user)
		(void)snprintf(l->user, sizeof(l->user), "0");
	return 0;
}

static int find_user(struct lookup *l, char *text, struct err *err)
{
	uint32_t wanted = 0;
	int number = id_parse(l->user, &wanted);
	struct account a;

	if (number == -ERANGE)
		return err_say(err, number, "user %s does not fit in a uid", l->user);
	while (next_account(&text, &a)) {
		uint32_t uid, gid;

		if (!*a.part[0] || id_parse(a.part[2], &uid) < 0 || id_parse(a.part[3], &gid) < 0)
			continue;
		/* A name of digits only is a name first, as for chown(1). */
		if (strcmp(a.part[0], l->user) != 0 && (number < 0 || uid != wanted))
			continue;
		l->uid = uid;
		l->gid = gid;
		(void)snprintf(l->name, sizeof(l->name), "%s", a.part[0]);
		if (*a.part[5] && l->home)
			(void)snprintf(l->home, l->home_size, "%s", a.part[5]);
		return 0;
	}
	if (number < 0)
		return err_say(err, -ENOENT,
			       "unable to find user %s: no matching entries in passwd file",
			       l->user);
	l->uid = wanted;
	l->gid = 0;
	return 0;
}

static bool lists_member(const char *members, const char *name)
{
	size_t n = strlen(name);

	while (n && *members) {
		size_t len = strcspn(members, ",");

		if (len == n && memcmp(members, name, n) == 0)
			return true;
		members += len + (members[len] == ',');
	}
	return false;
}

static int add_group(uint32_t gid, uint32_t *groups, size_t *n, size_t room)
{
	for (size_t i = 0; i < *n; i++)
		if (groups[i] == gid)
			return 0;
	if (*n == room)
		return -E2BIG;
	groups[(*n)++] = gid;
	return 0;
}

static int find_groups(struct lookup *l, char *text, uint32_t *groups, size_t *n_groups,
		       struct err *err)
{
	int number = l->has_group ? id_parse(l->group, &l->gid) : 0, r;
	size_t n = 0, room = *n_groups;
	bool found = number == 0;
	uint32_t others[256];
	size_t n_others = 0;
	struct account a;

	if (number == -ERANGE)
		return err_say(err, number, "group %s does not fit in a gid", l->group);
	while (next_account(&text, &a)) {
		uint32_t gid;

		if (!*a.part[0] || id_parse(a.part[2], &gid) < 0)
			continue;
		if (!found && strcmp(a.part[0], l->group) == 0) {
			l->gid = gid;
			found = true;
		}
		if (lists_member(a.part[3], l->name) &&
		    add_group(gid, others, &n_others, ARRAY_LEN(others)) < 0)
			return err_say(err, -E2BIG, "user %s is in too many groups", l->user);
	}
	if (!found)
		return err_say(err, -ENOENT,
			       "unable to find group %s: no matching entries in group file",
			       l->group);
	r = room ? add_group(l->gid, groups, &n, room) : 0;
	for (size_t i = 0; r == 0 && i < n_others; i++)
		r = add_group(others[i], groups, &n, room);
	if (r < 0)
		return err_say(err, r, "user %s is in too many groups", l->user);
	*n_groups = n;
	return 0;
}

int image_user_lookup(int rootfs_fd, const char *user, uint32_t *ret_uid, uint32_t *ret_gid,
		      uint32_t *ret_groups, size_t *n_groups, char *home, size_t home_size,
		      struct err *err)
{
	auto_buf struct buf passwd = BUF_INIT(0), group = BUF_INIT(0);
	struct lookup l = { .home = home, .home_size = home_size };
	int r = split(user ? user : "", &l, err);

	if (r == 0)
		r = read_accounts(rootfs_fd, "etc/passwd", &passwd, err);
	if (r == 0)
		r = read_accounts(rootfs_fd, "etc/group", &group, err);
	if (r < 0)
		return r;
	if (home)
		(void)snprintf(home, home_size, "/");
	r = find_user(&l, passwd.data, err);
	if (r == 0)
		r = find_groups(&l, group.data, ret_groups, n_groups, err);
	if (r < 0)
		return r;
	*ret_uid = l.uid;
	*ret_gid = l.gid;
	return 0;
}
