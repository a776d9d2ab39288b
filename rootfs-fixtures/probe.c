/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe: what a test puts into a container to learn what it looks like from inside. Static, no
 * library but libc, so that it runs in an empty root. Without arguments it prints one JSON object;
 * the other modes are what tests need a container to do.
 *
 *	probe				the report
 *	probe sleep SECONDS		sleep, then exit 0 ("inf": until killed)
 *	probe exit CODE			exit at once
 *	probe out TEXT… | err TEXT…	one line on stdout | stderr
 *	probe lines N [BYTES]		N numbered lines on stdout
 *	probe cat [FILE]		copy FILE or stdin to stdout
 *	probe write FILE TEXT		make FILE
 *	probe alloc MIB [SECONDS]	touch so much memory, say "ok", hold it
 *	probe fork N			start N children that sleep; say how many there are
 *	probe spin SECONDS		use one CPU
 *	probe trap CODE [SECONDS]	on SIGTERM say "term" and exit with CODE (after SECONDS)
 *	probe ignore			ignore SIGTERM
 *	probe http PORT			see serve()
 *	probe get HOST PORT PATH	an HTTP client: the body on stdout; exit 22 on a status >= 400
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* ---- JSON, written as it comes ---- */

static void text(FILE *f, const char *s)
{
	putc('"', f);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			fprintf(f, "\\u%04x", (unsigned)*s);
		else
			putc(*s, f);
	}
	putc('"', f);
}

static void key(FILE *f, const char *name)
{
	text(f, name);
	fputs(": ", f);
}

static void member(FILE *f, const char *name, const char *value)
{
	key(f, name);
	text(f, value);
	fputs(",\n", f);
}

static void number(FILE *f, const char *name, long long value)
{
	key(f, name);
	fprintf(f, "%lld,\n", value);
}

/* ---- the report ---- */

static const char *const status_fields[] = {
	"CapInh",  "CapPrm",  "CapEff",
	"CapBnd",  "CapAmb",  "NoNewPrivs",
	"Seccomp", "Threads", "Cpus_allowed_list",
	"PPid",	   "NSpid",
};

static void report_status(FILE *f)
{
	FILE *in = fopen("/proc/self/status", "re");
	char line[4096];

	key(f, "status");
	fputs("{", f);
	for (bool first = true; in && fgets(line, sizeof(line), in);) {
		char *value = strchr(line, ':');

		if (!value)
			continue;
		*value++ = '\0';
		value += strspn(value, " \t");
		value[strcspn(value, "\n")] = '\0';
		for (size_t i = 0; i < LEN(status_fields); i++) {
			if (strcmp(line, status_fields[i]) != 0)
				continue;
			fputs(first ? "\n  " : ",\n  ", f);
			key(f, line);
			text(f, value);
			first = false;
		}
	}
	fputs("\n},\n", f);
	if (in)
		fclose(in);
}

/* Each line of a file is an element; a file that isn't there is an empty list. */
static void report_lines(FILE *f, const char *name, const char *path)
{
	FILE *in = fopen(path, "re");
	static char line[65536];

	key(f, name);
	putc('[', f);
	for (bool first = true; in && fgets(line, sizeof(line), in); first = false) {
		line[strcspn(line, "\n")] = '\0';
		fputs(first ? "\n  " : ",\n  ", f);
		text(f, line);
	}
	fputs("\n],\n", f);
	if (in)
		fclose(in);
}

static void report_links(FILE *f, const char *name, const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool first = true;

	key(f, name);
	putc('{', f);
	while (d && (e = readdir(d))) {
		char target[PATH_MAX];
		ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);

		if (n < 0 || atoi(e->d_name) == dirfd(d)) /* not the one that looks */
			continue;
		target[n] = '\0';
		fputs(first ? "\n  " : ",\n  ", f);
		key(f, e->d_name);
		text(f, target);
		first = false;
	}
	fputs("\n},\n", f);
	if (d)
		closedir(d);
}

