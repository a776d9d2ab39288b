/* SPDX-License-Identifier: Apache-2.0 */
/* The programs are run here, by an interpreter of the few instructions that seccomp allows us. */
#include "tests/unit/test.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "runtime/plan.h"
#include "runtime/spec.h"

#define DEFAULT_ERRNO (SECCOMP_RET_ERRNO | EPERM)
#define ALLOWED	      SECCOMP_RET_ALLOW
#define ABSENT	      (SECCOMP_RET_ERRNO | ENOSYS)

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#endif

static uint32_t run_program(const struct sock_filter *p, size_t n, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &p[pc];
		bool yes;

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			CHECK(i->k % 4 == 0 && i->k < sizeof(*data));
			memcpy(&a, (const char *)data + i->k, 4);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			continue;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			continue;
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == i->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= i->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a > i->k;
			break;
		default:
			fail_msg("instruction %#x", i->code);
			return 0;
		}
		pc += yes ? i->jt : i->jf;
	}
	fail_msg("ran off the program");
	return 0;
}

struct program {
	struct sock_filter *code;
	size_t n;
};

static struct program compile(const struct spec_seccomp *s)
{
	struct program p = { 0 };
	struct err err = { 0 };
	uint32_t flags;

	if (seccomp_compile(s, &p.code, &p.n, &flags, &err) < 0)
		fail_msg("%s", err.text);
	CHECK(p.n > 0 && p.n <= SECCOMP_PROGRAM_MAX);
	return p;
}

static uint32_t ask(const struct program *p, uint32_t arch, int nr, uint64_t arg0)
{
	struct seccomp_data data = { .nr = nr, .arch = arch, .args = { arg0 } };

	return run_program(p->code, p->n, &data);
}

TEST(seccomp_default_profile_answers_as_it_should)
{
	auto_spec struct spec *spec = spec_new();
	struct program p;
	const struct {
		int nr;
		uint64_t arg;
		uint32_t answer;
	} rows[] = {
		{ SYS_read, 0, ALLOWED },
		{ SYS_execve, 0, ALLOWED },
		{ SYS_clone, CLONE_VM | SIGCHLD, ALLOWED },
		{ SYS_clone, CLONE_NEWUSER, DEFAULT_ERRNO },
		{ SYS_clone, CLONE_NEWNS | CLONE_VM, DEFAULT_ERRNO },
		{ SYS_clone3, 0, ABSENT },
		{ SYS_mount, 0, DEFAULT_ERRNO },
		{ SYS_unshare, 0, DEFAULT_ERRNO },
		{ SYS_setns, 0, DEFAULT_ERRNO },
		{ SYS_bpf, 0, DEFAULT_ERRNO },
		{ SYS_keyctl, 0, DEFAULT_ERRNO },
		{ SYS_chroot, 0, ALLOWED }, /* with CAP_SYS_CHROOT, which is a default one */
		{ SYS_reboot, 0, DEFAULT_ERRNO },
		{ SYS_socket, AF_INET, ALLOWED },
		{ SYS_socket, AF_VSOCK, DEFAULT_ERRNO },
		{ SYS_personality, 0, ALLOWED },
		{ SYS_personality, 0xffffffff, ALLOWED },
		{ SYS_personality, 0x40000, DEFAULT_ERRNO }, /* ADDR_NO_RANDOMIZE */
		{ 470, 0, ABSENT },
		{ 0x3fffffff, 0, ABSENT },
		{ -1, 0, ABSENT },
	};

	spec_default(spec);
	p = compile(&spec->seccomp);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (ask(&p, NATIVE, rows[i].nr, rows[i].arg) != rows[i].answer)
			fail_msg("row %zu: call %d says %#x", i, rows[i].nr,
				 ask(&p, NATIVE, rows[i].nr, rows[i].arg));
	CHECK_INT(ask(&p, AUDIT_ARCH_MIPS, SYS_read, 0), SECCOMP_RET_KILL_PROCESS);
#ifdef __x86_64__
	CHECK_INT(ask(&p, AUDIT_ARCH_I386, 3 /* read */, 0), ALLOWED);
	CHECK_INT(ask(&p, AUDIT_ARCH_I386, 21 /* mount */, 0), DEFAULT_ERRNO);
	CHECK_INT(ask(&p, AUDIT_ARCH_I386, 359 /* socket */, AF_INET), ALLOWED);
	CHECK_INT(ask(&p, NATIVE, 0x40000000 + SYS_mount, 0), ABSENT); /* x32 */
#endif
	free(p.code);
}

TEST(seccomp_default_profile_opens_with_capabilities)
{
	auto_spec struct spec *spec = spec_new();
	struct program p;

	spec->process.has_capabilities = true;
	spec->process.capabilities.bounding = ~UINT64_C(0);
	spec_default_seccomp(spec);
	p = compile(&spec->seccomp);
	CHECK_INT(ask(&p, NATIVE, SYS_mount, 0), ALLOWED);
	CHECK_INT(ask(&p, NATIVE, SYS_clone, CLONE_NEWUSER), ALLOWED);
	CHECK_INT(ask(&p, NATIVE, SYS_clone3, 0), ALLOWED);
	CHECK_INT(ask(&p, NATIVE, SYS_keyctl, 0), DEFAULT_ERRNO);
	free(p.code);
}

