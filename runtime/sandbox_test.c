/* SPDX-License-Identifier: Apache-2.0 */
/* Pods from the outside: a real shim, real containers of busybox, and what comes back. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "runtime/runtime.h"

#define BUSYBOX "/bin/busybox"

struct pod {
	char dir[128], run[160], root[160], log[160], cgroup[64];
	struct cgroup_host host;
	int cgroup_fd, root_fd;
	struct sandbox *sandbox;
	struct sandbox_options options;
};

static const char *shim_path(void)
{
	static char path[512];
	const char *bin = getenv("SHALLOP_BIN");

	(void)snprintf(path, sizeof(path), "%s/shallop-shim", bin ? bin : "bin");
	return path;
}

static void need_root(void)
{
	if (geteuid() != 0)
		SKIP("needs root");
	if (access(BUSYBOX, X_OK) < 0)
		SKIP("needs a static busybox in " BUSYBOX);
	if (access(shim_path(), X_OK) < 0)
		SKIP("needs %s (make all)", shim_path());
}

static void run_command(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

static void pod_open(struct pod *p, const char *uid)
{
	char command[1024];
	static int serial;

	memset(p, 0, sizeof(*p));
	(void)snprintf(p->dir, sizeof(p->dir), "%s", test_dir());
	(void)snprintf(p->run, sizeof(p->run), "%s/run", p->dir);
	(void)snprintf(p->root, sizeof(p->root), "%s/root", p->dir);
	(void)snprintf(p->log, sizeof(p->log), "%s/0.log", p->dir);
	(void)snprintf(
		command, sizeof(command),
		"mkdir -p %s/bin %s/etc %s/tmp && cp " BUSYBOX " %s/bin/ && cd %s/bin && for a in "
		"sh sleep cat echo tty id ls mount touch stat wc head yes kill stty hostname "
		"mknod dd ps true grep; do ln -s busybox $a; done",
		p->root, p->root, p->root, p->root, p->root);
	run_command(command);
	cgroup_host_probe(&p->host);
	p->cgroup_fd = -EBADF;
	if (p->host.mount[0]) {
		(void)snprintf(p->cgroup, sizeof(p->cgroup), "/shallop-test-%d/pod%d", getpid(),
			       serial++);
		p->cgroup_fd = cgroup_open(&p->host, p->cgroup, NULL, NULL, NULL);
	}
	p->root_fd = open(p->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	p->options = (struct sandbox_options){ .run_dir = p->run,
					       .shim_path = shim_path(),
					       .uid = uid,
					       .hostname = "pod-host",
					       .cgroup_fd = p->cgroup_fd };
}

static void pod_start(struct pod *p)
{
	struct err err = { 0 };

	if (sandbox_create(&p->options, &p->sandbox, &err) < 0)
		fail_msg("sandbox_create: %s", err.text);
}

static void pod_close(struct pod *p)
{
	struct err err = { 0 };
	char top[64];

	if (p->sandbox && sandbox_destroy(p->sandbox, &err) < 0)
		fail_msg("sandbox_destroy: %s", err.text);
	(void)fd_close(p->cgroup_fd);
	(void)fd_close(p->root_fd);
	(void)sandbox_purge(p->run, NULL);
	(void)snprintf(top, sizeof(top), "/shallop-test-%d", getpid());
	if (p->host.mount[0] && cgroup_remove(&p->host, top, &err) < 0)
		fail_msg("cgroup_remove: %s", err.text);
}

static struct spec *shell_spec(const char *script)
{
	struct spec *spec = spec_new();

	spec_strings_add(spec, &spec->process.args, "sh");
	spec_strings_add(spec, &spec->process.args, "-c");
	spec_strings_add(spec, &spec->process.args, script);
	spec_strings_add(spec, &spec->process.env, "PATH=/bin");
	spec_strings_add(spec, &spec->process.env, "COLOUR=blue");
	spec_default(spec);
	return spec;
}

static void next_event(struct pod *p, struct sandbox_event *e)
{
	struct pollfd poll_fd = { .fd = sandbox_fd(p->sandbox), .events = POLLIN };

	while (sandbox_next_event(p->sandbox, e) == 0)
		if (poll(&poll_fd, 1, 5000) <= 0)
			fail_msg("no event within 5 s");
}

static void expect(struct pod *p, enum sandbox_event_type type, struct sandbox_event *e)
{
	next_event(p, e);
	if (e->type != type)
		fail_msg("event %d instead of %d: %s %s", e->type, type, e->id, e->error);
}

static int64_t start(struct pod *p, const char *id, struct spec *spec, struct container_options o)
{
	struct err err = { 0 };
	int64_t r;

	o.id = id;
	o.spec = spec;
	o.rootfs_fd = p->root_fd;
	o.cgroup_parent_fd = p->cgroup_fd;
	r = sandbox_start(p->sandbox, &o, &err);
	if (r < 0)
		fail_msg("sandbox_start: %s", err.text);
	return r;
}

static void run_to_end(struct pod *p, const char *id, const char *script, struct sandbox_event *e)
{
	auto_spec struct spec *spec = shell_spec(script);

	(void)start(p, id, spec, (struct container_options){ .log_path = p->log });
	expect(p, SANDBOX_STARTED, e);
	expect(p, SANDBOX_EXITED, e);
}

/* The text of the log: times cut off. */
static const char *log_text(struct pod *p)
{
	static char text[1 << 16];
	auto_buf struct buf raw = BUF_INIT(1 << 20);
	size_t n = 0;

	text[0] = '\0';
	if (fd_read_file(p->log, &raw, NULL) < 0)
		return text;
	for (const char *at = buf_str(&raw); *at;) {
		const char *end = strchrnul(at, '\n');

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%.*s\n",
				      end - at > 31 ? (int)(end - at - 31) : 0, at + 31);
		at = *end ? end + 1 : end;
	}
	return text;
}

