/* SPDX-License-Identifier: Apache-2.0 */
/* What requests do to objects, in Kubernetes' words. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/core_test.h"
#include "tests/unit/test.h"

#define PODS "/api/v1/namespaces/default/pods"
#define MAPS "/api/v1/namespaces/default/configmaps"
#define TABLE                                                                                      \
	"application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;"        \
	"g=meta.k8s.io,application/json"

static struct bench *bench_with_pod(const char *extra)
{
	struct bench *bench = bench_new();
	auto_reply struct reply made = bench_call(bench, "POST", PODS, bench_pod("web", extra));

	CHECK_INT(made.status, 201); /* it has waited for the default account */
	return bench;
}

/* ---- sentences: method, path, body → status and message ---- */

static const struct {
	const char *method, *path, *type, *body;
	int status;
	const char *reason, *message;
} refused[] = {
	{ "GET", "/api/v1/namespaces/default/nothings", NULL, NULL, 404, "NotFound",
	  "the server could not find the requested resource" },
	{ "POST", "/api/v1/pods", NULL, "{}", 405, "MethodNotAllowed",
	  "the server does not allow this method on the requested resource" },
	{ "DELETE", "/api/v1/namespaces", NULL, NULL, 405, "MethodNotAllowed",
	  "the server does not allow this method on the requested resource" },
	{ "POST", MAPS, NULL, "{'metadata':", 400, "BadRequest", NULL },
	{ "POST", MAPS, NULL, "[]", 400, "BadRequest", NULL },
	{ "POST", MAPS, NULL, "{'kind':'Pod','metadata':{'name':'a'}}", 400, "BadRequest",
	  "Pod in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Pod) to "
	  "(core.ConfigMap): unknown conversion" },
	{ "POST", MAPS, NULL, "{'apiVersion':'v2','metadata':{'name':'a'}}", 400, "BadRequest",
	  "the API version in the data (v2) does not match the expected API version (v1)" },
	{ "POST", MAPS, NULL, "{'metadata':{'name':'a','namespace':'other'}}", 400, "BadRequest",
	  "the namespace of the provided object does not match the namespace sent on the request" },
	{ "POST", MAPS, NULL, "{'metadata':{'name':'a','resourceVersion':'7'}}", 500, "",
	  "resourceVersion should not be set on objects to be created" },
	{ "POST", "/api/v1/namespaces/void/configmaps", NULL, "{'metadata':{'name':'a'}}", 404,
	  "NotFound", "namespaces \"void\" not found" },
	{ "POST", MAPS "?fieldValidation=Strict", NULL,
	  "{'metadata':{'name':'a'},'bogus':1,'more':2}", 400, "BadRequest",
	  "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: "
	  "unknown field \"bogus\", unknown field \"more\"" },
	{ "POST", MAPS "?dryRun=Some", NULL, "{'metadata':{'name':'a'}}", 422, "Invalid", NULL },
	{ "POST", MAPS "?fieldValidation=Never", NULL, "{'metadata':{'name':'a'}}", 422, "Invalid",
	  NULL },
	{ "PUT", MAPS "/a", NULL, "{'metadata':{'name':'b'}}", 400, "BadRequest",
	  "the name of the object (b) does not match the name on the URL (a)" },
	{ "PUT", MAPS "/a", NULL, "{'metadata':{'name':'a'}}", 404, "NotFound",
	  "configmaps \"a\" not found" },
	{ "PATCH", MAPS "/a", "text/plain", "{}", 415, "UnsupportedMediaType", NULL },
	{ "PATCH", MAPS "/a", "application/merge-patch+json", "{}", 404, "NotFound",
	  "configmaps \"a\" not found" },
	{ "GET", MAPS "?labelSelector=a%3D%3D%3Db", NULL, NULL, 400, "BadRequest", NULL },
	{ "GET", MAPS "?fieldSelector=spec.bogus%3Dx", NULL, NULL, 400, "BadRequest",
	  "\"spec.bogus\" is not a known field selector: only \"metadata.name\", "
	  "\"metadata.namespace\"" },
	{ "GET", PODS "?fieldSelector=spec.bogus%3Dx", NULL, NULL, 400, "BadRequest",
	  "field label not supported: spec.bogus" },
	{ "GET", MAPS "?limit=zz", NULL, NULL, 400, "BadRequest",
	  "strconv.ParseInt: parsing \"zz\": invalid syntax" },
	{ "GET", MAPS "?resourceVersion=99999", NULL, NULL, 504, "Timeout", NULL },
	{ "GET", MAPS "?resourceVersion=x", NULL, NULL, 400, "BadRequest", NULL },
	{ "GET", MAPS "?continue=x", NULL, NULL, 400, "BadRequest", NULL },
	{ "GET", MAPS "?continue=x&resourceVersion=5", NULL, NULL, 400, "BadRequest",
	  "specifying resource version is not allowed when using continue" },
	{ "GET", MAPS "?resourceVersionMatch=Exact", NULL, NULL, 422, "Invalid", NULL },
	{ "GET", MAPS "?watch=1&sendInitialEvents=true", NULL, NULL, 422, "Invalid", NULL },
	{ "GET", MAPS "?watch=1&resourceVersion=x", NULL, NULL, 500, "InternalError", NULL },
	{ "DELETE", "/api/v1/namespaces/default", NULL, NULL, 403, "Forbidden",
	  "namespaces \"default\" is forbidden: this namespace may not be deleted" },
	{ "GET", PODS "/web/log", NULL, NULL, 404, "NotFound", "pods \"web\" not found" },
	{ "POST", PODS, NULL,
	  "{'metadata':{'name':'a'},'spec':{'serviceAccountName':'x','containers':[{'name':'c',"
	  "'image':'i'}]}}",
	  403, "Forbidden",
	  "pods \"a\" is forbidden: error looking up service account default/x: serviceaccount "
	  "\"x\" not found" },
	{ "POST", PODS, NULL,
	  "{'metadata':{'name':'a'},'spec':{'priorityClassName':'x','containers':[{'name':'c',"
	  "'image':'i'}]}}",
	  403, "Forbidden", "pods \"a\" is forbidden: no PriorityClass with name x was found" },
};

