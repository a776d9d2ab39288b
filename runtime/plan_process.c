/* SPDX-License-Identifier: Apache-2.0 */
/* The process of a plan: who it is, what it may, how it is scheduled. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/plan_builder.h"

static const int resource_of[SPEC_RLIMIT_KIND_COUNT] = {
	[SPEC_RLIMIT_AS] = RLIMIT_AS,
	[SPEC_RLIMIT_CORE] = RLIMIT_CORE,
	[SPEC_RLIMIT_CPU] = RLIMIT_CPU,
	[SPEC_RLIMIT_DATA] = RLIMIT_DATA,
	[SPEC_RLIMIT_FSIZE] = RLIMIT_FSIZE,
	[SPEC_RLIMIT_LOCKS] = RLIMIT_LOCKS,
	[SPEC_RLIMIT_MEMLOCK] = RLIMIT_MEMLOCK,
	[SPEC_RLIMIT_MSGQUEUE] = RLIMIT_MSGQUEUE,
	[SPEC_RLIMIT_NICE] = RLIMIT_NICE,
	[SPEC_RLIMIT_NOFILE] = RLIMIT_NOFILE,
	[SPEC_RLIMIT_NPROC] = RLIMIT_NPROC,
	[SPEC_RLIMIT_RSS] = RLIMIT_RSS,
	[SPEC_RLIMIT_RTPRIO] = RLIMIT_RTPRIO,
	[SPEC_RLIMIT_RTTIME] = RLIMIT_RTTIME,
	[SPEC_RLIMIT_SIGPENDING] = RLIMIT_SIGPENDING,
	[SPEC_RLIMIT_STACK] = RLIMIT_STACK,
};

static int build_rlimits(struct builder *b)
{
	const struct spec_process *p = &b->spec->process;
	struct plan_rlimit rows[SPEC_RLIMIT_KIND_COUNT];

	if (p->n_rlimits > ARRAY_LEN(rows))
		return err_say(b->err, -EINVAL, "an rlimit is given twice");
	for (size_t i = 0; i < p->n_rlimits; i++) {
		rows[i] =
			(struct plan_rlimit){ .resource = (uint32_t)resource_of[p->rlimits[i].kind],
					      .soft = p->rlimits[i].soft,
					      .hard = p->rlimits[i].hard };
		for (size_t k = 0; k < i; k++)
			if (rows[k].resource == rows[i].resource)
				return err_say(b->err, -EINVAL, "an rlimit is given twice");
	}
	b->head.process.rlimits = builder_items(b, rows, p->n_rlimits, sizeof(rows[0]));
	return 0;
}

/* What this process itself could give away. */
static uint64_t available_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data) < 0)
		return 0;
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

static void build_capabilities(struct builder *b)
{
	const struct spec_capabilities *c = &b->spec->process.capabilities;
	struct plan_process *p = &b->head.process;
	/* In a new user namespace the process gets all of them, whatever we have. */
	uint64_t have =
		b->head.clone_flags & CLONE_NEWUSER ? ~UINT64_C(0) : available_capabilities();

	if (!b->spec->process.has_capabilities)
		return;
	p->bounding = c->bounding & have;
	p->effective = c->effective & have & c->permitted;
	p->permitted = c->permitted & have;
	p->inheritable = c->inheritable & have;
	p->ambient = c->ambient & p->permitted & p->inheritable;
}

static int build_seccomp(struct builder *b)
{
	struct sock_filter *program = NULL;
	size_t n = 0;
	int r;

	if (!b->spec->seccomp.given)
		return 0;
	r = seccomp_compile(&b->spec->seccomp, &program, &n, &b->head.process.seccomp_flags,
			    b->err);
	if (r < 0)
		return r;
	b->head.process.seccomp = builder_items(b, program, n, sizeof(*program));
	free(program);
	return 0;
}

