/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/podfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"

#define NODE_FILE_MAX ((size_t)1 << 20)
#define WORDS_MAX     64

void podfiles_hostname(const struct json_object *pod, char name[PODFILES_HOSTNAME_MAX])
{
	static const char *const paths[] = { "spec.hostnameOverride", "spec.hostname",
					     "metadata.name" };
	const char *text = NULL;
	size_t n;

	for (size_t i = 0; i < ARRAY_LEN(paths) && !(text && *text); i++)
		text = json_str_at(pod, paths[i]);
	n = text ? strnlen(text, PODFILES_HOSTNAME_MAX - 1) : 0;
	if (n)
		memcpy(name, text, n);
	if (text && text[n]) /* cut: it must not end in a dash or dot */
		while (n && (name[n - 1] == '-' || name[n - 1] == '.'))
			n--;
	name[n] = '\0';
}

/* ---- resolv.conf ---- */

/* Words borrowed from a bounded text of our own. */
struct words {
	const char *items[WORDS_MAX];
	size_t n;
};
struct resolver {
	char *text; /* the node's file, cut into words */
	struct words servers, searches, options;
	char domains[3][320];
	char extra[16][256]; /* options with values */
	size_t n_extra;
};

static void add_word(struct words *w, const char *word)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->items[i], word) == 0)
			return;
	if (w->n < WORDS_MAX)
		w->items[w->n++] = word;
}

/* An option replaces one of the same name ("ndots:2" after "ndots:5"). */
static void add_option(struct words *w, const char *option)
{
	size_t len = strcspn(option, ":");

	for (size_t i = 0; i < w->n; i++)
		if (strncmp(w->items[i], option, len) == 0 &&
		    (w->items[i][len] == ':' || !w->items[i][len])) {
			w->items[i] = option;
			return;
		}
	add_word(w, option);
}

static void read_line(struct resolver *r, char *line)
{
	char *save = NULL, *word = strtok_r(line, " \t\r", &save), *next;

	if (!word || *word == '#' || *word == ';')
		return;
	if (strcmp(word, "search") == 0)
		r->searches.n = 0; /* the last one counts */
	while ((next = strtok_r(NULL, " \t\r", &save))) {
		size_t len = strlen(next);

		if (strcmp(word, "nameserver") == 0) {
			add_word(&r->servers, next);
			return;
		}
		if (strcmp(word, "search") == 0 && strcmp(next, ".") != 0) {
			if (len && next[len - 1] == '.')
				next[len - 1] = '\0';
			add_word(&r->searches, next);
		}
		if (strcmp(word, "options") == 0)
			add_option(&r->options, next);
	}
}

