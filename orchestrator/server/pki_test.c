/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/pki.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crypt.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/time.h"
#include "tests/unit/test.h"

static struct server_options options_in(const char *name)
{
	static char dir[PATH_MAX];

	(void)snprintf(dir, sizeof(dir), "%s/%s", test_dir(), name);
	return (struct server_options){
		.data_dir = dir,
		.run_dir = dir,
		.instance = "",
		.address = "10.1.2.3",
		.port = 6443,
		.node_port = 6444,
		.cluster_domain = "cluster.local",
		.service_cidr = "10.96.0.0/12",
		.pod_cidr = "10.244.0.0/16",
	};
}

static char *read_file(const struct server_options *options, const char *name)
{
	auto_free char *path = path_join(options->data_dir, name);
	auto_buf struct buf text = { 0 };

	if (fd_read_file(path, &text, NULL) < 0)
		return NULL;
	return buf_take(&text);
}

static int mode_of(const struct server_options *options, const char *name)
{
	auto_free char *path = path_join(options->data_dir, name);
	struct stat st;

	return stat(path, &st) < 0 ? -errno : (int)(st.st_mode & 0777);
}

TEST(pki_makes_everything_once)
{
	struct server_options options = options_in("once");
	static const char *const secret[] = { "server/pki/ca.key", "server/pki/server.key",
					      "server/pki/admin.key", "server/pki/sa.key",
					      "kubeconfig" };
	bool changed = false;
	struct cert_info info;

	CHECK_INT(pki_ensure(&options, &changed, NULL), 0);
	CHECK(changed);
	for (size_t i = 0; i < ARRAY_LEN(secret); i++)
		CHECK_INT(mode_of(&options, secret[i]), 0600);
	auto_free char *ca = read_file(&options, "server/pki/ca.crt");
	auto_free char *crt = read_file(&options, "server/pki/server.crt");
	auto_free char *config = read_file(&options, "kubeconfig");
	CHECK(ca && crt && config);
	CHECK_INT(cert_read(ca, &info, NULL), 0);
	CHECK(info.not_after_ns - time_now_ns() > 19 * 365 * 24 * 3600 * NS_PER_S);
	CHECK(strstr(config, "server: https://10.1.2.3:6443\n"));
	CHECK(strstr(config, "current-context: shallop\n"));

	CHECK_INT(pki_ensure(&options, &changed, NULL), 0);
	CHECK(!changed);
	auto_free char *again = read_file(&options, "server/pki/server.crt");
	CHECK_STR(again, crt);
}

TEST(pki_issues_the_servers_certificate_anew_for_a_new_address)
{
	struct server_options options = options_in("address");
	bool changed = false;

	CHECK_INT(pki_ensure(&options, &changed, NULL), 0);
	auto_free char *key = read_file(&options, "server/pki/server.key");
	auto_free char *crt = read_file(&options, "server/pki/server.crt");
	options.address = "10.9.9.9";
	CHECK_INT(pki_ensure(&options, &changed, NULL), 0);
	CHECK(changed);
	auto_free char *key2 = read_file(&options, "server/pki/server.key");
	auto_free char *crt2 = read_file(&options, "server/pki/server.crt");
	CHECK_STR(key, key2);
	CHECK(strcmp(crt, crt2) != 0);
	auto_free char *config = read_file(&options, "kubeconfig");
	CHECK(strstr(config, "https://10.9.9.9:6443"));
}

