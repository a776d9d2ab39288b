/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "base/fd.h"
#include "base/path.h"

#define CGROUP2_MAGIC 0x63677270

/* ---- the host ---- */

static bool word_in(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = words; (p = strstr(p, word)); p += len)
		if ((p == words || p[-1] == ' ') && (p[len] == ' ' || p[len] == '\n' || !p[len]))
			return true;
	return false;
}

static void probe(struct cgroup_host *ret)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	auto_buf struct buf controllers = BUF_INIT(4096);
	struct statfs sfs;

	for (size_t i = 0; i < ARRAY_LEN(places) && !ret->mount[0]; i++)
		if (statfs(places[i], &sfs) == 0 && sfs.f_type == CGROUP2_MAGIC)
			(void)snprintf(ret->mount, sizeof(ret->mount), "%s", places[i]);
	if (!ret->mount[0])
		return;
	auto_close int fd = open(ret->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)fd_read_file_at(fd, "cgroup.controllers", &controllers, NULL);
	ret->cpu = word_in(buf_str(&controllers), "cpu");
	ret->memory = word_in(buf_str(&controllers), "memory");
	ret->pids = word_in(buf_str(&controllers), "pids");
	ret->io = word_in(buf_str(&controllers), "io");
	ret->cpuset = word_in(buf_str(&controllers), "cpuset");
	/* The root has neither file; any child has both since 5.14 and 5.2. */
	ret->kill = ret->freeze = true;
}

/* Machines do not change their mounts under us: once is enough, unless there was none. */
void cgroup_host_probe(struct cgroup_host *ret)
{
	static struct cgroup_host known;

	if (!known.mount[0])
		probe(&known);
	*ret = known;
}

/* ---- opening ---- */

static const char *const delegated[] = { "+cpu",  "+cpuset",  "+memory", "+io",
					 "+pids", "+hugetlb", "+rdma" };

/* Each alone, since one may be refused. */
void cgroup_delegate(int fd)
{
	auto_buf struct buf have = BUF_INIT(4096);
	auto_buf struct buf on = BUF_INIT(4096);

	if (fd_read_file_at(fd, "cgroup.controllers", &have, NULL) < 0 ||
	    fd_read_file_at(fd, "cgroup.subtree_control", &on, NULL) < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(delegated); i++)
		if (word_in(buf_str(&have), delegated[i] + 1) &&
		    !word_in(buf_str(&on), delegated[i] + 1))
			(void)fd_put_at(fd, "cgroup.subtree_control", delegated[i]);
}

static int put_limit(int fd, const char *file, const char *text, bool *unenforced, struct err *err)
{
	int r = fd_put_at(fd, file, text);

	if (r == -ENOENT || r == -EACCES) { /* the controller is not there */
		*unenforced = true;
		return 0;
	}
	return r < 0 ? err_set(err, r, "set %s to %s", file, text) : 0;
}

static int apply_limits(int fd, const struct cgroup_limits *l, bool *unenforced, struct err *err)
{
	char text[64];
	int r = 0;

	if (l->memory_max_bytes) {
		(void)snprintf(text, sizeof(text), "%lld", (long long)l->memory_max_bytes);
		r = put_limit(fd, "memory.max", l->memory_max_bytes < 0 ? "max" : text, unenforced,
			      err);
	}
	if (r == 0 && l->cpu_weight) {
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)l->cpu_weight);
		r = put_limit(fd, "cpu.weight", text, unenforced, err);
	}
	if (r == 0 && l->cpu_quota_us) {
		unsigned long long period = l->cpu_period_us ? l->cpu_period_us : 100000;

		if (l->cpu_quota_us < 0)
			(void)snprintf(text, sizeof(text), "max %llu", period);
		else
			(void)snprintf(text, sizeof(text), "%lld %llu", (long long)l->cpu_quota_us,
				       period);
		r = put_limit(fd, "cpu.max", text, unenforced, err);
	}
	if (r == 0 && l->pids_max) {
		(void)snprintf(text, sizeof(text), "%lld", (long long)l->pids_max);
		r = put_limit(fd, "pids.max", l->pids_max < 0 ? "max" : text, unenforced, err);
	}
	return r;
}

