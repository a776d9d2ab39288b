/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the container's process is and what it may: limits, scheduling, ids, capabilities, seccomp.
 *
 * Raw system calls where libcs would tell other threads (there are none) or guard against what we
 * mean to do. Without no_new_privs the filter goes in while CAP_SYS_ADMIN is still there; with it, last.
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "runtime/enact.h"
#include "runtime/kernel.h"

#define CAP_COUNT	   64
#define IOPRIO_WHO_PROCESS 1

struct kernel_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static int set_scheduler(const struct plan_process *p, struct err *err)
{
	struct kernel_sched_attr attr = { .size = sizeof(attr),
					  .policy = p->scheduler.policy,
					  .flags = p->scheduler.flags,
					  .nice = p->scheduler.nice,
					  .priority = (uint32_t)p->scheduler.priority,
					  .runtime = p->scheduler.runtime_ns,
					  .deadline = p->scheduler.deadline_ns,
					  .period = p->scheduler.period_ns };

	if (!(p->flags & PLAN_HAS_SCHEDULER))
		return 0;
	return syscall(SYS_sched_setattr, 0, &attr, 0) < 0
		       ? err_set(err, -errno, "set the scheduling policy")
		       : 0;
}

int identity_limits(const struct plan *plan, struct err *err)
{
	const struct plan_process *p = &plan->process;
	const struct plan_rlimit *limits = plan_items(plan, p->rlimits);
	int r = set_scheduler(p, err);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < p->rlimits.n; i++) {
		uint64_t pair[2] = { limits[i].soft, limits[i].hard };

		if (syscall(SYS_prlimit64, 0, limits[i].resource, pair, NULL) < 0)
			return err_set(err, -errno, "set rlimit %u", limits[i].resource);
	}
	if (p->flags & PLAN_HAS_IO_PRIORITY &&
	    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, p->io_priority) < 0)
		return err_set(err, -errno, "set the I/O priority");
	if (p->affinity.n && syscall(SYS_sched_setaffinity, 0, p->affinity.n * sizeof(uint64_t),
				     plan_items(plan, p->affinity)) < 0)
		return err_set(err, -errno, "set the CPU affinity");
	if (p->memory_nodes.n &&
	    syscall(SYS_set_mempolicy, p->memory_mode, plan_items(plan, p->memory_nodes),
		    p->memory_nodes.n * 64ul) < 0)
		return err_set(err, -errno, "set the memory policy");
	if (p->flags & PLAN_HAS_PERSONALITY && syscall(SYS_personality, p->personality) < 0)
		return err_set(err, -errno, "set the personality");
	return 0;
}

static int capability_get(uint64_t *ret_permitted)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	*ret_permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

static int capability_set(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
		  (uint32_t)(inheritable >> 32) },
	};

	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

static int drop_bounding(uint64_t keep)
{
	for (unsigned long cap = 0; cap < CAP_COUNT; cap++) {
		if (keep >> cap & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		return errno == EINVAL ? 0 : -errno; /* past the kernel's last one */
	}
	return 0;
}

int identity_ids(const struct plan *plan, struct err *err)
{
	const struct plan_process *p = &plan->process;
	uint64_t permitted = 0;
	int r = drop_bounding(p->bounding);

	if (r < 0)
		return err_set(err, r, "drop capabilities from the bounding set");
	if (p->uid && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_set(err, -errno, "keep capabilities");
	if (!(p->flags & PLAN_NO_SETGROUPS) &&
	    syscall(SYS_setgroups, p->groups.n, plan_items(plan, p->groups)) < 0)
		return err_set(err, -errno, "set %u supplementary groups", p->groups.n);
	if (syscall(SYS_setresgid, p->gid, p->gid, p->gid) < 0)
		return err_set(err, -errno, "become group %u", p->gid);
	if (syscall(SYS_setresuid, p->uid, p->uid, p->uid) < 0)
		return err_set(err, -errno, "become user %u", p->uid);
	if (p->uid) { /* still needed to install the filter and to set the final capabilities */
		r = capability_get(&permitted);
		if (r == 0)
			r = capability_set(permitted, permitted, 0);
		if (r < 0)
			return err_set(err, r, "keep capabilities");
	}
	(void)umask(p->flags & PLAN_HAS_UMASK ? p->umask : 022);
	return 0;
}

static int install_seccomp(const struct plan *plan, struct err *err)
{
	const struct plan_process *p = &plan->process;
	struct sock_fprog program = { .len = (unsigned short)p->seccomp.n,
				      .filter = (void *)plan_items(plan, p->seccomp) };

	if (p->seccomp.n == 0)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, p->seccomp_flags, &program) < 0)
		return err_set(err, -errno, "install the seccomp filter");
	return 0;
}

static int set_capabilities(const struct plan_process *p, struct err *err)
{
	int r = capability_set(p->effective, p->permitted, p->inheritable);

	if (r < 0)
		return err_set(err, r, "set capabilities");
	for (unsigned long cap = 0; cap < CAP_COUNT; cap++)
		if (p->ambient >> cap & 1 &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return err_set(err, -errno, "raise ambient capability %lu", cap);
	return 0;
}

int identity_seal(const struct plan *plan, struct err *err)
{
	bool no_new_privs = plan->process.flags & PLAN_NO_NEW_PRIVS;
	int r = 0;

	if (!no_new_privs)
		r = install_seccomp(plan, err);
	if (r == 0)
		r = set_capabilities(&plan->process, err);
	if (r == 0 && no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = err_set(err, -errno, "set no_new_privs");
	if (r == 0 && no_new_privs)
		r = install_seccomp(plan, err);
	return r;
}