static void report_ids(FILE *f)
{
	gid_t groups[256];
	int n = getgroups((int)LEN(groups), groups);

	number(f, "pid", getpid());
	number(f, "ppid", getppid());
	number(f, "pgid", getpgrp());
	number(f, "sid", getsid(0));
	number(f, "uid", getuid());
	number(f, "gid", getgid());
	number(f, "euid", geteuid());
	number(f, "egid", getegid());
	key(f, "groups");
	putc('[', f);
	for (int i = 0; i < n; i++)
		fprintf(f, "%s%u", i ? ", " : "", groups[i]);
	fputs("],\n", f);
	mode_t mask = umask(0);

	number(f, "umask", mask);
	umask(mask);
	number(f, "no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	number(f, "dumpable", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
}

static void report_limits(FILE *f)
{
	static const struct {
		const char *name;
		int what;
	} limits[] = {
		{ "RLIMIT_AS", RLIMIT_AS },	    { "RLIMIT_CORE", RLIMIT_CORE },
		{ "RLIMIT_CPU", RLIMIT_CPU },	    { "RLIMIT_DATA", RLIMIT_DATA },
		{ "RLIMIT_FSIZE", RLIMIT_FSIZE },   { "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
		{ "RLIMIT_NOFILE", RLIMIT_NOFILE }, { "RLIMIT_NPROC", RLIMIT_NPROC },
		{ "RLIMIT_STACK", RLIMIT_STACK },
	};

	key(f, "rlimits");
	putc('{', f);
	for (size_t i = 0; i < LEN(limits); i++) {
		struct rlimit r = { 0 };

		getrlimit((unsigned)limits[i].what, &r);
		/* Unlimited is -1: JSON has no larger number that all readers keep. */
		fprintf(f, "%s\n  \"%s\": [%lld, %lld]", i ? "," : "", limits[i].name,
			r.rlim_cur == RLIM_INFINITY ? -1 : (long long)r.rlim_cur,
			r.rlim_max == RLIM_INFINITY ? -1 : (long long)r.rlim_max);
	}
	fputs("\n},\n", f);
}

static void report_net(FILE *f)
{
	struct ifaddrs *list = NULL;
	bool first = true;

	key(f, "addresses");
	putc('[', f);
	if (getifaddrs(&list) < 0)
		list = NULL;
	for (struct ifaddrs *a = list; a; a = a->ifa_next) {
		char address[INET6_ADDRSTRLEN];
		const void *raw;

		if (!a->ifa_addr ||
		    (a->ifa_addr->sa_family != AF_INET && a->ifa_addr->sa_family != AF_INET6))
			continue;
		raw = a->ifa_addr->sa_family == AF_INET
			      ? (const void *)&((struct sockaddr_in *)a->ifa_addr)->sin_addr
			      : (const void *)&((struct sockaddr_in6 *)a->ifa_addr)->sin6_addr;
		inet_ntop(a->ifa_addr->sa_family, raw, address, sizeof(address));
		fprintf(f, "%s\n  {\"link\": \"%s\", \"address\": \"%s\", \"up\": %s}",
			first ? "" : ",", a->ifa_name, address,
			a->ifa_flags & IFF_UP ? "true" : "false");
		first = false;
	}
	fputs("\n],\n", f);
	freeifaddrs(list);
}

static void report(FILE *f, int argc, char **argv)
{
	char cwd[PATH_MAX] = "", host[256] = "", domain[256] = "";
	struct utsname uts;

	fputs("{\n", f);
	report_ids(f);
	report_status(f);
	report_links(f, "namespaces", "/proc/self/ns");
	report_links(f, "fds", "/proc/self/fd");
	report_limits(f);
	report_net(f);
	report_lines(f, "mounts", "/proc/self/mountinfo");
	report_lines(f, "cgroup", "/proc/self/cgroup");
	report_lines(f, "uid_map", "/proc/self/uid_map");
	report_lines(f, "gid_map", "/proc/self/gid_map");
	report_lines(f, "resolv_conf", "/etc/resolv.conf");
	report_lines(f, "hosts", "/etc/hosts");
	report_lines(f, "oom_score_adj", "/proc/self/oom_score_adj");
	report_lines(f, "apparmor", "/proc/self/attr/current");
	if (getcwd(cwd, sizeof(cwd)))
		member(f, "cwd", cwd);
	gethostname(host, sizeof(host) - 1);
	if (getdomainname(domain, sizeof(domain) - 1) == 0)
		member(f, "domainname", domain);
	member(f, "hostname", host);
	if (uname(&uts) == 0)
		member(f, "release", uts.release);
	number(f, "tty", isatty(0));
	key(f, "env");
	putc('[', f);
	for (char **e = environ; *e; e++) {
		fputs(e == environ ? "\n  " : ",\n  ", f);
		text(f, *e);
	}
	fputs("\n],\n", f);
	key(f, "argv");
	putc('[', f);
	for (int i = 0; i < argc; i++) {
		fputs(i ? ", " : "", f);
		text(f, argv[i]);
	}
	fputs("]\n}\n", f);
}

/* ---- modes ---- */

static volatile sig_atomic_t terminated;

static void on_term(int sig)
{
	(void)sig;
	terminated = 1;
}

static long wanted(int argc, char **argv, int i, long otherwise)
{
	return i < argc ? strtol(argv[i], NULL, 10) : otherwise;
}

static int do_report(int argc, char **argv)
{
	report(stdout, argc, argv);
	return 0;
}

static int do_sleep(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[2], "inf") != 0)
		return sleep((unsigned)wanted(argc, argv, 2, 0)) != 0;
	for (;;)
		pause();
}

