/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/config.h"

static int parse(struct spec *spec, const char *text, struct err *err)
{
	*err = (struct err){ 0 };
	return config_parse(spec, text, strlen(text), err);
}

static const char whole[] =
	"{\"ociVersion\":\"1.3.0\",\"hostname\":\"h\",\"domainname\":\"d\",\"newThing\":{\"x\":[1]}"
	","
	"\"root\":{\"path\":\"rootfs\",\"readonly\":true},"
	"\"process\":{\"terminal\":true,\"consoleSize\":{\"height\":24,\"width\":80},\"cwd\":\"/"
	"w\","
	"\"args\":[\"a\",\"b\"],\"env\":[\"X=1\"],\"user\":{\"uid\":1,\"gid\":2,\"umask\":0,"
	"\"additionalGids\":[5,6]},\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_KILL\"]},"
	"\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":18446744073709551615}],"
	"\"oomScoreAdj\":-5,\"noNewPrivileges\":true},"
	"\"mounts\":[{\"destination\":\"/"
	"proc\",\"type\":\"proc\",\"source\":\"proc\",\"options\":[\"ro\"]},"
	"{\"destination\":\"rel\",\"type\":\"\",\"source\":\"/s\",\"options\":[\"bind\"]}],"
	"\"hooks\":{\"poststop\":[{\"path\":\"/bin/x\",\"args\":[\"x\",\"y\"],\"timeout\":3}]},"
	"\"annotations\":{\"k\":\"v\"},"
	"\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\",\"path\":\"/n\"}],"
	"\"uidMappings\":[{\"containerID\":0,\"hostID\":1000,\"size\":10}],"
	"\"timeOffsets\":{\"boottime\":{\"secs\":5,\"nanosecs\":6}},"
	"\"devices\":[{\"path\":\"/dev/"
	"fuse\",\"type\":\"c\",\"major\":10,\"minor\":229,\"fileMode\":438}],"
	"\"cgroupsPath\":\"/c\",\"sysctl\":{\"net.ipv4.ip_forward\":\"1\"},"
	"\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"},"
	"{\"allow\":true,\"type\":\"c\",\"major\":10,\"access\":\"r\"}],"
	"\"memory\":{\"limit\":1000,\"swap\":-1,\"swappiness\":0},\"cpu\":{\"shares\":1024,"
	"\"cpus\":\"0\"},"
	"\"pids\":{\"limit\":0},\"unified\":{\"memory.high\":\"5\"},"
	"\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":600}]},"
	"\"rdma\":{\"mlx5\":{\"hcaHandles\":3}}},"
	"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,"
	"\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"
	"\"value\":"
	"18446744073709551615,\"op\":\"SCMP_CMP_NE\"}]}]},"
	"\"maskedPaths\":[\"/proc/kcore\"],\"readonlyPaths\":[\"/proc/sys\"],"
	"\"rootfsPropagation\":\"slave\",\"personality\":{\"domain\":\"LINUX32\"}}}";

