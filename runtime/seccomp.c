/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A seccomp profile to a BPF program. libseccomp knows the numbers of all names on all architectures; the
 * program itself we write, because a binary search over ranges is a third of the size of
 * libseccomp's chains, is compiled in a tenth of the time, and knows "newer than the profile".
 *
 * Within one system call, rules with arguments are asked in their order, then the first rule without
 * any, then the default.
 */
#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "runtime/plan.h"
#include "runtime/spec.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define ARGS_MAX 6

/* What the native kernel can run: the architectures whose calls may arrive. */
struct arch {
	const char *oci;
	uint32_t scmp, audit;
	bool same_audit_as_previous; /* x32: told from x86_64 by a bit in the number */
};
static const struct arch kin[] = {
#if defined(__x86_64__)
	{ "SCMP_ARCH_X86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, false },
	{ "SCMP_ARCH_X32", SCMP_ARCH_X32, AUDIT_ARCH_X86_64, true },
	{ "SCMP_ARCH_X86", SCMP_ARCH_X86, AUDIT_ARCH_I386, false },
#elif defined(__aarch64__)
	{ "SCMP_ARCH_AARCH64", SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, false },
	{ "SCMP_ARCH_ARM", SCMP_ARCH_ARM, AUDIT_ARCH_ARM, false },
#elif defined(__arm__)
	{ "SCMP_ARCH_ARM", SCMP_ARCH_ARM, AUDIT_ARCH_ARM, false },
#elif defined(__riscv) && __riscv_xlen == 64
	{ "SCMP_ARCH_RISCV64", SCMP_ARCH_RISCV64, AUDIT_ARCH_RISCV64, false },
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	{ "SCMP_ARCH_PPC64LE", SCMP_ARCH_PPC64LE, AUDIT_ARCH_PPC64LE, false },
#elif defined(__s390x__)
	{ "SCMP_ARCH_S390X", SCMP_ARCH_S390X, AUDIT_ARCH_S390X, false },
#else
#error "name this architecture for seccomp"
#endif
};

/* Calls that libseccomp may be too old for; since 424 all architectures share their numbers. */
static const struct {
	const char *name;
	int nr;
} newer[] = {
	{ "set_mempolicy_home_node", 450 },
	{ "cachestat", 451 },
	{ "fchmodat2", 452 },
	{ "map_shadow_stack", 453 },
	{ "futex_wake", 454 },
	{ "futex_wait", 455 },
	{ "futex_requeue", 456 },
	{ "statmount", 457 },
	{ "listmount", 458 },
	{ "lsm_get_self_attr", 459 },
	{ "lsm_set_self_attr", 460 },
	{ "lsm_list_modules", 461 },
	{ "mseal", 462 },
	{ "setxattrat", 463 },
	{ "getxattrat", 464 },
	{ "listxattrat", 465 },
	{ "removexattrat", 466 },
	{ "open_tree_attr", 467 },
	{ "file_getattr", 468 },
	{ "file_setattr", 469 },
};

/* The direct forms of i386's socketcall and ipc, for which libseccomp has only pseudo numbers. */
static const struct {
	const char *name;
	int nr;
} i386_direct[] = {
	{ "socket", 359 },	{ "socketpair", 360 }, { "bind", 361 },
	{ "connect", 362 },	{ "listen", 363 },     { "accept4", 364 },
	{ "getsockopt", 365 },	{ "setsockopt", 366 }, { "getsockname", 367 },
	{ "getpeername", 368 }, { "sendto", 369 },     { "sendmsg", 370 },
	{ "recvfrom", 371 },	{ "recvmsg", 372 },    { "shutdown", 373 },
	{ "semget", 393 },	{ "semctl", 394 },     { "shmget", 395 },
	{ "shmctl", 396 },	{ "shmat", 397 },      { "shmdt", 398 },
	{ "msgget", 399 },	{ "msgsnd", 400 },     { "msgrcv", 401 },
	{ "msgctl", 402 },
};

static int number_of(const struct arch *arch, const char *name)
{
	int nr = seccomp_syscall_resolve_name_arch(arch->scmp, name);

	if (nr >= 0)
		return nr;
	for (size_t i = 0; i < ARRAY_LEN(newer); i++)
		if (strcmp(newer[i].name, name) == 0)
			return newer[i].nr + (arch->scmp == SCMP_ARCH_X32 ? 0x40000000 : 0);
	for (size_t i = 0; arch->scmp == SCMP_ARCH_X86 && i < ARRAY_LEN(i386_direct); i++)
		if (strcmp(i386_direct[i].name, name) == 0)
			return i386_direct[i].nr;
	return -ENOENT; /* not a call of this architecture */
}

/* ---- what happens to each number ---- */

struct entry { /* one name of one rule */
	uint32_t nr;
	uint32_t order; /* of the rule */
	const struct spec_seccomp_rule *rule;
};
struct segment { /* from @start up to the next one's */
	uint32_t start;
	uint32_t value;	 /* SECCOMP_RET_… */
	size_t first, n; /* entries with arguments to be asked first; @n 0: none */
};

struct compiler {
	const struct spec_seccomp *profile;
	struct entry *entries;
	size_t n_entries, cap_entries;
	struct segment *segments;
	size_t n_segments, cap_segments;
	struct sock_filter *code;
	size_t n_code, cap_code;
	int failed;
};

static uint32_t value_of(enum spec_seccomp_action action, uint32_t data)
{
	static const uint32_t values[SPEC_ACT_COUNT] = {
		[SPEC_ACT_KILL] = SECCOMP_RET_KILL_THREAD,
		[SPEC_ACT_KILL_PROCESS] = SECCOMP_RET_KILL_PROCESS,
		[SPEC_ACT_TRAP] = SECCOMP_RET_TRAP,
		[SPEC_ACT_ERRNO] = SECCOMP_RET_ERRNO,
		[SPEC_ACT_TRACE] = SECCOMP_RET_TRACE,
		[SPEC_ACT_ALLOW] = SECCOMP_RET_ALLOW,
		[SPEC_ACT_LOG] = SECCOMP_RET_LOG,
		[SPEC_ACT_NOTIFY] = SECCOMP_RET_USER_NOTIF,
	};

	if (action == SPEC_ACT_ERRNO || action == SPEC_ACT_TRACE)
		return values[action] | (data & SECCOMP_RET_DATA);
	return values[action];
}

static uint32_t value_of_rule(const struct spec_seccomp_rule *rule)
{
	return value_of(rule->action, rule->has_errno_ret ? rule->errno_ret : EPERM);
}

static uint32_t value_of_default(const struct spec_seccomp *p)
{
	return value_of(p->default_action, p->has_default_errno_ret ? p->default_errno_ret : EPERM);
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->nr != y->nr)
		return x->nr < y->nr ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void collect(struct compiler *c, const struct arch *arch)
{
	for (size_t i = 0; i < c->profile->n_rules; i++) {
		const struct spec_seccomp_rule *rule = &c->profile->rules[i];

		for (size_t k = 0; k < rule->names.n; k++) {
			int nr = number_of(arch, rule->names.items[k]);

			if (nr < 0)
				continue;
			if (array_grow(&c->entries, &c->cap_entries, c->n_entries + 1,
				       sizeof(*c->entries)) < 0) {
				c->failed = -ENOMEM;
				return;
			}
			c->entries[c->n_entries++] =
				(struct entry){ (uint32_t)nr, (uint32_t)i, rule };
		}
	}
}

/* Neighbours that end the same way become one. */
static void add_segment(struct compiler *c, uint32_t start, uint32_t value, size_t first, size_t n)
{
	struct segment *last = c->n_segments ? &c->segments[c->n_segments - 1] : NULL;

	if (last && n == 0 && last->n == 0 && last->value == value)
		return;
	if (array_grow(&c->segments, &c->cap_segments, c->n_segments + 1, sizeof(*last)) < 0) {
		c->failed = -ENOMEM;
		return;
	}
	c->segments[c->n_segments++] = (struct segment){ start, value, first, n };
}

static void lay_out(struct compiler *c)
{
	uint32_t by_default = value_of_default(c->profile), past = by_default;
	size_t i = 0;
	uint32_t next = 0;

	if (c->n_entries)
		qsort(c->entries, c->n_entries, sizeof(*c->entries), compare_entries);
	c->n_segments = 0;
	if (c->profile->newer_is_enosys)
		past = SECCOMP_RET_ERRNO | ENOSYS;
	while (i < c->n_entries) {
		uint32_t nr = c->entries[i].nr, value = by_default;
		size_t first = i, n = 0;
		bool settled = false;

		/* x32 numbers start far above: what lies between is newer than x86_64's last. */
		if (nr > next || next == 0)
			add_segment(c, next,
				    nr >= 0x40000000 && next < 0x40000000 ? past : by_default, 0,
				    0);
		for (; i < c->n_entries && c->entries[i].nr == nr; i++) {
			if (c->entries[i].rule->n_args)
				c->entries[first + n++] = c->entries[i];
			else if (!settled)
				value = value_of_rule(c->entries[i].rule);
			settled |= c->entries[i].rule->n_args == 0;
		}
		if (nr == 0)
			c->n_segments = 0;
		add_segment(c, nr, value, first, n);
		next = nr + 1;
	}
	add_segment(c, next, past, 0, 0);
}

/* ---- code ---- */

static size_t emit(struct compiler *c, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (c->n_code == SECCOMP_PROGRAM_MAX)
		c->failed = -E2BIG;
	else if (array_grow(&c->code, &c->cap_code, c->n_code + 1, sizeof(*c->code)) < 0)
		c->failed = -ENOMEM;
	if (c->failed)
		return 0;
	c->code[c->n_code] = (struct sock_filter){ code, jt, jf, k };
	return c->n_code++;
}

enum { NEXT = 0, PASS = 254, FAIL = 255 }; /* jump targets, resolved at the end of an argument */

struct step {
	uint16_t code;
	uint32_t k;
	uint8_t jt, jf;
};

#define LOAD(offset) BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offset), NEXT, NEXT
#define JUMP(op)     BPF_JMP | (op) | BPF_K

/* At most seven steps that go to PASS or FAIL, or fall through to the end, which is PASS. */
static size_t steps_of(const struct spec_seccomp_arg *arg, struct step s[7])
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint32_t low = (uint32_t)offsetof(struct seccomp_data, args) + 8 * arg->index;
	uint32_t high = low + 4;
#else
	uint32_t high = (uint32_t)offsetof(struct seccomp_data, args) + 8 * arg->index;
	uint32_t low = high + 4;
#endif
	uint32_t hv = (uint32_t)(arg->value >> 32), lv = (uint32_t)arg->value;
	uint64_t masked = arg->value & arg->value_two;
	size_t n = 0;

	s[n++] = (struct step){ LOAD(high) };
	switch (arg->op) {
	case SPEC_CMP_EQ:
		s[n++] = (struct step){ JUMP(BPF_JEQ), hv, NEXT, FAIL };
		s[n++] = (struct step){ LOAD(low) };
		s[n++] = (struct step){ JUMP(BPF_JEQ), lv, PASS, FAIL };
		break;
	case SPEC_CMP_NE:
		s[n++] = (struct step){ JUMP(BPF_JEQ), hv, NEXT, PASS };
		s[n++] = (struct step){ LOAD(low) };
		s[n++] = (struct step){ JUMP(BPF_JEQ), lv, FAIL, PASS };
		break;
	case SPEC_CMP_GT:
	case SPEC_CMP_GE:
		s[n++] = (struct step){ JUMP(BPF_JGT), hv, PASS, NEXT };
		s[n++] = (struct step){ JUMP(BPF_JEQ), hv, NEXT, FAIL };
		s[n++] = (struct step){ LOAD(low) };
		s[n++] = (struct step){ JUMP(arg->op == SPEC_CMP_GT ? BPF_JGT : BPF_JGE), lv, PASS,
					FAIL };
		break;
	case SPEC_CMP_LT:
	case SPEC_CMP_LE:
		s[n++] = (struct step){ JUMP(BPF_JGE), hv, NEXT, PASS };
		s[n++] = (struct step){ JUMP(BPF_JEQ), hv, NEXT, FAIL };
		s[n++] = (struct step){ LOAD(low) };
		s[n++] = (struct step){ JUMP(arg->op == SPEC_CMP_LT ? BPF_JGE : BPF_JGT), lv, FAIL,
					PASS };
		break;
	case SPEC_CMP_MASKED_EQ:
		s[n++] = (struct step){ BPF_ALU | BPF_AND | BPF_K, hv, NEXT, NEXT };
		s[n++] = (struct step){ JUMP(BPF_JEQ), (uint32_t)(masked >> 32), NEXT, FAIL };
		s[n++] = (struct step){ LOAD(low) };
		s[n++] = (struct step){ BPF_ALU | BPF_AND | BPF_K, lv, NEXT, NEXT };
		s[n++] = (struct step){ JUMP(BPF_JEQ), (uint32_t)masked, PASS, FAIL };
		break;
	case SPEC_CMP_COUNT:
		break;
	}
	return n;
}

