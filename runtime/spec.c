/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/spec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Chunks of memory, newest first; nothing is freed before the whole. */
struct spec_arena {
	struct spec_arena *next;
	size_t used, size;
	_Alignas(16) char data[];
};

#define CHUNK_SIZE ((size_t)8192 - sizeof(struct spec_arena))

struct spec *spec_new(void)
{
	return calloc(1, sizeof(struct spec));
}

struct spec *spec_free(struct spec *spec)
{
	if (!spec)
		return NULL;
	while (spec->arena) {
		struct spec_arena *next = spec->arena->next;

		free(spec->arena);
		spec->arena = next;
	}
	free(spec);
	return NULL;
}

int spec_error(const struct spec *spec)
{
	return spec->failed;
}

void *spec_alloc(struct spec *spec, size_t size)
{
	struct spec_arena *chunk = spec->arena;
	void *p;

	size = (size + 15) & ~(size_t)15;
	if (!chunk || chunk->size - chunk->used < size) {
		size_t room = MAX(size, CHUNK_SIZE);

		chunk = calloc(1, sizeof(*chunk) + room);
		if (!chunk) {
			spec->failed = -ENOMEM;
			return NULL;
		}
		chunk->size = room;
		chunk->next = spec->arena;
		spec->arena = chunk;
	}
	p = chunk->data + chunk->used;
	chunk->used += size;
	return p;
}

char *spec_strdup(struct spec *spec, const char *text)
{
	size_t len = text ? strlen(text) + 1 : 0;
	char *copy = text ? spec_alloc(spec, len) : NULL;

	return copy ? memcpy(copy, text, len) : NULL;
}

char *spec_printf(struct spec *spec, const char *fmt, ...)
{
	va_list args, again;
	char *text = NULL;
	int n;

	va_start(args, fmt);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, args);
	if (n >= 0)
		text = spec_alloc(spec, (size_t)n + 1);
	if (text)
		(void)vsnprintf(text, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(args);
	return text;
}

/* Room doubles at 0, 4, 8, 16, …: whether it is full shows in the count alone. */
void *spec_grow(struct spec *spec, void *items, size_t *n, size_t size)
{
	void **array = items;

	if (*n == 0 || (*n >= 4 && (*n & (*n - 1)) == 0)) {
		void *bigger = spec_alloc(spec, MAX(*n * 2, (size_t)4) * size);

		if (!bigger)
			return NULL;
		if (*n)
			memcpy(bigger, *array, *n * size);
		*array = bigger;
	}
	return (char *)*array + (*n)++ * size;
}

void spec_strings_add(struct spec *spec, struct spec_strings *strings, const char *text)
{
	char *copy = spec_strdup(spec, text);
	char **slot = copy ? spec_grow(spec, &strings->items, &strings->n, sizeof(*slot)) : NULL;

	if (slot)
		*slot = copy;
}

void spec_strings_add_list(struct spec *spec, struct spec_strings *strings, const char *list)
{
	while (list && *list) {
		size_t len = strcspn(list, ",");
		char *part = len ? spec_alloc(spec, len + 1) : NULL;
		char **slot =
			part ? spec_grow(spec, &strings->items, &strings->n, sizeof(*slot)) : NULL;

		if (slot) {
			memcpy(part, list, len);
			*slot = part;
		}
		list += len + (list[len] == ',');
	}
}

struct spec_mount *spec_add_mount(struct spec *spec, const char *destination, const char *type,
				  const char *source, const char *options)
{
	struct spec_mount *mount = SPEC_ADD(spec, spec, mounts);

	if (!mount)
		return NULL;
	mount->destination = spec_strdup(spec, destination);
	mount->type = spec_strdup(spec, type);
	mount->source = spec_strdup(spec, source);
	mount->source_fd = -EBADF;
	spec_strings_add_list(spec, &mount->options, options);
	return mount;
}

void spec_add_pair(struct spec *spec, struct spec_pair **pairs, size_t *n, const char *key,
		   const char *value)
{
	struct spec_pair *pair = spec_grow(spec, pairs, n, sizeof(*pair));

	if (!pair)
		return;
	pair->key = spec_strdup(spec, key);
	pair->value = spec_strdup(spec, value);
}

void spec_add_device(struct spec *spec, const char *path, char type, int64_t major, int64_t minor,
		     uint32_t mode)
{
	struct spec_device *device = SPEC_ADD(spec, spec, devices);

	if (!device)
		return;
	*device = (struct spec_device){ .path = spec_strdup(spec, path),
					.type = type,
					.major = major,
					.minor = minor,
					.file_mode = mode };
}

/* ---- names ---- */