TEST(sandbox_runs_a_container_to_its_end)
{
	struct sandbox_event e;
	struct pod p;
	int fds, mounts;

	need_root();
	pod_open(&p, "uid-1");
	run_command("true");
	pod_start(&p);
	run_to_end(&p, "warm", "exit 0", &e); /* what is kept for all pods is there now */
	sandbox_destroy(p.sandbox, NULL);
	fds = open_fds();
	mounts = mount_count();
	pod_start(&p);
	run_to_end(&p, "c1", "echo out; echo err >&2; exit 7", &e);
	CHECK_INT(e.exit_code, 7);
	CHECK_INT(e.signal, 0);
	CHECK_STR(e.id, "c1");
	CHECK(e.ended_ns >= e.started_ns);
	CHECK(strstr(log_text(&p), "stdout F out\n"));
	CHECK(strstr(log_text(&p), "stderr F err\n"));
	CHECK(sandbox_remove(p.sandbox, "c1", NULL) > 0);
	expect(&p, SANDBOX_DONE, &e);
	CHECK(sandbox_destroy(p.sandbox, NULL) == 0);
	p.sandbox = NULL;
	CHECK_INT(open_fds(), fds);
	CHECK_INT(mount_count(), mounts);
	pod_close(&p);
}

TEST(sandbox_container_sees_its_own_world)
{
	struct sandbox_event e;
	const char *log;
	struct pod p;

	need_root();
	pod_open(&p, "uid-2");
	pod_start(&p);
	run_to_end(&p, "c1",
		   "echo host $(hostname); echo colour $COLOUR; echo pid $$; echo id $(id -u):$(id "
		   "-g); "
		   "echo fds $(ls /proc/self/fd | wc -l); "
		   "echo shm $(stat -f -c %T /dev/shm); "
		   "touch /proc/sys/x 2>/dev/null && echo bad; "
		   "echo 1 >/proc/sys/kernel/panic 2>/dev/null && echo bad; "
		   "touch /sys/fs/cgroup/x 2>/dev/null && echo bad; "
		   "cat /proc/kcore | wc -c; "
		   "mknod /dev/sda b 8 0 && dd if=/dev/sda of=/dev/null count=1 2>/dev/null && "
		   "echo bad; "
		   "ls -d /host 2>/dev/null; grep Cap /proc/self/status; grep Seccomp: "
		   "/proc/self/status; "
		   "echo x >/dev/null && echo null ok; ls /dev",
		   &e);
	log = log_text(&p);
	CHECK_INT(e.exit_code, 0);
	CHECK(strstr(log, "F host pod-host\n"));
	CHECK(strstr(log, "F colour blue\n"));
	CHECK(strstr(log, "F pid 1\n"));
	CHECK(strstr(log, "F id 0:0\n"));
	CHECK(strstr(log, "F fds 4\n")); /* 0, 1, 2 and the directory itself */
	CHECK(strstr(log, "F shm tmpfs\n"));
	CHECK(!strstr(log, "bad"));
	CHECK(strstr(log, "CapInh:\t0000000000000000\n"));
	CHECK(strstr(log, "CapEff:\t00000000a80425fb\n"));
	CHECK(strstr(log, "CapBnd:\t00000000a80425fb\n"));
	CHECK(strstr(log, "Seccomp:\t2\n"));
	CHECK(strstr(log, "F null ok\n"));
	CHECK(strstr(log, "F ptmx\n"));
	pod_close(&p);
}

TEST(sandbox_says_why_a_start_failed)
{
	auto_spec struct spec *spec = spec_new();
	struct sandbox_event e;
	struct pod p;
	int64_t request;

	need_root();
	pod_open(&p, "uid-3");
	pod_start(&p);
	spec_strings_add(spec, &spec->process.args, "no-such-program");
	spec_strings_add(spec, &spec->process.env, "PATH=/bin");
	spec_default(spec);
	request = start(&p, "c1", spec, (struct container_options){ .log_path = p.log });
	expect(&p, SANDBOX_FAILED, &e);
	CHECK_INT(e.request, request);
	CHECK_INT(e.errno_code, -ENOENT);
	CHECK_STR(e.error, "exec: \"no-such-program\": executable file not found in $PATH");
	/* and nothing of it is left: the id is free again */
	run_to_end(&p, "c1", "exit 3", &e);
	CHECK_INT(e.exit_code, 3);
	pod_close(&p);
}