TEST(write_refuses_in_kubernetes_words)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		auto_bench struct bench *bench = bench_new();
		auto_reply struct reply reply =
			bench_ask(bench, &(struct ask){ .method = refused[i].method,
							.path = refused[i].path,
							.type = refused[i].type,
							.body = refused[i].body });

		if (reply.status != refused[i].status ||
		    strcmp(reply_text(&reply, "reason"), refused[i].reason) != 0)
			fail_msg("%s %s: %d %s", refused[i].method, refused[i].path, reply.status,
				 reply.body);
		if (refused[i].message)
			CHECK_STR(reply_text(&reply, "message"), refused[i].message);
	}
}

TEST(unknown_fields_warn_by_default)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply warned =
		bench_call(bench, "POST", MAPS, "{'metadata':{'name':'a','x':1},'bogus':1}");
	auto_reply struct reply silent = bench_call(bench, "POST", MAPS "?fieldValidation=Ignore",
						    "{'metadata':{'name':'b'},'bogus':1}");

	CHECK_INT(warned.status, 201);
	CHECK_STR(warned.warnings, "unknown field \"metadata.x\"|unknown field \"bogus\"");
	CHECK_INT(silent.status, 201);
	CHECK_STR(silent.warnings, "");
	CHECK(!strstr(warned.body, "bogus"));
}

TEST(odd_specs_and_old_kinds_warn)
{
	static const char said[] = "spec.containers[0].env[1]: hides previous definition of \"A\", "
				   "which may be dropped when using apply";
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply made = bench_call(
		bench, "POST", "/api/v1/namespaces/default/pods",
		"{'metadata':{'name':'p'},'spec':{'containers':[{'name':'c','image':'i','env':[{"
		"'name':'A','value':'1'},{'name':'A','value':'2'}]}]}}");
	auto_reply struct reply labelled =
		bench_call(bench, "PATCH", "/api/v1/namespaces/default/pods/p",
			   "{'metadata':{'labels':{'a':'b'}}}");
	auto_reply struct reply old_kind =
		bench_call(bench, "GET", "/api/v1/namespaces/default/endpoints", NULL);

	CHECK_INT(made.status, 201);
	CHECK_STR(made.warnings, said);
	CHECK_INT(labelled.status, 200);
	CHECK_STR(labelled.warnings, "");
	CHECK_INT(old_kind.status, 200);
	CHECK_STR(old_kind.warnings, "v1 Endpoints is deprecated in v1.33+; use "
				     "discovery.k8s.io/v1 EndpointSlice");
}