static int build_scheduler(struct builder *b)
{
	static const struct {
		const char *name;
		uint32_t policy;
	} policies[] = { { "SCHED_OTHER", 0 }, { "SCHED_FIFO", 1 }, { "SCHED_RR", 2 },
			 { "SCHED_BATCH", 3 }, { "SCHED_IDLE", 5 }, { "SCHED_DEADLINE", 6 },
			 { "SCHED_ISO", 4 } };
	static const struct {
		const char *name;
		uint64_t flag;
	} flags[] = { { "SCHED_FLAG_RESET_ON_FORK", 1 },    { "SCHED_FLAG_RECLAIM", 2 },
		      { "SCHED_FLAG_DL_OVERRUN", 4 },	    { "SCHED_FLAG_KEEP_POLICY", 8 },
		      { "SCHED_FLAG_KEEP_PARAMS", 0x10 },   { "SCHED_FLAG_UTIL_CLAMP_MIN", 0x20 },
		      { "SCHED_FLAG_UTIL_CLAMP_MAX", 0x40 } };
	const struct spec_scheduler *s = &b->spec->process.scheduler;
	struct plan_process *p = &b->head.process;
	bool known = false;

	if (!s->policy)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		if (strcmp(policies[i].name, s->policy) != 0)
			continue;
		p->scheduler.policy = policies[i].policy;
		known = true;
	}
	if (!known)
		return err_say(b->err, -EINVAL, "scheduler policy \"%s\" is unknown", s->policy);
	for (size_t k = 0; k < s->flags.n; k++) {
		known = false;
		for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
			if (strcmp(flags[i].name, s->flags.items[k]) != 0)
				continue;
			p->scheduler.flags |= flags[i].flag;
			known = true;
		}
		if (!known)
			return err_say(b->err, -EINVAL, "scheduler flag \"%s\" is unknown",
				       s->flags.items[k]);
	}
	p->scheduler.nice = s->nice;
	p->scheduler.priority = s->priority;
	p->scheduler.runtime_ns = s->runtime_ns;
	p->scheduler.deadline_ns = s->deadline_ns;
	p->scheduler.period_ns = s->period_ns;
	p->flags |= PLAN_HAS_SCHEDULER;
	return 0;
}

static int build_io_priority(struct builder *b)
{
	static const char *const classes[] = { "IOPRIO_CLASS_NONE", "IOPRIO_CLASS_RT",
					       "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE" };
	const struct spec_process *s = &b->spec->process;

	if (!s->io_priority_class)
		return 0;
	for (uint32_t i = 0; i < ARRAY_LEN(classes); i++) {
		if (strcmp(classes[i], s->io_priority_class) != 0)
			continue;
		b->head.process.io_priority = i << 13 | ((uint32_t)s->io_priority & 7);
		b->head.process.flags |= PLAN_HAS_IO_PRIORITY;
		return 0;
	}
	return err_say(b->err, -EINVAL, "ioPriority class \"%s\" is unknown", s->io_priority_class);
}

/* "0-3,7" to bits; 1024 are enough for everybody's machines. */
#define BITS_WORDS 16
static int parse_bits(const char *text, uint64_t bits[BITS_WORDS])
{
	memset(bits, 0, BITS_WORDS * sizeof(bits[0]));
	while (*text) {
		char *end;
		unsigned long first = strtoul(text, &end, 10), last = first;

		if (end == text)
			return -EINVAL;
		if (*end == '-') {
			text = end + 1;
			last = strtoul(text, &end, 10);
			if (end == text)
				return -EINVAL;
		}
		if (last < first || last >= BITS_WORDS * 64ul || (*end && *end != ','))
			return -EINVAL;
		for (; first <= last; first++)
			bits[first / 64] |= UINT64_C(1) << first % 64;
		text = end + (*end == ',');
	}
	return 0;
}