TEST(sandbox_kills_and_signals)
{
	auto_spec struct spec *spec =
		shell_spec("trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done");
	struct sandbox_event e;
	struct pod p;

	need_root();
	pod_open(&p, "uid-4");
	pod_start(&p);
	(void)start(&p, "c1", spec, (struct container_options){ .log_path = p.log });
	(void)start(&p, "c2", spec, (struct container_options){ 0 });
	expect(&p, SANDBOX_STARTED, &e);
	expect(&p, SANDBOX_STARTED, &e);
	while (!strstr(log_text(&p), "up"))
		usleep(1000);
	CHECK(sandbox_signal(p.sandbox, "c1", SIGTERM, NULL) > 0);
	expect(&p, SANDBOX_DONE, &e);
	expect(&p, SANDBOX_EXITED, &e);
	CHECK_STR(e.id, "c1");
	CHECK_INT(e.exit_code, 5);
	CHECK(sandbox_kill(p.sandbox, "c2", NULL) > 0);
	expect(&p, SANDBOX_DONE, &e);
	expect(&p, SANDBOX_EXITED, &e);
	CHECK_INT(e.exit_code, 137);
	CHECK_INT(e.signal, SIGKILL);
	CHECK(sandbox_signal(p.sandbox, "c9", SIGTERM, NULL) > 0);
	expect(&p, SANDBOX_FAILED, &e);
	pod_close(&p);
}

static void read_until(int fd, char *text, size_t size, const char *wanted)
{
	size_t n = 0;

	text[0] = '\0';
	while (!strstr(text, wanted)) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t got;

		if (poll(&p, 1, 5000) <= 0)
			fail_msg("waited for \"%s\", have \"%s\"", wanted, text);
		got = read(fd, text + n, size - n - 1);
		if (got <= 0)
			fail_msg("end before \"%s\": \"%s\"", wanted, text);
		n += (size_t)got;
		text[n] = '\0';
	}
}

TEST(sandbox_execs_with_pipes)
{
	auto_spec struct spec *spec = shell_spec("sleep 100");
	const char *argv[] = { "sh", "-c",
			       "echo $COLOUR $SIZE; [ $$ -lt 50 ] && echo inside; cat; exit 9",
			       NULL };
	const char *env[] = { "SIZE=big", NULL };
	struct exec_options o = { .id = "c1", .exec_id = "e1", .argv = argv, .env = env };
	int in[2], out[2];
	struct sandbox_event e;
	char text[256];
	struct pod p;

	need_root();
	pod_open(&p, "uid-5");
	pod_start(&p);
	(void)start(&p, "c1", spec, (struct container_options){ 0 });
	expect(&p, SANDBOX_STARTED, &e);
	CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	o.fds[0] = in[0];
	o.fds[1] = out[1];
	o.fds[2] = -EBADF;
	CHECK(sandbox_exec(p.sandbox, &o, NULL, NULL) > 0);
	(void)close(in[0]);
	(void)close(out[1]);
	expect(&p, SANDBOX_STARTED, &e);
	CHECK_STR(e.id, "e1");
	CHECK(e.is_exec);
	CHECK(write(in[1], "typed\n", 6) == 6);
	(void)close(in[1]);
	read_until(out[0], text, sizeof(text), "typed");
	CHECK_STR(text, "blue big\ninside\ntyped\n");
	(void)close(out[0]);
	expect(&p, SANDBOX_EXITED, &e);
	CHECK_INT(e.exit_code, 9);
	argv[0] = "nothing";
	CHECK(sandbox_exec(p.sandbox, &o, NULL, NULL) < 0); /* closed fds */
	o.fds[0] = o.fds[1] = -EBADF;
	CHECK(sandbox_exec(p.sandbox, &o, NULL, NULL) > 0);
	expect(&p, SANDBOX_FAILED, &e);
	CHECK(strstr(e.error, "not found in $PATH"));
	pod_close(&p);
}

TEST(sandbox_execs_with_a_terminal)
{
	auto_spec struct spec *spec = shell_spec("sleep 100");
	const char *argv[] = { "sh", "-c", "tty; stty size; read x; echo got $x", NULL };
	struct exec_options o = { .id = "c1", .exec_id = "e1", .argv = argv, .tty = true };
	struct winsize size = { .ws_row = 33, .ws_col = 77 };
	struct sandbox_event e;
	int master = -EBADF;
	char text[256];
	struct pod p;

	need_root();
	pod_open(&p, "uid-6");
	pod_start(&p);
	(void)start(&p, "c1", spec, (struct container_options){ 0 });
	expect(&p, SANDBOX_STARTED, &e);
	CHECK(sandbox_exec(p.sandbox, &o, &master, NULL) > 0);
	CHECK(master >= 0 && ioctl(master, TIOCSWINSZ, &size) == 0);
	expect(&p, SANDBOX_STARTED, &e);
	read_until(master, text, sizeof(text), "33 77");
	CHECK(strstr(text, "/dev/pts/0"));
	CHECK(write(master, "word\n", 5) == 5);
	read_until(master, text, sizeof(text), "got word");
	expect(&p, SANDBOX_EXITED, &e);
	CHECK_INT(e.exit_code, 0);
	(void)close(master);
	pod_close(&p);
}