/* A crash can end it between any two files: what the next run makes of the rest must fit. */
TEST(pki_goes_on_after_any_missing_file)
{
	static const char *const names[] = { "server/pki/server.crt", "server/pki/server.names",
					     "server/pki/admin.crt", "server/pki/sa.pub",
					     "kubeconfig" };
	struct server_options options = options_in("missing");
	bool changed;
	struct pki pki;

	CHECK_INT(pki_ensure(&options, &changed, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		auto_free char *path = path_join(options.data_dir, names[i]);

		CHECK_INT(unlink(path), 0);
		CHECK_INT(pki_ensure(&options, &changed, NULL), 0);
		CHECK_INT(pki_read(&options, &pki, NULL), 0);
		pki_done(&pki);
		CHECK(mode_of(&options, names[i]) > 0);
	}
}

TEST(pki_never_replaces_a_ca_whose_key_is_lost)
{
	struct server_options options = options_in("lost");
	auto_free char *path = path_join(options.data_dir, "server/pki/ca.key");
	struct err err = { 0 };
	bool changed;

	CHECK_INT(pki_ensure(&options, &changed, NULL), 0);
	CHECK_INT(unlink(path), 0);
	CHECK_INT(pki_ensure(&options, &changed, &err), -ENOENT);
	CHECK(strstr(err.text, "ca.key") && strstr(err.text, "backup"));
}

TEST(pki_gives_nodes_their_name)
{
	struct server_options options = options_in("nodes");
	struct cert_info info;
	bool changed;

	CHECK_INT(pki_ensure(&options, &changed, NULL), 0);
	CHECK_INT(server_pki_issue_node(&options, "node-1", NULL), 0);
	auto_free char *crt = read_file(&options, "agent/pki/node.crt");
	CHECK_INT(cert_read(crt, &info, NULL), 0);
	CHECK_STR(info.common_name, "system:node:node-1");
	CHECK_INT(server_pki_issue_node(&options, "node-1", NULL), 0);
	auto_free char *same = read_file(&options, "agent/pki/node.crt");
	CHECK_STR(same, crt);
	CHECK_INT(server_pki_issue_node(&options, "renamed", NULL), 0);
	auto_free char *other = read_file(&options, "agent/pki/node.crt");
	CHECK_INT(cert_read(other, &info, NULL), 0);
	CHECK_STR(info.common_name, "system:node:renamed");
}

TEST(pki_renews_for_a_public_key)
{
	struct server_options options = options_in("renew");
	auto_buf struct buf key = { 0 }, pub = { 0 }, crt = { 0 };
	struct cert_info info;
	bool changed;
	struct pki pki;

	CHECK_INT(pki_ensure(&options, &changed, NULL), 0);
	CHECK_INT(pki_read(&options, &pki, NULL), 0);
	CHECK_INT(key_new_p256(&key, NULL), 0);
	CHECK_INT(key_public_pem(buf_str(&key), &pub, NULL), 0);
	CHECK_INT(pki_issue_node(&pki, "n", buf_str(&pub), &crt, NULL), 0);
	CHECK_INT(cert_read(buf_str(&crt), &info, NULL), 0);
	CHECK_STR(info.common_name, "system:node:n");
	pki_done(&pki);
}

TEST(pki_addresses_of_ranges)
{
	static const struct {
		const char *cidr;
		unsigned n;
		const char *address;
	} table[] = {
		{ "10.96.0.0/12", 1, "10.96.0.1" },
		{ "10.96.0.0/12", 10, "10.96.0.10" },
		{ "10.96.0.250/12", 10, "10.96.1.4" },
		{ "fd00::/108", 1, "fd00::1" },
		{ "10.96.0.0", 1, NULL },
		{ "10.96/12", 1, NULL },
		{ "", 1, NULL },
	};
	char text[64];

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		int r = pki_cidr_address(table[i].cidr, table[i].n, text, sizeof(text));

		if (table[i].address)
			CHECK_STR(text, table[i].address);
		else
			CHECK_INT(r, -EINVAL);
	}
}

TEST(pki_ensure_leaves_whole_files_when_it_fails)
{
	struct server_options options = options_in("fault");
	bool changed;

	CHECK_INT(pki_ensure(&options, &changed, NULL), 0);
	auto_free char *path = path_join(options.data_dir, "server/pki/server.names");
	for (unsigned nth = 1;; nth++) {
		struct err err = { 0 };
		int fds = open_fds(), r;

		(void)unlink(path); /* so that a certificate is issued each time */
		fault_arm(nth);
		r = pki_ensure(&options, &changed, &err);
		if (!fault_disarm()) {
			CHECK_INT(r, 0);
			break;
		}
		CHECK(r >= 0 || (r == err.code && *err.text));
		CHECK_INT(open_fds(), fds);
	}
}