int cgroup_open(const struct cgroup_host *host, const char *path,
		const struct cgroup_limits *limits, bool *ret_unenforced, struct err *err)
{
	auto_close int at = -EBADF;
	bool unenforced = false;
	int r = 0;

	if (!host->mount[0])
		return err_say(err, -EOPNOTSUPP, "cgroup %s: this machine has no cgroup2 mounted",
			       path);
	at = open(host->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (at >= 0) {
		size_t len;
		char name[NAME_MAX + 1];

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 0)
			break;
		if (len > NAME_MAX)
			return err_set(err, -ENAMETOOLONG, "cgroup %s", path);
		memcpy(name, path, len);
		name[len] = '\0';
		if (name[0] == '.')
			return err_say(err, -EINVAL, "cgroup %s: no name may begin with a dot",
				       name);
		cgroup_delegate(at);
		if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
			return err_set(err, -errno, "make cgroup %s", name);
		int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		(void)fd_close(at);
		at = next;
		path += len;
	}
	if (at < 0)
		return err_set(err, -errno, "open cgroup %s", path);
	if (limits) {
		cgroup_delegate(at);
		r = apply_limits(at, limits, &unenforced, err);
	}
	if (r < 0)
		return r;
	if (ret_unenforced)
		*ret_unenforced = unenforced;
	return take_fd(&at);
}

/* ---- an OCI container's resources ---- */

struct knobs {
	int fd;
	bool strict, unenforced;
	struct err *err;
	int result;
};