TEST(sandbox_attaches_and_logs_a_terminal)
{
	auto_spec struct spec *spec = shell_spec("read a; echo you said $a; tty; stty size");
	struct sandbox_event e;
	int in[2], out[2], fds[3];
	char text[256];
	struct pod p;

	need_root();
	pod_open(&p, "uid-7");
	pod_start(&p);
	(void)start(
		&p, "c1", spec,
		(struct container_options){ .log_path = p.log, .tty = true, .stdin_open = true });
	expect(&p, SANDBOX_STARTED, &e);
	CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	fds[0] = in[0];
	fds[1] = out[1];
	fds[2] = -EBADF;
	CHECK(sandbox_attach(p.sandbox, "c1", fds, NULL) > 0);
	expect(&p, SANDBOX_DONE, &e);
	CHECK(sandbox_resize(p.sandbox, "c1", 20, 60, NULL) > 0);
	expect(&p, SANDBOX_DONE, &e);
	(void)close(in[0]);
	(void)close(out[1]);
	CHECK(write(in[1], "hello\n", 6) == 6);
	read_until(out[0], text, sizeof(text), "20 60");
	CHECK(strstr(text, "you said hello\n"));
	CHECK(strstr(text, "/dev/pts/0"));
	expect(&p, SANDBOX_EXITED, &e);
	CHECK(strstr(log_text(&p), "stdout F you said hello"));
	(void)close(in[1]);
	(void)close(out[0]);
	pod_close(&p);
}

TEST(sandbox_passes_stdin_and_drops_readers_that_leave)
{
	auto_spec struct spec *spec = shell_spec("echo first; cat; echo end; exit 4");
	struct sandbox_event e;
	int in[2], out[2], fds[3];
	char text[256];
	struct pod p;

	need_root();
	pod_open(&p, "uid-8");
	pod_start(&p);
	(void)start(&p, "c1", spec,
		    (struct container_options){
			    .log_path = p.log, .stdin_open = true, .stdin_once = true });
	expect(&p, SANDBOX_STARTED, &e);
	for (int round = 0; round < 2; round++) {
		CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
		fds[0] = round ? in[0] : -EBADF;
		fds[1] = out[1];
		fds[2] = -EBADF;
		CHECK(sandbox_attach(p.sandbox, "c1", fds, NULL) > 0);
		expect(&p, SANDBOX_DONE, &e);
		(void)close(in[0]);
		(void)close(out[1]);
		if (round == 0) { /* goes away without a word */
			(void)close(in[1]);
			(void)close(out[0]);
		}
	}
	CHECK(write(in[1], "one\n", 4) == 4);
	read_until(out[0], text, sizeof(text), "one\n");
	(void)close(in[1]); /* stdinOnce: that was all */
	expect(&p, SANDBOX_EXITED, &e);
	CHECK_INT(e.exit_code, 4);
	CHECK(strstr(log_text(&p), "stdout F one\n"));
	CHECK(strstr(log_text(&p), "stdout F end\n"));
	(void)close(out[0]);
	pod_close(&p);
}

/* A reader that takes its time holds the container back, and gets every byte. */
TEST(sandbox_loses_nothing_to_a_slow_reader)
{
	auto_spec struct spec *spec =
		shell_spec("read go; dd if=/dev/zero bs=1000 count=400; exit 0");
	int in[2], out[2], fds[3];
	static char chunk[65536];
	struct sandbox_event e;
	size_t total = 0;
	ssize_t n;
	struct pod p;

	need_root();
	pod_open(&p, "uid-21");
	pod_start(&p);
	(void)start(&p, "c1", spec, (struct container_options){ .stdin_open = true });
	expect(&p, SANDBOX_STARTED, &e);
	CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	fds[0] = in[0];
	fds[1] = out[1];
	fds[2] = -EBADF;
	CHECK(sandbox_attach(p.sandbox, "c1", fds, NULL) > 0);
	expect(&p, SANDBOX_DONE, &e);
	(void)close(in[0]);
	(void)close(out[1]);
	CHECK(write(in[1], "\n", 1) == 1);
	usleep(200000);
	/* Still there: nobody has read what it wants to say. */
	CHECK(sandbox_next_event(p.sandbox, &e) == 0);
	while ((n = read(out[0], chunk, sizeof(chunk))) > 0)
		total += (size_t)n;
	CHECK_INT(total, 400000);
	expect(&p, SANDBOX_EXITED, &e);
	(void)close(in[1]);
	(void)close(out[0]);
	pod_close(&p);
}

static int fds_of(pid_t pid)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	return dir_entries(path);
}