TEST(dry_runs_store_nothing)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply tried =
		bench_call(bench, "POST", MAPS "?dryRun=All", "{'metadata':{'name':'a'}}");
	auto_reply struct reply missing = bench_call(bench, "GET", MAPS "/a", NULL);

	CHECK_INT(tried.status, 201);
	CHECK(!strstr(tried.body, "resourceVersion") && strstr(tried.body, "\"uid\""));
	CHECK_INT(missing.status, 404);
	auto_reply struct reply made = bench_call(bench, "POST", MAPS, "{'metadata':{'name':'a'}}");
	auto_reply struct reply gone = bench_call(bench, "DELETE", MAPS "/a?dryRun=All", NULL);
	auto_reply struct reply still = bench_call(bench, "GET", MAPS "/a", NULL);

	CHECK_INT(made.status, 201);
	CHECK_INT(gone.status, 200);
	CHECK_INT(still.status, 200);
}

TEST(generated_names_are_cut_and_unique)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply a =
		bench_call(bench, "POST", MAPS, "{'metadata':{'generateName':'job-'}}");
	auto_reply struct reply b =
		bench_call(bench, "POST", MAPS,
			   "{'metadata':{'generateName':"
			   "'aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg'}}");

	CHECK_INT(a.status, 201);
	CHECK(strncmp(reply_text(&a, "metadata.name"), "job-", 4) == 0);
	CHECK_INT(strlen(reply_text(&a, "metadata.name")), 9);
	CHECK_INT(strlen(reply_text(&b, "metadata.name")), 63);
}

/* ---- deleting ---- */

static void bind_pod(struct bench *bench)
{
	auto_reply struct reply reply =
		bench_call(bench, "POST", PODS "/web/binding",
			   "{'metadata':{'name':'web'},'target':{'kind':'Node','name':'n1'}}");

	CHECK_INT(reply.status, 201);
	CHECK_STR(reply_text(&reply, "status"), "Success");
}

TEST(binding_sets_the_node_once)
{
	auto_bench struct bench *bench = bench_with_pod(NULL);

	bind_pod(bench);
	auto_reply struct reply got = bench_call(bench, "GET", PODS "/web", NULL);
	auto_reply struct reply again =
		bench_call(bench, "POST", PODS "/web/binding",
			   "{'metadata':{'name':'web'},'target':{'kind':'Node','name':'n2'}}");
	auto_reply struct reply other =
		bench_call(bench, "POST", PODS "/web/binding",
			   "{'metadata':{'name':'x'},'target':{'kind':'Node','name':'n2'}}");

	CHECK_STR(reply_text(&got, "spec.nodeName"), "n1");
	CHECK_STR(reply_text(&got, "metadata.generation"), "1");
	CHECK_STR(json_str_at(json_idx(json_at(got.json, "status.conditions"), 0), "type"),
		  "PodScheduled");
	CHECK_INT(again.status, 409);
	CHECK_STR(reply_text(&again, "details.kind"), "pods/binding");
	CHECK_STR(reply_text(&again, "message"),
		  "Operation cannot be fulfilled on pods/binding \"web\": pod web is already "
		  "assigned to node \"n1\"");
	CHECK_INT(other.status, 400);
}