/* if (all of @args match) return @value; */
static void emit_rule(struct compiler *c, const struct spec_seccomp_arg *args, size_t n_args,
		      uint32_t value)
{
	struct step steps[ARGS_MAX * 7];
	size_t end_of[ARGS_MAX * 7], n = 0;

	for (size_t i = 0; i < n_args; i++) {
		size_t first = n;

		n += steps_of(&args[i], steps + n);
		for (size_t k = first; k < n; k++)
			end_of[k] = n;
	}
	for (size_t k = 0; k < n; k++) {
		uint8_t pass = (uint8_t)(end_of[k] - k - 1), fail = (uint8_t)(n - k);
		struct step s = steps[k];

		s.jt = s.jt == PASS ? pass : s.jt == FAIL ? fail : s.jt;
		s.jf = s.jf == PASS ? pass : s.jf == FAIL ? fail : s.jf;
		(void)emit(c, s.code, s.k, s.jt, s.jf);
	}
	(void)emit(c, BPF_RET | BPF_K, value, 0, 0);
}

static bool same_index_twice(const struct spec_seccomp_rule *rule)
{
	for (size_t i = 0; i < rule->n_args; i++)
		for (size_t k = 0; k < i; k++)
			if (rule->args[i].index == rule->args[k].index)
				return true;
	return false;
}

