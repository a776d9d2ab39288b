/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/kubeconfig.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "tests/unit/test.h"

static const char first[] =
	"apiVersion: v1\n"
	"kind: Config\n"
	"current-context: a\n"
	"clusters:\n"
	"- name: one\n"
	"  cluster: {server: 'https://one:6443', certificate-authority: ca.pem}\n"
	"users:\n"
	"- name: u\n"
	"  user: {token: secret}\n"
	"contexts:\n"
	"- name: a\n"
	"  context: {cluster: one, user: u, namespace: ns}\n"
	"- name: dangling\n"
	"  context: {cluster: none, user: u}\n";
static const char second[] =
	"current-context: b\n"
	"clusters:\n"
	"- name: one\n"
	"  cluster: {server: 'https://other'}\n"
	"- name: two\n"
	"  cluster: {server: 'http://two', insecure-skip-tls-verify: true}\n"
	"users:\n"
	"- name: v\n"
	"  user: {username: x, password: y, client-certificate-data: Q0VSVA==}\n"
	"contexts:\n"
	"- name: b\n"
	"  context: {cluster: two, user: v}\n";

/* One directory for all of this file. */
static const char *home(void)
{
	static char dir[PATH_MAX];

	if (!*dir)
		(void)snprintf(dir, sizeof(dir), "%s", test_dir());
	return dir;
}

static const char *file(const char *name, const char *text)
{
	static char path[4][PATH_MAX];
	static unsigned turn;
	char *p = path[turn++ % 4];

	(void)snprintf(p, PATH_MAX, "%s/%s", home(), name);
	CHECK(fd_write_file_at(AT_FDCWD, p, text, strlen(text), 0600, NULL) == 0);
	return p;
}

static void load_both(struct kubeconfig *config)
{
	char list[2 * PATH_MAX + 2];

	(void)snprintf(list, sizeof(list), "%s:%s", file("first", first), file("second", second));
	CHECK(setenv("KUBECONFIG", list, 1) == 0);
	CHECK(kubeconfig_load(NULL, config, NULL) == 0);
	(void)unsetenv("KUBECONFIG");
}

TEST(kubeconfig_files_merge_and_the_first_wins)
{
	struct kubeconfig config;
	char ca[PATH_MAX];

	load_both(&config);
	CHECK_STR(json_str_at(config.merged, "current-context"), "a");
	CHECK(json_len(json_get(config.merged, "clusters")) == 2);
	CHECK(json_len(json_get(config.merged, "contexts")) == 3);
	CHECK_STR(json_str_at(kubeconfig_entry(config.merged, "clusters", "one"), "server"),
		  "https://one:6443");
	/* File names are relative to the file that has them. */
	(void)snprintf(ca, sizeof(ca), "%s/ca.pem", home());
	CHECK_STR(json_str_at(kubeconfig_entry(config.merged, "clusters", "one"),
			      "certificate-authority"),
		  ca);
	CHECK(!kubeconfig_entry(config.merged, "clusters", "three"));
	CHECK(strstr(config.write_file, "/first"));
	kubeconfig_done(&config);
}

TEST(kubeconfig_resolves_by_flags_then_context)
{
	static const struct {
		struct kubeconfig_overrides o;
		const char *server, *token, *namespace, *problem;
	} rows[] = {
		{ { .context = "b" }, "http://two", NULL, "default", NULL },
		{ { .context = "b", .namespace = "n" }, "http://two", NULL, "n", NULL },
		{ { .context = "b", .user = "u" }, "http://two", "secret", "default", NULL },
		{ { .context = "b", .server = "https://s" }, "https://s", NULL, "default", NULL },
		{ { .context = "b", .token = "t" }, "http://two", "t", "default", NULL },
		{ { .cluster = "two" }, "http://two", "secret", "ns", NULL },
		{ { .context = "c" },
		  NULL,
		  NULL,
		  NULL,
		  "Error in configuration: context was not found for specified context: c" },
		{ { .context = "dangling" }, NULL, NULL, NULL, "cluster \"none\" does not exist" },
		{ { .cluster = "two", .user = "w" },
		  NULL,
		  NULL,
		  NULL,
		  "auth info \"w\" does not exist" },
	};
	struct kubeconfig config;

	load_both(&config);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct kubeconfig_target target = { 0 };
		struct err err = { 0 };
		int r = kubeconfig_resolve(&config, &rows[i].o, &target, &err);

		CHECK((r < 0) == (rows[i].problem != NULL));
		if (rows[i].problem) {
			CHECK_STR(err.text, rows[i].problem);
			continue;
		}
		CHECK_STR(target.server, rows[i].server);
		CHECK_STR(target.namespace, rows[i].namespace);
		CHECK(rows[i].token ? strcmp(target.token, rows[i].token) == 0 : !target.token);
		kubeconfig_target_done(&target);
	}
	kubeconfig_done(&config);
}