TEST(config_reads_every_part)
{
	auto_spec struct spec *s = spec_new();
	struct err err;

	if (parse(s, whole, &err) < 0)
		fail_msg("%s", err.text);
	CHECK_STR(s->hostname, "h");
	CHECK_STR(s->root_path, "rootfs");
	CHECK(s->root_readonly && s->has_process && s->process.terminal);
	CHECK(s->process.console_rows == 24 && s->process.console_cols == 80);
	CHECK(s->process.args.n == 2 && s->process.uid == 1 && s->process.gid == 2);
	CHECK(s->process.has_umask && s->process.umask == 0);
	CHECK(s->process.n_groups == 2 && s->process.groups[1] == 6);
	CHECK(s->process.has_capabilities && s->process.capabilities.bounding == 0x21);
	CHECK(s->process.rlimits[0].hard == UINT64_MAX && s->process.rlimits[0].soft == 0);
	CHECK(s->process.has_oom_score_adj && s->process.oom_score_adj == -5);
	CHECK(s->n_mounts == 2 && s->mounts[0].source_fd == -EBADF);
	CHECK_STR(s->mounts[1].destination, "/rel");
	CHECK(!s->mounts[1].type);
	CHECK(s->hooks[SPEC_HOOK_POSTSTOP].n_hooks == 1);
	CHECK_INT(s->hooks[SPEC_HOOK_POSTSTOP].hooks[0].timeout_s, 3);
	CHECK_STR(s->annotations[0].value, "v");
	CHECK(s->namespaces[SPEC_NS_PID].wanted && !s->namespaces[SPEC_NS_PID].path);
	CHECK_STR(s->namespaces[SPEC_NS_NETWORK].path, "/n");
	CHECK_INT(s->uid_mappings[0].host_id, 1000);
	CHECK(s->boottime.given && s->boottime.nanosecs == 6 && !s->monotonic.given);
	CHECK(s->devices[0].file_mode == 0666 && s->devices[0].minor == 229);
	CHECK_STR(s->cgroups_path, "/c");
	CHECK_STR(s->sysctl[0].key, "net.ipv4.ip_forward");
	CHECK_INT(s->resources.n_devices, 2);
	CHECK(s->resources.devices[0].type == 'a' && !s->resources.devices[0].allow);
	CHECK(s->resources.devices[1].major == 10 && s->resources.devices[1].minor == -1);
	CHECK(s->resources.devices[1].read && !s->resources.devices[1].write);
	CHECK(s->resources.memory.limit == 1000 && s->resources.memory.swap == -1);
	CHECK(s->resources.memory.has_swappiness && s->resources.pids.has_limit);
	CHECK_STR(s->resources.unified[0].key, "memory.high");
	CHECK_INT(s->resources.block_io.read_bps[0].value, 600);
	CHECK(s->resources.rdma[0].has_hca_handles && !s->resources.rdma[0].has_hca_objects);
	CHECK(s->seccomp.given && s->seccomp.default_errno_ret == 38);
	CHECK(s->seccomp.rules[0].args[0].value == UINT64_MAX);
	CHECK_STR(s->personality, "LINUX32");
}