TEST(sandbox_shim_keeps_nothing_of_what_has_gone)
{
	auto_spec struct spec *spec = shell_spec("sleep 100");
	const char *argv[] = { "sh", "-c", "exit 3", NULL };
	struct sandbox_event e;
	struct pod p;
	int before;

	need_root();
	pod_open(&p, "uid-22");
	pod_start(&p);
	(void)start(&p, "c1", spec, (struct container_options){ .log_path = p.log });
	expect(&p, SANDBOX_STARTED, &e);
	before = fds_of(sandbox_pid(p.sandbox));
	for (int i = 0; i < 50; i++) {
		struct exec_options o = {
			.id = "c1", .exec_id = "e1", .argv = argv, .fds = { -EBADF, -EBADF, -EBADF }
		};

		CHECK(sandbox_exec(p.sandbox, &o, NULL, NULL) > 0);
		expect(&p, SANDBOX_STARTED, &e);
		expect(&p, SANDBOX_EXITED, &e);
		CHECK_INT(e.exit_code, 3);
		run_to_end(&p, "c2", "exit 4", &e);
		CHECK(sandbox_remove(p.sandbox, "c2", NULL) > 0);
		expect(&p, SANDBOX_DONE, &e);
	}
	CHECK_INT(fds_of(sandbox_pid(p.sandbox)), before);
	/* What it refuses it does not keep either. */
	CHECK(sandbox_remove(p.sandbox, "c1", NULL) > 0);
	expect(&p, SANDBOX_FAILED, &e);
	CHECK_INT(e.errno_code, -EBUSY);
	CHECK(sandbox_resize(p.sandbox, "c1", 1, 1, NULL) > 0);
	expect(&p, SANDBOX_FAILED, &e);
	CHECK_INT(e.errno_code, -ENOTTY);
	pod_close(&p);
}

TEST(sandbox_log_follows_a_rotation)
{
	auto_spec struct spec *spec = shell_spec("read a; echo $a; read a; echo $a; sleep 100");
	char rotated[200];
	struct sandbox_event e;
	int in[2], fds[3];
	struct pod p;

	need_root();
	pod_open(&p, "uid-23");
	pod_start(&p);
	(void)start(&p, "c1", spec,
		    (struct container_options){ .log_path = p.log, .stdin_open = true });
	expect(&p, SANDBOX_STARTED, &e);
	CHECK(pipe2(in, O_CLOEXEC) == 0);
	fds[0] = in[0];
	fds[1] = fds[2] = -EBADF;
	CHECK(sandbox_attach(p.sandbox, "c1", fds, NULL) > 0);
	expect(&p, SANDBOX_DONE, &e);
	(void)close(in[0]);
	CHECK(write(in[1], "old\n", 4) == 4);
	while (!strstr(log_text(&p), "old"))
		usleep(1000);
	(void)snprintf(rotated, sizeof(rotated), "%s.1", p.log);
	CHECK(rename(p.log, rotated) == 0);
	CHECK(sandbox_reopen_log(p.sandbox, "c1", NULL) > 0);
	expect(&p, SANDBOX_DONE, &e);
	CHECK(write(in[1], "new\n", 4) == 4);
	while (!strstr(log_text(&p), "new"))
		usleep(1000);
	CHECK_STR(log_text(&p), "stdout F new\n");
	(void)close(in[1]);
	pod_close(&p);
}

TEST(sandbox_refuses_what_makes_no_sense)
{
	auto_spec struct spec *spec = shell_spec("sleep 100");
	struct container_options o = { .spec = spec, .cgroup_parent_fd = -EBADF };
	struct exec_options x = { .id = "c9", .exec_id = "e1" };
	const char *argv[] = { "true", NULL };
	struct sandbox_event e;
	struct err err = { 0 };
	struct pod p;

	need_root();
	pod_open(&p, "../uid");
	CHECK_INT(sandbox_create(&p.options, &p.sandbox, &err), -EINVAL);
	p.options.uid = "uid-24";
	p.options.shim_path = "/no/such/shim";
	CHECK_INT(sandbox_create(&p.options, &p.sandbox, &err), -ENOENT);
	p.options.shim_path = shim_path();
	pod_start(&p);
	o.rootfs_fd = p.root_fd;
	o.id = "a/b";
	CHECK_INT(sandbox_start(p.sandbox, &o, &err), -EINVAL);
	CHECK_INT(sandbox_exec(p.sandbox, &x, NULL, &err), -EINVAL); /* no command */
	x.argv = argv;
	x.tty = true;
	CHECK_INT(sandbox_exec(p.sandbox, &x, NULL, &err), -ESRCH);
	x.tty = false;
	x.fds[0] = x.fds[1] = x.fds[2] = -EBADF;
	CHECK(sandbox_exec(p.sandbox, &x, NULL, &err) > 0);
	expect(&p, SANDBOX_FAILED, &e);
	CHECK_STR(e.error, "container c9 is not running");
	(void)start(&p, "c1", spec, (struct container_options){ 0 });
	expect(&p, SANDBOX_STARTED, &e);
	o.id = "c1";
	CHECK(sandbox_start(p.sandbox, &o, &err) > 0); /* no cgroup: the shim has to know */
	expect(&p, SANDBOX_FAILED, &e);
	CHECK_INT(e.errno_code, -EEXIST);
	o.cgroup_parent_fd = p.cgroup_fd;
	if (p.cgroup_fd >= 0)
		CHECK_INT(sandbox_start(p.sandbox, &o, &err), -EEXIST);
	pod_close(&p);
}