static int do_exit(int argc, char **argv)
{
	return (int)wanted(argc, argv, 2, 0);
}

static int say(FILE *f, int argc, char **argv)
{
	for (int i = 2; i < argc; i++)
		fprintf(f, "%s%s", argv[i], i + 1 < argc ? " " : "");
	putc('\n', f);
	return 0;
}

static int do_out(int argc, char **argv)
{
	return say(stdout, argc, argv);
}

static int do_err(int argc, char **argv)
{
	return say(stderr, argc, argv);
}

static int do_lines(int argc, char **argv)
{
	long n = wanted(argc, argv, 2, 1), bytes = wanted(argc, argv, 3, 0);

	for (long i = 0; i < n; i++) {
		int used = printf("%ld", i);

		for (; used < bytes; used++)
			putchar('.');
		putchar('\n');
	}
	return 0;
}

static int do_cat(int argc, char **argv)
{
	int fd = argc > 2 ? open(argv[2], O_RDONLY | O_CLOEXEC) : 0;
	char block[65536];
	ssize_t n;

	if (fd < 0) {
		fprintf(stderr, "probe: %s: %s\n", argv[2], strerror(errno));
		return 1;
	}
	while ((n = read(fd, block, sizeof(block))) > 0)
		if (write(1, block, (size_t)n) != n)
			return 1;
	return n < 0;
}

static int do_write(int argc, char **argv)
{
	FILE *f = argc > 3 ? fopen(argv[2], "we") : NULL;

	if (!f || fputs(argv[3], f) < 0 || fclose(f) != 0) {
		fprintf(stderr, "probe: write: %s\n", strerror(errno));
		return 1;
	}
	return 0;
}

static int do_alloc(int argc, char **argv)
{
	size_t bytes = (size_t)wanted(argc, argv, 2, 1) << 20;
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		fprintf(stderr, "probe: alloc: %s\n", strerror(errno));
		return 1;
	}
	for (size_t i = 0; i < bytes; i += 4096)
		((volatile char *)p)[i] = 1;
	puts("ok");
	fflush(stdout);
	sleep((unsigned)wanted(argc, argv, 3, 0));
	return 0;
}

static int do_fork(int argc, char **argv)
{
	long n = wanted(argc, argv, 2, 1), made = 0;

	for (; made < n && made < 10000; made++) {
		pid_t pid = fork();

		if (pid < 0)
			break;
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
	}
	printf("%ld %s\n", made, made < n ? strerror(errno) : "ok");
	return 0; /* the children end with us */
}

static int do_spin(int argc, char **argv)
{
	struct timespec now, start;
	long seconds = wanted(argc, argv, 2, 1);

	clock_gettime(CLOCK_MONOTONIC, &start);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while (now.tv_sec - start.tv_sec < seconds);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	printf("%lld.%03ld\n", (long long)now.tv_sec, now.tv_nsec / 1000000);
	return 0;
}

static int do_trap(int argc, char **argv)
{
	puts("ready");
	fflush(stdout);
	while (!terminated)
		pause();
	sleep((unsigned)wanted(argc, argv, 3, 0));
	puts("term");
	return (int)wanted(argc, argv, 2, 0);
}

static int do_ignore(int argc, char **argv)
{
	signal(SIGTERM, SIG_IGN);
	puts("ready");
	fflush(stdout);
	return do_sleep(argc > 2 ? 2 : argc, argv);
}

/* ---- HTTP ---- */

static int health = 200;

static void answer(FILE *f, int code, const char *body)
{
	fprintf(f,
		"HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
		"Connection: close\r\n\r\n%s",
		code, code < 400 ? "OK" : "Error", strlen(body), body);
}

/*
 * GET /		"HOSTNAME\n"
 * GET /report		the report, as JSON
 * GET /healthz		200, or what /health/CODE set last
 * GET /status/CODE	that status
 * GET /sleep/SECONDS	an answer that takes so long
 * GET /echo/TEXT	TEXT
 * GET /exit/CODE	ends the program
 */