static void put_knob(struct knobs *k, const char *file, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void put_knob(struct knobs *k, const char *file, const char *fmt, ...)
{
	char text[256];
	va_list args;
	int r;

	if (k->result < 0)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	r = fd_put_at(k->fd, file, text);
	if ((r == -ENOENT || r == -EACCES) && !k->strict)
		k->unenforced = true;
	else if (r == -ENOENT || r == -EACCES)
		k->result = err_say(k->err, -EOPNOTSUPP,
				    "set %s to %s: this machine's cgroup2 does not have that "
				    "controller",
				    file, text);
	else if (r < 0)
		k->result = err_set(k->err, r, "set %s to %s", file, text);
}

/* "max" for -1, as OCI has it. */
static void put_number(struct knobs *k, const char *file, int64_t value)
{
	if (value < 0)
		put_knob(k, file, "max");
	else
		put_knob(k, file, "%lld", (long long)value);
}

static void apply_memory(struct knobs *k, const struct spec_resources *r)
{
	int64_t limit = r->memory.limit, swap = r->memory.swap;

	if (r->memory.check_before_update && limit > 0) {
		auto_buf struct buf now = BUF_INIT(64);

		if (fd_read_file_at(k->fd, "memory.current", &now, NULL) == 0 &&
		    strtoll(buf_str(&now), NULL, 10) > limit) {
			k->result = err_say(k->err, -EBUSY,
					    "memory limit %lld is below what is in use: %s",
					    (long long)limit, buf_str(&now));
			return;
		}
	}
	/* v1 counts memory and swap together, v2 apart. */
	if (swap > 0 && limit > 0 && swap < limit) {
		k->result = err_say(k->err, -EINVAL,
				    "memory and swap limit %lld is below the memory "
				    "limit %lld",
				    (long long)swap, (long long)limit);
		return;
	}
	if (swap > 0 && limit > 0)
		put_number(k, "memory.swap.max", swap - limit);
	else if (swap < 0)
		put_number(k, "memory.swap.max", -1);
	if (limit)
		put_number(k, "memory.max", limit);
	if (r->memory.reservation)
		put_number(k, "memory.low", r->memory.reservation);
}

/* Shares are 2 to 262144 around 1024, weights 1 to 10000 around 100. */
static uint64_t weight_of_shares(uint64_t shares)
{
	shares = shares < 2 ? 2 : shares > 262144 ? 262144 : shares;
	return 1 + (shares - 2) * 9999 / 262142;
}

static void apply_cpu(struct knobs *k, const struct spec_resources *r)
{
	unsigned long long period = r->cpu.period_us ? r->cpu.period_us : 100000;

	if (r->cpu.has_idle)
		put_knob(k, "cpu.idle", "%lld", (long long)r->cpu.idle);
	if (r->cpu.shares && !(r->cpu.has_idle && r->cpu.idle))
		put_knob(k, "cpu.weight", "%llu",
			 (unsigned long long)weight_of_shares(r->cpu.shares));
	if (r->cpu.quota_us > 0)
		put_knob(k, "cpu.max", "%lld %llu", (long long)r->cpu.quota_us, period);
	else if (r->cpu.quota_us < 0 || r->cpu.period_us)
		put_knob(k, "cpu.max", "max %llu", period);
	if (r->cpu.burst_us)
		put_knob(k, "cpu.max.burst", "%llu", (unsigned long long)r->cpu.burst_us);
	if (r->cpu.cpus && *r->cpu.cpus)
		put_knob(k, "cpuset.cpus", "%s", r->cpu.cpus);
	if (r->cpu.mems && *r->cpu.mems)
		put_knob(k, "cpuset.mems", "%s", r->cpu.mems);
	if (k->result == 0 && (r->cpu.realtime_runtime_us || r->cpu.realtime_period_us))
		k->result = err_say(
			k->err, -EOPNOTSUPP,
			"cgroup2 has no realtime CPU limits (realtimeRuntime, realtimePeriod)");
}

static void apply_block_io(struct knobs *k, const struct spec_resources *r)
{
	const struct {
		const char *key;
		const struct spec_blkio_device *rows;
		size_t n;
	} throttles[] = {
		{ "rbps", r->block_io.read_bps, r->block_io.n_read_bps },
		{ "wbps", r->block_io.write_bps, r->block_io.n_write_bps },
		{ "riops", r->block_io.read_iops, r->block_io.n_read_iops },
		{ "wiops", r->block_io.write_iops, r->block_io.n_write_iops },
	};

	/* blkio's 10 to 1000 to io's 1 to 10000; bfq, where it schedules, takes the old numbers. */
	if (r->block_io.weight && faccessat(k->fd, "io.bfq.weight", F_OK, 0) == 0)
		put_knob(k, "io.bfq.weight", "%u", r->block_io.weight);
	else if (r->block_io.weight)
		put_knob(k, "io.weight", "%u", 1 + (r->block_io.weight - 10) * 9999 / 990);
	for (size_t i = 0; i < r->block_io.n_weights; i++)
		put_knob(k, "io.bfq.weight", "%lld:%lld %llu",
			 (long long)r->block_io.weights[i].major,
			 (long long)r->block_io.weights[i].minor,
			 (unsigned long long)r->block_io.weights[i].value);
	for (size_t i = 0; i < ARRAY_LEN(throttles); i++)
		for (size_t d = 0; d < throttles[i].n; d++)
			put_knob(k, "io.max", "%lld:%lld %s=%llu",
				 (long long)throttles[i].rows[d].major,
				 (long long)throttles[i].rows[d].minor, throttles[i].key,
				 (unsigned long long)throttles[i].rows[d].value);
}

static void apply_others(struct knobs *k, const struct spec_resources *r)
{
	char file[128];

	if (r->pids.has_limit)
		put_number(k, "pids.max", r->pids.limit > 0 ? r->pids.limit : -1);
	for (size_t i = 0; i < r->n_hugepages; i++) {
		if (!r->hugepages[i].page_size || strchr(r->hugepages[i].page_size, '/'))
			continue;
		(void)snprintf(file, sizeof(file), "hugetlb.%s.max", r->hugepages[i].page_size);
		put_knob(k, file, "%llu", (unsigned long long)r->hugepages[i].limit);
		(void)snprintf(file, sizeof(file), "hugetlb.%s.rsvd.max",
			       r->hugepages[i].page_size);
		if (faccessat(k->fd, file, F_OK, 0) == 0)
			put_knob(k, file, "%llu", (unsigned long long)r->hugepages[i].limit);
	}
	for (size_t i = 0; i < r->n_rdma; i++) {
		const struct spec_rdma_limit *l = &r->rdma[i];

		if (l->has_hca_handles)
			put_knob(k, "rdma.max", "%s hca_handle=%u", l->device, l->hca_handles);
		if (l->has_hca_objects)
			put_knob(k, "rdma.max", "%s hca_object=%u", l->device, l->hca_objects);
	}
	for (size_t i = 0; i < r->n_unified; i++) {
		const char *key = r->unified[i].key;

		if (strchr(key, '/') || key[0] == '.') {
			k->result = err_say(k->err, -EINVAL,
					    "unified resource \"%s\" is no file name", key);
			return;
		}
		put_knob(k, key, "%s", r->unified[i].value);
	}
	if (k->result == 0 && k->strict && (r->net_class_id || r->n_net_priorities))
		k->result = err_say(k->err, -EOPNOTSUPP,
				    "cgroup2 has no network classes (network.classID, priorities)");
}

int cgroup_apply(int dir_fd, const struct spec_resources *resources, bool strict,
		 bool *ret_unenforced, struct err *err)
{
	struct knobs k = { .fd = dir_fd, .strict = strict, .err = err };

	apply_memory(&k, resources);
	apply_cpu(&k, resources);
	apply_block_io(&k, resources);
	apply_others(&k, resources);
	if (ret_unenforced)
		*ret_unenforced |= k.unenforced;
	return k.result;
}

/* ---- the end ---- */

static bool is_populated(int fd)
{
	auto_buf struct buf text = BUF_INIT(4096);
	const char *at;

	if (fd_read_file_at(fd, "cgroup.events", &text, NULL) < 0)
		return false;
	at = strstr(buf_str(&text), "populated ");
	return at && at[10] == '1';
}

bool cgroup_in_use(const struct cgroup_host *host, const char *path)
{
	char full[PATH_MAX];
	auto_close int fd = -EBADF;

	(void)snprintf(full, sizeof(full), "%s/%s", host->mount, path);
	fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && is_populated(fd);
}

static void kill_listed(int fd, unsigned depth)
{
	auto_buf struct buf text = BUF_INIT(1 << 20);
	const char *at;
	struct dirent *e;
	DIR *dir;
	char *end;

	(void)fd_read_file_at(fd, "cgroup.procs", &text, NULL);
	for (at = buf_str(&text); *at; at = end) {
		long pid = strtol(at, &end, 10);

		if (end == at)
			break;
		if (pid > 0)
			(void)kill((pid_t)pid, SIGKILL);
		end += *end == '\n';
	}
	int copy = depth ? openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	dir = copy < 0 ? NULL : fdopendir(copy);
	while (dir && (e = readdir(dir))) {
		auto_close int child = -EBADF;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		child = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child >= 0)
			kill_listed(child, depth - 1);
	}
	if (dir)
		(void)closedir(dir);
	else
		(void)fd_close(copy);
}

