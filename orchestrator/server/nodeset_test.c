/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/server/nodeset.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/crypt.h"
#include "orchestrator/server/auth.h"
#include "orchestrator/server/kubeconfig.h"
#include "orchestrator/server/podranges.h"
#include "tests/unit/test.h"

#define NOW_NS 1795514400000000000

/* A core whose batches are durable at once. */
struct bench {
	struct core *core;
	struct nodesets *sets;
	struct buf sent; /* "set Pod web\n…" of the node under test */
	char *sa_key;
	struct jwt_signer *signer;
	unsigned random;
};

static void env_random(void *data, void *bytes, size_t len)
{
	struct bench *b = data;

	for (size_t i = 0; i < len; i++)
		((unsigned char *)bytes)[i] = (unsigned char)(b->random++ * 37);
}

static int env_sign(void *data, const char *claims, struct buf *ret_token, struct err *err)
{
	return jwt_sign(((struct bench *)data)->signer, claims, ret_token, err);
}

static void settle(struct bench *b)
{
	bool more = true;

	for (unsigned i = 0; i < 200 && more; i++) {
		(void)core_step(b->core, NOW_NS, &more);
		if (core_batch(b->core)) {
			core_commit(b->core, NOW_NS);
			more = true;
		}
	}
}

static void on_answer(const struct core_answer *answer, void *data)
{
	*(int *)data = answer->status;
}