static const char *const capability_names[] = {
	"CHOWN",
	"DAC_OVERRIDE",
	"DAC_READ_SEARCH",
	"FOWNER",
	"FSETID",
	"KILL",
	"SETGID",
	"SETUID",
	"SETPCAP",
	"LINUX_IMMUTABLE",
	"NET_BIND_SERVICE",
	"NET_BROADCAST",
	"NET_ADMIN",
	"NET_RAW",
	"IPC_LOCK",
	"IPC_OWNER",
	"SYS_MODULE",
	"SYS_RAWIO",
	"SYS_CHROOT",
	"SYS_PTRACE",
	"SYS_PACCT",
	"SYS_ADMIN",
	"SYS_BOOT",
	"SYS_NICE",
	"SYS_RESOURCE",
	"SYS_TIME",
	"SYS_TTY_CONFIG",
	"MKNOD",
	"LEASE",
	"AUDIT_WRITE",
	"AUDIT_CONTROL",
	"SETFCAP",
	"MAC_OVERRIDE",
	"MAC_ADMIN",
	"SYSLOG",
	"WAKE_ALARM",
	"BLOCK_SUSPEND",
	"AUDIT_READ",
	"PERFMON",
	"BPF",
	"CHECKPOINT_RESTORE",
};
_Static_assert(ARRAY_LEN(capability_names) == SPEC_CAP_COUNT, "every capability has a name");

static const char *const rlimit_names[SPEC_RLIMIT_KIND_COUNT] = {
	[SPEC_RLIMIT_AS] = "RLIMIT_AS",
	[SPEC_RLIMIT_CORE] = "RLIMIT_CORE",
	[SPEC_RLIMIT_CPU] = "RLIMIT_CPU",
	[SPEC_RLIMIT_DATA] = "RLIMIT_DATA",
	[SPEC_RLIMIT_FSIZE] = "RLIMIT_FSIZE",
	[SPEC_RLIMIT_LOCKS] = "RLIMIT_LOCKS",
	[SPEC_RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK",
	[SPEC_RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE",
	[SPEC_RLIMIT_NICE] = "RLIMIT_NICE",
	[SPEC_RLIMIT_NOFILE] = "RLIMIT_NOFILE",
	[SPEC_RLIMIT_NPROC] = "RLIMIT_NPROC",
	[SPEC_RLIMIT_RSS] = "RLIMIT_RSS",
	[SPEC_RLIMIT_RTPRIO] = "RLIMIT_RTPRIO",
	[SPEC_RLIMIT_RTTIME] = "RLIMIT_RTTIME",
	[SPEC_RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
	[SPEC_RLIMIT_STACK] = "RLIMIT_STACK",
};

static const char *const namespace_names[SPEC_NS_KIND_COUNT] = {
	[SPEC_NS_PID] = "pid",	     [SPEC_NS_NETWORK] = "network", [SPEC_NS_MOUNT] = "mount",
	[SPEC_NS_IPC] = "ipc",	     [SPEC_NS_UTS] = "uts",	    [SPEC_NS_USER] = "user",
	[SPEC_NS_CGROUP] = "cgroup", [SPEC_NS_TIME] = "time",
};

static const char *const action_names[SPEC_ACT_COUNT] = {
	[SPEC_ACT_KILL] = "SCMP_ACT_KILL",   [SPEC_ACT_KILL_PROCESS] = "SCMP_ACT_KILL_PROCESS",
	[SPEC_ACT_TRAP] = "SCMP_ACT_TRAP",   [SPEC_ACT_ERRNO] = "SCMP_ACT_ERRNO",
	[SPEC_ACT_TRACE] = "SCMP_ACT_TRACE", [SPEC_ACT_ALLOW] = "SCMP_ACT_ALLOW",
	[SPEC_ACT_LOG] = "SCMP_ACT_LOG",     [SPEC_ACT_NOTIFY] = "SCMP_ACT_NOTIFY",
};

static const char *const op_names[SPEC_CMP_COUNT] = {
	[SPEC_CMP_NE] = "SCMP_CMP_NE",
	[SPEC_CMP_LT] = "SCMP_CMP_LT",
	[SPEC_CMP_LE] = "SCMP_CMP_LE",
	[SPEC_CMP_EQ] = "SCMP_CMP_EQ",
	[SPEC_CMP_GE] = "SCMP_CMP_GE",
	[SPEC_CMP_GT] = "SCMP_CMP_GT",
	[SPEC_CMP_MASKED_EQ] = "SCMP_CMP_MASKED_EQ",
};

static int index_of(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -ENOENT;
}

int spec_capability_by_name(const char *name)
{
	if (strncasecmp(name, "CAP_", 4) == 0)
		name += 4;
	for (size_t i = 0; i < ARRAY_LEN(capability_names); i++)
		if (strcasecmp(capability_names[i], name) == 0)
			return (int)i;
	return -ENOENT;
}

const char *spec_capability_name(int cap)
{
	return cap >= 0 && cap < SPEC_CAP_COUNT ? capability_names[cap] : "?";
}

int spec_rlimit_by_name(const char *name)
{
	return index_of(rlimit_names, ARRAY_LEN(rlimit_names), name);
}

int spec_namespace_by_name(const char *name)
{
	return index_of(namespace_names, ARRAY_LEN(namespace_names), name);
}

const char *spec_namespace_name(enum spec_namespace_kind kind)
{
	return namespace_names[kind];
}

int spec_seccomp_action_by_name(const char *name)
{
	if (strcmp(name, "SCMP_ACT_KILL_THREAD") == 0)
		return SPEC_ACT_KILL;
	return index_of(action_names, ARRAY_LEN(action_names), name);
}

int spec_seccomp_op_by_name(const char *name)
{
	return index_of(op_names, ARRAY_LEN(op_names), name);
}