static int build_memory_policy(struct builder *b)
{
	static const struct {
		const char *name;
		uint32_t value;
	} words[] = {
		{ "MPOL_DEFAULT", 0 },
		{ "MPOL_PREFERRED", 1 },
		{ "MPOL_BIND", 2 },
		{ "MPOL_INTERLEAVE", 3 },
		{ "MPOL_LOCAL", 4 },
		{ "MPOL_PREFERRED_MANY", 5 },
		{ "MPOL_WEIGHTED_INTERLEAVE", 6 },
		{ "MPOL_F_STATIC_NODES", 1 << 15 },
		{ "MPOL_F_RELATIVE_NODES", 1 << 14 },
		{ "MPOL_F_NUMA_BALANCING", 1 << 13 },
	};
	const char *mode = b->spec->memory_policy.mode, *nodes = b->spec->memory_policy.nodes;
	uint64_t bits[BITS_WORDS] = { 0 };
	bool known = false;

	if (!mode)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i].name, mode) == 0 && words[i].value < 1 << 13) {
			b->head.process.memory_mode |= words[i].value;
			known = true;
		}
		for (size_t k = 0; k < b->spec->memory_policy.flags.n; k++)
			if (strcmp(words[i].name, b->spec->memory_policy.flags.items[k]) == 0)
				b->head.process.memory_mode |= words[i].value;
	}
	if (!known)
		return err_say(b->err, -EINVAL, "memoryPolicy mode \"%s\" is unknown", mode);
	if (nodes && parse_bits(nodes, bits) < 0)
		return err_say(b->err, -EINVAL, "memoryPolicy nodes \"%s\" is no list of nodes",
			       nodes);
	b->head.process.memory_nodes = builder_items(b, bits, BITS_WORDS, sizeof(bits[0]));
	return 0;
}

static int build_oddities(struct builder *b)
{
	const char *affinity = b->spec->process.cpu_affinity_final;
	const char *personality = b->spec->personality;
	uint64_t bits[BITS_WORDS];

	if (affinity) {
		if (parse_bits(affinity, bits) < 0)
			return err_say(b->err, -EINVAL, "execCPUAffinity \"%s\" is no list of CPUs",
				       affinity);
		b->head.process.affinity = builder_items(b, bits, BITS_WORDS, sizeof(bits[0]));
	}
	if (personality) {
		if (strcmp(personality, "LINUX") != 0 && strcmp(personality, "LINUX32") != 0)
			return err_say(b->err, -EINVAL, "personality domain \"%s\" is unknown",
				       personality);
		b->head.process.personality =
			strcmp(personality, "LINUX32") == 0 ? PER_LINUX32 : PER_LINUX;
		b->head.process.flags |= PLAN_HAS_PERSONALITY;
	}
	return 0;
}

int builder_process(struct builder *b)
{
	const struct spec_process *s = &b->spec->process;
	struct plan_process *p = &b->head.process;
	int (*const parts[])(struct builder *) = { build_rlimits,	build_seccomp,
						   build_scheduler,	build_io_priority,
						   build_memory_policy, build_oddities };
	int r = 0;

	p->args = builder_strings(b, &s->args);
	p->env = builder_strings(b, &s->env);
	p->groups = builder_items(b, s->groups, s->n_groups, sizeof(s->groups[0]));
	p->cwd = builder_text(b, s->cwd && *s->cwd ? s->cwd : "/");
	p->uid = s->uid;
	p->gid = s->gid;
	p->umask = s->umask;
	p->oom_score_adj = s->oom_score_adj;
	p->console_rows = s->console_rows;
	p->console_cols = s->console_cols;
	p->flags |= s->no_new_privileges ? PLAN_NO_NEW_PRIVS : 0;
	p->flags |= s->terminal || (b->options && b->options->terminal) ? PLAN_TERMINAL : 0;
	p->flags |= s->has_umask ? PLAN_HAS_UMASK : 0;
	p->flags |= s->has_oom_score_adj ? PLAN_HAS_OOM_SCORE_ADJ : 0;
	if (s->cwd && s->cwd[0] && s->cwd[0] != '/')
		return err_say(b->err, -EINVAL, "working directory %s is not absolute", s->cwd);
	build_capabilities(b);
	for (size_t i = 0; i < ARRAY_LEN(parts) && r == 0; i++)
		r = parts[i](b);
	return r;
}
