/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/kernel.h"
#include "runtime/plan.h"
#include "runtime/spec.h"

static struct spec *a_spec(void)
{
	struct spec *spec = spec_new();

	spec_strings_add(spec, &spec->process.args, "sh");
	spec_strings_add(spec, &spec->process.env, "A=1");
	spec_default(spec);
	(void)spec_add_mount(spec, "/data", NULL, "/tmp", "rbind,ro");
	return spec;
}

static int make(const struct spec *spec, struct plan_made *made, struct err *err)
{
	auto_close int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct plan_options options = { .rootfs_fd = root_fd, .shm_fd = -EBADF };

	*err = (struct err){ 0 };
	return plan_make(spec, &options, made, err);
}

TEST(plan_holds_what_the_spec_says)
{
	auto_spec struct spec *spec = a_spec();
	auto_plan_made struct plan_made made = { 0 };
	const struct plan_mount *mounts;
	const struct plan *plan;
	const plan_str *args;
	struct err err;

	if (geteuid() != 0)
		SKIP("mounts are opened as root only");
	if (make(spec, &made, &err) < 0)
		fail_msg("%s", err.text);
	CHECK(plan_view(made.data, made.size, &plan, NULL) == 0);
	args = plan_items(plan, plan->process.args);
	CHECK_STR(plan_text(plan, args[0]), "sh");
	CHECK(plan->clone_flags == (CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWCGROUP));
	mounts = plan_items(plan, plan->mounts);
	CHECK_INT(plan->mounts.n, 7);
	CHECK_STR(plan_text(plan, mounts[6].destination), "/data");
	CHECK(mounts[6].kind == PLAN_MOUNT_BIND && mounts[6].flags & PLAN_MOUNT_DIR);
	CHECK_INT(plan->n_fds, made.n_fds);
	CHECK_INT(plan->devices.n, 6);
	CHECK(plan->process.seccomp.n > 100);
}

/* The shim reads plans of another process: nothing in one may lead it outside. */
TEST(plan_view_survives_any_damage)
{
	auto_spec struct spec *spec = a_spec();
	auto_plan_made struct plan_made made = { 0 };
	const struct plan *plan;
	struct err err;
	unsigned seed = 7, refused = 0;

	if (geteuid() != 0)
		SKIP("mounts are opened as root only");
	CHECK(make(spec, &made, &err) == 0);
	for (size_t size = 0; size < sizeof(struct plan); size += 8)
		CHECK(plan_view(made.data, size, &plan, NULL) < 0);
	for (int round = 0; round < 20000; round++) {
		auto_free char *copy = malloc(made.size);
		uint32_t value = (uint32_t)rand_r(&seed);
		size_t at = (size_t)rand_r(&seed) % (sizeof(struct plan) / 4) * 4;

		if (round % 2)
			at = (size_t)rand_r(&seed) % (made.size / 4) * 4;
		if (round % 3)
			value %= (uint32_t)made.size * 2;
		memcpy(copy, made.data, made.size);
		memcpy(copy + at, &value, 4);
		if (plan_view(copy, made.size, &plan, &err) < 0)
			refused++;
		else
			for (uint32_t i = 0; i < plan->mounts.n; i++) {
				const struct plan_mount *m = plan_items(plan, plan->mounts);

				CHECK(strlen(plan_text(plan, m[i].destination)) < made.size);
			}
	}
	CHECK(refused > 1000);
}

TEST(plan_refuses_a_newer_version)
{
	struct plan plan = { .magic = PLAN_MAGIC,
			     .version = PLAN_VERSION + 1,
			     .size = sizeof(plan) };
	const struct plan *view;
	struct err err = { 0 };

	CHECK_INT(plan_view(&plan, sizeof(plan), &view, &err), -EPROTONOSUPPORT);
}

struct bad {
	const char *error;
	void (*spoil)(struct spec *spec);
};

