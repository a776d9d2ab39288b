/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/pki.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crypt.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/time.h"
#include "orchestrator/server/kubeconfig.h"

#define DAY_NS	  (24 * 3600 * NS_PER_S)
#define CA_DAYS	  (20 * 365 + 5)
#define LEAF_DAYS 365
#define NAMES_MAX 64
#define SLACK_NS  (3600 * NS_PER_S) /* certificates are valid from an hour ago: clocks differ */

/* ---- files ---- */

/* The directory, made if it is missing; an O_PATH-free fd for *at calls. */
static int open_dir(const char *data_dir, const char *below, struct err *err)
{
	char path[PATH_MAX];
	int fd, r;

	if (snprintf(path, sizeof(path), "%s/%s", data_dir, below) >= (int)sizeof(path))
		return err_set(err, -ENAMETOOLONG, "%s/%s", data_dir, below);
	r = path_mkdirs(path, 0700, err);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_set(err, -errno, "open %s", path) : fd;
}

static bool has_file(int dir_fd, const char *name)
{
	return faccessat(dir_fd, name, F_OK, 0) == 0;
}

static int read_pem(int dir_fd, const char *name, struct buf *ret, struct err *err)
{
	*ret = BUF_INIT(PKI_PEM_MAX);
	return fd_read_file_at(dir_fd, name, ret, err);
}

static int write_pem(int dir_fd, const char *name, const struct buf *pem, mode_t mode,
		     struct err *err)
{
	return fd_write_file_at(dir_fd, name, pem->data, pem->len, mode, err);
}

/* The same, where a file with this very content is left alone. */
static int write_changed(int dir_fd, const char *name, const struct buf *text, mode_t mode,
			 struct err *err)
{
	auto_buf struct buf old = BUF_INIT(PKI_PEM_MAX);

	if (has_file(dir_fd, name) && fd_read_file_at(dir_fd, name, &old, NULL) == 0 &&
	    old.len == text->len && memcmp(old.data, text->data, text->len) == 0)
		return 0;
	return write_pem(dir_fd, name, text, mode, err);
}

/* NAME.key, made by @make the first time and then kept. */
static int ensure_key(int dir_fd, const char *file, int (*make)(struct buf *, struct err *),
		      struct buf *ret, struct err *err)
{
	int r;

	if (has_file(dir_fd, file))
		return read_pem(dir_fd, file, ret, err);
	*ret = BUF_INIT(PKI_PEM_MAX);
	r = make(ret, err);
	return r < 0 ? r : write_pem(dir_fd, file, ret, 0600, err);
}

/* ---- the names that the server answers to ---- */

struct names {
	char *texts[NAMES_MAX + 1];
	size_t n;
};

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->texts[i]);
	names->n = 0;
}

static int names_add(struct names *names, const char *text)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->texts[i], text) == 0)
			return 0;
	if (names->n == NAMES_MAX) /* a host with more addresses is reached by the first ones */
		return 0;
	names->texts[names->n] = strdup(text);
	return names->texts[names->n] ? (names->n++, 0) : -ENOMEM;
}

int pki_cidr_address(const char *cidr, unsigned n, char *text, size_t size)
{
	unsigned char address[16];
	const char *slash = strchr(cidr, '/');
	char base[INET6_ADDRSTRLEN];
	int family = strchr(cidr, ':') ? AF_INET6 : AF_INET, last = family == AF_INET6 ? 15 : 3;

	if (!slash || (size_t)(slash - cidr) >= sizeof(base))
		return -EINVAL;
	memcpy(base, cidr, (size_t)(slash - cidr));
	base[slash - cidr] = '\0';
	if (inet_pton(family, base, address) != 1)
		return -EINVAL;
	for (int i = last; i >= 0 && n; i--) {
		n += address[i];
		address[i] = (unsigned char)n;
		n >>= 8;
	}
	return inet_ntop(family, address, text, (socklen_t)size) ? 0 : -EINVAL;
}

