/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/portspec.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

static const char pod_text[] =
	"{\"metadata\":{\"name\":\"web-1\"},\"spec\":{\"containers\":[{\"ports\":["
	"{\"name\":\"http\",\"containerPort\":8080},{\"containerPort\":9}]}],"
	"\"initContainers\":[{\"ports\":[{\"name\":\"once\",\"containerPort\":1}]},"
	"{\"restartPolicy\":\"Always\",\"ports\":[{\"name\":\"side\",\"containerPort\":2}]}]}}";
static const char service_text[] =
	"{\"metadata\":{\"name\":\"web\"},\"spec\":{\"clusterIP\":\"10.0.0.1\",\"ports\":["
	"{\"name\":\"main\",\"port\":80,\"targetPort\":\"http\"},{\"port\":81,\"targetPort\":8181},"
	"{\"port\":82},{\"port\":83,\"targetPort\":\"none\"}]}}";

static const struct {
	const char *text;
	bool service;
	unsigned local, remote; /* 0, 0: refused */
	const char *problem;
} rows[] = {
	{ "8080", false, 8080, 8080, NULL },
	{ "8080:80", false, 8080, 80, NULL },
	{ ":80", false, 0, 80, NULL },
	{ "0:80", false, 0, 80, NULL },
	{ "http", false, 8080, 8080, NULL },
	{ "1:http", false, 1, 8080, NULL },
	{ ":http", false, 0, 8080, NULL },
	{ "side", false, 2, 2, NULL },
	{ "1:2:3", false, 1, 1, NULL },
	{ "80", true, 80, 8080, NULL },
	{ "main", true, 80, 8080, NULL },
	{ "7:main", true, 7, 8080, NULL },
	{ "81", true, 81, 8181, NULL },
	{ "82", true, 82, 82, NULL },
	{ "once", false, 0, 0, "Pod 'web-1' does not have a named port 'once'" },
	{ "x", false, 0, 0, "Pod 'web-1' does not have a named port 'x'" },
	{ "x", true, 0, 0, "Service 'web' does not have a named port 'x'" },
	{ "99", true, 0, 0, "Service web does not have a service port 99" },
	{ "83", true, 0, 0, "Pod 'web-1' does not have a named port 'none'" },
	{ "0", false, 0, 0, "remote port must be > 0" },
	{ "", false, 0, 0, "remote port cannot be empty" },
	{ "80:", false, 0, 0, "remote port cannot be empty" },
	{ "99999", false, 0, 0,
	  "error parsing local port '99999': strconv.ParseUint: parsing \"99999\": value out of "
	  "range" },
	{ "x:80", false, 0, 0,
	  "error parsing local port 'x': strconv.ParseUint: parsing \"x\": invalid syntax" },
};

TEST(portspec_means_what_kubectl_means)
{
	auto_json struct json_object *pod = NULL, *service = NULL;

	CHECK(json_parse(pod_text, strlen(pod_text), &pod, NULL) == 0);
	CHECK(json_parse(service_text, strlen(service_text), &service, NULL) == 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct portspec spec = { 0 };
		struct err err = { 0 };
		int r = portspec_parse(rows[i].text, rows[i].service ? service : NULL, pod, &spec,
				       &err);

		CHECK((r < 0) == (rows[i].problem != NULL));
		if (rows[i].problem)
			CHECK_STR(err.text, rows[i].problem);
		CHECK(spec.local == rows[i].local && spec.remote == rows[i].remote);
	}
}

TEST(portspec_headless_services_pass_ports_through)
{
	static const char text[] =
		"{\"metadata\":{\"name\":\"h\"},\"spec\":{\"clusterIP\":\"None\",\"ports\":["
		"{\"port\":80,\"targetPort\":8080}]}}";
	auto_json struct json_object *service = NULL;
	struct portspec spec;

	CHECK(json_parse(text, strlen(text), &service, NULL) == 0);
	CHECK(portspec_parse("80", service, NULL, &spec, NULL) == 0 && spec.remote == 80);
}
