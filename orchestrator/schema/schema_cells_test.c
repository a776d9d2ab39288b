/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "tests/unit/test.h"

#include "orchestrator/schema/schema_test.h"

/* The rows at 2026-11-24T10:10:00Z. */
static const struct {
	const char *resource, *object, *row;
} rows[] = {
	{ "pods",
	  "{'metadata':{'name':'nginx','creationTimestamp':'2026-11-24T10:09:55Z'},'spec':{"
	  "'nodeName':'n1','containers':[{'name':'a'}]},'status':{'phase':'Running','podIPs':[{"
	  "'ip':'10.244.0.2'}],'containerStatuses':[{'name':'a','ready':true,'restartCount':0,"
	  "'state':{'running':{}}}]}}",
	  "['nginx','1/1','Running','0','5s','10.244.0.2','n1','<none>','<none>']" },
	{ "pods",
	  "{'metadata':{'name':'p'},'spec':{'containers':[{},{}]},'status':{'phase':'Pending'}}",
	  "['p','0/2','Pending','0','<unknown>','<none>','<none>','<none>','<none>']" },
	{ "pods",
	  "{'metadata':{'name':'p'},'spec':{'containers':[{}]},'status':{'phase':'Running',"
	  "'containerStatuses':[{'restartCount':3,'lastState':{'terminated':{'finishedAt':"
	  "'2026-11-24T10:08:00Z'}},'state':{'waiting':{'reason':'CrashLoopBackOff'}}}]}}",
	  "['p','0/1','CrashLoopBackOff','3 (2m ago)','<unknown>','<none>','<none>','<none>',"
	  "'<none>']" },
	{ "pods",
	  "{'metadata':{'name':'p','deletionTimestamp':'2026-11-24T10:08:00Z'},'spec':{'containers'"
	  ":"
	  "[{}]},'status':{'phase':'Running','containerStatuses':[{'ready':true,'state':{'running':"
	  "{}}}]}}",
	  "['p','1/1','Terminating','0','<unknown>','<none>','<none>','<none>','<none>']" },
	{ "pods",
	  "{'metadata':{'name':'p'},'spec':{'containers':[{}],'initContainers':[{'name':'i'},{"
	  "'name':'j'}]},'status':{'phase':'Pending','initContainerStatuses':[{'name':'i','state':{"
	  "'terminated':{'exitCode':0}}},{'name':'j','state':{'waiting':{'reason':"
	  "'PodInitializing'}}}],'containerStatuses':[{'state':{'waiting':{'reason':"
	  "'PodInitializing'}}}]}}",
	  "['p','0/1','Init:1/2','0','<unknown>','<none>','<none>','<none>','<none>']" },
	{ "pods",
	  "{'metadata':{'name':'p'},'spec':{'containers':[{}],'initContainers':[{'name':'i'}]},"
	  "'status':{'phase':'Pending','initContainerStatuses':[{'name':'i','restartCount':1,"
	  "'state':{'terminated':{'exitCode':1,'reason':'Error'}}}]}}",
	  "['p','0/1','Init:Error','1','<unknown>','<none>','<none>','<none>','<none>']" },
	{ "pods",
	  "{'metadata':{'name':'p'},'spec':{'containers':[{},{}]},'status':{'phase':'Running',"
	  "'containerStatuses':[{'state':{'terminated':{'exitCode':0,'reason':'Completed'}}},{"
	  "'ready':true,'state':{'running':{}}}]}}",
	  "['p','1/2','NotReady','0','<unknown>','<none>','<none>','<none>','<none>']" },
	{ "pods",
	  "{'metadata':{'name':'p'},'spec':{'containers':[{}]},'status':{'phase':'Failed',"
	  "'containerStatuses':[{'state':{'terminated':{'exitCode':137,'signal':9}}}]}}",
	  "['p','0/1','Signal:9','0','<unknown>','<none>','<none>','<none>','<none>']" },
	{ "pods",
	  "{'metadata':{'name':'p'},'spec':{'containers':[{}],'initContainers':[{'name':'s',"
	  "'restartPolicy':'Always'}],'readinessGates':[{'conditionType':'g'}]},'status':{'phase':"
	  "'Running','initContainerStatuses':[{'name':'s','started':true,'ready':true,'state':{"
	  "'running':{}}}],'containerStatuses':[{'ready':true,'state':{'running':{}}}],"
	  "'conditions':[{'type':'g','status':'True'}]}}",
	  "['p','2/2','Running','0','<unknown>','<none>','<none>','<none>','1/1']" },
	{ "nodes",
	  "{'metadata':{'name':'n','labels':{'node-role.kubernetes.io/worker':'',"
	  "'node-role.kubernetes.io/control-plane':''}},'spec':{'unschedulable':true},'status':{"
	  "'conditions':[{'type':'Ready','status':'True'}],'addresses':[{'type':'InternalIP',"
	  "'address':'10.0.0.1'}],'nodeInfo':{'kubeletVersion':'v1','osImage':'Debian',"
	  "'kernelVersion':'6.1','architecture':'amd64','containerRuntimeVersion':'shallop://"
	  "0.1'}}}",
	  "['n','Ready,SchedulingDisabled','control-plane,worker','<unknown>','v1','10.0.0.1',"
	  "'<none>','Debian','6.1 (amd64)','shallop://0.1']" },
	{ "nodes", "{'metadata':{'name':'n'}}",
	  "['n','Unknown','<none>','<unknown>','','<none>','<none>','<unknown>','<unknown>',"
	  "'<unknown>']" },
	{ "events",
	  "{'metadata':{'name':'e'},'involvedObject':{'kind':'Pod','name':'p','fieldPath':"
	  "'spec.containers{a}'},'reason':'Started','message':' "
	  "Started\\n','type':'Normal','count':2,"
	  "'firstTimestamp':'2026-11-24T10:00:00Z','lastTimestamp':'2026-11-24T10:09:00Z','source':"
	  "{"
	  "'component':'kubelet','host':'n1'}}",
	  "['60s','Normal','Started','pod/p','spec.containers{a}','kubelet, n1','Started','10m',2,"
	  "'e']" },
	{ "services",
	  "{'metadata':{'name':'s'},'spec':{'type':'NodePort','clusterIPs':['10.96.0.9'],"
	  "'selector':{'b':'2','a':'1'},'ports':[{'port':80,'nodePort':30080,'protocol':'TCP'},{"
	  "'port':53,'protocol':'UDP'}]}}",
	  "['s','NodePort','10.96.0.9','<none>','80:30080/TCP,53/UDP','<unknown>','a=1,b=2']" },
	{ "services", "{'metadata':{'name':'s'},'spec':{'type':'LoadBalancer'}}",
	  "['s','LoadBalancer','<none>','<pending>','<none>','<unknown>','<none>']" },
	{ "configmaps", "{'metadata':{'name':'c'},'data':{'a':'','b':''},'binaryData':{'c':''}}",
	  "['c',3,'<unknown>']" },
	{ "endpoints",
	  "{'metadata':{'name':'e'},'subsets':[{'addresses':[{'ip':'1.1.1.1'},{'ip':'::1'},{'ip':"
	  "'1.1.1.3'},{'ip':'1.1.1.4'}],'ports':[{'port':80}]}]}",
	  "['e','1.1.1.1:80,[::1]:80,1.1.1.3:80 + 1 more...','<unknown>']" },
	{ "endpoints", "{'metadata':{'name':'e'}}", "['e','<none>','<unknown>']" },
	{ "podtemplates",
	  "{'metadata':{'name':'t'},'template':{'metadata':{'labels':{'b':'2','a':'1'}},'spec':{"
	  "'containers':[{'name':'x','image':'i:1'},{'name':'y','image':'j'}]}}}",
	  "['t','x,y','i:1,j','a=1,b=2']" },
	{ "endpointslices",
	  "{'metadata':{'name':'s'},'addressType':'IPv4','ports':[{'port':80},{'name':'x'},{}],"
	  "'endpoints':[{'addresses':['1.1.1.1','1.1.1.2']},{'addresses':['1.1.1.3','1.1.1.4']}]}",
	  "['s','IPv4','80,x,*','1.1.1.1,1.1.1.2,1.1.1.3 + 1 more...','<unknown>']" },
	{ "endpointslices", "{'metadata':{'name':'s'},'addressType':'FQDN'}",
	  "['s','FQDN','<unset>','<unset>','<unknown>']" },
	{ "leases", "{'metadata':{'name':'l'},'spec':{'holderIdentity':'me'}}",
	  "['l','me','<unknown>']" },
	{ "services",
	  "{'metadata':{'name':'s'},'spec':{'type':'LoadBalancer','externalIPs':['9.9.9.9']},'"
	  "status':"
	  "{'loadBalancer':{'ingress':[{'ip':'5.5.5.5'},{'hostname':'a.b'},{'ip':'5.5.5.5'}]}}}",
	  "['s','LoadBalancer','<none>','5.5.5.5,a.b,9.9.9.9','<none>','<unknown>','<none>']" },
	{ "services",
	  "{'metadata':{'name':'s'},'spec':{'type':'ExternalName','externalName':'a.b'}}",
	  "['s','ExternalName','<none>','a.b','<none>','<unknown>','<none>']" },
	{ "secrets", "{'metadata':{'name':'s'},'type':'Opaque','data':{'a':''}}",
	  "['s','Opaque',1,'<unknown>']" },
	{ "serviceaccounts", "{'metadata':{'name':'s'}}", "['s','<unknown>']" },
	{ "namespaces", "{'metadata':{'name':'d'},'status':{'phase':'Active'}}",
	  "['d','Active','<unknown>']" },
};