static int64_t monotonic_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

int cgroup_kill_all(int dir_fd, int timeout_ms)
{
	auto_close int events_fd = openat(dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	int64_t until = monotonic_ms() + timeout_ms;
	bool by_list = fd_put_at(dir_fd, "cgroup.kill", "1") < 0;

	if (events_fd < 0)
		return -errno;
	for (;;) {
		struct pollfd p = { .fd = events_fd, .events = POLLPRI };
		int64_t left = until - monotonic_ms();
		char text[256];

		if (by_list)
			kill_listed(dir_fd, 16);
		(void)!pread(events_fd, text, sizeof(text), 0); /* arms the poll */
		if (!is_populated(dir_fd))
			return 0;
		if (left <= 0)
			return -ETIMEDOUT;
		(void)poll(&p, 1, (int)(by_list ? MIN(left, 20) : left));
	}
}

int cgroup_freeze(int dir_fd, bool frozen, struct err *err)
{
	auto_close int events_fd = openat(dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	int64_t until = monotonic_ms() + 2000;
	int r = fd_put_at(dir_fd, "cgroup.freeze", frozen ? "1" : "0");

	if (r < 0)
		return err_set(err, r, "%s the cgroup", frozen ? "freeze" : "thaw");
	for (;;) {
		struct pollfd p = { .fd = events_fd, .events = POLLPRI };
		int64_t left = until - monotonic_ms();
		char text[256], *at;
		ssize_t n = pread(events_fd, text, sizeof(text) - 1, 0);

		if (n < 0)
			return err_set(err, -errno, "look at the cgroup");
		text[n] = '\0';
		at = strstr(text, "frozen ");
		if (at && (at[7] == '1') == frozen)
			return 0;
		if (left <= 0)
			return err_set(err, -ETIMEDOUT, "%s the cgroup",
				       frozen ? "freeze" : "thaw");
		(void)poll(&p, 1, (int)left);
	}
}

int cgroup_remove(const struct cgroup_host *host, const char *path, struct err *err)
{
	auto_close int top_fd = open(host->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int fd = -EBADF, parent_fd = -EBADF;
	char parent[PATH_MAX];
	const char *name;
	int r;

	if (!host->mount[0])
		return 0;
	path += strspn(path, "/");
	name = path_base(path);
	if (!*name || strstr(path, ".."))
		return err_say(err, -EINVAL, "cgroup \"%s\" can't be removed", path);
	(void)snprintf(parent, sizeof(parent), "./%.*s", (int)(name - path), path);
	parent_fd = openat(top_fd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_set(err, -errno, "open cgroup %s", path);
	r = is_populated(fd) ? cgroup_kill_all(fd, 5000) : 0;
	if (r < 0)
		return err_set(err, r, "kill what is left in cgroup %s", path);
	r = cgroup_remove_tree(parent_fd, name);
	return r < 0 ? err_set(err, r, "remove cgroup %s", path) : 0;
}

/* ---- looking ---- */

static uint64_t number_in(int fd, const char *file, const char *key)
{
	auto_buf struct buf text = BUF_INIT(65536);
	const char *at;
	size_t len = strlen(key);

	if (fd_read_file_at(fd, file, &text, NULL) < 0)
		return 0;
	for (at = buf_str(&text); at && *at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
		if (strncmp(at, key, len) == 0 && (len == 0 || at[len] == ' '))
			return strtoull(at + len, NULL, 10);
	return 0;
}

int cgroup_stats_read(int cgroup_fd, struct cgroup_stats *ret)
{
	uint64_t inactive = number_in(cgroup_fd, "memory.stat", "inactive_file");

	if (faccessat(cgroup_fd, "cgroup.procs", F_OK, 0) < 0)
		return -errno;
	*ret = (struct cgroup_stats){
		.memory_bytes = number_in(cgroup_fd, "memory.current", ""),
		.cpu_usage_ns = number_in(cgroup_fd, "cpu.stat", "usage_usec") * 1000,
		.pids = number_in(cgroup_fd, "pids.current", ""),
	};
	ret->memory_working_set_bytes =
		ret->memory_bytes > inactive ? ret->memory_bytes - inactive : 0;
	return 0;
}
