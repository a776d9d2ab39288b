/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/podfiles.h"

#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

static struct json_object *parse(const char *text)
{
	struct json_object *json = NULL;

	CHECK(json_parse(text, strlen(text), &json, NULL) == 0);
	return json;
}

static void resolv_is(const char *spec, const char *node, const char *expected)
{
	auto_buf struct buf out = BUF_INIT(0), text = BUF_INIT(0);
	const struct podfiles_dns dns = { .cluster_dns = "10.96.0.10",
					  .cluster_domain = "cluster.local",
					  .node_resolv_conf = node };

	(void)buf_printf(&text, "{\"metadata\":{\"name\":\"p\",\"namespace\":\"ns\"},\"spec\":%s}",
			 spec);
	auto_json struct json_object *pod = parse(buf_str(&text));

	CHECK(podfiles_resolv_conf(pod, &dns, &out) == 0);
	CHECK_STR(buf_str(&out), expected);
}

static const char node[] = "# by hand\nnameserver 1.1.1.1\nnameserver 8.8.8.8\n"
			   "search old.example\nsearch lan. .\noptions ndots:2 edns0\n";

TEST(resolv_conf_follows_the_policy)
{
	resolv_is("{}", node,
		  "search ns.svc.cluster.local svc.cluster.local cluster.local lan\n"
		  "nameserver 10.96.0.10\noptions ndots:5\n");
	resolv_is("{\"dnsPolicy\":\"Default\"}", node,
		  "search lan\nnameserver 1.1.1.1\nnameserver 8.8.8.8\noptions ndots:2 edns0\n");
	resolv_is("{\"dnsPolicy\":\"ClusterFirst\",\"hostNetwork\":true}", node,
		  "search lan\nnameserver 1.1.1.1\nnameserver 8.8.8.8\noptions ndots:2 edns0\n");
	resolv_is("{\"dnsPolicy\":\"ClusterFirstWithHostNet\",\"hostNetwork\":true}", "",
		  "search ns.svc.cluster.local svc.cluster.local cluster.local\n"
		  "nameserver 10.96.0.10\noptions ndots:5\n");
	resolv_is("{\"dnsPolicy\":\"None\",\"dnsConfig\":{\"nameservers\":[\"9.9.9.9\"],"
		  "\"searches\":[\"a.b\"],\"options\":[{\"name\":\"ndots\",\"value\":\"1\"},"
		  "{\"name\":\"rotate\"}]}}",
		  node, "search a.b\nnameserver 9.9.9.9\noptions ndots:1 rotate\n");
	resolv_is("{\"dnsConfig\":{\"options\":[{\"name\":\"ndots\",\"value\":\"3\"}]}}", NULL,
		  "search ns.svc.cluster.local svc.cluster.local cluster.local\n"
		  "nameserver 10.96.0.10\noptions ndots:3\n");
}

TEST(hosts_name_the_pod_and_its_aliases)
{
	auto_json struct json_object *pod =
		parse("{\"metadata\":{\"name\":\"web-0\",\"namespace\":\"ns\"},\"spec\":{"
		      "\"subdomain\":\"web\",\"hostAliases\":[{\"ip\":\"1.2.3.4\",\"hostnames\":["
		      "\"a\",\"b\"]}]}}");
	auto_buf struct buf out = BUF_INIT(0);

	CHECK(podfiles_hosts(pod, "10.244.0.9", "cluster.local", NULL, &out) == 0);
	CHECK_STR(buf_str(&out), "# Kubernetes-managed hosts file.\n"
				 "127.0.0.1\tlocalhost\n"
				 "::1\tlocalhost ip6-localhost ip6-loopback\n"
				 "fe00::0\tip6-localnet\n"
				 "fe00::0\tip6-mcastprefix\n"
				 "fe00::1\tip6-allnodes\n"
				 "fe00::2\tip6-allrouters\n"
				 "10.244.0.9\tweb-0.web.ns.svc.cluster.local\tweb-0\n"
				 "\n# Entries added by HostAliases.\n"
				 "1.2.3.4\ta\tb\n");
}

TEST(host_names_are_cut_at_63_and_never_end_in_a_dash)
{
	char text[400], name[PODFILES_HOSTNAME_MAX];
	char filler[64];

	memset(filler, 'a', 62);
	filler[62] = '\0';
	(void)snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"%s-bcd\"}}", filler);
	auto_json struct json_object *pod = parse(text);

	podfiles_hostname(pod, name);
	CHECK_STR(name, filler);
	auto_json struct json_object *other =
		parse("{\"metadata\":{\"name\":\"p\"},\"spec\":{\"hostname\":\"h\"}}");

	podfiles_hostname(other, name);
	CHECK_STR(name, "h");
}