static void with_apparmor(struct spec *s)
{
	s->process.apparmor_profile = "strict";
}
static void with_selinux(struct spec *s)
{
	s->process.selinux_label = "x";
}
static void without_mount_ns(struct spec *s)
{
	s->namespaces[SPEC_NS_MOUNT].wanted = false;
}
static void with_host_sysctl(struct spec *s)
{
	spec_add_pair(s, &s->sysctl, &s->n_sysctl, "kernel.panic", "1");
}
static void with_foreign_sysctl(struct spec *s)
{
	spec_add_pair(s, &s->sysctl, &s->n_sysctl, "net.ipv4.ip_forward", "1");
}
static void with_maps(struct spec *s)
{
	*SPEC_ADD(s, s, uid_mappings) = (struct spec_id_mapping){ 0, 0, 1 };
}
static void with_many_maps(struct spec *s)
{
	s->namespaces[SPEC_NS_USER].wanted = true;
	for (int i = 0; i < 70000 / 4; i++)
		*SPEC_ADD(s, s, uid_mappings) = (struct spec_id_mapping){ 0, 0, 1 };
}
static void with_missing_source(struct spec *s)
{
	(void)spec_add_mount(s, "/x", NULL, "/no/such/place", "bind");
}
static void with_missing_namespace(struct spec *s)
{
	s->namespaces[SPEC_NS_NETWORK] =
		(struct spec_namespace){ .wanted = true, .path = "/no/such/ns" };
}
static void with_bad_device(struct spec *s)
{
	spec_add_device(s, "/dev/x", 'z', 1, 1, 0);
}
static void with_two_limits(struct spec *s)
{
	for (int i = 0; i < 2; i++)
		*SPEC_ADD(s, &s->process, rlimits) = (struct spec_rlimit){ SPEC_RLIMIT_CORE, 0, 0 };
}
static void with_relative_cwd(struct spec *s)
{
	s->process.cwd = "../x";
}
static void with_many_mounts(struct spec *s)
{
	for (int i = 0; i < 300; i++)
		(void)spec_add_mount(s, "/x", NULL, "/tmp", "bind");
}
static void with_hostname(struct spec *s)
{
	s->hostname = "x";
}
static void with_notify(struct spec *s)
{
	s->seccomp.default_action = SPEC_ACT_NOTIFY;
}

TEST(plan_refuses_what_it_cannot_do)
{
	static const struct bad rows[] = {
		{ "an AppArmor profile is asked for", with_apparmor },
		{ "an SELinux label is asked for", with_selinux },
		{ "a container needs a mount namespace", without_mount_ns },
		{ "sysctl kernel.panic is not namespaced", with_host_sysctl },
		{ "sysctl net.ipv4.ip_forward without a network namespace", with_foreign_sysctl },
		{ "id mappings without a user namespace", with_maps },
		{ "more id mappings than the kernel takes", with_many_maps },
		{ "mount /x: source /no/such/place: No such file", with_missing_source },
		{ "open network namespace /no/such/ns", with_missing_namespace },
		{ "device /dev/x: type must be", with_bad_device },
		{ "an rlimit is given twice", with_two_limits },
		{ "working directory ../x is not absolute", with_relative_cwd },
		{ "more than 240 volumes", with_many_mounts },
		{ "a hostname without a uts namespace", with_hostname },
		{ "seccomp notification", with_notify },
	};
	int fds = open_fds();

	if (geteuid() != 0)
		SKIP("mounts are opened as root only");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_spec struct spec *spec = a_spec();
		struct plan_made made = { 0 };
		struct err err;
		int r;

		rows[i].spoil(spec);
		r = make(spec, &made, &err);
		if (r >= 0 || err.code != r ||
		    strncmp(err.text, rows[i].error, strlen(rows[i].error)))
			fail_msg("row %zu: %d \"%s\"", i, r, err.text);
	}
	CHECK_INT(open_fds(), fds);
}

TEST(plan_make_leaves_no_residue)
{
	auto_spec struct spec *spec = a_spec();
	int fds = open_fds();

	if (geteuid() != 0)
		SKIP("mounts are opened as root only");
	for (unsigned nth = 1;; nth++) {
		struct plan_made made = { 0 };
		struct err err;
		int r;

		fault_arm(nth);
		r = make(spec, &made, &err);
		if (!fault_disarm()) {
			CHECK(r == 0);
			plan_made_done(&made);
			return;
		}
		if (r == 0)
			plan_made_done(&made);
		else if (err.code != r)
			fail_msg("call %u (%s): %d but %d", nth, fault_name(), r, err.code);
		CHECK_INT(open_fds(), fds);
	}
}