TEST(sandbox_is_adopted_with_its_memory)
{
	auto_spec struct spec *spec = shell_spec("sleep 100");
	struct sandbox_event e;
	struct err err = { 0 };
	struct pod p;
	pid_t shim, first = 0;

	need_root();
	pod_open(&p, "uid-9");
	pod_start(&p);
	shim = sandbox_pid(p.sandbox);
	(void)start(&p, "c1", spec, (struct container_options){ 0 });
	expect(&p, SANDBOX_STARTED, &e);
	first = e.pid;
	run_to_end(&p, "c2", "exit 6", &e);
	p.sandbox = sandbox_close(p.sandbox); /* the agent dies here */
	if (sandbox_adopt(p.run, "uid-9", &p.sandbox, &err) < 0)
		fail_msg("adopt: %s", err.text);
	CHECK_INT(sandbox_pid(p.sandbox), shim);
	expect(&p, SANDBOX_KNOWN, &e);
	CHECK_STR(e.id, "c1");
	CHECK(e.running && e.pid == first);
	expect(&p, SANDBOX_KNOWN, &e);
	CHECK_STR(e.id, "c2");
	CHECK(!e.running && e.exit_code == 6);
	expect(&p, SANDBOX_SYNCED, &e);
	CHECK(sandbox_kill(p.sandbox, "c1", NULL) > 0);
	expect(&p, SANDBOX_DONE, &e);
	expect(&p, SANDBOX_EXITED, &e);
	CHECK_INT(e.exit_code, 137);
	/* The shim is still this process's child, from before. */
	CHECK(sandbox_destroy(p.sandbox, &err) == 0);
	p.sandbox = NULL;
	CHECK(waitpid(shim, NULL, __WALL) == shim);
	CHECK(sandbox_adopt(p.run, "uid-9", &p.sandbox, &err) == -ENOENT);
	pod_close(&p);
}

TEST(sandbox_containers_die_with_a_killed_shim)
{
	auto_spec struct spec *spec = shell_spec("sleep 100");
	struct sandbox_event e;
	struct pod p;
	pid_t pid;

	need_root();
	pod_open(&p, "uid-10");
	pod_start(&p);
	(void)start(&p, "c1", spec, (struct container_options){ 0 });
	expect(&p, SANDBOX_STARTED, &e);
	pid = e.pid;
	CHECK(kill(sandbox_pid(p.sandbox), SIGKILL) == 0);
	expect(&p, SANDBOX_GONE, &e);
	p.sandbox = sandbox_close(p.sandbox);
	CHECK(sandbox_forget(p.run, "uid-10", p.cgroup_fd, NULL) == 0);
	for (int i = 0; i < 2000 && kill(pid, 0) == 0; i++)
		usleep(1000);
	CHECK(kill(pid, 0) < 0 && errno == ESRCH);
	pod_close(&p);
}

TEST(sandbox_shares_a_pid_namespace)
{
	auto_spec struct spec *one = shell_spec("sleep 100");
	struct sandbox_event e;
	struct pod p;

	need_root();
	pod_open(&p, "uid-11");
	p.options.share_pid = true;
	pod_start(&p);
	(void)start(&p, "c1", one, (struct container_options){ 0 });
	expect(&p, SANDBOX_STARTED, &e);
	run_to_end(&p, "c2", "cat /proc/1/comm; ls /proc/1/root/ 2>/dev/null; ps", &e);
	CHECK_INT(e.exit_code, 0);
	CHECK(strstr(log_text(&p), "F pause\n"));
	CHECK(strstr(log_text(&p), "sleep 100"));
	CHECK(!strstr(log_text(&p), "home"));
	pod_close(&p);
}

TEST(sandbox_privileged_is_just_that)
{
	auto_spec struct spec *spec = spec_new();
	struct sandbox_event e;
	struct pod p;

	need_root();
	pod_open(&p, "uid-25");
	pod_start(&p);
	spec_strings_add(spec, &spec->process.args, "sh");
	spec_strings_add(spec, &spec->process.args, "-c");
	spec_strings_add(
		spec, &spec->process.args,
		"mount -t tmpfs t /tmp && echo mounted; grep Seccomp: /proc/self/status; "
		"ls -d /dev/fuse /dev/kmsg; mount | grep -c ' /sys .*ro,'; wc -c </proc/keys; "
		"echo 1 >/proc/sys/net/ipv4/ip_forward && echo written");
	spec_strings_add(spec, &spec->process.env, "PATH=/bin");
	spec_default_privileged(spec);
	(void)start(&p, "c1", spec, (struct container_options){ .log_path = p.log });
	expect(&p, SANDBOX_STARTED, &e);
	expect(&p, SANDBOX_EXITED, &e);
	CHECK(strstr(log_text(&p), "F mounted\n"));
	CHECK(strstr(log_text(&p), "Seccomp:\t0\n"));
	CHECK(strstr(log_text(&p), "F 0\n")); /* /sys is not read-only */
	CHECK(strstr(log_text(&p), "F written\n"));
	if (access("/dev/kmsg", F_OK) == 0)
		CHECK(strstr(log_text(&p), "F /dev/kmsg\n"));
	pod_close(&p);
}