TEST(pods_on_nodes_end_gracefully)
{
	auto_bench struct bench *bench = bench_with_pod(NULL);

	bind_pod(bench);
	auto_reply struct reply marked = bench_call(bench, "DELETE", PODS "/web", NULL);
	auto_reply struct reply longer =
		bench_call(bench, "DELETE", PODS "/web", "{'gracePeriodSeconds':60}");
	auto_reply struct reply shorter =
		bench_call(bench, "DELETE", PODS "/web?gracePeriodSeconds=5", NULL);
	auto_reply struct reply twin = bench_call(bench, "POST", PODS, bench_pod("web", NULL));

	CHECK_INT(marked.status, 200);
	CHECK_STR(reply_text(&marked, "metadata.deletionTimestamp"), "2026-11-24T10:00:30Z");
	CHECK_STR(reply_text(&marked, "metadata.deletionGracePeriodSeconds"), "30");
	CHECK_STR(reply_text(&marked, "metadata.generation"), "2");
	CHECK_STR(reply_text(&longer, "metadata.resourceVersion"),
		  reply_text(&marked, "metadata.resourceVersion"));
	CHECK_STR(reply_text(&shorter, "metadata.deletionTimestamp"), "2026-11-24T10:00:05Z");
	CHECK_INT(twin.status, 409);
	CHECK_STR(reply_text(&twin, "message"),
		  "object is being deleted: pods \"web\" already exists");
	auto_reply struct reply wrong =
		bench_call(bench, "DELETE", PODS "/web",
			   "{'gracePeriodSeconds':0,'preconditions':{'uid':'nobody'}}");

	CHECK_INT(wrong.status, 409);
	CHECK_STR(reply_text(&wrong, "details.kind"), "Pod");
	auto_reply struct reply gone =
		bench_call(bench, "DELETE", PODS "/web", "{'gracePeriodSeconds':0}");
	auto_reply struct reply missing = bench_call(bench, "GET", PODS "/web", NULL);

	CHECK_INT(gone.status, 200);
	CHECK_INT(missing.status, 404);
}

TEST(evictions_are_deletions_that_say_why)
{
	auto_bench struct bench *bench = bench_with_pod(NULL);
	auto_reply struct reply missing =
		bench_call(bench, "POST", PODS "/x/eviction", "{'metadata':{'name':'x'}}");

	bind_pod(bench);
	auto_reply struct reply reply =
		bench_call(bench, "POST", PODS "/web/eviction",
			   "{'apiVersion':'policy/v1','kind':'Eviction','metadata':{'name':'web'},"
			   "'deleteOptions':{'gracePeriodSeconds':7}}");
	auto_reply struct reply got = bench_call(bench, "GET", PODS "/web", NULL);

	CHECK_INT(missing.status, 404);
	CHECK_INT(reply.status, 201);
	CHECK_STR(reply_text(&reply, "status"), "Success");
	CHECK_STR(reply_text(&got, "metadata.deletionTimestamp"), "2026-11-24T10:00:07Z");
	CHECK(strstr(got.body, "\"type\":\"DisruptionTarget\",\"status\":\"True\""));
}

TEST(finalizers_hold_until_the_last_is_taken)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply made =
		bench_call(bench, "POST", MAPS,
			   "{'metadata':{'name':'a','finalizers':['example.com/x']},'data':{}}");
	auto_reply struct reply marked = bench_call(bench, "DELETE", MAPS "/a", NULL);
	auto_reply struct reply watch = bench_call(bench, "GET", MAPS "?watch=1", NULL);
	auto_reply struct reply freed =
		bench_call(bench, "PATCH", MAPS "/a", "{'metadata':{'finalizers':null}}");
	auto_reply struct reply missing = bench_call(bench, "GET", MAPS "/a", NULL);

	CHECK_INT(made.status, 201);
	CHECK_STR(reply_text(&marked, "kind"), "ConfigMap");
	CHECK_STR(reply_text(&marked, "metadata.deletionTimestamp"), "2026-11-24T10:00:00Z");
	CHECK_INT(freed.status, 200);
	CHECK_STR(reply_text(&freed, "metadata.resourceVersion"),
		  reply_text(&marked, "metadata.resourceVersion"));
	CHECK_INT(missing.status, 404);
	auto_free char *raw = bench_raw_frames(bench, watch.watch);
	char *deleted = strstr(raw, "{\"type\":\"DELETED\"");

	CHECK(deleted && strstr(deleted, "example.com/x"));
}

