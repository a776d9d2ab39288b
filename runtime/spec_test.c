/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/spec.h"

TEST(spec_names_go_both_ways)
{
	for (int i = 0; i < SPEC_CAP_COUNT; i++) {
		char name[64];

		CHECK_INT(spec_capability_by_name(spec_capability_name(i)), i);
		(void)snprintf(name, sizeof(name), "cap_%s", spec_capability_name(i));
		CHECK_INT(spec_capability_by_name(name), i);
	}
	for (int i = 0; i < SPEC_NS_KIND_COUNT; i++)
		CHECK_INT(spec_namespace_by_name(spec_namespace_name(i)), i);
	CHECK_INT(spec_capability_by_name("CAP_"), -ENOENT);
	CHECK_INT(spec_capability_by_name("CAP_KING"), -ENOENT);
	CHECK_INT(spec_namespace_by_name("net"), -ENOENT);
	CHECK_INT(spec_rlimit_by_name("RLIMIT_NOFILE"), SPEC_RLIMIT_NOFILE);
	CHECK_INT(spec_rlimit_by_name("nofile"), -ENOENT);
	CHECK_INT(spec_seccomp_action_by_name("SCMP_ACT_KILL_THREAD"), SPEC_ACT_KILL);
	CHECK_INT(spec_seccomp_op_by_name("SCMP_CMP_MASKED_EQ"), SPEC_CMP_MASKED_EQ);
}

TEST(spec_arrays_grow_and_keep)
{
	auto_spec struct spec *spec = spec_new();
	static char big[20000];

	for (int i = 0; i < 1000; i++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "N%d=%d", i, i);
		spec_strings_add(spec, &spec->process.env, text);
	}
	memset(big, 'x', sizeof(big) - 1);
	spec_strings_add(spec, &spec->process.env, big);
	CHECK_INT(spec->process.env.n, 1001);
	CHECK_STR(spec->process.env.items[0], "N0=0");
	CHECK_STR(spec->process.env.items[999], "N999=999");
	CHECK_STR(spec->process.env.items[1000], big);
	CHECK_INT(spec_error(spec), 0);
	CHECK_STR(spec_printf(spec, "%s-%d", "a", 7), "a-7");
}

TEST(spec_mounts_split_their_options)
{
	auto_spec struct spec *spec = spec_new();
	struct spec_mount *m = spec_add_mount(spec, "/x", NULL, "/y", "rbind,,ro,size=1k,");

	CHECK_INT(m->options.n, 3);
	CHECK_STR(m->options.items[0], "rbind");
	CHECK_STR(m->options.items[2], "size=1k");
	CHECK_INT(m->source_fd, -EBADF);
}

TEST(spec_remembers_that_memory_ran_out)
{
	for (unsigned nth = 1;; nth++) {
		struct spec *spec;

		fault_arm(nth);
		spec = spec_new();
		if (spec)
			spec_default(spec);
		if (!fault_disarm()) {
			CHECK_INT(spec_error(spec), 0);
			(void)spec_free(spec);
			return;
		}
		CHECK(!spec || spec_error(spec) == -ENOMEM);
		(void)spec_free(spec);
	}
}

TEST(spec_defaults_respect_what_is_given)
{
	auto_spec struct spec *spec = spec_new();

	spec_default_capabilities(spec);
	spec->process.capabilities.bounding |= UINT64_C(1) << 12; /* NET_ADMIN */
	spec_strings_add(spec, &spec->masked_paths, "/only/this");
	spec_default(spec);
	CHECK(spec->process.capabilities.bounding >> 12 & 1);
	CHECK_INT(spec->masked_paths.n, 1);
	CHECK_INT(__builtin_popcountll(spec->process.capabilities.effective), 14);
	CHECK(spec->namespaces[SPEC_NS_PID].wanted && !spec->namespaces[SPEC_NS_NETWORK].wanted);
	CHECK(spec->seccomp.given && spec->n_mounts == 6 && spec->resources.n_devices == 1);
}
