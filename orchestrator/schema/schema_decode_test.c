/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/crypt.h"
#include "orchestrator/schema/schema_types.h"
#include "orchestrator/schema/schema_bytes.h"
#include "tests/unit/test.h"

#include "orchestrator/schema/schema_test.h"

/* Sentences of a kube-apiserver 1.37 for the same input. */
static const struct {
	const char *resource, *in, *sentence;
} refused[] = {
	{ "pods", "{'spec':{'containers':'a'}}",
	  "json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type "
	  "[]v1.Container" },
	{ "pods", "{'spec':{'containers':['a']}}",
	  "json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type "
	  "v1.Container" },
	{ "pods", "{'spec':'a'}",
	  "json: cannot unmarshal string into Go struct field Pod.spec of type v1.PodSpec" },
	{ "pods", "{'spec':{'containers':[{'name':5}]}}",
	  "json: cannot unmarshal number into Go struct field Container.spec.containers.name of "
	  "type string" },
	{ "pods", "{'spec':{'containers':[{'ports':[{'containerPort':'80'}]}]}}",
	  "json: cannot unmarshal string into Go struct field "
	  "ContainerPort.spec.containers.ports.containerPort of type int32" },
	{ "pods", "{'spec':{'containers':[{'ports':[{'containerPort':1.5}]}]}}",
	  "json: cannot unmarshal number 1.5 into Go struct field "
	  "ContainerPort.spec.containers.ports.containerPort of type int32" },
	{ "pods", "{'spec':{'containers':[{'ports':[{'containerPort':99999999999}]}]}}",
	  "json: cannot unmarshal number 99999999999 into Go struct field "
	  "ContainerPort.spec.containers.ports.containerPort of type int32" },
	{ "pods", "{'metadata':{'labels':'x'}}",
	  "json: cannot unmarshal string into Go struct field ObjectMeta.metadata.labels of type "
	  "map[string]string" },
	{ "pods", "{'metadata':{'creationTimestamp':'x'}}",
	  "parsing time \"x\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"x\" as \"2006\"" },
	{ "pods", "{'spec':{'containers':[{'livenessProbe':'x','stdin':'true'}]}}",
	  "json: cannot unmarshal string into Go struct field "
	  "Container.spec.containers.livenessProbe of type v1.Probe" },
	{ "pods", "{'spec':{'containers':[{'livenessProbe':{'httpGet':{'port':true}}}]}}",
	  "json: cannot unmarshal bool into Go struct field "
	  "HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.port of type int32" },
	{ "pods",
	  "{'metadata':{'labels':{'a':1}},'spec':{'containers':[{'resources':{'limits':{'cpu':"
	  "'x'}}}]}}",
	  "quantities must match the regular expression "
	  "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'" },
	{ "secrets", "{'data':{'a':'x'}}", "illegal base64 data at input byte 0" },
	{ "secrets", "{'data':{'a':'x!'}}", "illegal base64 data at input byte 1" },
	{ "secrets", "{'data':{'a':'eA'}}", "illegal base64 data at input byte 0" },
	{ "secrets", "{'data':{'a':5}}",
	  "json: cannot unmarshal number into Go struct field Secret.data of type []uint8" },
};

TEST(schema_decode_words_wrong_types_as_go_does)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		auto_json struct json_object *json = json_of(refused[i].in);
		const struct schema_kind *kind =
			schema_kind_of_resource("", "v1", refused[i].resource);
		struct err err = { 0 };

		CHECK_INT(schema_decode(kind->type, json, NULL, &err), -EINVAL);
		CHECK_STR(err.text, refused[i].sentence);
	}
}

TEST(schema_decode_names_unknown_fields_and_drops_them)
{
	auto_json struct json_object *json =
		json_of("{\"spec\":{\"containers\":[{\"name\":\"a\",\"bogus\":1}],\"foo\":{},"
			"\"nodeName\":null},\"bar\":3}");
	auto_buf struct buf unknown = BUF_INIT(0);
	auto_buf struct buf out = BUF_INIT(0);

	CHECK(schema_decode(&core_v1_pod, json, &unknown, NULL) == 0);
	CHECK_STR(buf_str(&unknown), "unknown field \"spec.containers[0].bogus\"\n"
				     "unknown field \"spec.foo\"\n"
				     "unknown field \"bar\"\n");
	CHECK(json_write(&out, json) == 0);
	CHECK_STR(buf_str(&out), "{\"spec\":{\"containers\":[{\"name\":\"a\"}]}}");
}

TEST(schema_decode_drops_what_a_gate_keeps_off)
{
	auto_json struct json_object *json =
		json_of("{'spec':{'containers':[{'volumeMounts':[{'name':'v','bindMountOptions':["
			"'noexec']}]}]}}");
	auto_buf struct buf unknown = BUF_INIT(0);
	auto_buf struct buf out = BUF_INIT(0);

	CHECK(schema_decode(&core_v1_pod, json, &unknown, NULL) == 0);
	CHECK_STR(buf_str(&unknown), "");
	CHECK(json_write(&out, json) == 0);
	CHECK_STR(buf_str(&out),
		  "{\"spec\":{\"containers\":[{\"volumeMounts\":[{\"name\":\"v\"}]}]}}");
}

TEST(schema_decode_brings_values_into_their_form)
{
	auto_json struct json_object *json = json_of(
		"{\"metadata\":{\"creationTimestamp\":\"2026-11-24T11:05:16.7+01:00\"},\"spec\":{"
		"\"containers\":[{\"resources\":{\"limits\":{\"cpu\":0.5,\"memory\":\"1024Ki\"},"
		"\"requests\":{\"cpu\":\"0.0001\"}},\"args\":[null,\"b\"]}]}}");
	auto_buf struct buf out = BUF_INIT(0);

	CHECK(schema_decode(&core_v1_pod, json, NULL, NULL) == 0);
	CHECK(json_write(&out, json) == 0);
	CHECK_STR(
		buf_str(&out),
		"{\"metadata\":{\"creationTimestamp\":\"2026-11-24T10:05:16Z\"},\"spec\":{"
		"\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"500m\",\"memory\":\"1Mi\"},"
		"\"requests\":{\"cpu\":\"1m\"}},\"args\":[\"\",\"b\"]}]}}");
}

TEST(base64_goes_both_ways)
{
	static const char *const texts[] = { "", "a", "ab", "abc", "abcd", "\xff\xfe\xfd" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		auto_buf struct buf text = BUF_INIT(0);
		auto_buf struct buf back = BUF_INIT(0);
		size_t wrong;

		CHECK(base64_encode(&text, texts[i], strlen(texts[i])) == 0);
		CHECK(schema_bytes_decode(buf_str(&text), text.len, &back, &wrong) == 0);
		CHECK(back.len == strlen(texts[i]));
		CHECK(memcmp(buf_str(&back), texts[i], back.len) == 0);
	}
}