static void emit_segment(struct compiler *c, const struct segment *s)
{
	for (size_t i = s->first; i < s->first + s->n; i++) {
		const struct spec_seccomp_rule *rule = c->entries[i].rule;
		uint32_t value = value_of_rule(rule);

		/* Two conditions on one argument can only be meant as alternatives (as runc has it). */
		if (same_index_twice(rule))
			for (size_t k = 0; k < rule->n_args; k++)
				emit_rule(c, &rule->args[k], 1, value);
		else
			emit_rule(c, rule->args, rule->n_args, value);
	}
	(void)emit(c, BPF_RET | BPF_K, s->value, 0, 0);
}

/* Binary search: numbers below the middle come first, the others a jump further. */
static void emit_search(struct compiler *c, size_t from, size_t to)
{
	size_t middle = from + (to - from) / 2, jump, far;

	if (c->failed)
		return;
	if (to - from == 1) {
		emit_segment(c, &c->segments[from]);
		return;
	}
	jump = emit(c, JUMP(BPF_JGE), c->segments[middle].start, 0, 1);
	far = emit(c, BPF_JMP | BPF_JA, 0, 0, 0);
	emit_search(c, from, middle);
	if (c->failed)
		return;
	c->code[far].k = (uint32_t)(c->n_code - far - 1);
	/* Most are near: then the first jump goes there itself (the second is never reached). */
	if (c->n_code - jump - 1 <= 255)
		c->code[jump].jt = (uint8_t)(c->n_code - jump - 1);
	emit_search(c, middle, to);
}

