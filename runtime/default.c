/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container gets when nobody asks: the tables of Docker's and containerd's defaults, as
 * their users know them.
 */
#include "runtime/spec.h"

#include <linux/capability.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define CAP(name) (UINT64_C(1) << CAP_##name)

static const uint64_t default_capabilities =
	CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FSETID) | CAP(FOWNER) | CAP(MKNOD) | CAP(NET_RAW) |
	CAP(SETGID) | CAP(SETUID) | CAP(SETFCAP) | CAP(SETPCAP) | CAP(NET_BIND_SERVICE) |
	CAP(SYS_CHROOT) | CAP(KILL) | CAP(AUDIT_WRITE);

static const struct {
	const char *destination, *type, *source, *options;
} default_mounts[] = {
	{ "/proc", "proc", "proc", "nosuid,noexec,nodev" },
	{ "/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k" },
	{ "/dev/pts", "devpts", "devpts",
	  "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5" },
	{ "/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev" },
	{ "/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro" },
	{ "/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro" },
};

static const char *const masked_paths[] = {
	"/proc/asound",	    "/proc/acpi",	 "/proc/interrupts",
	"/proc/kcore",	    "/proc/keys",	 "/proc/latency_stats",
	"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
	"/proc/scsi",	    "/sys/firmware",	 "/sys/devices/virtual/powercap",
};

static const char *const readonly_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

void spec_default_namespaces(struct spec *spec)
{
	spec->namespaces[SPEC_NS_PID].wanted = true;
	spec->namespaces[SPEC_NS_MOUNT].wanted = true;
	spec->namespaces[SPEC_NS_CGROUP].wanted = true;
}

void spec_default_capabilities(struct spec *spec)
{
	spec->process.has_capabilities = true;
	spec->process.capabilities = (struct spec_capabilities){
		.bounding = default_capabilities,
		.effective = default_capabilities,
		.permitted = default_capabilities,
	};
}

void spec_default_mounts(struct spec *spec)
{
	for (size_t i = 0; i < ARRAY_LEN(default_mounts); i++)
		(void)spec_add_mount(spec, default_mounts[i].destination, default_mounts[i].type,
				     default_mounts[i].source, default_mounts[i].options);
}

void spec_default_masked(struct spec *spec)
{
	for (size_t i = 0; i < ARRAY_LEN(masked_paths); i++)
		spec_strings_add(spec, &spec->masked_paths, masked_paths[i]);
}

void spec_default_readonly(struct spec *spec)
{
	for (size_t i = 0; i < ARRAY_LEN(readonly_paths); i++)
		spec_strings_add(spec, &spec->readonly_paths, readonly_paths[i]);
}

/* Nothing but what every container has, and what is given to this one. */
static void default_device_rules(struct spec *spec)
{
	struct spec_device_rule *rule = SPEC_ADD(spec, &spec->resources, devices);

	if (rule)
		*rule = (struct spec_device_rule){ .type = 'a',
						   .major = -1,
						   .minor = -1,
						   .read = true,
						   .write = true,
						   .mknod = true };
	for (size_t i = 0; i < spec->n_devices; i++) {
		rule = SPEC_ADD(spec, &spec->resources, devices);
		if (rule)
			*rule = (struct spec_device_rule){ .allow = true,
							   .type = spec->devices[i].type == 'b'
									   ? 'b'
									   : 'c',
							   .major = spec->devices[i].major,
							   .minor = spec->devices[i].minor,
							   .read = true,
							   .write = true,
							   .mknod = true };
	}
}

void spec_default(struct spec *spec)
{
	spec_default_namespaces(spec);
	if (!spec->process.has_capabilities)
		spec_default_capabilities(spec);
	if (spec->n_mounts == 0)
		spec_default_mounts(spec);
	if (spec->resources.n_devices == 0)
		default_device_rules(spec);
	if (spec->masked_paths.n == 0)
		spec_default_masked(spec);
	if (spec->readonly_paths.n == 0)
		spec_default_readonly(spec);
	if (!spec->seccomp.given)
		spec_default_seccomp(spec);
}

/* ---- privileged ---- */

/* As the host has them; what makes a new pty is the container's own. */
static bool host_device_is_passed(const char *name)
{
	static const char *const own[] = { "pts",   "shm",    "fd",	"mqueue", "console", "ptmx",
					   "stdin", "stdout", "stderr", "core",	  "log" };

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strcmp(name, own[i]) == 0)
			return false;
	return true;
}

static void add_host_devices(struct spec *spec, const char *dir_path, unsigned depth)
{
	struct dirent *e;
	DIR *dir = opendir(dir_path);

	while (dir && (e = readdir(dir))) {
		char path[PATH_MAX];
		struct stat st;

		if (e->d_name[0] == '.' || !host_device_is_passed(e->d_name) ||
		    snprintf(path, sizeof(path), "%s/%s", dir_path, e->d_name) >=
			    (int)sizeof(path) ||
		    lstat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth)
			add_host_devices(spec, path, depth - 1);
		else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
			spec_add_device(spec, path, S_ISCHR(st.st_mode) ? 'c' : 'b',
					major(st.st_rdev), minor(st.st_rdev), st.st_mode & 0777);
	}
	if (dir)
		(void)closedir(dir);
}

void spec_default_privileged(struct spec *spec)
{
	uint64_t all = (UINT64_C(1) << SPEC_CAP_COUNT) - 1;

	spec_default_namespaces(spec);
	spec->process.has_capabilities = true;
	spec->process.capabilities =
		(struct spec_capabilities){ .bounding = all, .effective = all, .permitted = all };
	for (size_t i = 0; i < ARRAY_LEN(default_mounts); i++) {
		struct spec_mount *mount =
			spec_add_mount(spec, default_mounts[i].destination, default_mounts[i].type,
				       default_mounts[i].source, default_mounts[i].options);

		/* "ro" is always the last option of the table's rows that have it. */
		if (mount && mount->options.n &&
		    strcmp(mount->options.items[mount->options.n - 1], "ro") == 0)
			mount->options.n--;
	}
	add_host_devices(spec, "/dev", 4);
}