static int add_interfaces(struct names *ips, struct err *err)
{
	struct ifaddrs *all = NULL;
	char text[INET6_ADDRSTRLEN];
	int r = 0;

	if (getifaddrs(&all) < 0)
		return err_set(err, -errno, "list this host's addresses");
	for (struct ifaddrs *i = all; i && r == 0; i = i->ifa_next) {
		int family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC;
		const void *address;

		/* A point-to-point veth of a pod carries nobody's address. */
		if ((family != AF_INET && family != AF_INET6) || (i->ifa_flags & IFF_POINTOPOINT))
			continue;
		address = family == AF_INET
				  ? (void *)&((struct sockaddr_in *)i->ifa_addr)->sin_addr
				  : (void *)&((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr;
		if (family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)address))
			continue;
		if (family == AF_INET && (ntohl(*(const uint32_t *)address) >> 16) == 0xa9fe)
			continue; /* 169.254/16: link-local */
		if (inet_ntop(family, address, text, sizeof(text)))
			r = names_add(ips, text);
	}
	freeifaddrs(all);
	return r < 0 ? err_set(err, r, "list this host's addresses") : 0;
}

static int gather_names(const struct server_options *options, struct names *dns, struct names *ips,
			struct err *err)
{
	char text[300], ip[INET6_ADDRSTRLEN];
	int r = pki_cidr_address(options->service_cidr, 1, ip, sizeof(ip));

	if (r < 0)
		return err_say(err, r, "service CIDR %s: not an address range",
			       options->service_cidr);
	(void)snprintf(text, sizeof(text), "kubernetes.default.svc.%s", options->cluster_domain);
	const char *const fixed[] = { "kubernetes", "kubernetes.default", "kubernetes.default.svc",
				      text, "localhost" };
	for (size_t i = 0; i < ARRAY_LEN(fixed) && r == 0; i++)
		r = names_add(dns, fixed[i]);
	if (r == 0 && gethostname(text, sizeof(text)) == 0 && text[0] &&
	    !strchr(text, '_')) /* not valid in a DNS name */
		r = names_add(dns, text);
	const char *const addresses[] = { options->address, ip, "127.0.0.1", "::1" };
	for (size_t i = 0; i < ARRAY_LEN(addresses) && r == 0; i++)
		r = names_add(ips, addresses[i]);
	if (r < 0)
		return err_set(err, r, "list the server's names");
	return add_interfaces(ips, err);
}

/* The names as one text, kept beside the certificate: when it changes, a new one is issued. */
static int names_text(const struct names *dns, const struct names *ips, struct buf *ret)
{
	for (size_t i = 0; i < dns->n; i++)
		(void)buf_printf(ret, "%s\n", dns->texts[i]);
	for (size_t i = 0; i < ips->n; i++)
		(void)buf_printf(ret, "%s\n", ips->texts[i]);
	return buf_error(ret);
}

/* ---- certificates ---- */

/* Certificate time is never before the CA was made, whatever the clock says. */
static int64_t certificate_now(const char *ca_pem)
{
	struct cert_info ca;
	int64_t now = time_now_ns();

	if (ca_pem && cert_read(ca_pem, &ca, NULL) == 0 && now < ca.not_before_ns + SLACK_NS)
		now = ca.not_before_ns + SLACK_NS;
	return now;
}

/* Is the certificate in @file good for at least a third of its life? */
static bool is_fresh(int dir_fd, const char *file, int64_t now_ns)
{
	auto_buf struct buf pem = { 0 };
	struct cert_info info;

	if (!has_file(dir_fd, file) || read_pem(dir_fd, file, &pem, NULL) < 0 ||
	    cert_read(buf_str(&pem), &info, NULL) < 0)
		return false;
	return info.not_after_ns - now_ns > (info.not_after_ns - info.not_before_ns) / 3;
}

