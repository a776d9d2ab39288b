/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "orchestrator/schema/schema.h"
#include "tests/unit/test.h"

/* Decode, default and write; what a client would get back, admission apart. */
static const char *defaulted(const char *resource, const char *in, struct buf *out)
{
	const struct schema_kind *kind = schema_kind_of_resource("", "v1", resource);
	auto_json struct json_object *json = NULL;
	struct err err = { 0 };

	if (json_parse(in, strlen(in), &json, &err) < 0 ||
	    schema_decode(kind->type, json, NULL, &err) < 0)
		fail_msg("%s", err.text);
	schema_default(kind, json);
	CHECK(schema_write(out, kind->type, json) == 0);
	return buf_str(out);
}

TEST(a_pod_of_one_container_gets_its_defaults)
{
	auto_buf struct buf out = BUF_INIT(0);

	CHECK_STR(
		defaulted(
			"pods",
			"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"spec\":{\"containers\":[{"
			"\"image\":\"nginx\",\"name\":\"nginx\",\"ports\":[{\"containerPort\":80}]"
			"}]},\"metadata\":{\"name\":\"nginx\"}}",
			&out),
		"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"nginx\"},"
		"\"spec\":{\"containers\":[{\"name\":\"nginx\",\"image\":\"nginx\",\"ports\":[{"
		"\"containerPort\":80,\"protocol\":\"TCP\"}],\"resources\":{},"
		"\"terminationMessagePath\":\"/dev/termination-log\","
		"\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":\"Always\"}],"
		"\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":30,"
		"\"dnsPolicy\":\"ClusterFirst\",\"securityContext\":{},"
		"\"schedulerName\":\"default-scheduler\",\"enableServiceLinks\":true},"
		"\"status\":{}}");
}

TEST(defaulting_again_changes_nothing)
{
	auto_buf struct buf once = BUF_INIT(0);
	auto_buf struct buf twice = BUF_INIT(0);

	defaulted("pods",
		  "{\"spec\":{\"hostNetwork\":true,\"serviceAccount\":\"x\",\"volumes\":[{\"name\":"
		  "\"v\"},{\"name\":\"s\",\"secret\":{}}],\"containers\":[{\"image\":\"a:1\","
		  "\"ports\":[{\"containerPort\":1}],\"readinessProbe\":{\"httpGet\":{\"port\":1}},"
		  "\"resources\":{\"limits\":{\"cpu\":1}}}]}}",
		  &once);
	CHECK_STR(defaulted("pods", buf_str(&once), &twice), buf_str(&once));
	CHECK(strstr(buf_str(&once), "\"hostPort\":1"));
	CHECK(strstr(buf_str(&once), "\"requests\":{\"cpu\":\"1\"}"));
	CHECK(strstr(buf_str(&once), "{\"name\":\"v\",\"emptyDir\":{}}"));
	CHECK(strstr(buf_str(&once), "\"secret\":{\"defaultMode\":420}"));
	CHECK(strstr(
		buf_str(&once),
		"\"readinessProbe\":{\"httpGet\":{\"path\":\"/\",\"port\":1,\"scheme\":\"HTTP\"},"
		"\"timeoutSeconds\":1,\"periodSeconds\":10,\"successThreshold\":1,"
		"\"failureThreshold\":3}"));
	CHECK(strstr(buf_str(&once), "\"serviceAccountName\":\"x\",\"serviceAccount\":\"x\""));
}

TEST(the_pull_policy_follows_the_tag)
{
	static const struct {
		const char *image, *policy;
	} rows[] = {
		{ "nginx", "Always" },
		{ "nginx:latest", "Always" },
		{ "nginx:1.27", "IfNotPresent" },
		{ "reg:5000/nginx", "Always" },
		{ "reg:5000/a/nginx:v1", "IfNotPresent" },
		{ "nginx@sha256:aa", "IfNotPresent" },
		{ "nginx:latest@sha256:aa", "Always" },
		{ "Nginx", "IfNotPresent" },
		{ "", "IfNotPresent" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		auto_buf struct buf out = BUF_INIT(0);
		char in[256], want[64];

		(void)snprintf(in, sizeof(in), "{\"spec\":{\"containers\":[{\"image\":\"%s\"}]}}",
			       rows[i].image);
		(void)snprintf(want, sizeof(want), "\"imagePullPolicy\":\"%s\"", rows[i].policy);
		CHECK(strstr(defaulted("pods", in, &out), want));
	}
}

TEST(a_template_gets_less_than_a_pod)
{
	auto_buf struct buf out = BUF_INIT(0);

	CHECK_STR(
		defaulted("podtemplates",
			  "{\"template\":{\"spec\":{\"hostNetwork\":true,\"containers\":[{\"name\":"
			  "\"c\",\"image\":\"i\",\"ports\":[{\"containerPort\":80}],\"resources\":{"
			  "\"limits\":{\"cpu\":1}}}]}}}",
			  &out),
		"{\"metadata\":{},\"template\":{\"metadata\":{},\"spec\":{\"containers\":[{"
		"\"name\":"
		"\"c\",\"image\":\"i\",\"ports\":[{\"containerPort\":80,\"protocol\":\"TCP\"}],"
		"\"resources\":{\"limits\":{\"cpu\":\"1\"}},\"terminationMessagePath\":"
		"\"/dev/"
		"termination-log\",\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":"
		"\"Always\"}],\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":30,"
		"\"dnsPolicy\":\"ClusterFirst\",\"hostNetwork\":true,\"securityContext\":{},"
		"\"schedulerName\":\"default-scheduler\"}}}");
}

TEST(smaller_kinds_get_theirs)
{
	auto_buf struct buf ns = BUF_INIT(0);
	auto_buf struct buf secret = BUF_INIT(0);
	auto_buf struct buf service = BUF_INIT(0);
	auto_buf struct buf config = BUF_INIT(0);

	CHECK_STR(defaulted("namespaces", "{\"metadata\":{\"name\":\"a\"}}", &ns),
		  "{\"metadata\":{\"name\":\"a\",\"labels\":{\"kubernetes.io/metadata.name\":\"a\"}"
		  "},\"spec\":{},\"status\":{\"phase\":\"Active\"}}");
	CHECK_STR(defaulted("secrets",
			    "{\"stringData\":{\"b\":\"hi\"},\"data\":{\"a\":\"aGk=\",\"b\":\"\"}}",
			    &secret),
		  "{\"metadata\":{},\"data\":{\"a\":\"aGk=\",\"b\":\"aGk=\"},\"type\":\"Opaque\"}");
	CHECK_STR(defaulted("services",
			    "{\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":80}],"
			    "\"sessionAffinity\":\"ClientIP\"}}",
			    &service),
		  "{\"metadata\":{},\"spec\":{\"ports\":[{\"protocol\":\"TCP\",\"port\":80,"
		  "\"targetPort\":80}],\"type\":\"NodePort\",\"sessionAffinity\":\"ClientIP\","
		  "\"externalTrafficPolicy\":\"Cluster\",\"sessionAffinityConfig\":{\"clientIP\":{"
		  "\"timeoutSeconds\":10800}},\"ipFamilies\":[\"IPv4\"],\"ipFamilyPolicy\":"
		  "\"SingleStack\",\"internalTrafficPolicy\":\"Cluster\"},\"status\":{"
		  "\"loadBalancer\":{}}}");
	CHECK_STR(defaulted("configmaps", "{\"data\":{\"b\":\"<&>\",\"a\":\"\"}}", &config),
		  "{\"metadata\":{},\"data\":{\"a\":\"\",\"b\":\"\\u003c\\u0026\\u003e\"}}");
}
