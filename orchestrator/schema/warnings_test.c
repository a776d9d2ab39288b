/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "orchestrator/schema/schema_test.h"

/* As a kube-apiserver 1.37 warns. */
static const struct {
	const char *resource, *object, *lines;
} rows[] = {
	{ "pods", "{'spec':{'containers':[{'name':'c','ports':[{'containerPort':80}]}]}}", "" },
	{ "pods",
	  "{'spec':{'imagePullSecrets':[{},{'name':'a'},{'name':'a'}],'nodeSelector':{"
	  "'beta.kubernetes.io/os':'linux'},'containers':[{'env':[{'name':'A','value':'1'},{'name':"
	  "'A','value':'2'},{'name':'A','value':'$(A)3'}],'resources':{'limits':{'memory':'500m'}},"
	  "'ports':[{'containerPort':80,'name':'w'},{'containerPort':80,'hostPort':8}]},{'ports':[{"
	  "'containerPort':80},{'containerPort':81,'name':'w'}]}]}}",
	  "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "
	  "\"kubernetes.io/os\" instead\n"
	  "spec.imagePullSecrets[2].name: duplicate name \"a\"\n"
	  "spec.imagePullSecrets[0].name: invalid empty name \"\"\n"
	  "spec.containers[0].resources.limits[memory]: fractional byte value \"500m\" is invalid, "
	  "must be an integer\n"
	  "spec.containers[0].resources.requests[memory]: fractional byte value \"500m\" is "
	  "invalid, "
	  "must be an integer\n"
	  "spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped "
	  "when "
	  "using apply\n"
	  "spec.containers[0].ports[1]: overlapping port definition with "
	  "spec.containers[0].ports[0]\n"
	  "spec.containers[1].ports[0]: duplicate port definition with "
	  "spec.containers[0].ports[0]\n"
	  "spec.containers[1].ports[0]: overlapping port definition with "
	  "spec.containers[0].ports[1]\n"
	  "spec.containers[1].ports[1]: duplicate port name \"w\" with "
	  "spec.containers[0].ports[0], services and probes that select ports by name will use "
	  "spec.containers[0].ports[0]\n" },
	{ "services",
	  "{'spec':{'type':'ClusterIP','clusterIP':'None','sessionAffinity':'ClientIP',"
	  "'externalName':'x','externalIPs':['1.2.3.4']}}",
	  "spec.externalIPs is ignored for headless services\n"
	  "spec.SessionAffinity is ignored for headless services\n"
	  "spec.externalName is ignored when spec.type is not \"ExternalName\"\n" },
	{ "podtemplates",
	  "{'template':{'spec':{'containers':[{'env':[{'name':'A'},{'name':'A','value':'1'}]}]}}}",
	  "template.spec.containers[0].env[1]: hides previous definition of \"A\", which may be "
	  "dropped when using apply\n" },
	{ "configmaps", "{}", "" },
};

TEST(warnings_are_those_of_kubernetes)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct schema_kind *kind =
			schema_kind_of_resource("", "v1", rows[i].resource);
		auto_json struct json_object *object = json_of(rows[i].object);
		auto_buf struct buf lines = BUF_INIT(0);

		CHECK(schema_decode(kind->type, object, NULL, NULL) == 0);
		schema_default(kind, object);
		CHECK(schema_warnings(kind, object, &lines) == 0);
		CHECK_STR(buf_str(&lines), rows[i].lines);
	}
}
