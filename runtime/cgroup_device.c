/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices a cgroup may use: cgroup v2 asks an eBPF program. Ours looks at the rules from the
 * last to the first, and the first that matches decides; without a match it is no. After the rules
 * of the specification come those that every container has (OCI config-linux.md, "Default Devices").
 */
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/cgroup.h"

#define INSNS_MAX    4000
#define INSNS_A_RULE 16
#define RULES_MAX    ((INSNS_MAX - 16) / INSNS_A_RULE)

struct program {
	struct bpf_insn insns[INSNS_MAX];
	size_t n;
};

static void add(struct program *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	p->insns[p->n++] = (struct bpf_insn){
		.code = code, .dst_reg = dst & 15, .src_reg = src & 15, .off = off, .imm = imm
	};
}

#define R(n) BPF_REG_##n
enum { ALU_IMM = BPF_ALU | BPF_K, ALU_REG = BPF_ALU | BPF_X, JUMP_IMM = BPF_JMP | BPF_K };

/* r2: device type, r3: access wanted, r4: major, r5: minor */
static void add_head(struct program *p)
{
	add(p, BPF_LDX | BPF_MEM | BPF_W, R(2), R(1), 0, 0);
	add(p, ALU_REG | BPF_MOV, R(3), R(2), 0, 0);
	add(p, ALU_IMM | BPF_AND, R(2), 0, 0, 0xffff);
	add(p, ALU_IMM | BPF_RSH, R(3), 0, 0, 16);
	add(p, BPF_LDX | BPF_MEM | BPF_W, R(4), R(1), 4, 0);
	add(p, BPF_LDX | BPF_MEM | BPF_W, R(5), R(1), 8, 0);
}

static void add_return(struct program *p, bool allow)
{
	add(p, BPF_ALU64 | BPF_MOV | BPF_K, R(0), 0, 0, allow);
	add(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* False: the rule matches everything, and the kernel refuses programs with code that is never reached. */
static bool add_rule(struct program *p, const struct spec_device_rule *rule)
{
	int32_t access = (rule->mknod ? BPF_DEVCG_ACC_MKNOD : 0) |
			 (rule->read ? BPF_DEVCG_ACC_READ : 0) |
			 (rule->write ? BPF_DEVCG_ACC_WRITE : 0);
	size_t jumps[4], n = 0;

	if (rule->type == 'b' || rule->type == 'c') {
		jumps[n++] = p->n;
		add(p, JUMP_IMM | BPF_JNE, R(2), 0, 0,
		    rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	}
	if (access != 7 && rule->allow) { /* all that is wanted must be in the rule */
		add(p, ALU_REG | BPF_MOV, R(1), R(3), 0, 0);
		add(p, ALU_IMM | BPF_AND, R(1), 0, 0, ~access & 7);
		jumps[n++] = p->n;
		add(p, JUMP_IMM | BPF_JNE, R(1), 0, 0, 0);
	} else if (access != 7) { /* one denied access is enough */
		add(p, ALU_REG | BPF_MOV, R(1), R(3), 0, 0);
		add(p, ALU_IMM | BPF_AND, R(1), 0, 0, access);
		jumps[n++] = p->n;
		add(p, JUMP_IMM | BPF_JEQ, R(1), 0, 0, 0);
	}
	if (rule->major >= 0) {
		jumps[n++] = p->n;
		add(p, JUMP_IMM | BPF_JNE, R(4), 0, 0, (int32_t)rule->major);
	}
	if (rule->minor >= 0) {
		jumps[n++] = p->n;
		add(p, JUMP_IMM | BPF_JNE, R(5), 0, 0, (int32_t)rule->minor);
	}
	add_return(p, rule->allow);
	for (size_t i = 0; i < n; i++)
		p->insns[jumps[i]].off = (int16_t)(p->n - jumps[i] - 1);
	return n > 0;
}

static const struct spec_device_rule always[] = {
	{ true, 'c', -1, -1, false, false, true }, /* a node may be made, */
	{ true, 'b', -1, -1, false, false, true }, /* but not used */
	{ true, 'c', 1, 3, true, true, true },	   /* null */
	{ true, 'c', 1, 5, true, true, true },	   /* zero */
	{ true, 'c', 1, 7, true, true, true },	   /* full */
	{ true, 'c', 1, 8, true, true, true },	   /* random */
	{ true, 'c', 1, 9, true, true, true },	   /* urandom */
	{ true, 'c', 5, 0, true, true, true },	   /* tty */
	{ true, 'c', 5, 1, true, true, true },	   /* console */
	{ true, 'c', 5, 2, true, true, true },	   /* ptmx */
	{ true, 'c', 136, -1, true, true, true },  /* pts */
};

/* Loading costs more than all else here, and most containers have the same rules: the last
 * program is kept. */
static int load(const struct program *p)
{
	static struct bpf_insn *kept;
	static size_t kept_size;
	static int kept_fd = -EBADF;
	size_t size = p->n * sizeof(p->insns[0]);
	union bpf_attr attr = { 0 };
	void *copy;
	int fd;

	if (kept && kept_size == size && memcmp(kept, p->insns, size) == 0)
		return kept_fd;
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uint64_t)(uintptr_t)p->insns;
	attr.insn_cnt = (uint32_t)p->n;
	attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		return -errno;
	copy = malloc(size);
	if (!copy) {
		(void)fd_close(fd);
		return -ENOMEM;
	}
	memcpy(copy, p->insns, size);
	free(kept);
	(void)fd_close(kept_fd);
	kept = copy;
	kept_size = size;
	kept_fd = fd;
	return fd;
}

int cgroup_set_devices(int dir_fd, const struct spec_device_rule *rules, size_t n, struct err *err)
{
	union bpf_attr attr = { 0 };
	auto_free struct program *p = NULL;
	int fd;

	if (n == 0 || (n == 1 && rules[0].allow && rules[0].type == 'a'))
		return 0;
	if (n > RULES_MAX - ARRAY_LEN(always))
		return err_say(err, -E2BIG, "more than %zu device rules",
			       RULES_MAX - ARRAY_LEN(always));
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(err, -ENOMEM, "write the device rules");
	add_head(p);
	for (size_t i = ARRAY_LEN(always); i > 0; i--)
		(void)add_rule(p, &always[i - 1]);
	while (n > 0 && add_rule(p, &rules[n - 1]))
		n--;
	if (n == 0)
		add_return(p, false);
	fd = load(p);
	if (fd < 0)
		return err_set(err, fd, "load the device rules");
	attr.target_fd = (uint32_t)dir_fd;
	attr.attach_bpf_fd = (uint32_t)fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI;
	if (syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)) < 0)
		return err_set(err, -errno, "attach the device rules to the cgroup");
	return 0;
}
