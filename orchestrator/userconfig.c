/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/userconfig.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define KUBECONFIG_MAX 65536

struct person {
	char home[PATH_MAX];
	uid_t uid;
	gid_t gid;
};

static bool who(struct person *ret)
{
	const char *user = getenv("SUDO_USER"), *home = getenv("HOME");
	struct passwd *pw = user ? getpwnam(user) : getpwuid(getuid());

	if (!pw)
		return false;
	*ret = (struct person){ .uid = pw->pw_uid, .gid = pw->pw_gid };
	/* Behind sudo, HOME may be either one's. */
	(void)snprintf(ret->home, sizeof(ret->home), "%s",
		       user || !home || !*home ? pw->pw_dir : home);
	return *ret->home == '/';
}

static bool become(const struct person *person)
{
	return setegid(person->gid) == 0 && seteuid(person->uid) == 0;
}

static void become_root(void)
{
	if (seteuid(0) < 0 || setegid(0) < 0)
		_exit(1); /* half a root would fail later, in worse places */
}

static bool read_ours(const struct instance *in, struct buf *ret)
{
	char path[PATH_MAX];

	instance_data_path(in, "kubeconfig", path, sizeof(path));
	return fd_read_file(path, ret, NULL) == 0;
}

void userconfig_give(const struct instance *in)
{
	auto_buf struct buf text = BUF_INIT(KUBECONFIG_MAX);
	char path[PATH_MAX + 16];
	struct person person;

	if (!who(&person) || !read_ours(in, &text))
		return;
	if (become(&person)) {
		(void)snprintf(path, sizeof(path), "%s/.kube", person.home);
		(void)mkdir(path, 0750);
		(void)snprintf(path, sizeof(path), "%s/.kube/config", person.home);
		auto_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

		if (fd >= 0 && fd_write_all(fd, text.data, text.len) < 0)
			(void)unlink(path);
	}
	become_root();
}

void userconfig_forget(const struct instance *in)
{
	auto_buf struct buf ours = BUF_INIT(KUBECONFIG_MAX), theirs = BUF_INIT(KUBECONFIG_MAX);
	char path[PATH_MAX + 16];
	struct person person;

	if (!who(&person) || !read_ours(in, &ours))
		return;
	if (become(&person)) {
		(void)snprintf(path, sizeof(path), "%s/.kube/config", person.home);
		if (fd_read_file(path, &theirs, NULL) == 0 && theirs.len == ours.len &&
		    memcmp(theirs.data, ours.data, ours.len) == 0)
			(void)unlink(path);
	}
	become_root();
}
