/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/helper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "base/path.h"

/* A job is a path after a letter, or, with an fd beside it, a file to sync; the answer is its result. */
struct job_message {
	char text[1 + PATH_MAX];
};
#define JOB_REMOVE  'r'
#define JOB_MEASURE 'm'
#define DEPTH_MAX   64 /* deeper directories are not counted */

struct job {
	struct list link;
	helper_fn *fn;
	void *data;
	int result; /* of one done here */
};

struct helper {
	struct loop *loop;
	int fd;
	pid_t pid;
	struct list waiting; /* struct job, in the order asked */
	struct list done;    /* struct job, done here */
};

/* ---- the child ---- */

static uint64_t measure(int dir_fd, const char *name, int depth)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	uint64_t blocks = 0;

	if (!dir) {
		fd_close(fd);
		return 0;
	}
	while ((entry = readdir(dir))) {
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		blocks += (uint64_t)st.st_blocks;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			blocks += measure(fd, entry->d_name, depth + 1);
	}
	(void)closedir(dir);
	return blocks;
}

static int do_job(const char *text, int fd)
{
	if (fd >= 0)
		return fdatasync(fd) < 0 ? -errno : 0;
	if (*text == JOB_MEASURE)
		return (int)MIN(measure(AT_FDCWD, text + 1, 0) / 2, INT_MAX);
	return path_remove_tree_at(AT_FDCWD, text + 1, NULL);
}

static void run_child(int fd)
{
	static struct job_message message;

	for (;;) {
		int job_fd = -EBADF, result;
		size_t n_fds = 0;
		ssize_t n = fd_recv(fd, &message, sizeof(message), &job_fd, 1, &n_fds, 0);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			break;
		message.text[sizeof(message.text) - 1] = '\0';
		result = do_job(message.text, n_fds ? job_fd : -EBADF);
		fd_close(job_fd);
		if (send(fd, &result, sizeof(result), MSG_NOSIGNAL) < 0)
			break;
	}
	_exit(0);
}

static void close_others(int keep)
{
	if (keep > 3)
		(void)syscall(SYS_close_range, 3u, (unsigned)keep - 1, 0u);
	(void)syscall(SYS_close_range, (unsigned)keep + 1, ~0u, 0u);
}

/* ---- the parent ---- */

int helper_start(struct helper **ret, struct err *err)
{
	struct helper *h = calloc(1, sizeof(*h));
	int fds[2];

	if (!h)
		return err_set(err, -ENOMEM, "start a helper");
	list_init(&h->waiting);
	list_init(&h->done);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		free(h);
		return err_set(err, -errno, "socketpair");
	}
	h->pid = fork();
	if (h->pid < 0) {
		int r = err_set(err, -errno, "fork");

		fd_close(fds[0]);
		fd_close(fds[1]);
		free(h);
		return r;
	}
	if (h->pid == 0) {
		/* Ctrl-C on a terminal is for the agent; this ends with its socket. */
		(void)signal(SIGINT, SIG_IGN);
		(void)signal(SIGTERM, SIG_IGN);
		(void)prctl(PR_SET_NAME, "shallop-helper");
		close_others(fds[1]);
		run_child(fds[1]);
	}
	fd_close(fds[1]);
	h->fd = fds[0];
	(void)fd_set_nonblocking(h->fd, true);
	*ret = h;
	return 0;
}

static void finish(struct job *job, int result)
{
	list_remove(&job->link);
	if (job->fn)
		job->fn(result, job->data);
	free(job);
}

static void finish_done(struct loop *loop, void *data)
{
	struct helper *h = data;

	(void)loop;
	while (!list_empty(&h->done)) {
		struct job *job = list_entry(h->done.next, struct job, link);

		finish(job, job->result);
	}
}

/* It is gone: what it had not answered is done by us, again if need be (all jobs can be). */
static void helper_lost(struct helper *h)
{
	log_warn("a helper process (pid %d) ended; its work is done in the agent", (int)h->pid);
	if (h->loop)
		loop_unwatch(h->loop, h->fd);
	h->fd = fd_close(h->fd);
	(void)waitpid(h->pid, NULL, WNOHANG);
	while (!list_empty(&h->waiting))
		finish(list_entry(h->waiting.next, struct job, link), -EPIPE);
}

static void on_answer(struct loop *loop, int fd, unsigned events, void *data)
{
	struct helper *h = data;

	(void)loop;
	(void)events;
	for (;;) {
		int result = 0;
		ssize_t n = recv(fd, &result, sizeof(result), MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n != sizeof(result) || list_empty(&h->waiting)) {
			helper_lost(h);
			return;
		}
		finish(list_entry(h->waiting.next, struct job, link), result);
		if (h->fd < 0)
			return;
	}
}

int helper_attach(struct helper *h, struct loop *loop, struct err *err)
{
	int r = loop_watch(loop, h->fd, LOOP_READ, on_answer, h);

	if (r < 0)
		return err_set(err, r, "watch a helper");
	h->loop = loop;
	return 0;
}

struct helper *helper_stop(struct helper *h)
{
	if (!h)
		return NULL;
	if (h->loop && h->fd >= 0)
		loop_unwatch(h->loop, h->fd);
	fd_close(h->fd);
	while (!list_empty(&h->waiting)) {
		struct job *job = list_entry(h->waiting.next, struct job, link);

		list_remove(&job->link);
		free(job);
	}
	while (!list_empty(&h->done)) {
		struct job *job = list_entry(h->done.next, struct job, link);

		list_remove(&job->link);
		free(job);
	}
	free(h);
	return NULL;
}

static void ask(struct helper *h, const char *text, int fd, helper_fn *fn, void *data)
{
	struct job *job = calloc(1, sizeof(*job));
	int r = -EPIPE;

	if (!job) { /* no memory to remember it by: at once, and nobody hears of it later than now */
		fn(do_job(text, fd), data);
		return;
	}
	job->fn = fn;
	job->data = data;
	if (h->fd >= 0) {
		size_t len = strlen(text) + 1;

		r = len > sizeof(struct job_message) ? -ENAMETOOLONG
						     : fd_send(h->fd, text, len, &fd, fd >= 0);
	}
	if (r >= 0) {
		list_append(&h->waiting, &job->link);
		return;
	}
	job->result = do_job(text, fd); /* no helper, or its queue is full */
	list_append(&h->done, &job->link);
	loop_defer(h->loop, finish_done, h);
}

void helper_sync(struct helper *h, int fd, helper_fn *fn, void *data)
{
	ask(h, "", fd, fn, data);
}

void helper_remove_tree(struct helper *h, const char *path, helper_fn *fn, void *data)
{
	char text[1 + PATH_MAX];

	(void)snprintf(text, sizeof(text), "%c%s", JOB_REMOVE, path);
	ask(h, text, -EBADF, fn, data);
}

void helper_measure_tree(struct helper *h, const char *path, helper_fn *fn, void *data)
{
	char text[1 + PATH_MAX];

	(void)snprintf(text, sizeof(text), "%c%s", JOB_MEASURE, path);
	ask(h, text, -EBADF, fn, data);
}