static bool arch_wanted(const struct spec_seccomp *profile, const struct arch *arch, bool native)
{
	if (profile->architectures.n == 0)
		return !arch->same_audit_as_previous;
	for (size_t i = 0; i < profile->architectures.n; i++)
		if (strcmp(profile->architectures.items[i], arch->oci) == 0)
			return true;
	return native; /* libseccomp has it in every filter */
}

static void emit_all(struct compiler *c)
{
	for (size_t i = 0; i < ARRAY_LEN(kin) && !c->failed; i++) {
		size_t jump, far;

		if (!arch_wanted(c->profile, &kin[i], i == 0) || kin[i].same_audit_as_previous)
			continue;
		c->n_entries = 0;
		collect(c, &kin[i]);
		if (i + 1 < ARRAY_LEN(kin) && kin[i + 1].same_audit_as_previous &&
		    arch_wanted(c->profile, &kin[i + 1], false))
			collect(c, &kin[i + 1]);
		lay_out(c);
		(void)emit(c, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
		jump = emit(c, JUMP(BPF_JEQ), kin[i].audit, 1, 0);
		far = emit(c, BPF_JMP | BPF_JA, 0, 0, 0);
		(void)jump;
		(void)emit(c, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
		emit_search(c, 0, c->n_segments);
		if (!c->failed)
			c->code[far].k = (uint32_t)(c->n_code - far - 1);
	}
	(void)emit(c, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
}

/* ---- checks ---- */

static int flags_of(const struct spec_seccomp *p, uint32_t *ret, struct err *err)
{
	static const struct {
		const char *name;
		uint32_t flag;
	} rows[] = {
		{ "SECCOMP_FILTER_FLAG_TSYNC", 0 }, /* one thread: nothing to do */
		{ "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
		{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
		{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
		  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV },
	};

	*ret = 0;
	for (size_t i = 0; i < p->flags.n; i++) {
		size_t k = 0;

		while (k < ARRAY_LEN(rows) && strcmp(rows[k].name, p->flags.items[i]) != 0)
			k++;
		if (k == ARRAY_LEN(rows))
			return err_say(err, -EINVAL, "seccomp flag \"%s\" is unknown",
				       p->flags.items[i]);
		*ret |= rows[k].flag;
	}
	return 0;
}

static int check(const struct spec_seccomp *p, struct err *err)
{
	bool notify = p->default_action == SPEC_ACT_NOTIFY || p->listener_path;

	for (size_t i = 0; i < p->n_rules; i++) {
		notify |= p->rules[i].action == SPEC_ACT_NOTIFY;
		if (p->rules[i].n_args > ARGS_MAX)
			return err_say(err, -EINVAL, "a seccomp rule has more than %d arguments",
				       ARGS_MAX);
		for (size_t k = 0; k < p->rules[i].n_args; k++)
			if (p->rules[i].args[k].index >= ARGS_MAX)
				return err_say(err, -EINVAL,
					       "a seccomp rule names argument %u of 0 to 5",
					       p->rules[i].args[k].index);
	}
	if (notify)
		return err_say(err, -EOPNOTSUPP,
			       "seccomp notification (SCMP_ACT_NOTIFY, listenerPath) "
			       "is asked for, and this runtime cannot do it");
	return 0;
}

int seccomp_compile(const struct spec_seccomp *seccomp, struct sock_filter **ret, size_t *ret_n,
		    uint32_t *ret_flags, struct err *err)
{
	struct compiler c = { .profile = seccomp };
	int r = check(seccomp, err);

	assert(ret && ret_n);
	if (r == 0)
		r = flags_of(seccomp, ret_flags, err);
	if (r < 0)
		return r;
	emit_all(&c);
	free(c.entries);
	free(c.segments);
	if (c.failed) {
		free(c.code);
		return c.failed == -E2BIG ? err_say(err, -E2BIG,
						    "the seccomp profile needs more than %d "
						    "instructions",
						    SECCOMP_PROGRAM_MAX)
					  : err_set(err, c.failed, "compile the seccomp profile");
	}
	*ret = c.code;
	*ret_n = c.n_code;
	return 0;
}
