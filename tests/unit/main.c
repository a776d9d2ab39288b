/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"

static struct test_case *cases;
static char made_dirs[256][64];
static unsigned n_made_dirs;
static pid_t main_pid;

void test_register(struct test_case *c)
{
	struct test_case **p = &cases;

	while (*p)
		p = &(*p)->next;
	*p = c;
}

int open_fds(void)
{
	return dir_entries("/proc/self/fd") - 1; /* the one that looked */
}

int dir_entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = 0;

	if (!dir)
		return -errno;
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n - 2;
}

int mount_count(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	int n = 0, c;

	if (!f)
		return -errno;
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	(void)fclose(f);
	return n;
}

static void remove_made_dirs(void)
{
	if (getpid() != main_pid)
		return;
	for (unsigned i = 0; i < n_made_dirs; i++)
		(void)path_remove_tree_at(AT_FDCWD, made_dirs[i], NULL);
}

const char *test_dir(void)
{
	char *dir = made_dirs[n_made_dirs];
	const char *tmp = getenv("TMPDIR");

	if (n_made_dirs == sizeof(made_dirs) / sizeof(made_dirs[0]))
		fail_msg("too many test directories");
	(void)snprintf(dir, sizeof(made_dirs[0]), "%s/shallop-test.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		fail_msg("mkdtemp %s: %s", dir, strerror(errno));
	n_made_dirs++;
	return dir;
}

int main(int argc, char **argv)
{
	struct CMUnitTest *tests;
	size_t n = 0, i = 0;

	main_pid = getpid();
	(void)atexit(remove_made_dirs);
	for (struct test_case *c = cases; c; c = c->next)
		n++;
	tests = calloc(n ? n : 1, sizeof(*tests));
	if (!tests)
		return 1;
	for (struct test_case *c = cases; c; c = c->next)
		tests[i++] = c->test;
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	int failed = _cmocka_run_group_tests(path_base(argv[0]), tests, n, NULL, NULL);

	free(tests);
	return failed != 0;
}