/* In @body, ' stands for ". Returns the status. */
static int ask(struct bench *b, const char *method, const char *path, const char *body)
{
	static const char *const groups[] = { "system:masters", "system:authenticated" };
	char text[2048] = "";
	int status = 0;

	(void)snprintf(text, sizeof(text), "%s", body ? body : "");
	for (char *c = text; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	(void)core_request(
		b->core,
		&(struct core_request){ .method = method,
					.path = path,
					.query = "",
					.accept = "application/json",
					.content_type = strcmp(method, "PATCH") == 0
								? "application/merge-patch+json"
								: "application/json",
					.user_agent = "test",
					.body = text,
					.body_len = strlen(text),
					.user = { "admin", "", groups, ARRAY_LEN(groups) },
					.now_ns = NOW_NS },
		on_answer, &status);
	settle(b);
	return status;
}

static void on_send(void *data, const char *fields, size_t len)
{
	struct bench *b = data;
	auto_buf struct buf text = { 0 };
	auto_json struct json_object *json = NULL;

	(void)buf_putc(&text, '{');
	(void)buf_append(&text, fields, len);
	CHECK_INT(json_parse(text.data, text.len, &json, NULL), 0);
	(void)buf_printf(&b->sent, "%s %s %s\n", json_str_at(json, "op"), json_str_at(json, "kind"),
			 json_str_at(json, "name"));
}

static void bench_init(struct bench *b)
{
	auto_buf struct buf key = { 0 };
	struct core_options options = {
		.env = { env_random, env_sign, b },
		.cluster_domain = "cluster.local",
		.service_cidr = "10.96.0.0/12",
		.server_address = "10.0.0.1",
		.server_port = 6443,
		.ca_pem = "ca",
		.token_issuer = "https://issuer",
	};

	*b = (struct bench){ 0 };
	CHECK_INT(key_new_p256(&key, NULL), 0);
	b->sa_key = buf_take(&key);
	CHECK_INT(jwt_signer_new(b->sa_key, &b->signer, NULL), 0);
	CHECK_INT(core_new(&options, &b->core, NULL), 0);
	CHECK_INT(core_loaded(b->core, 0, 0, NOW_NS, NULL), 0);
	CHECK_INT(nodesets_new(b->core, &b->sets), 0);
	settle(b);
	CHECK_INT(ask(b, "POST", "/api/v1/nodes", "{'metadata':{'name':'n1'}}"), 201);
}

static void bench_done(struct bench *b)
{
	b->core = core_free(b->core);
	b->sets = nodesets_free(b->sets);
	buf_done(&b->sent);
	(void)jwt_signer_free(b->signer);
	free(b->sa_key);
}

static struct nodeset *open_set(struct bench *b, const char *have)
{
	auto_json struct json_object *json = NULL;
	struct nodeset *set;

	CHECK_INT(json_parse(have, strlen(have), &json, NULL), 0);
	CHECK_INT(nodeset_new(b->sets, "n1", on_send, b, &set), 0);
	CHECK_INT(nodeset_start(set, json), 0);
	return set;
}

static bool was_sent(const struct bench *b, const char *line)
{
	return strstr(buf_str(&b->sent), line) != NULL;
}

#define PODS "/api/v1/namespaces/default/pods"
#define MAPS "/api/v1/namespaces/default/configmaps"

static const char *const pod_web =
	"{'metadata':{'name':'web'},'spec':{'nodeName':'n1','automountServiceAccountToken':false,"
	"'containers':[{'name':'c','image':'i','envFrom':[{'configMapRef':{'name':'env'}}]}],"
	"'volumes':[{'name':'v','projected':{'sources':[{'secret':{'name':'hidden'}},"
	"{'configMap':{'name':'late','optional':true}}]}}]}}";

TEST(nodeset_gives_a_node_its_pods_and_what_they_name)
{
	struct bench b;
	struct nodeset *set;

	bench_init(&b);
	set = open_set(&b, "[]");
	CHECK(was_sent(&b, "set Node n1\n"));
	CHECK(was_sent(&b, "set Service kubernetes\n"));
	CHECK_INT(ask(&b, "POST", MAPS, "{'metadata':{'name':'env'}}"), 201);
	CHECK_INT(ask(&b, "POST", MAPS, "{'metadata':{'name':'unnamed'}}"), 201);
	CHECK_INT(ask(&b, "POST", "/api/v1/namespaces/default/secrets",
		      "{'metadata':{'name':'hidden'}}"),
		  201);
	CHECK(!was_sent(&b, "ConfigMap env") && !was_sent(&b, "Secret hidden"));
	buf_clear(&b.sent);
	CHECK_INT(ask(&b, "POST", PODS, pod_web), 201);
	CHECK_STR(buf_str(&b.sent), "set Secret hidden\nset ConfigMap env\nset Pod web\n");
	/* What was named before it existed goes out when it does. */
	buf_clear(&b.sent);
	CHECK_INT(ask(&b, "POST", MAPS, "{'metadata':{'name':'late'}}"), 201);
	CHECK_STR(buf_str(&b.sent), "set ConfigMap late\n");
	buf_clear(&b.sent);
	CHECK_INT(ask(&b, "PATCH", MAPS "/unnamed", "{'data':{'a':'b'}}"), 200);
	CHECK_INT(ask(&b, "PATCH", MAPS "/env", "{'data':{'a':'b'}}"), 200);
	CHECK_INT(ask(&b, "DELETE", MAPS "/late", NULL), 200);
	CHECK_STR(buf_str(&b.sent), "set ConfigMap env\nremove ConfigMap late\n");
	buf_clear(&b.sent);
	CHECK_INT(ask(&b, "DELETE", PODS "/web", "{'gracePeriodSeconds':0}"), 200);
	CHECK(was_sent(&b, "remove Pod web\n") && was_sent(&b, "remove ConfigMap env\n") &&
	      was_sent(&b, "remove Secret hidden\n"));
	(void)nodeset_free(set);
	bench_done(&b);
}

TEST(nodeset_does_not_send_a_status_back)
{
	struct bench b;
	struct nodeset *set;

	bench_init(&b);
	set = open_set(&b, "[]");
	CHECK_INT(ask(&b, "POST", PODS, pod_web), 201);
	buf_clear(&b.sent);
	CHECK_INT(ask(&b, "PATCH", PODS "/web/status", "{'status':{'phase':'Running'}}"), 200);
	CHECK_INT(
		ask(&b, "PATCH", "/api/v1/nodes/n1/status", "{'status':{'capacity':{'cpu':'4'}}}"),
		200);
	CHECK_STR(buf_str(&b.sent), "");
	CHECK_INT(ask(&b, "PATCH", PODS "/web", "{'metadata':{'labels':{'a':'b'}}}"), 200);
	CHECK_STR(buf_str(&b.sent), "set Pod web\n");
	(void)nodeset_free(set);
	bench_done(&b);
}

TEST(nodeset_leaves_other_nodes_pods_alone)
{
	struct bench b;
	struct nodeset *set;

	bench_init(&b);
	set = open_set(&b, "[]");
	buf_clear(&b.sent);
	CHECK_INT(ask(&b, "POST", PODS,
		      "{'metadata':{'name':'else'},'spec':{'nodeName':'n2',"
		      "'containers':[{'name':'c','image':'i'}]}}"),
		  201);
	CHECK_STR(buf_str(&b.sent), "");
	(void)nodeset_free(set);
	bench_done(&b);
}

TEST(nodeset_removes_what_a_node_should_not_have)
{
	struct bench b;
	struct nodeset *set;

	bench_init(&b);
	set = open_set(&b, "[{\"kind\":\"Pod\",\"namespace\":\"default\",\"name\":\"gone\","
			   "\"uid\":\"u\",\"revision\":\"1\"},"
			   "{\"kind\":\"Secret\",\"namespace\":\"default\",\"name\":\"old\","
			   "\"uid\":\"u\",\"revision\":\"1\"},"
			   "{\"kind\":\"Secret\",\"namespace\":\"default\",\"name\":\"old\"}, 7]");
	CHECK(was_sent(&b, "remove Pod gone\n") && was_sent(&b, "remove Secret old\n"));
	(void)nodeset_free(set);
	bench_done(&b);
}

TEST(nodeset_is_one_for_each_node)
{
	struct nodeset *set, *second = NULL;
	struct bench b;

	bench_init(&b);
	set = open_set(&b, "[]");
	CHECK_INT(nodeset_new(b.sets, "n1", on_send, &b, &second), -EEXIST);
	(void)nodeset_free(set);
	CHECK_INT(nodeset_new(b.sets, "unknown", on_send, &b, &second), 0);
	CHECK_INT(nodeset_start(second, NULL), -ENOENT);
	(void)nodeset_free(second);
	bench_done(&b);
}

/* ---- parts of the pod range, on the same bench ---- */

TEST(podranges_are_claimed_once_and_come_back)
{
	struct podranges *ranges;
	char text[PODRANGE_MAX], again[PODRANGE_MAX];
	struct err err = { 0 };
	struct bench b;

	bench_init(&b);
	CHECK_INT(ask(&b, "POST", "/api/v1/nodes",
		      "{'metadata':{'name':'old'},'spec':{'podCIDR':'10.8.1.0/24',"
		      "'podCIDRs':['10.8.1.0/24']}}"),
		  201);
	CHECK_INT(podranges_new(b.core, "10.8.0.0/22", &ranges, NULL), 0);
	CHECK_INT(podranges_claim(ranges, "a", text, NULL), 0);
	CHECK_STR(text, "10.8.0.0/24");
	CHECK_INT(podranges_claim(ranges, "b", text, NULL), 0);
	CHECK_STR(text, "10.8.2.0/24"); /* 1 is another's */
	CHECK_INT(podranges_claim(ranges, "a", again, NULL), 0);
	CHECK_STR(again, "10.8.0.0/24");
	CHECK_INT(podranges_claim(ranges, "c", text, NULL), 0);
	CHECK_INT(podranges_claim(ranges, "d", text, &err), -ERANGE);
	CHECK(strstr(err.text, "10.8.0.0/22"));
	CHECK_INT(ask(&b, "DELETE", "/api/v1/nodes/old", NULL), 200);
	CHECK_INT(podranges_claim(ranges, "d", text, NULL), 0);
	CHECK_STR(text, "10.8.1.0/24");
	b.core = core_free(b.core);
	ranges = podranges_free(ranges);
	bench_done(&b);
}

TEST(podranges_of_any_size)
{
	static const struct {
		const char *cidr, *first;
	} table[] = {
		{ "10.0.0.0/8", "10.0.0.0/24" },
		{ "10.244.0.0/16", "10.244.0.0/24" },
		{ "192.168.7.64/26", "192.168.7.64/26" },
		{ "10.1.2.3/16", "10.1.0.0/24" },
		{ "10.1.0.0", NULL },
		{ "fd00::/64", NULL },
		{ "10.0.0.0/4", NULL },
		{ "999.0.0.0/16", NULL },
		{ "", NULL },
	};
	char text[PODRANGE_MAX];
	struct bench b;

	bench_init(&b);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct podranges *ranges = NULL;
		int r = podranges_new(b.core, table[i].cidr, &ranges, NULL);

		CHECK_INT(r, table[i].first ? 0 : -EINVAL);
		if (r < 0)
			continue;
		CHECK_INT(podranges_claim(ranges, "n", text, NULL), 0);
		CHECK_STR(text, table[i].first);
		b.core = core_free(b.core); /* it must not tell a freed listener */
		(void)podranges_free(ranges);
		bench_done(&b);
		bench_init(&b);
	}
	bench_done(&b);
}