static int ensure_ca(int dir_fd, struct buf *key, struct buf *crt, struct err *err)
{
	int64_t now = time_now_ns();
	struct cert_request request = {
		.usage = CERT_CA,
		.common_name = "shallop-ca",
		.not_before_ns = now - SLACK_NS,
		.not_after_ns = now + CA_DAYS * DAY_NS,
	};
	int r;

	if (has_file(dir_fd, "ca.crt") && !has_file(dir_fd, "ca.key"))
		return err_say(err, -ENOENT,
			       "the cluster's CA has lost its key server/pki/ca.key: restore it "
			       "from a backup");
	r = ensure_key(dir_fd, "ca.key", key_new_p256, key, err);
	if (r < 0)
		return r;
	if (has_file(dir_fd, "ca.crt"))
		return read_pem(dir_fd, "ca.crt", crt, err);
	*crt = BUF_INIT(PKI_PEM_MAX);
	r = cert_issue(&request, buf_str(key), NULL, NULL, crt, err);
	return r < 0 ? r : write_pem(dir_fd, "ca.crt", crt, 0644, err);
}

static int issue(struct cert_request *request, const char *key_pem, const char *ca_crt,
		 const char *ca_key, struct buf *ret, struct err *err)
{
	int64_t now = certificate_now(ca_crt);

	request->not_before_ns = now - SLACK_NS;
	request->not_after_ns = now + LEAF_DAYS * DAY_NS;
	return cert_issue(request, key_pem, ca_crt, ca_key, ret, err);
}

/* NAME.key and NAME.crt in @dir_fd; @stale: issue in any case. Returns 1 if it was issued. */
static int ensure_leaf(int dir_fd, const char *name, bool stale, struct cert_request *request,
		       const struct buf *ca_crt, const struct buf *ca_key, struct err *err)
{
	auto_buf struct buf key = { 0 }, crt = BUF_INIT(PKI_PEM_MAX);
	char key_file[64], crt_file[64];
	bool fresh;
	int r;

	(void)snprintf(key_file, sizeof(key_file), "%s.key", name);
	(void)snprintf(crt_file, sizeof(crt_file), "%s.crt", name);
	r = ensure_key(dir_fd, key_file, key_new_p256, &key, err);
	if (r < 0)
		return r;
	fresh = is_fresh(dir_fd, crt_file, certificate_now(buf_str(ca_crt)));
	if (!stale && fresh)
		return 0;
	r = issue(request, buf_str(&key), buf_str(ca_crt), buf_str(ca_key), &crt, err);
	if (r == 0)
		r = write_pem(dir_fd, crt_file, &crt, 0644, err);
	/* A full disk is no reason not to start: the old one lacks a new address at worst. */
	if ((r == -ENOSPC || r == -EDQUOT || r == -EROFS) && fresh)
		return 0;
	return r < 0 ? r : 1;
}

static int ensure_server(const struct server_options *options, int dir_fd, const struct buf *ca_crt,
			 const struct buf *ca_key, struct err *err)
{
	auto_buf struct buf now = BUF_INIT(PKI_PEM_MAX), then = BUF_INIT(PKI_PEM_MAX);
	struct names dns = { 0 }, ips = { 0 };
	struct cert_request request = {
		.usage = CERT_SERVER,
		.common_name = "shallop-server",
		.dns_names = (const char *const *)dns.texts,
		.ip_addresses = (const char *const *)ips.texts,
	};
	bool same;
	int r = gather_names(options, &dns, &ips, err);

	if (r == 0) {
		r = names_text(&dns, &ips, &now);
		if (r < 0)
			(void)err_set(err, r, "list the server's names");
	}
	if (r == 0) {
		same = has_file(dir_fd, "server.names") &&
		       fd_read_file_at(dir_fd, "server.names", &then, NULL) == 0 &&
		       then.len == now.len && memcmp(then.data, now.data, now.len) == 0;
		r = ensure_leaf(dir_fd, "server", !same, &request, ca_crt, ca_key, err);
	}
	/* After the certificate: a crash in between issues once more than needed. */
	if (r > 0 && write_pem(dir_fd, "server.names", &now, 0644, err) < 0)
		r = err ? err->code : -EIO;
	names_done(&dns);
	names_done(&ips);
	return r;
}