TEST(other_kinds_answer_with_a_status)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply made = bench_call(bench, "POST", MAPS, "{'metadata':{'name':'a'}}");
	auto_reply struct reply gone = bench_call(bench, "DELETE", MAPS "/a", NULL);
	char want[512];

	(void)snprintf(want, sizeof(want),
		       "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":"
		       "\"Success\",\"details\":{\"name\":\"a\",\"kind\":\"configmaps\",\"uid\":"
		       "\"%s\"}}\n",
		       reply_text(&made, "metadata.uid"));
	CHECK_INT(gone.status, 200);
	CHECK_STR(gone.body, want);
}

TEST(collections_are_deleted_by_selector)
{
	auto_bench struct bench *bench = bench_new();

	for (unsigned i = 0; i < 4; i++) {
		char body[128];

		(void)snprintf(body, sizeof(body),
			       "{'metadata':{'name':'m%u','labels':{'odd':'%u'}}}", i, i % 2);
		auto_reply struct reply made = bench_call(bench, "POST", MAPS, body);
	}
	auto_reply struct reply gone =
		bench_call(bench, "DELETE", MAPS "?labelSelector=odd%3D1", NULL);
	auto_reply struct reply left = bench_call(bench, "GET", MAPS "?labelSelector=odd", NULL);

	CHECK_INT(gone.status, 200);
	CHECK_STR(reply_text(&gone, "kind"), "ConfigMapList");
	CHECK_INT(json_len(json_at(gone.json, "items")), 2);
	CHECK_INT(json_len(json_at(left.json, "items")), 2);
}

TEST(big_collections_go_a_piece_at_a_time)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply gone;

	for (unsigned i = 0; i < 300; i++) {
		char body[128];

		(void)snprintf(body, sizeof(body), "{'metadata':{'name':'m%u'}}", i);
		auto_reply struct reply made = bench_call(bench, "POST", MAPS, body);
	}
	bench_send(bench, &(struct ask){ .method = "DELETE", .path = MAPS }, &gone);
	CHECK(!gone.answered && !core_batch(bench->core)); /* more is to come */
	bench_settle(bench);
	CHECK_INT(gone.status, 200);
	CHECK(json_len(json_at(gone.json, "items")) >= 300);
	CHECK(!bench_stored(bench, "configmaps/default/m0"));
	CHECK(!bench_stored(bench, "configmaps/default/m299"));
}

TEST(namespaces_take_their_content_along)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply space =
		bench_call(bench, "POST", "/api/v1/namespaces", "{'metadata':{'name':'x'}}");
	auto_reply struct reply pod =
		bench_call(bench, "POST", "/api/v1/namespaces/x/pods", bench_pod("web", NULL));
	auto_reply struct reply gone = bench_call(bench, "DELETE", "/api/v1/namespaces/x", NULL);

	CHECK_STR(reply_text(&space, "metadata.labels"), "");
	CHECK_INT(pod.status, 201);
	CHECK_STR(reply_text(&gone, "status.phase"), "Terminating");
	CHECK_STR(reply_text(&gone, "metadata.deletionGracePeriodSeconds"), "");
	bench_pass(bench, 5);
	auto_reply struct reply missing = bench_call(bench, "GET", "/api/v1/namespaces/x", NULL);

	CHECK_INT(missing.status, 404);
	CHECK(!bench_stored(bench, "pods/x/web"));
}

/* ---- forms ---- */