static void on_send_nothing(void *data, const char *fields, size_t len)
{
	(void)data;
	CHECK(!fields || fields[len - 1] == '}'); /* never half a message */
}

/* Each step of making things fails once: what is returned is whole or nothing. */
TEST(server_parts_are_made_whole_or_not_at_all)
{
	struct bench b;
	bool hit = true;

	for (unsigned nth = 1; hit; nth++) {
		struct nodeset *set = NULL;
		struct auth *auth = NULL;
		int a, n;

		bench_init(&b);
		fault_arm(nth);
		a = auth_new(b.core, "pem", "https://issuer", &auth);
		n = nodeset_new(b.sets, "n1", on_send_nothing, &b, &set);
		hit = fault_disarm();
		CHECK(hit || (a == 0 && n == 0));
		CHECK((a == 0) == (auth != NULL) && (n == 0) == (set != NULL));
		if (set) { /* and half of a difference can be thrown away */
			fault_arm(nth);
			n = nodeset_start(set, NULL);
			hit |= fault_disarm();
			CHECK(n <= 0);
		}
		(void)nodeset_free(set);
		(void)auth_free(auth);
		bench_done(&b);
	}
}

TEST(kubeconfig_is_yaml_with_everything_in_it)
{
	const struct kubeconfig config = {
		.name = "shallop-a1b2c3",
		.server = "https://10.0.0.7:6443",
		.ca_pem = "CA",
		.cert_pem = "CERT",
		.key_pem = "KEY",
	};
	auto_buf struct buf text = { 0 };

	CHECK_INT(kubeconfig_write(&config, &text), 0);
	CHECK_STR(buf_str(&text), "apiVersion: v1\n"
				  "clusters:\n"
				  "- cluster:\n"
				  "    certificate-authority-data: Q0E=\n"
				  "    server: https://10.0.0.7:6443\n"
				  "  name: shallop-a1b2c3\n"
				  "contexts:\n"
				  "- context:\n"
				  "    cluster: shallop-a1b2c3\n"
				  "    user: shallop-a1b2c3\n"
				  "  name: shallop-a1b2c3\n"
				  "current-context: shallop-a1b2c3\n"
				  "kind: Config\n"
				  "users:\n"
				  "- name: shallop-a1b2c3\n"
				  "  user:\n"
				  "    client-certificate-data: Q0VSVA==\n"
				  "    client-key-data: S0VZ\n");
}