static int read_node(struct resolver *r, const char *text)
{
	char *save = NULL;

	r->text = strdup(text ? text : "");
	if (!r->text)
		return -ENOMEM;
	for (char *line = strtok_r(r->text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		read_line(r, line);
	return 0;
}

/* ClusterFirst: only the cluster's server; its domains before the node's. */
static void cluster_first(struct resolver *r, const struct json_object *pod,
			  const struct podfiles_dns *dns)
{
	const char *namespace = json_str_at(pod, "metadata.namespace");
	struct words node = r->searches;

	r->servers.n = r->searches.n = r->options.n = 0;
	add_word(&r->servers, dns->cluster_dns);
	if (dns->cluster_domain && *dns->cluster_domain) {
		(void)snprintf(r->domains[0], sizeof(r->domains[0]), "%s.svc.%s",
			       namespace ? namespace : "default", dns->cluster_domain);
		(void)snprintf(r->domains[1], sizeof(r->domains[1]), "svc.%s", dns->cluster_domain);
		(void)snprintf(r->domains[2], sizeof(r->domains[2]), "%s", dns->cluster_domain);
		for (size_t i = 0; i < ARRAY_LEN(r->domains); i++)
			add_word(&r->searches, r->domains[i]);
	}
	for (size_t i = 0; i < node.n; i++)
		add_word(&r->searches, node.items[i]);
	add_option(&r->options, "ndots:5");
}

static void add_list(struct words *w, const struct json_object *list)
{
	for (size_t i = 0; i < json_len(list); i++)
		if (json_str(json_idx(list, i)))
			add_word(w, json_str(json_idx(list, i)));
}

/* spec.dnsConfig comes on top of whatever the policy gave. */
static void add_config(struct resolver *r, const struct json_object *config)
{
	struct json_object *options = json_get(config, "options");

	add_list(&r->servers, json_get(config, "nameservers"));
	add_list(&r->searches, json_get(config, "searches"));
	for (size_t i = 0; i < json_len(options); i++) {
		const char *name = json_str_at(json_idx(options, i), "name");
		const char *value = json_str_at(json_idx(options, i), "value");

		if (!name || r->n_extra == ARRAY_LEN(r->extra))
			continue;
		(void)snprintf(r->extra[r->n_extra], sizeof(r->extra[0]),
			       value && *value ? "%s:%s" : "%s", name, value);
		add_option(&r->options, r->extra[r->n_extra++]);
	}
}

static void write_words(struct buf *out, const char *key, const struct words *w, size_t most)
{
	if (w->n == 0)
		return;
	(void)buf_puts(out, key);
	for (size_t i = 0; i < w->n && i < most; i++)
		(void)buf_printf(out, " %s", w->items[i]);
	(void)buf_putc(out, '\n');
}

int podfiles_resolv_conf(const struct json_object *pod, const struct podfiles_dns *dns,
			 struct buf *out)
{
	const char *policy = json_str_at(pod, "spec.dnsPolicy");
	bool host_network = json_bool_at(pod, "spec.hostNetwork", false);
	struct resolver r = { 0 };
	int result;

	if (!policy)
		policy = "ClusterFirst";
	result = read_node(&r, strcmp(policy, "None") == 0 ? "" : dns->node_resolv_conf);
	if (result < 0)
		return result;
	if (dns->cluster_dns && *dns->cluster_dns &&
	    (strcmp(policy, "ClusterFirstWithHostNet") == 0 ||
	     (strcmp(policy, "ClusterFirst") == 0 && !host_network)))
		cluster_first(&r, pod, dns);
	add_config(&r, json_at(pod, "spec.dnsConfig"));
	write_words(out, "search", &r.searches, 32);
	for (size_t i = 0; i < r.servers.n && i < 3; i++) /* glibc reads three */
		(void)buf_printf(out, "nameserver %s\n", r.servers.items[i]);
	write_words(out, "options", &r.options, WORDS_MAX);
	free(r.text);
	return buf_error(out);
}

/* ---- hosts ---- */

static void host_aliases(const struct json_object *pod, struct buf *out)
{
	struct json_object *list = json_at(pod, "spec.hostAliases");

	if (json_len(list))
		(void)buf_puts(out, "\n# Entries added by HostAliases.\n");
	for (size_t i = 0; i < json_len(list); i++) {
		struct json_object *names = json_get(json_idx(list, i), "hostnames");
		const char *ip = json_str_at(json_idx(list, i), "ip");

		(void)buf_puts(out, ip ? ip : "");
		for (size_t k = 0; k < json_len(names); k++)
			(void)buf_printf(out, "\t%s", json_str(json_idx(names, k)));
		(void)buf_putc(out, '\n');
	}
}

int podfiles_hosts(const struct json_object *pod, const char *pod_ip, const char *cluster_domain,
		   const char *node_hosts, struct buf *out)
{
	const char *subdomain = json_str_at(pod, "spec.subdomain");
	char name[PODFILES_HOSTNAME_MAX];

	if (json_bool_at(pod, "spec.hostNetwork", false)) {
		(void)buf_puts(out, "# Kubernetes-managed hosts file (host network).\n");
		(void)buf_puts(out, node_hosts ? node_hosts : "");
		host_aliases(pod, out);
		return buf_error(out);
	}
	podfiles_hostname(pod, name);
	(void)buf_puts(out, "# Kubernetes-managed hosts file.\n"
			    "127.0.0.1\tlocalhost\n"
			    "::1\tlocalhost ip6-localhost ip6-loopback\n"
			    "fe00::0\tip6-localnet\n"
			    "fe00::0\tip6-mcastprefix\n"
			    "fe00::1\tip6-allnodes\n"
			    "fe00::2\tip6-allrouters\n");
	if (subdomain && *subdomain && !json_str_at(pod, "spec.hostnameOverride"))
		(void)buf_printf(out, "%s\t%s.%s.%s.svc.%s\t%s\n", pod_ip, name, subdomain,
				 json_str_at(pod, "metadata.namespace"),
				 cluster_domain ? cluster_domain : "cluster.local", name);
	else
		(void)buf_printf(out, "%s\t%s\n", pod_ip, name);
	host_aliases(pod, out);
	return buf_error(out);
}

/* ---- onto the disk ---- */

/* Not fsynced: all of it can be made again, and is, with the next sandbox. */
static int put_file(int dir_fd, const char *name, const struct buf *text, struct err *err)
{
	auto_close int fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return err_set(err, -errno, "create %s", name);
	r = fd_write_all(fd, buf_str(text), text->len);
	return r < 0 ? err_set(err, r, "write %s", name) : 0;
}

int podfiles_write(int pod_dir_fd, const struct json_object *pod, const char *pod_ip,
		   const struct podfiles_dns *dns, struct err *err)
{
	auto_buf struct buf hosts = BUF_INIT(NODE_FILE_MAX), name = BUF_INIT(4096);
	auto_buf struct buf resolv = BUF_INIT(NODE_FILE_MAX), node_hosts = BUF_INIT(NODE_FILE_MAX);
	char hostname[PODFILES_HOSTNAME_MAX];
	struct utsname uts;
	int r;

	podfiles_hostname(pod, hostname);
	if (json_bool_at(pod, "spec.hostNetwork", false)) {
		if (uname(&uts) == 0)
			(void)snprintf(hostname, sizeof(hostname), "%s", uts.nodename);
		(void)fd_read_file("/etc/hosts", &node_hosts, NULL);
	}
	(void)buf_printf(&name, "%s\n", hostname);
	r = podfiles_hosts(pod, pod_ip, dns->cluster_domain, buf_str(&node_hosts), &hosts);
	if (r == 0)
		r = podfiles_resolv_conf(pod, dns, &resolv);
	if (r < 0)
		return err_set(err, r, "files of the pod");
	r = put_file(pod_dir_fd, "etc-hosts", &hosts, err);
	if (r == 0)
		r = put_file(pod_dir_fd, "hostname", &name, err);
	if (r == 0)
		r = put_file(pod_dir_fd, "resolv.conf", &resolv, err);
	return r;
}