static int ensure_sa(int dir_fd, struct err *err)
{
	auto_buf struct buf key = { 0 }, pub = BUF_INIT(PKI_PEM_MAX);
	int r = ensure_key(dir_fd, "sa.key", key_new_p256, &key, err);

	if (r < 0 || has_file(dir_fd, "sa.pub"))
		return r;
	r = key_public_pem(buf_str(&key), &pub, err);
	return r < 0 ? r : write_pem(dir_fd, "sa.pub", &pub, 0644, err);
}

static int ensure_kubeconfig(const struct server_options *options, int pki_fd,
			     const struct buf *ca_crt, struct err *err)
{
	auto_buf struct buf crt = { 0 }, key = { 0 }, text = { 0 };
	auto_close int dir_fd = open_dir(options->data_dir, "", err);
	char server[128], name[32];
	bool v6 = strchr(options->address, ':') != NULL;
	int r = dir_fd < 0 ? dir_fd : read_pem(pki_fd, "admin.crt", &crt, err);

	if (r == 0)
		r = read_pem(pki_fd, "admin.key", &key, err);
	if (r < 0)
		return r;
	(void)snprintf(server, sizeof(server), "https://%s%s%s:%u", v6 ? "[" : "", options->address,
		       v6 ? "]" : "", options->port);
	(void)snprintf(name, sizeof(name), "shallop%s%.16s", *options->instance ? "-" : "",
		       options->instance);
	r = kubeconfig_write(&(struct kubeconfig){ .name = name,
						   .server = server,
						   .ca_pem = buf_str(ca_crt),
						   .cert_pem = buf_str(&crt),
						   .key_pem = buf_str(&key) },
			     &text);
	if (r < 0)
		return err_set(err, r, "write the administrator's kubeconfig");
	return write_changed(dir_fd, "kubeconfig", &text, 0600, err);
}

int pki_ensure(const struct server_options *options, bool *ret_changed, struct err *err)
{
	static const char *const masters[] = { "system:masters", NULL };
	struct cert_request admin = {
		.usage = CERT_CLIENT,
		.common_name = "kubernetes-admin",
		.organizations = masters,
	};
	auto_buf struct buf ca_crt = { 0 }, ca_key = { 0 };
	auto_close int dir_fd = open_dir(options->data_dir, "server/pki", err);
	int r, issued;

	if (dir_fd < 0)
		return dir_fd;
	r = ensure_ca(dir_fd, &ca_key, &ca_crt, err);
	if (r < 0)
		return err_prefix(err, r, "certificates");
	r = issued = ensure_server(options, dir_fd, &ca_crt, &ca_key, err);
	if (r >= 0)
		r = ensure_leaf(dir_fd, "admin", false, &admin, &ca_crt, &ca_key, err);
	if (r >= 0)
		r = ensure_sa(dir_fd, err);
	if (r >= 0)
		r = ensure_kubeconfig(options, dir_fd, &ca_crt, err);
	if (r < 0)
		return err_prefix(err, r, "certificates");
	*ret_changed = issued > 0;
	return 0;
}

int server_pki_ensure(const struct server_options *options, struct err *err)
{
	bool changed;

	return pki_ensure(options, &changed, err);
}

/* ---- nodes ---- */

/* The subject of a node's certificate. @text and @groups live as long as the request. */
static void node_request(const char *node, char *text, size_t size, struct cert_request *ret)
{
	static const char *const nodes[] = { "system:nodes", NULL };

	(void)snprintf(text, size, "system:node:%s", node);
	*ret = (struct cert_request){ .usage = CERT_CLIENT,
				      .common_name = text,
				      .organizations = nodes };
}

int pki_issue_node(const struct pki *pki, const char *node, const char *key_pem,
		   struct buf *ret_pem, struct err *err)
{
	struct cert_request request;
	char text[300];