static const struct schema_kind *kind_named(const char *resource)
{
	for (size_t i = 0; i < schema_n_kinds; i++)
		if (strcmp(schema_kinds[i]->resource, resource) == 0)
			return schema_kinds[i];
	return NULL;
}

TEST(cells_show_what_kubectl_get_shows)
{
	int64_t now;

	CHECK(time_parse("2026-11-24T10:10:00Z", &now) == 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct schema_kind *kind = kind_named(rows[i].resource);
		auto_json struct json_object *object = json_of(rows[i].object);
		auto_json struct json_object *cells = schema_cells(kind, object);
		auto_json struct json_object *columns = schema_column_definitions(kind);
		auto_json struct json_object *row = json_of(rows[i].row);
		auto_buf struct buf got = BUF_INIT(0);
		auto_buf struct buf want = BUF_INIT(0);

		CHECK(json_len(cells) == json_len(columns));
		CHECK(schema_cells_write(&got, cells, now) == 0);
		CHECK(json_write_style(&want, row, JSON_HTML_SAFE) == 0);
		CHECK_STR(buf_str(&got), buf_str(&want));
	}
}

TEST(every_stored_kind_has_columns)
{
	for (size_t i = 0; i < schema_n_kinds; i++) {
		const struct schema_kind *kind = schema_kinds[i];
		size_t names = 0;

		CHECK(!(kind->verbs & VERB_LIST) == !kind->columns);
		for (const struct schema_column *c = kind->columns; c && c->name; c++) {
			CHECK(c->type && c->format && c->description && (!c->path != !c->cell));
			CHECK(c->priority <= 1);
			names += strcmp(c->name, "Name") == 0;
		}
		CHECK(!kind->columns || names == 1);
	}
}

TEST(ended_pods_carry_a_row_condition)
{
	const struct schema_kind *pod = schema_kind_of_resource("", "v1", "pods");
	auto_json struct json_object *ended = json_of("{'status':{'phase':'Succeeded'}}");
	auto_json struct json_object *running = json_of("{'status':{'phase':'Running'}}");
	auto_json struct json_object *conditions = schema_row_conditions(pod, ended);

	CHECK_STR(json_str_at(json_idx(conditions, 0), "reason"), "Succeeded");
	CHECK(!schema_row_conditions(pod, running));
}