TEST(config_says_what_is_wrong_and_where)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "[]", "config: must be an object" },
		{ "{}", "ociVersion: is required" },
		{ "{\"ociVersion\":\"2.0\"}", "ociVersion: \"2.0\" is not 1.x" },
		{ "{\"ociVersion\":\"1.0\",\"root\":{}}", "root.path: is required" },
		{ "{\"ociVersion\":\"1.0\",\"root\":7}", "root: must be an object" },
		{ "{\"ociVersion\":\"1.0\",\"process\":{\"cwd\":\"x\"}}",
		  "process: cwd must be an absolute path" },
		{ "{\"ociVersion\":\"1.0\",\"process\":{\"cwd\":\"/"
		  "\",\"user\":{\"uid\":4294967295}}}",
		  "process.user.uid: is out of range" },
		{ "{\"ociVersion\":\"1.0\",\"process\":{\"cwd\":\"/\",\"user\":{\"uid\":-1}}}",
		  "process.user.uid: is out of range" },
		{ "{\"ociVersion\":\"1.0\",\"process\":{\"cwd\":\"/\",\"user\":{\"uid\":\"0\"}}}",
		  "process.user.uid: must be a whole number" },
		{ "{\"ociVersion\":\"1.0\",\"process\":{\"cwd\":\"/\",\"user\":{\"uid\":1.5}}}",
		  "process.user.uid: must be a whole number" },
		{ "{\"ociVersion\":\"1.0\",\"process\":{\"cwd\":\"/\",\"args\":[1]}}",
		  "process.args: must be an array of strings" },
		{ "{\"ociVersion\":\"1.0\",\"process\":{\"cwd\":\"/"
		  "\",\"capabilities\":{\"bounding\":"
		  "[\"CAP_KING\"]}}}",
		  "process.capabilities.bounding: \"CAP_KING\" is no capability" },
		{ "{\"ociVersion\":\"1.0\",\"process\":{\"cwd\":\"/\",\"rlimits\":[{\"type\":"
		  "\"RLIMIT_CORE\",\"soft\":2,\"hard\":1}]}}",
		  "process.rlimits[0]: soft limit above the hard one" },
		{ "{\"ociVersion\":\"1.0\",\"mounts\":[{\"destination\":\"/a\"},{\"type\":\"x\"}]}",
		  "mounts[1].destination: is required" },
		{ "{\"ociVersion\":\"1.0\",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":"
		  "\"pid\"}]}}",
		  "linux.namespaces: \"pid\" is there twice" },
		{ "{\"ociVersion\":\"1.0\",\"linux\":{\"namespaces\":[{\"type\":\"moon\"}]}}",
		  "linux.namespaces: \"moon\" is no namespace" },
		{ "{\"ociVersion\":\"1.0\",\"linux\":{\"resources\":{\"memory\":{\"limit\":\"1G\"}}"
		  "}}",
		  "linux.resources.memory.limit: must be a whole number" },
		{ "{\"ociVersion\":\"1.0\",\"linux\":{\"resources\":{\"memory\":{\"limit\":"
		  "99999999999999999999}}}}",
		  "linux.resources.memory.limit: is out of range" },
		{ "{\"ociVersion\":\"1.0\",\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_"
		  "PRAY\"}}}",
		  "linux.seccomp.defaultAction: is no seccomp action" },
		{ "{\"ociVersion\":\"1.0\",\"hooks\":{\"prestart\":[{\"path\":\"x\"}]}}",
		  "hooks.prestart[0]: path must be absolute" },
		{ "{\"ociVersion\":\"1.0\",\"annotations\":{\"a\":1}}",
		  "annotations: must be an object of strings" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_spec struct spec *s = spec_new();
		struct err err;

		CHECK_INT(parse(s, rows[i].text, &err), -EINVAL);
		CHECK_STR(err.text, rows[i].error);
	}
}

TEST(config_bounds_what_it_reads)
{
	auto_spec struct spec *s = spec_new();
	auto_buf struct buf text = BUF_INIT(8u << 20);
	struct err err;

	/* CVE-2021-43784: lengths beyond 16 bits. Here they are read, and the plan refuses them. */
	(void)buf_puts(&text, "{\"ociVersion\":\"1.0\",\"linux\":{\"uidMappings\":[");
	for (int i = 0; i < 70000; i++)
		(void)buf_puts(&text, "{\"containerID\":1,\"hostID\":1,\"size\":1},");
	(void)buf_puts(&text, "{\"containerID\":1,\"hostID\":1,\"size\":1}]}}");
	CHECK_INT(parse(s, buf_str(&text), &err), -EINVAL);
	CHECK_STR(err.text, "linux.uidMappings: has too many items");
	while (text.len <= CONFIG_MAX)
		(void)buf_puts(&text,
			       "                                                            ");
	CHECK_INT(parse(s, buf_str(&text), &err), -E2BIG);
}

TEST(config_process_replaces_lists)
{
	static const char process[] = "{\"cwd\":\"/\",\"args\":[\"z\"],\"user\":{\"uid\":9}}";
	auto_spec struct spec *s = spec_new();
	struct err err;

	CHECK(parse(s, whole, &err) == 0);
	CHECK(config_parse_process(s, process, strlen(process), &err) == 0);
	CHECK(s->process.args.n == 1 && s->process.env.n == 0 && s->process.n_groups == 0);
	CHECK_INT(s->process.uid, 9);
	CHECK(s->process.capabilities.bounding == 0x21);
}

TEST(config_survives_every_failed_call)
{
	for (unsigned nth = 1;; nth++) {
		auto_spec struct spec *s = spec_new();
		struct err err;
		int r;

		fault_arm(nth);
		r = parse(s, whole, &err);
		if (!fault_disarm()) {
			CHECK(r == 0);
			return;
		}
		CHECK(r < 0 && err.code == r);
	}
}
