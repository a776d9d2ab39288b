/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"

int relay_send_console(const char *path, int master_fd, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static const char name[] = "/dev/ptmx";
	int r;

	if (fd < 0)
		return err_set(err, -errno, "make a socket for the console");
	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(err, -ENAMETOOLONG, "console socket %s", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_set(err, -errno, "connect to console socket %s", path);
	r = fd_send(fd, name, sizeof(name) - 1, &master_fd, 1);
	return r < 0 ? err_set(err, r, "send the console to %s", path) : 0;
}

int relay_signals(struct err *err)
{
	sigset_t set;
	int fd;

	/* All but those that are about our own mistakes, and job control. */
	(void)sigfillset(&set);
	for (size_t i = 0; i < 8; i++) {
		static const int own[8] = { SIGSEGV, SIGBUS,  SIGILL,  SIGFPE,
					    SIGABRT, SIGTSTP, SIGTTIN, SIGTTOU };

		(void)sigdelset(&set, own[i]);
	}
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return err_set(err, -errno, "block signals");
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_set(err, -errno, "make a signalfd") : fd;
}

struct relay {
	pid_t pid;
	int master_fd;
	bool raw, stdin_open;
	struct termios saved;
	int exit_code; /* -1: it lives */
};

static void copy_size(const struct relay *r)
{
	struct winsize size;

	if (r->master_fd >= 0 && ioctl(0, TIOCGWINSZ, &size) == 0)
		(void)ioctl(r->master_fd, TIOCSWINSZ, &size);
}

static void take_terminal(struct relay *r)
{
	struct termios raw;

	if (r->master_fd < 0 || tcgetattr(0, &r->saved) < 0)
		return;
	raw = r->saved;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* the container's own newlines are plain: ours makes them whole */
	r->raw = tcsetattr(0, TCSANOW, &raw) == 0;
	copy_size(r);
}

static void reap(struct relay *r)
{
	siginfo_t info = { 0 };

	/* Others may be ours too, if we are somebody's subreaper: leave those. */
	if (waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0)
		return;
	r->exit_code = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static void on_signal(struct relay *r, int signal_fd)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int signo = (int)info.ssi_signo;

		if (signo == SIGCHLD)
			reap(r);
		else if (signo == SIGWINCH)
			copy_size(r);
		else if (signo != SIGPIPE && signo != SIGURG && r->exit_code < 0)
			(void)kill(r->pid, signo);
	}
}

/* True while there may be more. */
static bool carry(int from, int to)
{
	char chunk[8192];
	ssize_t n = read(from, chunk, sizeof(chunk));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	return n > 0 && fd_write_all(to, chunk, (size_t)n) == 0;
}

int relay_run(pid_t pid, int signal_fd, int master_fd, struct err *err)
{
	struct relay r = {
		.pid = pid, .master_fd = master_fd, .stdin_open = true, .exit_code = -1
	};

	(void)err;
	take_terminal(&r);
	reap(&r); /* what ended before somebody looked */
	while (r.exit_code < 0) {
		struct pollfd p[3] = {
			{ .fd = signal_fd, .events = POLLIN },
			{ .fd = r.master_fd, .events = POLLIN },
			{ .fd = r.master_fd >= 0 && r.stdin_open ? 0 : -1, .events = POLLIN },
		};

		if (poll(p, 3, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents)
			on_signal(&r, signal_fd);
		if (p[1].revents && !carry(r.master_fd, 1))
			r.master_fd = -EBADF; /* borrowed: the caller closes it */
		if (p[2].revents && !carry(0, r.master_fd))
			r.stdin_open = false;
	}
	/* Its last words. */
	if (r.master_fd >= 0) {
		(void)fd_set_nonblocking(r.master_fd, true);
		for (int i = 0; i < 64; i++) {
			struct pollfd p = { .fd = r.master_fd, .events = POLLIN };

			if (poll(&p, 1, 0) <= 0 || !carry(r.master_fd, 1))
				break;
		}
	}
	if (r.raw)
		(void)tcsetattr(0, TCSANOW, &r.saved);
	return r.exit_code < 0 ? 255 : r.exit_code;
}