/* ---- auth, on the same bench ---- */

static char *token_of(struct bench *b, const char *claims)
{
	auto_buf struct buf token = { 0 };
	char text[1024];

	(void)snprintf(text, sizeof(text), "%s", claims);
	for (char *c = text; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	CHECK_INT(jwt_sign(b->signer, text, &token, NULL), 0);
	return buf_take(&token);
}

TEST(auth_knows_service_accounts_by_their_tokens)
{
	static const struct {
		const char *claims; /* %s: the account's uid */
		bool good;
	} table[] = {
		{ "{'iss':'https://issuer','aud':['https://issuer'],'exp':1795514401,"
		  "'kubernetes.io':{'namespace':'default','serviceaccount':{'name':'robot',"
		  "'uid':'%s'}}}",
		  true },
		{ "{'iss':'https://issuer','aud':'https://issuer','exp':1795514401,"
		  "'kubernetes.io':{'namespace':'default','serviceaccount':{'name':'robot',"
		  "'uid':'%s'}}}",
		  true },
		{ "{'iss':'https://other','aud':['https://issuer'],'exp':1795514401,"
		  "'kubernetes.io':{'namespace':'default','serviceaccount':{'name':'robot',"
		  "'uid':'%s'}}}",
		  false },
		{ "{'iss':'https://issuer','aud':['vault'],'exp':1795514401,"
		  "'kubernetes.io':{'namespace':'default','serviceaccount':{'name':'robot',"
		  "'uid':'%s'}}}",
		  false },
		{ "{'iss':'https://issuer','aud':['https://issuer'],'exp':1795514400,"
		  "'kubernetes.io':{'namespace':'default','serviceaccount':{'name':'robot',"
		  "'uid':'%s'}}}",
		  false }, /* just expired */
		{ "{'iss':'https://issuer','aud':['https://issuer'],'exp':1795514401,"
		  "'nbf':1795514500,"
		  "'kubernetes.io':{'namespace':'default','serviceaccount':{'name':'robot',"
		  "'uid':'%s'}}}",
		  false },
		{ "{'iss':'https://issuer','aud':['https://issuer'],'exp':1795514401,"
		  "'kubernetes.io':{'namespace':'default','serviceaccount':{'name':'robot',"
		  "'uid':'another'}}}",
		  false },
		{ "{'iss':'https://issuer','aud':['https://issuer'],'exp':1795514401,"
		  "'kubernetes.io':{'namespace':'default','pod':{'name':'gone','uid':'x'},"
		  "'serviceaccount':{'name':'robot','uid':'%s'}}}",
		  false },
		{ "{'iss':'https://issuer','aud':['https://issuer'],'exp':1795514401}", false },
		{ "{}", false },
	};
	auto_buf struct buf pub = { 0 };
	struct object *account;
	struct auth *auth;
	struct bench b;

	bench_init(&b);
	CHECK_INT(key_public_pem(b.sa_key, &pub, NULL), 0);
	CHECK_INT(auth_new(b.core, buf_str(&pub), "https://issuer", &auth), 0);
	CHECK_INT(ask(&b, "POST", "/api/v1/namespaces/default/serviceaccounts",
		      "{'metadata':{'name':'robot'}}"),
		  201);
	account = core_get(b.core, schema_kind_of_resource("", "v1", "serviceaccounts"), "default",
			   "robot");
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		char claims[600];

		(void)snprintf(claims, sizeof(claims), table[i].claims, object_uid(account));
		auto_free char *token = token_of(&b, claims);
		for (unsigned twice = 0; twice < 2; twice++) { /* fresh, then remembered */
			struct identity *identity = NULL;
			struct err err = { 0 };
			int r = auth_of_token(auth, token, NOW_NS, &identity, &err);

			CHECK_INT(r, table[i].good ? 0 : -EACCES);
			if (r == 0)
				CHECK_STR(identity->user.name,
					  "system:serviceaccount:default:robot");
			(void)identity_unref(identity);
		}
	}
	(void)auth_free(auth);
	bench_done(&b);
}

TEST(auth_takes_users_and_groups_from_certificates)
{
	struct tls_identity peer = { .common_name = "jane", .n_organizations = 2 };
	struct identity *identity;

	(void)snprintf(peer.organizations[0], sizeof(peer.organizations[0]), "dev");
	(void)snprintf(peer.organizations[1], sizeof(peer.organizations[1]), "system:masters");
	identity = auth_of_certificate(&peer);
	CHECK_STR(identity->user.name, "jane");
	CHECK_INT(identity->user.n_groups, 3);
	CHECK_STR(identity->user.groups[1], "system:masters");
	CHECK_STR(identity->user.groups[2], "system:authenticated");
	(void)identity_unref(identity);
	identity = auth_of_certificate(NULL);
	CHECK_STR(identity->user.name, "system:anonymous");
	CHECK_STR(identity->user.groups[0], "system:unauthenticated");
	(void)identity_unref(identity);
}