TEST(tables_show_cells_and_metadata)
{
	auto_bench struct bench *bench = bench_with_pod(NULL);

	bench->now_ns += (int64_t)125 * 1000000000;
	auto_reply struct reply list = bench_ask(
		bench,
		&(struct ask){ .method = "GET", .path = PODS "?limit=500", .accept = TABLE });
	struct json_object *row = json_idx(json_at(list.json, "rows"), 0);
	auto_buf struct buf cells = { 0 };

	CHECK_STR(reply_text(&list, "kind"), "Table");
	CHECK_STR(reply_text(&list, "apiVersion"), "meta.k8s.io/v1");
	(void)json_write(&cells, json_get(row, "cells"));
	CHECK(strncmp(buf_str(&cells), "[\"web\",\"0/1\",\"Pending\",\"0\",\"2m5s\"", 32) == 0);
	CHECK_STR(json_str_at(row, "object.kind"), "PartialObjectMetadata");
	CHECK_STR(json_str_at(row, "object.metadata.name"), "web");
	CHECK(json_len(json_at(list.json, "columnDefinitions")) > 5);
	auto_reply struct reply one =
		bench_ask(bench, &(struct ask){ .method = "GET",
						.path = PODS "/web?includeObject=None",
						.accept = TABLE });

	CHECK_INT(json_len(json_at(one.json, "rows")), 1);
	CHECK(!strstr(one.body, "PartialObjectMetadata"));
	auto_reply struct reply watch = bench_ask(
		bench, &(struct ask){ .method = "GET", .path = PODS "?watch=1", .accept = TABLE });
	auto_reply struct reply changed =
		bench_call(bench, "PATCH", PODS "/web", "{'metadata':{'labels':{'x':'y'}}}");
	auto_free char *raw = bench_raw_frames(bench, watch.watch);
	char *second = strchr(raw, '\n') + 1;

	CHECK_INT(changed.status, 200);
	CHECK(strstr(raw, "\"columnDefinitions\":[{"));
	CHECK(strstr(second, "\"columnDefinitions\":[],") && !strstr(second, "\"description\""));
}

TEST(protobuf_first_is_answered_in_json)
{
	auto_bench struct bench *bench = bench_with_pod(NULL);
	auto_reply struct reply got = bench_ask(
		bench, &(struct ask){ .method = "GET",
				      .path = PODS "/web",
				      .accept = "application/vnd.kubernetes.protobuf,application/"
						"json" });
	auto_reply struct reply yaml =
		bench_ask(bench, &(struct ask){ .method = "GET",
						.path = PODS "/web",
						.accept = "application/yaml" });
	auto_reply struct reply none = bench_ask(
		bench,
		&(struct ask){ .method = "GET", .path = PODS "/web", .accept = "text/html" });
	auto_reply struct reply people = bench_ask(
		bench, &(struct ask){ .method = "GET", .path = PODS "/web", .agent = "curl/8" });

	CHECK_INT(got.status, 200);
	CHECK_STR(got.content_type, "application/json");
	CHECK_STR(yaml.content_type, "application/yaml");
	CHECK(strncmp(yaml.body, "apiVersion: v1\n", 15) == 0);
	CHECK_INT(none.status, 406);
	CHECK(strncmp(people.body, "{\n  \"kind\": \"Pod\",\n", 19) == 0);
}

TEST(initial_events_end_with_a_bookmark)
{
	auto_bench struct bench *bench = bench_with_pod(NULL);
	auto_reply struct reply watch = bench_call(
		bench, "GET",
		PODS "?allowWatchBookmarks=true&fieldSelector=metadata.name%3Dweb&"
		     "resourceVersionMatch=NotOlderThan&sendInitialEvents=true&timeoutSeconds=100&"
		     "watch=true",
		NULL);
	auto_free char *raw = bench_raw_frames(bench, watch.watch);
	char *mark = strchr(raw, '\n') + 1;

	CHECK(strncmp(raw, "{\"type\":\"ADDED\"", 15) == 0);
	CHECK(strstr(mark, "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Pod\",\"apiVersion\":"
			   "\"v1\",\"metadata\":{\"resourceVersion\":") == mark);
	CHECK(strstr(mark, "\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}"));
	bench_pass(bench, 61);
	auto_free char *later = bench_raw_frames(bench, watch.watch);

	CHECK(strncmp(later, "{\"type\":\"BOOKMARK\"", 18) == 0);
	bench_pass(bench, 60);
	auto_free char *last = bench_raw_frames(bench, watch.watch);

	CHECK(strncmp(last, "{\"type\":\"BOOKMARK\"", 18) == 0); /* the end is marked, too */
	CHECK(core_watch_ended(watch.watch));
}

/* ---- streams, tokens, users ---- */

