/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default seccomp profile. A list of what is allowed; rows with capabilities count when the
 * container has one of them. Known but unlisted calls answer EPERM, newer ones ENOSYS. The choice of calls
 * is that of Docker's and containerd's default profile, so that images meet what they are used to.
 */
#include "runtime/spec.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/socket.h>

#define CAP(name) (UINT64_C(1) << CAP_##name)

/* clone(2)'s namespace flags: CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET */
#define CLONE_NEW_ANY                                                                              \
	((uint64_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |  \
		    CLONE_NEWPID | CLONE_NEWNET))
#ifdef __s390x__
#define CLONE_FLAGS_ARG 1
#else
#define CLONE_FLAGS_ARG 0
#endif

static const char everyone[] =
	"accept accept4 access adjtimex alarm bind brk cachestat capget capset chdir chmod chown "
	"chown32 clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime "
	"clock_gettime64 clock_nanosleep clock_nanosleep_time64 close close_range connect "
	"copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old "
	"epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit "
	"exit_group faccessat faccessat2 fadvise64 fadvise64_64 fallocate fanotify_mark fchdir "
	"fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync fgetxattr "
	"flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 "
	"fsync ftruncate ftruncate64 futex futex_requeue futex_time64 futex_wait futex_waitv "
	"futex_wake futimesat getcpu getcwd getdents getdents64 getegid getegid32 geteuid "
	"geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpeername getpgid getpgrp "
	"getpid getppid getpriority getrandom getresgid getresgid32 getresuid getresuid32 "
	"getrlimit get_robust_list getrusage getsid getsockname getsockopt get_thread_area gettid "
	"gettimeofday getuid getuid32 getxattr getxattrat inotify_add_watch inotify_init "
	"inotify_init1 inotify_rm_watch io_cancel ioctl io_destroy io_getevents io_pgetevents "
	"io_pgetevents_time64 ioprio_get ioprio_set io_setup io_submit ipc kill landlock_add_rule "
	"landlock_create_ruleset landlock_restrict_self lchown lchown32 lgetxattr link linkat "
	"listen listmount listxattr listxattrat llistxattr _llseek lremovexattr lseek lsetxattr "
	"lstat lstat64 madvise map_shadow_stack membarrier memfd_create memfd_secret mincore "
	"mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2 mprotect mq_getsetattr "
	"mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend "
	"mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync munlock "
	"munlockall munmap name_to_handle_at nanosleep newfstatat _newselect open openat openat2 "
	"pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll "
	"ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 process_mrelease pselect6 "
	"pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv "
	"recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr removexattrat "
	"rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending "
	"rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait "
	"rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam "
	"sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval "
	"sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam "
	"sched_setscheduler sched_yield seccomp select semctl semget semop semtimedop "
	"semtimedop_time64 send sendfile sendfile64 sendmmsg sendmsg sendto setfsgid setfsgid32 "
	"setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setitimer setpgid setpriority "
	"setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 "
	"setrlimit set_robust_list setsid setsockopt set_thread_area set_tid_address setuid "
	"setuid32 setxattr setxattrat shmat shmctl shmdt shmget shutdown sigaltstack signalfd "
	"signalfd4 sigprocmask sigreturn socketcall socketpair splice stat stat64 statfs statfs64 "
	"statmount statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time "
	"timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime "
	"timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime "
	"timerfd_settime64 times tkill truncate truncate64 ugetrlimit umask uname unlink unlinkat "
	"uretprobe utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid waitpid "
	"write writev process_vm_readv process_vm_writev ptrace "
	/* of other architectures; names that this one lacks are passed over */
	"arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls "
	"arch_prctl modify_ldt s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr "
	"riscv_flush_icache riscv_hwprobe swapcontext";

