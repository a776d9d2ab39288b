/* SPDX-License-Identifier: Apache-2.0 */
/* Selectors, paths, queries and Accept headers: what they mean, and what is refused. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/core/accept.h"
#include "orchestrator/core/apipath.h"
#include "orchestrator/core/apiquery.h"
#include "orchestrator/core/selector.h"
#include "tests/unit/test.h"

static struct object *pod(void)
{
	static const char text[] =
		"{\"metadata\":{\"name\":\"web\",\"namespace\":\"default\",\"uid\":\"u\","
		"\"labels\":{"
		"\"app\":\"x\",\"tier\":\"\",\"n\":\"5\",\"example.com/a\":\"b\"}},\"spec\":{"
		"\"nodeName\":\"n1\"},\"status\":{\"phase\":\"Running\"}}";
	const struct schema_kind *kind = schema_kind_of_kind("", "v1", "Pod");
	auto_json struct json_object *json = NULL;
	struct object *object = NULL;

	CHECK(json_parse(text, strlen(text), &json, NULL) == 0);
	CHECK(object_new(kind, 1, json, NULL, &object) == 0);
	return object;
}

static const struct {
	const char *labels, *fields;
	int matches; /* 1, 0, or -1: refused */
} selections[] = {
	{ "", NULL, 1 },
	{ " ", " ", 1 },
	{ "app=x", NULL, 1 },
	{ "app==x,n=5", NULL, 1 },
	{ "app = x , n != 6", NULL, 1 },
	{ "app!=x", NULL, 0 },
	{ "other!=x", NULL, 1 },
	{ "app", NULL, 1 },
	{ "!app", NULL, 0 },
	{ "!other", NULL, 1 },
	{ "tier=", NULL, 1 },
	{ "app in (a,x)", NULL, 1 },
	{ "app in (a, b)", NULL, 0 },
	{ "app notin (a,b)", NULL, 1 },
	{ "other notin (a)", NULL, 1 },
	{ "tier in ()", NULL, 1 }, /* one empty value */
	{ "n>4", NULL, 1 },
	{ "n<4", NULL, 0 },
	{ "app>4", NULL, 0 },
	{ "example.com/a=b", NULL, 1 },
	{ "in in (a)", NULL, 0 },
	{ "app=x y", NULL, -1 },
	{ "=x", NULL, -1 },
	{ "app in a", NULL, -1 },
	{ "app in (a", NULL, -1 },
	{ "!app=x", NULL, -1 },
	{ "app=!", NULL, -1 },
	{ "app=x,", NULL, -1 },
	{ ",", NULL, -1 },
	{ "a b", NULL, -1 },
	{ "-a=b", NULL, -1 },
	{ "a=-b", NULL, -1 },
	{ "a/b/c=d", NULL, -1 },
	{ NULL, "metadata.name=web", 1 },
	{ NULL, "metadata.name!=web", 0 },
	{ NULL, "metadata.name==web,spec.nodeName=n1,status.phase=Running", 1 },
	{ NULL, "spec.nodeName=", 0 },
	{ NULL, "spec.hostNetwork=false", 1 },
	{ NULL, "metadata.namespace=other", 0 },
	{ NULL, "spec.bogus=1", -1 },
	{ NULL, "metadata.name", -1 },
	{ "app=x", "status.phase=Pending", 0 },
};

TEST(selectors_mean_what_kubernetes_says)
{
	auto_object struct object *object = pod();

	for (size_t i = 0; i < ARRAY_LEN(selections); i++) {
		auto_selector struct selector *selector = NULL;
		struct err err = { 0 };
		int r = selector_new(object_kind(object), selections[i].labels,
				     selections[i].fields, &selector, &err);
		int matches = r < 0 ? -1 : selector_match(selector, object);

		if (matches != selections[i].matches)
			fail_msg("%s / %s: %d (%s)",
				 selections[i].labels ? selections[i].labels : "",
				 selections[i].fields ? selections[i].fields : "", matches,
				 err.text);
		CHECK(r == 0 || r == -EINVAL);
	}
}

TEST(selectors_are_bounded)
{
	auto_selector struct selector *selector = NULL;
	auto_buf struct buf text = { 0 };
	struct err err = { 0 };

	for (unsigned i = 0; i < 300; i++)
		(void)buf_printf(&text, "%sa%u", i ? "," : "", i);
	CHECK(selector_new(schema_kind_of_kind("", "v1", "Pod"), buf_str(&text), NULL, &selector,
			   &err) == -EINVAL);
}