TEST(kubeconfig_reads_data_and_names_bad_files)
{
	struct kubeconfig_overrides o = { .context = "b" };
	struct kubeconfig_target target;
	struct kubeconfig config;
	struct err err = { 0 };
	char expected[PATH_MAX + 128];
	const char *path;

	load_both(&config);
	CHECK(kubeconfig_resolve(&config, &o, &target, NULL) == 0);
	CHECK_STR(target.cert_pem, "CERT");
	CHECK(target.insecure);
	kubeconfig_target_done(&target);
	kubeconfig_done(&config);
	path = file("broken", "a: b\nc: [d\n");
	CHECK(kubeconfig_load(path, &config, &err) == -EINVAL);
	(void)snprintf(expected, sizeof(expected), "error loading config file \"%s\": yaml: line ",
		       path);
	CHECK(strncmp(err.text, expected, strlen(expected)) == 0);
	CHECK(kubeconfig_load("/nowhere/at/all", &config, &err) == -ENOENT);
	CHECK_STR(err.text, "stat /nowhere/at/all: no such file or directory");
}

TEST(kubeconfig_missing_files_are_empty)
{
	struct kubeconfig_overrides o = { 0 };
	struct kubeconfig_target target;
	struct kubeconfig config;

	CHECK(setenv("KUBECONFIG", "/nowhere/at/all", 1) == 0);
	CHECK(kubeconfig_load(NULL, &config, NULL) == 0);
	(void)unsetenv("KUBECONFIG");
	CHECK(kubeconfig_resolve(&config, &o, &target, NULL) == 0);
	CHECK_STR(target.server, "http://localhost:8080");
	kubeconfig_target_done(&target);
	kubeconfig_done(&config);
}

TEST(kubeconfig_is_written_whole_and_guarded)
{
	char path[PATH_MAX], lock[PATH_MAX + 8];
	struct kubeconfig config, again;
	struct err err = { 0 };
	struct stat st;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/deep/er/config", home());
	(void)snprintf(lock, sizeof(lock), "%s.lock", path);
	load_both(&config);
	CHECK(kubeconfig_save(config.merged, path, NULL) == 0);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600 && stat(lock, &st) < 0);
	CHECK(kubeconfig_load(path, &again, NULL) == 0);
	CHECK(json_len(json_get(again.merged, "contexts")) == 3);
	kubeconfig_done(&again);
	fd = open(lock, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	(void)fd_close(fd);
	CHECK(kubeconfig_save(config.merged, path, &err) == -EEXIST);
	kubeconfig_done(&config);
}

TEST(kubeconfig_survives_failures)
{
	const char *path = file("faults", first);
	int fds = open_fds();

	for (unsigned nth = 1;; nth++) {
		struct kubeconfig_overrides o = { 0 };
		struct kubeconfig_target target = { 0 };
		struct kubeconfig config = { 0 };
		struct err err = { 0 };
		int r;

		fault_arm(nth);
		r = kubeconfig_load(path, &config, &err);
		o.cluster = NULL;
		o.certificate_authority = path; /* any file will do here */
		if (r == 0)
			r = kubeconfig_resolve(&config, &o, &target, &err);
		if (!fault_disarm()) {
			CHECK(r == 0);
			kubeconfig_target_done(&target);
			kubeconfig_done(&config);
			return;
		}
		CHECK(open_fds() == fds);
		kubeconfig_target_done(&target);
		kubeconfig_done(&config);
	}
}