TEST(sandbox_tells_an_oom_kill)
{
	auto_spec struct spec *spec = NULL;
	auto_spec struct spec *calm = NULL;
	struct sandbox_event e;
	struct pod p;

	need_root();
	pod_open(&p, "uid-14");
	if (!p.host.memory) {
		pod_close(&p);
		SKIP("needs the memory controller of cgroup2");
	}
	spec = shell_spec("");
	calm = shell_spec("kill -9 $$");
	pod_start(&p);
	/* dd is the container's first process, so that its end is the container's. */
	spec->process.args.n = 0;
	spec_strings_add(spec, &spec->process.args, "dd");
	spec_strings_add(spec, &spec->process.args, "if=/dev/zero");
	spec_strings_add(spec, &spec->process.args, "of=/dev/shm/x");
	spec_strings_add(spec, &spec->process.args, "bs=1048576");
	spec->resources.memory.limit = 20 << 20;
	spec->resources.memory.swap = 20 << 20;
	(void)start(&p, "c1", spec, (struct container_options){ 0 });
	expect(&p, SANDBOX_STARTED, &e);
	expect(&p, SANDBOX_EXITED, &e);
	CHECK(e.oom_killed && e.exit_code == 137);
	(void)start(&p, "c2", calm, (struct container_options){ 0 });
	expect(&p, SANDBOX_STARTED, &e);
	expect(&p, SANDBOX_EXITED, &e);
	CHECK(!e.oom_killed);
	pod_close(&p);
}

TEST(sandbox_binds_volumes)
{
	auto_spec struct spec *spec = shell_spec(
		"cat /data/sub/file; touch /data/x 2>&1; cat /etc/hosts; touch /rw/made; touch /x");
	struct sandbox_event e;
	char path[512], command[1024];
	struct pod p;

	need_root();
	pod_open(&p, "uid-12");
	(void)snprintf(
		command, sizeof(command),
		"mkdir -p %s/vol/sub %s/rw && echo content >%s/vol/sub/file && echo 10.0.0.1 me "
		">%s/hosts",
		p.dir, p.dir, p.dir, p.dir);
	run_command(command);
	pod_start(&p);
	(void)snprintf(path, sizeof(path), "%s/vol", p.dir);
	(void)spec_add_mount(spec, "/data", NULL, path, "rbind,ro");
	(void)snprintf(path, sizeof(path), "%s/rw", p.dir);
	(void)spec_add_mount(spec, "/rw", "bind", path, "rbind,rw,rslave");
	(void)snprintf(path, sizeof(path), "%s/hosts", p.dir);
	(void)spec_add_mount(spec, "/etc/hosts", NULL, path, "bind");
	spec->root_readonly = true;
	(void)start(&p, "c1", spec, (struct container_options){ .log_path = p.log });
	expect(&p, SANDBOX_STARTED, &e);
	expect(&p, SANDBOX_EXITED, &e);
	CHECK(strstr(log_text(&p), "F content\n"));
	CHECK(strstr(log_text(&p), "/data/x: Read-only file system"));
	CHECK(strstr(log_text(&p), "F 10.0.0.1 me\n"));
	CHECK(strstr(log_text(&p), "/x: Read-only file system"));
	(void)snprintf(path, sizeof(path), "%s/rw/made", p.dir);
	CHECK(access(path, F_OK) == 0);
	pod_close(&p);
}

#ifdef __x86_64__
/* From here on these calls answer ENOSYS, as on a kernel that is too old for them. */
static void age_kernel(void)
{
	static const uint32_t numbers[] = { 424, 428, 429, 430, 431, 432, 434, 435, 436, 437, 442 };
	struct sock_filter code[2 + 2 * ARRAY_LEN(numbers)];
	struct sock_fprog program = { .filter = code };

	code[program.len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		code[program.len++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, numbers[i], 0, 1);
		code[program.len++] =
			(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	}
	code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
		_exit(77);
}

/* In a process of its own, since a kernel can't be made young again. */
static int on_an_old_kernel(struct pod *p)
{
	auto_spec struct spec *spec = shell_spec("cat /data/file; ls /dev/shm; exit 6");
	struct sandbox_event e = { 0 };
	struct err err = { 0 };
	char path[256];
	int64_t r;

	age_kernel();
	(void)snprintf(path, sizeof(path), "%s/vol", p->dir);
	(void)spec_add_mount(spec, "/data", NULL, path, "rbind,ro");
	r = sandbox_create(&p->options, &p->sandbox, &err);
	if (r == 0)
		r = sandbox_start(p->sandbox,
				  &(struct container_options){ .id = "c1",
							       .spec = spec,
							       .rootfs_fd = p->root_fd,
							       .cgroup_parent_fd = p->cgroup_fd,
							       .log_path = p->log },
				  &err);
	for (int i = 0; r > 0 && i < 2000 && e.type != SANDBOX_EXITED; i++) {
		if (sandbox_next_event(p->sandbox, &e) == 0)
			usleep(1000);
		else if (e.type == SANDBOX_FAILED)
			r = err_say(&err, -1, "%s", e.error);
	}
	if (r > 0 && sandbox_destroy(p->sandbox, &err) < 0)
		r = -1;
	if (r <= 0)
		print_message("%s\n", err.text);
	return r > 0 ? e.exit_code : 99;
}

TEST(sandbox_runs_on_old_kernels)
{
	char other_path[512], command[1024];
	struct pod p;
	int status;
	pid_t pid;

	need_root();
	pod_open(&p, "uid-20");
	/* Under another name, so that the program is opened anew and not as it was before. */
	(void)snprintf(other_path, sizeof(other_path), "%s/shim", p.dir);
	(void)snprintf(command, sizeof(command),
		       "cp %s %s && mkdir %s/vol && echo volume >%s/vol/file", shim_path(),
		       other_path, p.dir, p.dir);
	run_command(command);
	p.options.shim_path = other_path;
	pid = fork();
	if (pid == 0)
		_exit(on_an_old_kernel(&p));
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 6);
	CHECK_STR(log_text(&p), "stdout F volume\n");
	pod_close(&p);
}
#endif