static const struct {
	const char *path, *parts; /* group|version|resource|namespace|name|subresource|rest */
} paths[] = {
	{ "/api/v1/pods", "|v1|pods||||" },
	{ "/api/v1/namespaces", "|v1|namespaces||||" },
	{ "/api/v1/namespaces/a", "|v1|namespaces|a|a||" },
	{ "/api/v1/namespaces/a/status", "|v1|namespaces|a|a|status|" },
	{ "/api/v1/namespaces/a/finalize", "|v1|namespaces|a|a|finalize|" },
	{ "/api/v1/namespaces/a/pods", "|v1|pods|a|||" },
	{ "/api/v1/namespaces/a/pods/b/exec", "|v1|pods|a|b|exec|" },
	{ "/api/v1/namespaces/a/pods/b/proxy/x/y?", "|v1|pods|a|b|proxy|x/y?" },
	{ "/apis/apps/v1/namespaces/a/deployments/b/scale", "apps|v1|deployments|a|b|scale|" },
	{ "/api/v1/watch/namespaces/a/pods/b", "|v1|pods|a|b||" },
	{ "/apis/apps/v1", "apps|v1|||||" },
};

TEST(paths_fall_into_their_parts)
{
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct apipath path;
		char parts[256];

		CHECK(apipath_parse(paths[i].path, &path) == 0);
		(void)snprintf(parts, sizeof(parts), "%s|%s|%s|%s|%s|%s|%s", path.group,
			       path.version, path.resource, path.namespace, path.name,
			       path.subresource, path.rest);
		CHECK_STR(parts, paths[i].parts);
		CHECK(!path.document);
		apipath_done(&path);
	}
}

TEST(other_paths_are_documents)
{
	static const char *const documents[] = { "/",	       "/api",	   "/api/",	  "/apis",
						 "/apis/apps", "/version", "/openapi/v3", "" };

	for (size_t i = 0; i < ARRAY_LEN(documents); i++) {
		struct apipath path;

		CHECK(apipath_parse(documents[i], &path) == 0);
		CHECK(path.document);
		apipath_done(&path);
	}
}

TEST(queries_are_decoded_once)
{
	struct apiquery query;
	struct err err = { 0 };

	CHECK(apiquery_parse(
		      "labelSelector=a%3Db&limit=5&watch&watch=1&command=a+b&command=%2F&x=y&"
		      "labelSelector=second&broken=%zz&nul=%00&follow=false&pretty=0",
		      &query, &err) == 0);
	CHECK_STR(query.label_selector, "a=b");
	CHECK_INT(query.limit, 5);
	CHECK(query.watch && !query.follow && query.has_pretty && !query.pretty);
	CHECK_INT(query.n_commands, 2);
	CHECK_STR(query.commands[0], "a b");
	CHECK_STR(query.commands[1], "/");
	apiquery_done(&query);
	CHECK(apiquery_parse("limit=99999999999999999999", &query, &err) == -EINVAL);
	CHECK(apiquery_parse("tailLines=1x", &query, &err) == -EINVAL);
	CHECK(apiquery_parse("&&=&a&%", &query, &err) == 0);
	apiquery_done(&query);
}

static const struct {
	const char *header;
	int form, encoding; /* form -1: nothing can be served */
} accepts[] = {
	{ "", ACCEPT_OBJECT, ACCEPT_JSON },
	{ "*/*", ACCEPT_OBJECT, ACCEPT_JSON },
	{ "application/json", ACCEPT_OBJECT, ACCEPT_JSON },
	{ "application/yaml", ACCEPT_OBJECT, ACCEPT_YAML },
	{ "application/yaml;q=0.5, application/json", ACCEPT_OBJECT, ACCEPT_JSON },
	{ "application/vnd.kubernetes.protobuf,application/json", ACCEPT_OBJECT, ACCEPT_JSON },
	{ "application/vnd.kubernetes.protobuf", ACCEPT_OBJECT, ACCEPT_JSON },
	{ "application/json;as=Table;v=v1;g=meta.k8s.io,application/json", ACCEPT_TABLE,
	  ACCEPT_JSON },
	{ "application/json;g=meta.k8s.io;v=v1beta1;as=Table", ACCEPT_TABLE, ACCEPT_JSON },
	{ "application/json;as=Table;v=v9;g=meta.k8s.io,application/json", ACCEPT_OBJECT,
	  ACCEPT_JSON },
	{ "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", ACCEPT_PARTIAL,
	  ACCEPT_JSON },
	{ "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
	  ACCEPT_DISCOVERY, ACCEPT_JSON },
	{ "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList", -1, 0 },
	{ "text/html", -1, 0 },
	{ ";;;,,,=;q=", -1, 0 },
};

TEST(accept_is_read_to_its_end)
{
	for (size_t i = 0; i < ARRAY_LEN(accepts); i++) {
		struct accept accept;
		bool fine = accept_parse(accepts[i].header, &accept);

		if (fine != (accepts[i].form >= 0))
			fail_msg("%s: %d", accepts[i].header, fine);
		if (!fine)
			continue;
		CHECK_INT(accept.form, accepts[i].form);
		CHECK_INT(accept.encoding, accepts[i].encoding);
	}
}