static void serve(FILE *f, const char *path, int argc, char **argv)
{
	char host[256] = "";
	char *body = NULL;
	size_t size = 0;
	FILE *memory;

	gethostname(host, sizeof(host) - 2);
	if (strcmp(path, "/report") == 0 && (memory = open_memstream(&body, &size))) {
		report(memory, argc, argv);
		fclose(memory);
		answer(f, 200, body);
		free(body);
	} else if (strncmp(path, "/health/", 8) == 0) {
		health = atoi(path + 8);
		answer(f, 200, "set\n");
	} else if (strcmp(path, "/healthz") == 0) {
		answer(f, health, health < 400 ? "ok\n" : "broken\n");
	} else if (strncmp(path, "/status/", 8) == 0) {
		answer(f, atoi(path + 8), path + 8);
	} else if (strncmp(path, "/sleep/", 7) == 0) {
		sleep((unsigned)atoi(path + 7));
		answer(f, 200, "awake\n");
	} else if (strncmp(path, "/echo/", 6) == 0) {
		answer(f, 200, path + 6);
	} else if (strncmp(path, "/exit/", 6) == 0) {
		answer(f, 200, "bye\n");
		fclose(f);
		exit(atoi(path + 6));
	} else if (strcmp(path, "/") == 0) {
		strcat(host, "\n");
		answer(f, 200, host);
	} else {
		answer(f, 404, "not found\n");
	}
}

static void handle(int fd, int argc, char **argv)
{
	char request[8192];
	size_t len = 0;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	FILE *f;

	while (len < sizeof(request) - 1 && poll(&p, 1, 5000) > 0) {
		ssize_t n = read(fd, request + len, sizeof(request) - 1 - len);

		if (n <= 0)
			break;
		len += (size_t)n;
		request[len] = '\0';
		if (strstr(request, "\r\n\r\n"))
			break;
	}
	request[len] = '\0';
	f = fdopen(fd, "w");
	if (!f) {
		close(fd);
		return;
	}
	char *path = strchr(request, ' ');

	if (strncmp(request, "GET ", 4) == 0 && path) {
		path++;
		path[strcspn(path, " ?\r\n")] = '\0';
		serve(f, path, argc, argv);
	} else if (len) {
		answer(f, 400, "bad request\n");
	}
	fclose(f);
}

static int do_http(int argc, char **argv)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)wanted(argc, argv, 2, 80)) };
	struct sockaddr_in any4 = { .sin_family = AF_INET, .sin_port = any.sin6_port };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	const void *address = fd < 0 ? (const void *)&any4 : (const void *)&any;

	if (fd < 0)
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, address, address == &any4 ? sizeof(any4) : sizeof(any)) < 0 ||
	    listen(fd, 64) < 0) {
		fprintf(stderr, "probe: http: %s\n", strerror(errno));
		return 1;
	}
	printf("listening\n");
	fflush(stdout);
	while (!terminated) {
		int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (c >= 0)
			handle(c, argc, argv);
	}
	return 0;
}

static int do_get(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)wanted(argc, argv, 3, 80)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), code = 0;
	char *body;
	static char answer_text[1 << 20];
	size_t len = 0;
	ssize_t n;

	if (argc < 5 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: probe get ADDRESS PORT PATH\n");
		return 2;
	}
	alarm(10);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		fprintf(stderr, "probe: connect: %s\n", strerror(errno));
		return 7;
	}
	dprintf(fd, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", argv[4], argv[2]);
	while (len < sizeof(answer_text) - 1 &&
	       (n = read(fd, answer_text + len, sizeof(answer_text) - 1 - len)) > 0)
		len += (size_t)n;
	body = strstr(answer_text, "\r\n\r\n");
	if (!body || sscanf(answer_text, "HTTP/1.%*d %d", &code) != 1)
		return 52;
	fputs(body + 4, stdout);
	return code >= 400 ? 22 : 0;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} modes[] = {
	{ "report", do_report }, { "sleep", do_sleep }, { "exit", do_exit }, { "out", do_out },
	{ "err", do_err },	 { "lines", do_lines }, { "cat", do_cat },   { "write", do_write },
	{ "alloc", do_alloc },	 { "fork", do_fork },	{ "spin", do_spin }, { "trap", do_trap },
	{ "ignore", do_ignore }, { "http", do_http },	{ "get", do_get },
};

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_term };

	/* As pid 1 a signal without a handler is ignored: without SA_RESTART pause() ends. */
	for (size_t i = 0; i < LEN(modes); i++) {
		if (strcmp(argc > 1 ? argv[1] : "report", modes[i].name) != 0)
			continue;
		if (modes[i].run == do_trap || modes[i].run == do_http)
			sigaction(SIGTERM, &action, NULL);
		int r = modes[i].run(argc, argv);

		return fflush(stdout) != 0 ? 1 : r;
	}
	fprintf(stderr, "probe: no mode \"%s\"\n", argv[1]);
	return 2;
}