	node_request(node, text, sizeof(text), &request);
	return issue(&request, key_pem, buf_str(&pki->ca_crt), buf_str(&pki->ca_key), ret_pem, err);
}

/* A certificate that carries another node's name (the host was renamed) is not kept. */
static bool is_named(int dir_fd, const char *common_name)
{
	auto_buf struct buf pem = { 0 };
	struct cert_info info;

	return has_file(dir_fd, "node.crt") && read_pem(dir_fd, "node.crt", &pem, NULL) == 0 &&
	       cert_read(buf_str(&pem), &info, NULL) == 0 &&
	       strcmp(info.common_name, common_name) == 0;
}

/* A node's key is as good as any other: one that cannot be read (a full disk, a power cut) goes. */
static void forget_broken_key(int dir_fd)
{
	auto_buf struct buf key = { 0 }, pub = BUF_INIT(PKI_PEM_MAX);

	if (!has_file(dir_fd, "node.key") || (read_pem(dir_fd, "node.key", &key, NULL) == 0 &&
					      key_public_pem(buf_str(&key), &pub, NULL) == 0))
		return;
	(void)unlinkat(dir_fd, "node.key", 0);
	(void)unlinkat(dir_fd, "node.crt", 0);
}

int server_pki_issue_node_to(const struct server_options *options, const char *node,
			     const char *dir, struct err *err)
{
	auto_buf struct buf ca_crt = { 0 }, ca_key = { 0 };
	auto_close int server_fd = open_dir(options->data_dir, "server/pki", err);
	auto_close int node_fd = server_fd < 0 ? server_fd : open_dir(dir, ".", err);
	struct cert_request request;
	char text[300];
	int r = node_fd < 0 ? node_fd : read_pem(server_fd, "ca.crt", &ca_crt, err);

	if (r == 0)
		r = read_pem(server_fd, "ca.key", &ca_key, err);
	if (r == 0)
		r = write_changed(node_fd, "ca.crt", &ca_crt, 0644, err);
	node_request(node, text, sizeof(text), &request);
	if (r == 0)
		forget_broken_key(node_fd);
	if (r == 0)
		r = ensure_leaf(node_fd, "node", !is_named(node_fd, text), &request, &ca_crt,
				&ca_key, err);
	return r < 0 ? err_prefix(err, r, "certificate of node %s", node) : 0;
}

int server_pki_issue_node(const struct server_options *options, const char *node, struct err *err)
{
	auto_free char *dir = path_join(options->data_dir, "agent/pki");

	return dir ? server_pki_issue_node_to(options, node, dir, err)
		   : err_set(err, -ENOMEM, "certificate of node %s", node);
}

/* ---- what the server uses ---- */

void pki_done(struct pki *pki)
{
	struct buf *all[] = { &pki->ca_crt,	&pki->ca_key, &pki->server_crt,
			      &pki->server_key, &pki->sa_key, &pki->sa_pub };

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (all[i]->data)
			explicit_bzero(all[i]->data, all[i]->len);
		buf_done(all[i]);
	}
}

int pki_read(const struct server_options *options, struct pki *ret, struct err *err)
{
	struct pki pki = { 0 };
	const struct {
		const char *file;
		struct buf *buf;
	} table[] = {
		{ "ca.crt", &pki.ca_crt },	   { "ca.key", &pki.ca_key },
		{ "server.crt", &pki.server_crt }, { "server.key", &pki.server_key },
		{ "sa.key", &pki.sa_key },	   { "sa.pub", &pki.sa_pub },
	};
	auto_close int dir_fd = open_dir(options->data_dir, "server/pki", err);
	int r = dir_fd < 0 ? dir_fd : 0;

	for (size_t i = 0; i < ARRAY_LEN(table) && r == 0; i++)
		r = read_pem(dir_fd, table[i].file, table[i].buf, err);
	if (r < 0) {
		pki_done(&pki);
		return r;
	}
	*ret = pki;
	return 0;
}
