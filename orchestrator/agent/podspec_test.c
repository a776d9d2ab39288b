/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/agent/podspec.h"

#include "tests/unit/test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "orchestrator/agent/podenv.h"

static struct json_object *parse(const char *text)
{
	struct json_object *json = NULL;
	struct err err = { 0 };

	if (json_parse(text, strlen(text), &json, &err) < 0)
		fail_msg("%s: %s", text, err.text);
	return json;
}

TEST(signals_have_many_names)
{
	static const struct {
		const char *name;
		int signo;
	} cases[] = {
		{ "SIGTERM", SIGTERM },
		{ "TERM", SIGTERM },
		{ "15", SIGTERM },
		{ "SIGQUIT", SIGQUIT },
		{ "SIGFOO", 0 },
		{ "", 0 },
		{ "0", 0 },
		{ "65", 0 },
		{ "999999999999", 0 },
		{ "-1", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CHECK_INT(podspec_signal(cases[i].name), cases[i].signo);
	CHECK_INT(podspec_signal(NULL), 0);
	CHECK_INT(podspec_signal("SIGRTMIN+3"), SIGRTMIN + 3);
	CHECK_INT(podspec_signal("RTMAX-1"), SIGRTMAX - 1);
}

TEST(cpu_and_memory_become_cgroup_numbers)
{
	static const struct {
		const char *resources;
		uint64_t shares;
		int64_t quota, memory;
	} cases[] = {
		{ "{}", 2, 0, 0 },
		{ "{\"requests\":{\"cpu\":\"100m\"}}", 102, 0, 0 },
		{ "{\"requests\":{\"cpu\":\"2\"},\"limits\":{\"cpu\":\"2500m\",\"memory\":\"64Mi\"}"
		  "}",
		  2048, 250000, 64LL << 20 },
		{ "{\"limits\":{\"cpu\":\"500m\"}}", 512, 50000,
		  0 }, /* request follows the limit */
		{ "{\"limits\":{\"cpu\":\"1m\"}}", 2, 1000, 0 },
	};
	const struct cgroup_host host = { .mount = "/x", .cpu = true, .memory = true };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[256];
		auto_spec struct spec *spec = spec_new();

		(void)snprintf(text, sizeof(text), "{\"resources\":%s}", cases[i].resources);
		auto_json struct json_object *container = parse(text);

		podspec_resources(container, &host, spec);
		CHECK_INT(spec->resources.cpu.shares, cases[i].shares);
		CHECK_INT(spec->resources.cpu.quota_us, cases[i].quota);
		CHECK_INT(spec->resources.memory.limit, cases[i].memory);
	}
}

TEST(a_pods_limits_are_the_sum_of_its_containers)
{
	auto_json struct json_object *pod =
		parse("{\"spec\":{\"initContainers\":[{\"resources\":{\"limits\":{\"cpu\":\"4\","
		      "\"memory\":\"1Mi\"}}}],\"containers\":["
		      "{\"resources\":{\"limits\":{\"cpu\":\"1\",\"memory\":\"10Mi\"}}},"
		      "{\"resources\":{\"limits\":{\"cpu\":\"500m\",\"memory\":\"20Mi\"}}}]}}");
	auto_json struct json_object *half = parse("{\"spec\":{\"containers\":[{\"resources\":{"
						   "\"limits\":{\"memory\":\"10Mi\"}}},{}]}}");
	struct cgroup_limits limits;

	podspec_pod_limits(pod, &limits);
	CHECK_INT(limits.memory_max_bytes, 30 << 20);
	CHECK_INT(limits.cpu_quota_us, 400000); /* the init container's peak */
	podspec_pod_limits(half, &limits);
	CHECK_INT(limits.memory_max_bytes, 0); /* one of them has none */
}

TEST(the_kernel_is_told_whom_to_kill_first)
{
	static const struct {
		const char *class, *request;
		int score;
	} cases[] = {
		{ "Guaranteed", "1Gi", -997 }, { "BestEffort", "0", 1000 },
		{ "Burstable", "512Mi", 500 }, { "Burstable", "1Gi", 3 },
		{ "Burstable", "1", 999 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char pod_text[128], container_text[128];

		(void)snprintf(pod_text, sizeof(pod_text), "{\"status\":{\"qosClass\":\"%s\"}}",
			       cases[i].class);
		(void)snprintf(container_text, sizeof(container_text),
			       "{\"resources\":{\"requests\":{\"memory\":\"%s\"}}}",
			       cases[i].request);
		auto_json struct json_object *pod = parse(pod_text);
		auto_json struct json_object *container = parse(container_text);

		CHECK_INT(podspec_oom_score(pod, container, 1LL << 30), cases[i].score);
	}
}

static void want(struct desired *d, const char *kind, const char *name, const char *text)
{
	auto_json struct json_object *json = parse(text);

	CHECK(desired_set(d, kind, "ns", name, name, "1", json) == 0);
}

TEST(environments_are_made_as_the_kubelet_makes_them)
{
	auto_desired struct desired *d = NULL;
	auto_envlist struct envlist env = { 0 };
	auto_json struct json_object *pod = parse("{\"metadata\":{\"name\":\"p\",\"namespace\":"
						  "\"ns\",\"uid\":\"u\",\"labels\":{\"a\":"
						  "\"b\"}},\"spec\":{\"nodeName\":\"n\"}}");
	auto_json struct json_object *container = parse(
		"{\"name\":\"c\",\"resources\":{\"limits\":{\"memory\":\"64Mi\"}},"
		"\"envFrom\":[{\"prefix\":\"X_\",\"configMapRef\":{\"name\":\"cm\"}},"
		"{\"secretRef\":{\"name\":\"nope\",\"optional\":true}}],\"env\":["
		"{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\",\"value\":\"$(A)$(X_k)$(Z)\"},"
		"{\"name\":\"S\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"p\"}}},"
		"{\"name\":\"N\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"spec.nodeName\"}}},"
		"{\"name\":\"L\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.labels['a']"
		"\"}}},"
		"{\"name\":\"M\",\"valueFrom\":{\"resourceFieldRef\":{\"resource\":\"limits."
		"memory\","
		"\"divisor\":\"1Mi\"}}},"
		"{\"name\":\"C\",\"valueFrom\":{\"resourceFieldRef\":{\"resource\":\"limits.cpu\"}}"
		"}]}");
	const struct downward of = {
		.pod = pod, .pod_ip = "10.0.0.1", .host_ip = "192.0.2.1", .node_cpu_milli = 2500
	};
	struct err err = { 0 };

	CHECK(desired_open(test_dir(), &d, NULL) == 0);
	want(d, "ConfigMap", "cm", "{\"data\":{\"k\":\"v\"}}");
	want(d, "Secret", "s", "{\"data\":{\"p\":\"cHc=\"}}");
	want(d, "Service", "my-svc",
	     "{\"metadata\":{\"name\":\"my-svc\",\"namespace\":\"ns\"},\"spec\":{\"clusterIP\":"
	     "\"10.96.1.1\",\"ports\":[{\"port\":80}]}}");
	CHECK(podenv_make(d, &of, container, &env, &err) == 0);
	CHECK_STR(envlist_get(&env, "X_k"), "v");
	CHECK_STR(envlist_get(&env, "B"), "1v$(Z)");
	CHECK_STR(envlist_get(&env, "S"), "pw");
	CHECK_STR(envlist_get(&env, "N"), "n");
	CHECK_STR(envlist_get(&env, "L"), "b");
	CHECK_STR(envlist_get(&env, "M"), "64");
	CHECK_STR(envlist_get(&env, "C"), "3"); /* the node's, rounded up */
	CHECK_STR(envlist_get(&env, "MY_SVC_SERVICE_HOST"), "10.96.1.1");
	CHECK_STR(envlist_get(&env, "MY_SVC_PORT_80_TCP"), "tcp://10.96.1.1:80");
}

TEST(what_is_missing_is_said_as_the_kubelet_says_it)
{
	static const struct {
		const char *env, *text;
	} cases[] = {
		{ "{\"configMapKeyRef\":{\"name\":\"no\",\"key\":\"k\"}}",
		  "configmap \"no\" not found" },
		{ "{\"secretKeyRef\":{\"name\":\"no\",\"key\":\"k\"}}", "secret \"no\" not found" },
		{ "{\"configMapKeyRef\":{\"name\":\"cm\",\"key\":\"no\"}}",
		  "couldn't find key no in ConfigMap ns/cm" },
		{ "{\"fieldRef\":{\"fieldPath\":\"spec.nope\"}}",
		  "unsupported fieldPath: spec.nope" },
	};
	auto_desired struct desired *d = NULL;
	auto_json struct json_object *pod = parse("{\"metadata\":{\"namespace\":\"ns\"}}");
	const struct downward of = { .pod = pod };

	CHECK(desired_open(test_dir(), &d, NULL) == 0);
	want(d, "ConfigMap", "cm", "{\"data\":{\"k\":\"v\"}}");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_envlist struct envlist env = { 0 };
		char text[256];
		struct err err = { 0 };

		(void)snprintf(text, sizeof(text), "{\"env\":[{\"name\":\"E\",\"valueFrom\":%s}]}",
			       cases[i].env);
		auto_json struct json_object *container = parse(text);

		CHECK(podenv_make(d, &of, container, &env, &err) < 0);
		CHECK_STR(err.text, cases[i].text);
	}
}