TEST(exec_and_logs_name_their_container)
{
	auto_bench struct bench *bench = bench_with_pod(NULL);
	auto_reply struct reply early =
		bench_call(bench, "GET", PODS "/web/exec?command=a&stdout=1", NULL);
	auto_reply struct reply no_log = bench_call(bench, "GET", PODS "/web/log", NULL);

	CHECK_STR(reply_text(&early, "message"), "pod web does not have a host assigned");
	CHECK_INT(no_log.status, 204);
	bind_pod(bench);
	auto_reply struct reply exec = bench_call(
		bench, "POST",
		PODS "/web/exec?command=sh&command=-c&stdin=true&stdout=true&tty=true", NULL);
	auto_reply struct reply log = bench_call(bench, "GET", PODS "/web/log?container=c", NULL);
	auto_reply struct reply wrong = bench_call(bench, "GET", PODS "/web/log?container=x", NULL);
	auto_reply struct reply ports = bench_call(bench, "GET", PODS "/web/portforward", NULL);

	CHECK_STR(exec.stream, "exec n1 default/web c {\"stdin\":true,\"stdout\":true,\"tty\":true,"
			       "\"command\":[\"sh\",\"-c\"]}");
	CHECK_STR(reply_text(&log, "message"),
		  "container \"c\" in pod \"web\" is waiting to start: ContainerCreating");
	CHECK_STR(reply_text(&wrong, "message"), "container x is not valid for pod web");
	CHECK_STR(ports.stream, "portforward n1 default/web  {}");
}

TEST(a_container_must_be_chosen_among_several)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply made = bench_call(
		bench, "POST", PODS,
		"{'metadata':{'name':'two'},'spec':{'schedulerName':'none','initContainers':[{'"
		"name':"
		"'i','image':'x'}],'containers':[{'name':'a','image':'x'},{'name':'b','image':'x'}]"
		"}}");
	auto_reply struct reply log = bench_call(bench, "GET", PODS "/two/log", NULL);

	CHECK_INT(made.status, 201);
	CHECK_INT(log.status, 400);
	CHECK_STR(reply_text(&log, "message"),
		  "a container name must be specified for pod two, choose one of: [a b] or one of "
		  "the init containers: [i]");
}

TEST(tokens_carry_kubernetes_claims)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply token = bench_call(
		bench, "POST", "/api/v1/namespaces/default/serviceaccounts/default/token",
		"{'spec':{'expirationSeconds':3607}}");
	auto_reply struct reply brief = bench_call(
		bench, "POST", "/api/v1/namespaces/default/serviceaccounts/default/token",
		"{'spec':{'expirationSeconds':5}}");
	auto_json struct json_object *claims = NULL;
	const char *text = reply_text(&token, "status.token");

	CHECK_INT(token.status, 201);
	CHECK_STR(reply_text(&token, "status.expirationTimestamp"), "2026-11-24T11:00:07Z");
	CHECK(strncmp(text, "signed:", 7) == 0);
	CHECK(json_parse(text + 7, strlen(text + 7), &claims, NULL) == 0);
	CHECK_STR(json_str(json_get(claims, "sub")), "system:serviceaccount:default:default");
	CHECK_STR(json_str(json_idx(json_get(claims, "aud"), 0)),
		  "https://kubernetes.default.svc.cluster.local");
	CHECK_STR(json_str(json_get(json_get(json_get(claims, "kubernetes.io"), "serviceaccount"),
				    "name")),
		  "default");
	CHECK_INT(brief.status, 422);
}

static const struct {
	const char *user, *group, *method, *path;
	int status;
} permissions[] = {
	{ "admin", "system:masters", "GET", "/api/v1/secrets", 200 },
	{ "system:anonymous", "system:unauthenticated", "GET", "/api/v1/pods", 403 },
	{ "system:node:n1", "system:nodes", "GET", "/api/v1/pods", 200 },
	{ "system:node:n1", "system:nodes", "GET", "/api/v1/nodes/n1", 404 },
	{ "system:node:n1", "system:nodes", "DELETE", "/api/v1/nodes/n1", 403 },
	{ "system:node:n1", "system:nodes", "DELETE", "/api/v1/namespaces/default", 403 },
	{ "system:node:n1", "system:nodes", "PATCH", "/api/v1/nodes/n2/status", 403 },
	{ "system:node:n1", "system:nodes", "GET", "/api/v1/secrets", 403 },
	{ "system:node:n1", "system:nodes", "GET", "/api/v1/namespaces/default/configmaps/c", 403 },
	{ "system:node:n1", "system:nodes", "POST",
	  "/api/v1/namespaces/default/serviceaccounts/default/token", 403 },
	{ "system:node:n1", "system:nodes", "DELETE", "/api/v1/namespaces/default/pods/p", 403 },
	{ "system:serviceaccount:default:default", "system:serviceaccounts", "GET", "/api/v1/pods",
	  403 },
	{ "system:serviceaccount:default:default", "system:serviceaccounts", "GET", "/api", 200 },
	{ "system:anonymous", "system:unauthenticated", "GET", "/healthz", 200 },
};