TEST(sandbox_create_leaves_no_residue)
{
	struct pod p;

	need_root();
	pod_open(&p, "uid-13");
	pod_start(&p); /* R and the program are prepared */
	CHECK(sandbox_destroy(p.sandbox, NULL) == 0);
	p.sandbox = NULL;
	int fds = open_fds(), mounts = mount_count();

	for (unsigned nth = 1; nth < 200; nth++) {
		struct err err = { 0 };
		int r;

		fault_arm(nth);
		r = sandbox_create(&p.options, &p.sandbox, &err);
		/* The clone counts on as well: it may have been the one that failed. */
		if (!fault_disarm() && r == 0) {
			pod_close(&p);
			return;
		}
		if (r == 0) { /* a call whose failure does not matter */
			CHECK(sandbox_destroy(p.sandbox, NULL) == 0);
			p.sandbox = NULL;
		} else if (r != err.code) {
			fail_msg("call %u (%s): %d but %d: %s", nth, fault_name(), r, err.code,
				 err.text);
		}
		if (open_fds() != fds || mount_count() != mounts)
			fail_msg("call %u (%s): fds %d of %d, mounts %d of %d", nth, fault_name(),
				 open_fds(), fds, mount_count(), mounts);
	}
	fail_msg("never a clean run");
}

/* The requests, too: what fails here leaves no file, no cgroup, and the shim none the wiser. */
TEST(sandbox_start_and_exec_leave_no_residue)
{
	auto_spec struct spec *spec = NULL;
	const char *argv[] = { "true", NULL };
	bool started = false;
	struct sandbox_event e;
	struct pod p;
	int fds;

	need_root();
	pod_open(&p, "uid-26");
	pod_start(&p);
	run_to_end(&p, "warm", "exit 0", &e); /* the device program is kept */
	spec = shell_spec("sleep 100");
	fds = open_fds();
	for (unsigned nth = 1; nth < 2000; nth++) {
		struct container_options o = { .id = "c1",
					       .spec = spec,
					       .rootfs_fd = p.root_fd,
					       .cgroup_parent_fd = p.cgroup_fd };
		struct exec_options x = { .id = "c1", .exec_id = "e1", .argv = argv, .tty = true };
		struct err err = { 0 };
		int master = -EBADF;
		int64_t r;
		bool hit;

		fault_arm(nth);
		r = started ? sandbox_exec(p.sandbox, &x, &master, &err)
			    : sandbox_start(p.sandbox, &o, &err);
		hit = fault_disarm();
		if (r < 0 && (!err.text[0] || err.code != r))
			fail_msg("call %u (%s): %d without a sentence", nth, fault_name(), (int)r);
		if (open_fds() != fds + (master >= 0))
			fail_msg("call %u (%s): fds %d of %d", nth, fault_name(), open_fds(), fds);
		if (r < 0 && !started && p.cgroup_fd >= 0)
			CHECK(faccessat(p.cgroup_fd, "c1", F_OK, 0) < 0);
		if (r < 0)
			continue;
		expect(&p, SANDBOX_STARTED, &e);
		if (started) {
			expect(&p, SANDBOX_EXITED, &e);
			(void)fd_close(master);
		} else if (hit) { /* a call whose failure does not matter: again */
			CHECK(sandbox_kill(p.sandbox, "c1", NULL) > 0);
			expect(&p, SANDBOX_DONE, &e);
			expect(&p, SANDBOX_EXITED, &e);
			CHECK(sandbox_remove(p.sandbox, "c1", NULL) > 0);
			expect(&p, SANDBOX_DONE, &e);
		}
		if (hit)
			continue;
		if (started)
			break;
		started = true;
		nth = 0;
	}
	CHECK(started);
	pod_close(&p);
}