static bool holds(enum spec_seccomp_op op, uint64_t arg, uint64_t v, uint64_t w)
{
	switch (op) {
	case SPEC_CMP_NE:
		return arg != v;
	case SPEC_CMP_LT:
		return arg < v;
	case SPEC_CMP_LE:
		return arg <= v;
	case SPEC_CMP_EQ:
		return arg == v;
	case SPEC_CMP_GE:
		return arg >= v;
	case SPEC_CMP_GT:
		return arg > v;
	case SPEC_CMP_MASKED_EQ:
		return (arg & v) == (w & v);
	case SPEC_CMP_COUNT:
		break;
	}
	return false;
}

TEST(seccomp_operators_compare_64_bits)
{
	static const uint64_t numbers[] = { 0,
					    1,
					    2,
					    0x7fffffff,
					    0x80000000,
					    0xffffffff,
					    UINT64_C(0x100000000),
					    UINT64_C(0x100000001),
					    UINT64_C(0x1ffffffff),
					    UINT64_C(0xffffffff00000000),
					    UINT64_MAX };

	for (int op = 0; op < SPEC_CMP_COUNT; op++) {
		for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
			auto_spec struct spec *spec = spec_new();
			struct spec_seccomp_rule *rule = SPEC_ADD(spec, &spec->seccomp, rules);
			struct spec_seccomp_arg *arg = SPEC_ADD(spec, rule, args);
			struct program p;

			spec->seccomp.default_action = SPEC_ACT_ERRNO;
			rule->action = SPEC_ACT_ALLOW;
			spec_strings_add(spec, &rule->names, "dup");
			*arg = (struct spec_seccomp_arg){ 0, numbers[i], numbers[(i + 3) % 11],
							  (enum spec_seccomp_op)op };
			p = compile(&spec->seccomp);
			for (size_t k = 0; k < ARRAY_LEN(numbers); k++) {
				bool yes = ask(&p, NATIVE, SYS_dup, numbers[k]) == ALLOWED;

				if (yes != holds(arg->op, numbers[k], arg->value, arg->value_two))
					fail_msg("op %d: %#lx against %#lx says %d", op,
						 (unsigned long)numbers[k],
						 (unsigned long)arg->value, yes);
			}
			free(p.code);
		}
	}
}

TEST(seccomp_rules_with_arguments_come_first)
{
	auto_spec struct spec *spec = spec_new();
	struct spec_seccomp_rule *rule;
	struct program p;

	spec->seccomp.default_action = SPEC_ACT_ALLOW;
	rule = SPEC_ADD(spec, &spec->seccomp, rules);
	rule->action = SPEC_ACT_KILL_PROCESS; /* the whole call, but … */
	spec_strings_add(spec, &rule->names, "dup");
	spec_strings_add(spec, &rule->names, "no_such_call");
	rule = SPEC_ADD(spec, &spec->seccomp, rules);
	rule->action = SPEC_ACT_ERRNO; /* … 5 or 6 are only refused */
	rule->has_errno_ret = true;
	rule->errno_ret = EBUSY;
	spec_strings_add(spec, &rule->names, "dup");
	*SPEC_ADD(spec, rule, args) = (struct spec_seccomp_arg){ 0, 5, 0, SPEC_CMP_EQ };
	*SPEC_ADD(spec, rule, args) = (struct spec_seccomp_arg){ 0, 6, 0, SPEC_CMP_EQ };
	p = compile(&spec->seccomp);
	CHECK_INT(ask(&p, NATIVE, SYS_dup, 4), SECCOMP_RET_KILL_PROCESS);
	CHECK_INT(ask(&p, NATIVE, SYS_dup, 5), SECCOMP_RET_ERRNO | EBUSY);
	CHECK_INT(ask(&p, NATIVE, SYS_dup, 6), SECCOMP_RET_ERRNO | EBUSY);
	CHECK_INT(ask(&p, NATIVE, SYS_read, 5), ALLOWED);
	CHECK_INT(ask(&p, NATIVE, 100000, 5), ALLOWED);
	free(p.code);
}

TEST(seccomp_refuses_what_it_cannot_do)
{
	auto_spec struct spec *spec = spec_new();
	struct sock_filter *code;
	struct err err = { 0 };
	uint32_t flags;
	size_t n;

	spec->seccomp.default_action = SPEC_ACT_NOTIFY;
	CHECK_INT(seccomp_compile(&spec->seccomp, &code, &n, &flags, &err), -EOPNOTSUPP);
	spec->seccomp.default_action = SPEC_ACT_ALLOW;
	spec_strings_add(spec, &spec->seccomp.flags, "SECCOMP_FILTER_FLAG_LOG");
	CHECK(seccomp_compile(&spec->seccomp, &code, &n, &flags, &err) == 0);
	CHECK_INT(flags, SECCOMP_FILTER_FLAG_LOG);
	free(code);
	spec_strings_add(spec, &spec->seccomp.flags, "SECCOMP_FILTER_FLAG_MAGIC");
	CHECK_INT(seccomp_compile(&spec->seccomp, &code, &n, &flags, &err), -EINVAL);
	CHECK_STR(err.text, "seccomp flag \"SECCOMP_FILTER_FLAG_MAGIC\" is unknown");
}

TEST(seccomp_compile_leaves_no_residue)
{
	auto_spec struct spec *spec = spec_new();

	spec_default(spec);
	for (unsigned nth = 1;; nth++) {
		struct sock_filter *code = NULL;
		struct err err = { 0 };
		uint32_t flags;
		size_t n;
		int r;

		fault_arm(nth);
		r = seccomp_compile(&spec->seccomp, &code, &n, &flags, &err);
		if (!fault_disarm()) {
			CHECK(r == 0);
			free(code);
			return;
		}
		CHECK_INT(r, -ENOMEM);
		CHECK(err.code == r && !code);
	}
}