TEST(users_may_what_their_groups_may)
{
	auto_bench struct bench *bench = bench_new();

	for (size_t i = 0; i < ARRAY_LEN(permissions); i++) {
		auto_reply struct reply reply =
			bench_ask(bench, &(struct ask){ .method = permissions[i].method,
							.path = permissions[i].path,
							.user = permissions[i].user,
							.type = "application/merge-patch+json",
							.body = "{}",
							.group = permissions[i].group });

		if (reply.status != permissions[i].status)
			fail_msg("%s %s %s: %d %s", permissions[i].user, permissions[i].method,
				 permissions[i].path, reply.status, reply.body);
	}
	auto_reply struct reply refusal = bench_ask(
		bench,
		&(struct ask){ .method = "GET", .path = PODS, .user = "jane", .group = "people" });

	CHECK_STR(
		reply_text(&refusal, "message"),
		"pods is forbidden: User \"jane\" cannot list resource \"pods\" in API group \"\" "
		"in the namespace \"default\"");
}

/* ---- services ---- */

#define SERVICES "/api/v1/namespaces/default/services"

TEST(services_get_and_keep_their_address)
{
	auto_bench struct bench *bench = bench_new();
	auto_reply struct reply made =
		bench_call(bench, "POST", SERVICES,
			   "{'metadata':{'name':'a'},'spec':{'ports':[{'port':80}]}}");
	auto_reply struct reply other = bench_call(bench, "POST", SERVICES,
						   "{'metadata':{'name':'b'},'spec':{'clusterIP':'"
						   "10.96.0.20','ports':[{'port':80}]}}");
	auto_reply struct reply twice = bench_call(bench, "POST", SERVICES,
						   "{'metadata':{'name':'c'},'spec':{'clusterIP':'"
						   "10.96.0.20','ports':[{'port':80}]}}");
	auto_reply struct reply foreign = bench_call(
		bench, "POST", SERVICES,
		"{'metadata':{'name':'c'},'spec':{'clusterIP':'192.0.2.1','ports':[{'port':80}]}}");
	auto_reply struct reply headless = bench_call(
		bench, "POST", SERVICES,
		"{'metadata':{'name':'d'},'spec':{'clusterIP':'None','selector':{'a':'b'}}}");
	auto_reply struct reply put =
		bench_call(bench, "PUT", SERVICES "/a",
			   "{'metadata':{'name':'a'},'spec':{'ports':[{'port':81}]}}");

	CHECK_INT(made.status, 201);
	CHECK(strncmp(reply_text(&made, "spec.clusterIP"), "10.", 3) == 0);
	CHECK_STR(json_str(json_idx(json_at(made.json, "spec.ipFamilies"), 0)), "IPv4");
	CHECK_STR(reply_text(&made, "spec.ipFamilyPolicy"), "SingleStack");
	CHECK_STR(reply_text(&other, "spec.clusterIP"), "10.96.0.20");
	CHECK_INT(twice.status, 422);
	CHECK(strstr(reply_text(&twice, "message"), "provided IP is already allocated"));
	CHECK_INT(foreign.status, 422);
	CHECK_INT(headless.status, 201);
	CHECK_INT(put.status, 200);
	CHECK_STR(json_str(json_at(put.json, "spec.clusterIP")),
		  json_str(json_at(made.json, "spec.clusterIP")));
}