static const struct {
	uint64_t any_of; /* capabilities */
	const char *names;
} by_capability[] = {
	{ CAP(DAC_READ_SEARCH), "open_by_handle_at" },
	{ CAP(SYS_ADMIN),
	  "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount "
	  "mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname "
	  "sethostname setns syslog umount umount2 unshare" },
	{ CAP(SYS_BOOT), "reboot" },
	{ CAP(SYS_CHROOT), "chroot" },
	{ CAP(SYS_MODULE), "delete_module init_module finit_module" },
	{ CAP(SYS_PACCT), "acct" },
	{ CAP(SYS_PTRACE), "kcmp pidfd_getfd process_madvise" },
	{ CAP(SYS_RAWIO), "iopl ioperm" },
	{ CAP(SYS_TIME), "settimeofday stime clock_settime clock_settime64" },
	{ CAP(SYS_TTY_CONFIG), "vhangup" },
	{ CAP(SYS_NICE), "get_mempolicy mbind set_mempolicy set_mempolicy_home_node" },
	{ CAP(SYSLOG), "syslog" },
	{ CAP(BPF), "bpf" },
	{ CAP(PERFMON), "perf_event_open" },
};

static struct spec_seccomp_rule *add_rule(struct spec *spec, const char *names)
{
	struct spec_seccomp_rule *rule = SPEC_ADD(spec, &spec->seccomp, rules);

	if (!rule)
		return NULL;
	rule->action = SPEC_ACT_ALLOW;
	for (const char *p = names; *p;) {
		size_t len = strcspn(p, " ");
		char *name = spec_alloc(spec, len + 1);
		char **slot =
			name ? spec_grow(spec, &rule->names.items, &rule->names.n, sizeof(*slot))
			     : NULL;

		if (!slot)
			return NULL;
		memcpy(name, p, len);
		*slot = name;
		p += len + strspn(p + len, " ");
	}
	return rule;
}

static void add_rule_arg(struct spec *spec, const char *names, uint32_t index,
			 enum spec_seccomp_op op, uint64_t value, uint64_t value_two)
{
	struct spec_seccomp_rule *rule = add_rule(spec, names);
	struct spec_seccomp_arg *arg = rule ? SPEC_ADD(spec, rule, args) : NULL;

	if (arg)
		*arg = (struct spec_seccomp_arg){
			.index = index, .op = op, .value = value, .value_two = value_two
		};
}

void spec_default_seccomp(struct spec *spec)
{
	static const uint64_t personalities[] = { PER_LINUX, PER_LINUX32, UNAME26,
						  UNAME26 | PER_LINUX32, 0xffffffff };
	uint64_t caps = spec->process.has_capabilities ? spec->process.capabilities.bounding : 0;

	spec->seccomp = (struct spec_seccomp){ .given = true,
					       .default_action = SPEC_ACT_ERRNO,
					       .has_default_errno_ret = true,
					       .default_errno_ret = EPERM,
					       .newer_is_enosys = true };
	(void)add_rule(spec, everyone);
	/* AF_VSOCK reaches the hypervisor past every network policy. */
	add_rule_arg(spec, "socket", 0, SPEC_CMP_NE, AF_VSOCK, 0);
	for (size_t i = 0; i < ARRAY_LEN(personalities); i++)
		add_rule_arg(spec, "personality", 0, SPEC_CMP_EQ, personalities[i], 0);
	for (size_t i = 0; i < ARRAY_LEN(by_capability); i++)
		if (caps & by_capability[i].any_of)
			(void)add_rule(spec, by_capability[i].names);
	if (!(caps & CAP(SYS_ADMIN))) {
		struct spec_seccomp_rule *clone3;

		/* Threads and processes yes, namespaces no. clone3's flags are behind a pointer
		 * that no filter can read, so it has to look absent. */
		add_rule_arg(spec, "clone", CLONE_FLAGS_ARG, SPEC_CMP_MASKED_EQ, CLONE_NEW_ANY, 0);
		clone3 = add_rule(spec, "clone3");
		if (clone3) {
			clone3->action = SPEC_ACT_ERRNO;
			clone3->has_errno_ret = true;
			clone3->errno_ret = ENOSYS;
		}
	}
}
