/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image_roots.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/crypt.h"
#include "base/fd.h"

#define ROOT_NAME_HEX 32

static void root_name(const char *dir, char name[SHA256_HEX])
{
	sha256_of(dir, strlen(dir), name);
	name[ROOT_NAME_HEX] = '\0';
}

int image_roots_add(struct image_store *store, const char *dir, const char *manifest)
{
	char name[SHA256_HEX], text[PATH_MAX];

	if ((size_t)snprintf(text, sizeof(text), "%s %s", manifest, dir) >= sizeof(text))
		return -ENAMETOOLONG;
	root_name(dir, name);
	return symlinkat(text, store->roots_fd, name) < 0 ? -errno : 0;
}

void image_roots_remove(struct image_store *store, const char *dir)
{
	char name[SHA256_HEX];

	root_name(dir, name);
	(void)unlinkat(store->roots_fd, name, 0);
}

/* The manifest of a link, or -ENOENT if it is stale or none of ours. */
static int root_read(struct image_store *store, const char *name, char manifest[IMAGE_DIGEST_MAX])
{
	char text[PATH_MAX], *space;
	ssize_t n = readlinkat(store->roots_fd, name, text, sizeof(text) - 1);

	if (n < 0)
		return -ENOENT;
	text[n] = '\0';
	space = strchr(text, ' ');
	if (!space)
		return -ENOENT;
	*space = '\0';
	if (!digest_valid(text) || (access(space + 1, F_OK) < 0 && errno == ENOENT))
		return -ENOENT;
	memcpy(manifest, text, strlen(text) + 1);
	return 0;
}

int image_roots_list(struct image_store *store, char (**list)[IMAGE_DIGEST_MAX], size_t *n,
		     size_t *cap)
{
	auto_close int fd = openat(store->roots_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!dir)
		return -errno;
	(void)take_fd(&fd);
	while (r == 0 && (e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		r = array_grow(list, cap, *n + 1, sizeof(**list));
		if (r < 0)
			break;
		if (root_read(store, e->d_name, (*list)[*n]) < 0)
			(void)unlinkat(store->roots_fd, e->d_name, 0);
		else
			(*n)++;
	}
	(void)closedir(dir);
	return r;
}

void image_roots_sweep(struct image_store *store)
{
	char(*list)[IMAGE_DIGEST_MAX] = NULL;
	size_t n = 0, cap = 0;

	(void)image_roots_list(store, &list, &n, &cap);
	free(list);
}
