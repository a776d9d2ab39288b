/* SPDX-License-Identifier: Apache-2.0 */
/* Objects that are refused, and the sentences of a kube-apiserver 1.37 for them (where one says
 * several things, their order is ours). */
#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

#include "orchestrator/schema/schema_test.h"

#define LABEL                                                                                      \
	"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "   \
	"and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', "   \
	"regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define SUBDOMAIN                                                                                  \
	"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' "  \
	"or '.', and must start and end with an alphanumeric character (e.g. 'example.com', "      \
	"regex used for validation is "                                                            \
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define QUALIFIED                                                                                  \
	"must consist of alphanumeric characters, '-', '_' or '.', and must start and end with "   \
	"an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "  \
	"validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define LABEL_VALUE                                                                                \
	"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' "   \
	"or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "      \
	"'my_value',  or '12345', regex used for validation is "                                   \
	"'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
#define CONFIG_KEY                                                                                 \
	"a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "       \
	"'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "                \
	"'[-._a-zA-Z0-9]+')"

static const struct {
	const char *group, *resource, *object, *old, *message;
} refused[] = {
	{ "", "pods", "{'metadata':{'name':'X_'},'spec':{'containers':[{'name':'A','image':'a'}]}}",
	  NULL,
	  "Pod \"X_\" is invalid: [metadata.name: Invalid value: \"X_\": " SUBDOMAIN
	  ", spec.containers[0].name: Invalid value: \"A\": " LABEL "]" },
	{ "", "pods",
	  "{'metadata':{'name':'"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.'},"
	  "'spec':{'containers':[{'name':'"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaA','image':'a'}]}"
	  "}",
	  NULL,
	  "Pod "
	  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
	  "\" is invalid: [metadata.name: Invalid value: "
	  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
	  "\": must be no more than 253 characters, metadata.name: Invalid value: "
	  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
	  "\": " SUBDOMAIN ", spec.containers[0].name: Invalid value: "
	  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaA\": must be no "
	  "more than 63 characters, spec.containers[0].name: Invalid value: "
	  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaA\": " LABEL
	  "]" },
	{ "", "pods",
	  "{'metadata':{'name':'a','labels':{'a b':'x "
	  "y','/x':'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','X.y/"
	  "':'','a/b/c':'d','Exa/x':'a'},'annotations':{'a "
	  "b':'x'}},'spec':{'containers':[{'name':'a','image':'a'}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [metadata.labels: Invalid value: \"a b\": name part " QUALIFIED
	  ", metadata.labels: Invalid value: \"x y\": " LABEL_VALUE
	  ", metadata.labels: Invalid value: \"/x\": prefix part must be non-empty, "
	  "metadata.labels: Invalid value: "
	  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\": must be no "
	  "more than 63 bytes, metadata.labels: Invalid value: \"X.y/\": prefix part " SUBDOMAIN
	  ", metadata.labels: Invalid value: \"X.y/\": name part must be non-empty, "
	  "metadata.labels: Invalid value: \"X.y/\": name part " QUALIFIED
	  ", metadata.labels: Invalid value: \"a/b/c\": a valid label key " QUALIFIED
	  " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName'), "
	  "metadata.labels: Invalid value: \"Exa/x\": prefix part " SUBDOMAIN
	  ", metadata.annotations: Invalid value: \"a b\": name part " QUALIFIED "]" },
	{ "", "pods",
	  "{'metadata':{'name':'a','labels':{'"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa':'x','"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/"
	  "x':'y','':'z'}},'spec':{'containers':[{'name':'a','image':'a'}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [metadata.labels: Invalid value: "
	  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\": name part "
	  "must be no more than 63 bytes, metadata.labels: Invalid value: "
	  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/"
	  "x\": prefix part must be no more than 253 bytes, metadata.labels: Invalid value: \"\": "
	  "name part must be non-empty, metadata.labels: Invalid value: \"\": name part " QUALIFIED
	  "]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'a','image':'a','ports':[{'"
	  "containerPort':80,'name':'Foo-'},{'containerPort':80,'name':'abcdefghijklmnopq'},{'"
	  "containerPort':81,'name':'123'},{'containerPort':82,'name':'a--b'},{'containerPort':0},{"
	  "'containerPort':70000,'protocol':'X','hostPort':-1,'hostIP':'x'}]}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.containers[0].ports[0].name: Invalid value: \"Foo-\": must "
	  "contain only alpha-numeric characters (a-z, 0-9), and hyphens (-), "
	  "spec.containers[0].ports[0].name: Invalid value: \"Foo-\": must not begin or end with a "
	  "hyphen, spec.containers[0].ports[1].name: Invalid value: \"abcdefghijklmnopq\": must be "
	  "no more than 15 characters, spec.containers[0].ports[2].name: Invalid value: \"123\": "
	  "must contain at least one letter (a-z), spec.containers[0].ports[3].name: Invalid "
	  "value: \"a--b\": must not contain consecutive hyphens, "
	  "spec.containers[0].ports[4].containerPort: Required value, "
	  "spec.containers[0].ports[5].hostPort: Invalid value: -1: must be between 1 and 65535, "
	  "inclusive, spec.containers[0].ports[5].containerPort: Invalid value: 70000: must be "
	  "between 1 and 65535, inclusive, spec.containers[0].ports[5].protocol: Unsupported "
	  "value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\"]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'a','image':'a','env':[{'name':'"
	  "A=B'},{'name':''},{'name':'1a "
	  "b'},{'name':'x','value':'y','valueFrom':{'fieldRef':{'fieldPath':'metadata.name'}}},{'"
	  "name':'y','valueFrom':{}},{'name':'z','valueFrom':{'fieldRef':{'fieldPath':'status.foo'}"
	  "}},{'name':'z','valueFrom':{'configMapKeyRef':{'name':'X','key':'a b'}}}]}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.containers[0].env[0].name: Invalid value: \"A=B\": a valid "
	  "environment variable name must consist only of printable ASCII characters other than "
	  "'=', spec.containers[0].env[1].name: Required value, "
	  "spec.containers[0].env[3].valueFrom: Invalid value: \"\": may not be specified when "
	  "`value` is not empty, spec.containers[0].env[4].valueFrom: Invalid value: \"\": must "
	  "specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or "
	  "`fileKeyRef`, spec.containers[0].env[5].valueFrom.fieldRef.fieldPath: Invalid value: "
	  "\"status.foo\": error converting fieldPath: field label not supported: status.foo, "
	  "spec.containers[0].env[6].valueFrom.configMapKeyRef.name: Invalid value: "
	  "\"X\": " SUBDOMAIN ", spec.containers[0].env[6].valueFrom.configMapKeyRef.key: Invalid "
	  "value: \"a b\": " CONFIG_KEY "]" },
	{ "", "configmaps",
	  "{'metadata':{'name':'a'},'data':{'a "
	  "b':'x','..':'y','.':'z','"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa':''"
	  ",'..a':'x'},'binaryData':{'a b':''}}",
	  NULL,
	  "ConfigMap \"a\" is invalid: [data[a b]: Invalid value: \"a b\": " CONFIG_KEY
	  ", data[..]: Invalid value: \"..\": must not be '..', data[.]: Invalid value: \".\": "
	  "must not be '.', "
	  "data["
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]: "
	  "Invalid value: "
	  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""
	  ": must be no more than 253 characters, data[..a]: Invalid value: \"..a\": must not "
	  "start with '..', data[a b]: Invalid value: \"a b\": duplicate of key present in "
	  "binaryData, binaryData[a b]: Invalid value: \"a b\": " CONFIG_KEY "]" },
	{ "", "services", "{'metadata':{'name':'1a.'},'spec':{'ports':[{'port':80}]}}", NULL,
	  "Service \"1a.\" is invalid: metadata.name: Invalid value: \"1a.\": " LABEL },
	{ "", "services", "{'metadata':{'name':'A'},'spec':{'ports':[]}}", NULL,
	  "Service \"A\" is invalid: [metadata.name: Invalid value: \"A\": " LABEL
	  ", spec.ports: Required value]" },
	{ "", "namespaces", "{'metadata':{'name':'A.'}}", NULL,
	  "Namespace \"A.\" is invalid: [metadata.name: Invalid value: \"A.\": " LABEL
	  ", metadata.labels: Invalid value: \"A.\": " LABEL_VALUE "]" },
	{ "", "namespaces", "{'metadata':{}}", NULL,
	  "Namespace \"\" is invalid: metadata.name: Required value: name or generateName is "
	  "required" },
	{ "", "pods", "{'metadata':{'name':'a'}}", NULL,
	  "Pod \"a\" is invalid: spec.containers: Required value" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i'},{'name':'c','"
	  "image':' i '}],'initContainers':[{'name':'c','image':'i'}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.containers[1].image: Invalid value: \" i \": must not have "
	  "leading or trailing whitespace, spec.containers[1].name: Duplicate value: \"c\", "
	  "spec.initContainers[0].name: Duplicate value: \"c\"]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i','imagePullPolicy'"
	  ":'X','terminationMessagePolicy':'Y','restartPolicy':'Z'}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.containers[0].restartPolicy: Unsupported value: \"Z\": "
	  "supported values: \"Always\", \"Never\", \"OnFailure\", "
	  "spec.containers[0].terminationMessagePolicy: Unsupported value: \"Y\": supported "
	  "values: \"File\", \"FallbackToLogsOnError\", spec.containers[0].imagePullPolicy: "
	  "Unsupported value: \"X\": supported values: \"Always\", \"IfNotPresent\", \"Never\"]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i','resources':{'"
	  "limits':{'cpu':'1','foo':'1','example.com/"
	  "x':'1.5'},'requests':{'cpu':'2','memory':'-1'}}}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.containers[0].resources.limits[foo]: Invalid value: "
	  "\"foo\": must be a standard resource type or fully qualified, "
	  "spec.containers[0].resources.limits[foo]: Invalid value: \"foo\": must be a standard "
	  "resource for containers, spec.containers[0].resources.limits[example.com/x]: Invalid "
	  "value: \"1500m\": must be an integer, spec.containers[0].resources.requests: Invalid "
	  "value: \"2\": must be less than or equal to cpu limit of 1, "
	  "spec.containers[0].resources.requests[memory]: Invalid value: \"-1\": must be greater "
	  "than or equal to 0, spec.containers[0].resources.requests[foo]: Invalid value: \"foo\": "
	  "must be a standard resource type or fully qualified, "
	  "spec.containers[0].resources.requests[foo]: Invalid value: \"foo\": must be a standard "
	  "resource for containers, spec.containers[0].resources.requests[example.com/x]: Invalid "
	  "value: \"1500m\": must be an integer]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i','resources':{'"
	  "requests':{'example.com/x':'1'}}}]}}",
	  NULL,
	  "Pod \"a\" is invalid: spec.containers[0].resources.limits: Required value: Limit must "
	  "be set for non overcommitable resources" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i','resources':{'"
	  "limits':{'cpu':'-1','hugepages-2Mi':'2Mi'}}}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.containers[0].resources.limits[cpu]: Invalid value: \"-1\": "
	  "must be greater than or equal to 0, spec.containers[0].resources.requests[cpu]: Invalid "
	  "value: \"-1\": must be greater than or equal to 0]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i','livenessProbe':{"
	  "}}]}}",
	  NULL,
	  "Pod \"a\" is invalid: spec.containers[0].livenessProbe: Required value: must specify a "
	  "handler type" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i','livenessProbe':{"
	  "'exec':{},'tcpSocket':{'port':80}}}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.containers[0].livenessProbe.exec.command: Required value, "
	  "spec.containers[0].livenessProbe.tcpSocket: Forbidden: may not specify more than 1 "
	  "handler type]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i','livenessProbe':{"
	  "'exec':{'command':['a']},'periodSeconds':-1,'successThreshold':2,'initialDelaySeconds':-"
	  "5,'terminationGracePeriodSeconds':0}}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.containers[0].livenessProbe.initialDelaySeconds: Invalid "
	  "value: -5: must be greater than or equal to 0, "
	  "spec.containers[0].livenessProbe.periodSeconds: Invalid value: -1: must be greater than "
	  "or equal to 0, spec.containers[0].livenessProbe.terminationGracePeriodSeconds: Invalid "
	  "value: 0: must be greater than 0, spec.containers[0].livenessProbe.successThreshold: "
	  "Invalid value: 2: must be 1]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i','readinessProbe':"
	  "{'httpGet':{'port':0,'path':'','scheme':'FTP','httpHeaders':[{'name':'a "
	  "b','value':'x'}]},'terminationGracePeriodSeconds':5}}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.containers[0].readinessProbe.httpGet.scheme: Unsupported "
	  "value: \"FTP\": supported values: \"HTTP\", \"HTTPS\", "
	  "spec.containers[0].readinessProbe.httpGet.port: Invalid value: 0: must be between 1 and "
	  "65535, inclusive, spec.containers[0].readinessProbe.httpGet.httpHeaders: Invalid value: "
	  "\"a b\": a valid HTTP header must consist of alphanumeric characters or '-' (e.g. "
	  "'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+'), "
	  "spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must "
	  "not be set for readinessProbes]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i','readinessProbe':"
	  "{'tcpSocket':{'port':'bad name'}}}]}}",
	  NULL,
	  "Pod \"a\" is invalid: spec.containers[0].readinessProbe.tcpSocket.port: Invalid value: "
	  "\"bad name\": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i','startupProbe':{'"
	  "grpc':{'port':0},'successThreshold':2}}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.containers[0].startupProbe.grpc.port: Invalid value: 0: "
	  "must be between 1 and 65535, inclusive, "
	  "spec.containers[0].startupProbe.successThreshold: Invalid value: 2: must be 1]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i','lifecycle':{'"
	  "postStart':{},'preStop':{'exec':{}}}}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.containers[0].lifecycle.postStart: Required value: must "
	  "specify a handler type, spec.containers[0].lifecycle.preStop.exec.command: Required "
	  "value]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i','lifecycle':{'"
	  "preStop':{'sleep':{'seconds':-1}}}}]}}",
	  NULL,
	  "Pod \"a\" is invalid: spec.containers[0].lifecycle.preStop.sleep: Invalid value: -1: "
	  "must be non-negative and less than terminationGracePeriodSeconds (30)" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i','volumeMounts':[{"
	  "'name':'x','mountPath':'/a'},{'name':'','mountPath':''}]}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.containers[0].volumeMounts[1].name: Required value, "
	  "spec.containers[0].volumeMounts[1].mountPath: Required value, "
	  "spec.containers[0].volumeMounts[0].name: Not found: \"x\", "
	  "spec.containers[0].volumeMounts[1].name: Not found: \"\"]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i'}],'volumes':[{'"
	  "name':'v'},{'name':'v'},{'name':'W'},{'name':''},{'name':'z','emptyDir':{},'secret':{'"
	  "secretName':'x'}}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.volumes[2].name: Invalid value: \"W\": " LABEL
	  ", spec.volumes[3].name: Required value, spec.volumes[4].secret: Forbidden: may not "
	  "specify more than 1 volume type, spec.volumes[1].name: Duplicate value: \"v\"]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i'}],'volumes':[{'"
	  "name':'a','secret':{}},{'name':'b','configMap':{}},{'name':'c','hostPath':{'path':''}},{"
	  "'name':'d','hostPath':{'path':'/a/../"
	  "b','type':'X'}},{'name':'e','emptyDir':{'medium':'X','sizeLimit':'-1'}},{'name':'f','"
	  "persistentVolumeClaim':{}},{'name':'g','projected':{'sources':[{}]}},{'name':'h','"
	  "downwardAPI':{'items':[{'path':'../x','fieldRef':{'fieldPath':'spec.foo'}}]}}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.volumes[0].secret.secretName: Required value, "
	  "spec.volumes[1].configMap.name: Required value, spec.volumes[2].hostPath.path: Required "
	  "value, spec.volumes[3].hostPath.path: Invalid value: \"/a/../b\": must not contain "
	  "'..', spec.volumes[3].hostPath.type: Unsupported value: \"X\": supported values: \"\", "
	  "\"BlockDevice\", \"CharDevice\", \"Directory\", \"DirectoryOrCreate\", \"File\", "
	  "\"FileOrCreate\", \"Socket\", spec.volumes[4].emptyDir.sizeLimit: Forbidden: SizeLimit "
	  "field must be a valid resource quantity, "
	  "spec.volumes[5].persistentVolumeClaim.claimName: Required value, "
	  "spec.volumes[7].downwardAPI.path: Invalid value: \"../x\": must not contain '..', "
	  "spec.volumes[7].downwardAPI.fieldRef.fieldPath: Invalid value: \"spec.foo\": error "
	  "converting fieldPath: field label not supported: spec.foo]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i'}],'volumes':[{'"
	  "name':'a','secret':{'secretName':'s','defaultMode':1000,'items':[{'key':'','path':''},{'"
	  "key':'k','path':'/a'},{'key':'k','path':'a/../b','mode':-1}]}}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.volumes[0].secret.items[0].key: Required value, "
	  "spec.volumes[0].secret.items[0].path: Required value, "
	  "spec.volumes[0].secret.items[1].path: Invalid value: \"/a\": must be a relative path, "
	  "spec.volumes[0].secret.items[2].path: Invalid value: \"a/../b\": must not contain '..', "
	  "spec.volumes[0].secret.items[2].mode: Invalid value: -1: must be a number between 0 and "
	  "0777 (octal), both inclusive, spec.volumes[0].secret.defaultMode: Invalid value: 1000: "
	  "must be a number between 0 and 0777 (octal), both inclusive]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i'}],'restartPolicy'"
	  ":'X','dnsPolicy':'Y','terminationGracePeriodSeconds':-5,'activeDeadlineSeconds':0,'"
	  "hostname':'A.b','subdomain':'x y','nodeName':'A','serviceAccountName':'X "
	  "Y','schedulerName':''}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.restartPolicy: Unsupported value: \"X\": supported values: "
	  "\"Always\", \"OnFailure\", \"Never\", spec.activeDeadlineSeconds: Invalid value: 0: "
	  "must be between 1 and 2147483647, inclusive, spec.dnsPolicy: Unsupported value: \"Y\": "
	  "supported values: \"ClusterFirstWithHostNet\", \"ClusterFirst\", \"Default\", \"None\", "
	  "spec.serviceAccountName: Invalid value: \"X Y\": " SUBDOMAIN
	  ", spec.nodeName: Invalid value: \"A\": " SUBDOMAIN
	  ", spec.hostname: Invalid value: \"A.b\": " LABEL
	  ", spec.subdomain: Invalid value: \"x y\": " LABEL "]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i'}],'tolerations':["
	  "{'operator':'X'},{'operator':'Exists','value':'x'},{'key':'a "
	  "b'},{'key':'a','operator':'Equal','value':'x "
	  "y'},{'tolerationSeconds':5,'key':'a','effect':'NoSchedule'},{'operator':'Equal'},{'"
	  "effect':'X','operator':'Exists'}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.tolerations[0].operator: Invalid value: \"X\": operator "
	  "must be Exists when `key` is empty, which means \"match all values and all keys\", "
	  "spec.tolerations[0].operator: Unsupported value: \"X\": supported values: \"Equal\", "
	  "\"Exists\", spec.tolerations[1].operator: Invalid value: \"x\": value must be empty "
	  "when `operator` is 'Exists', spec.tolerations[2].key: Invalid value: \"a b\": name "
	  "part " QUALIFIED ", spec.tolerations[3].operator: Invalid value: \"x y\": " LABEL_VALUE
	  ", spec.tolerations[4].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' "
	  "when `tolerationSeconds` is set, spec.tolerations[5].operator: Invalid value: "
	  "\"Equal\": operator must be Exists when `key` is empty, which means \"match all values "
	  "and all keys\", spec.tolerations[6].effect: Unsupported value: \"X\": supported values: "
	  "\"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i'}],'nodeSelector':"
	  "{'a b':'x y'},'hostAliases':[{'ip':'x'},{'ip':'1.2.3.4','hostnames':['A "
	  "b']}],'imagePullSecrets':[{}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.hostAliases[0].ip: Invalid value: \"x\": must be a valid IP "
	  "address, (e.g. 10.9.8.7 or 2001:db8::ffff), spec.hostAliases[1].hostnames[0]: Invalid "
	  "value: \"A b\": " SUBDOMAIN
	  ", spec.nodeSelector: Invalid value: \"a b\": name part " QUALIFIED
	  ", spec.nodeSelector: Invalid value: \"x y\": " LABEL_VALUE "]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i'}],'dnsPolicy':'"
	  "None'}}",
	  NULL,
	  "Pod \"a\" is invalid: spec.dnsConfig: Required value: must provide `dnsConfig` when "
	  "`dnsPolicy` is None" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i'}],'dnsConfig':{'"
	  "nameservers':['x','1.1.1.1','1.1.1.2','1.1.1.3'],'searches':['a b'],'options':[{}]}}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.dnsConfig.nameservers[0]: Invalid value: \"x\": must be a "
	  "valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff), spec.dnsConfig.searches[0]: "
	  "Invalid value: \"a b\": a lowercase RFC 1123 subdomain must consist of lower case "
	  "alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric "
	  "character (e.g. 'example.com', regex used for validation is "
	  "'_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*'), "
	  "spec.dnsConfig.nameservers: Invalid value: [\"x\",\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\"]: "
	  "must not have more than 3 nameservers, spec.dnsConfig.options[0]: Required value: must "
	  "not be empty]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i'}],'"
	  "securityContext':{'runAsUser':-1,'sysctls':[{'name':'X'},{'name':'a.b','value':'1'},{'"
	  "name':'a.b'}],'fsGroupChangePolicy':'X','supplementalGroups':[-1],'seccompProfile':{'"
	  "type':'X'}}}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.securityContext.runAsUser: Invalid value: -1: must be "
	  "between 0 and 2147483647, inclusive, spec.securityContext.supplementalGroups[0]: "
	  "Invalid value: -1: must be between 0 and 2147483647, inclusive, "
	  "spec.securityContext.fsGroupChangePolicy: Unsupported value: \"X\": supported values: "
	  "\"Always\", \"OnRootMismatch\", spec.securityContext.seccompProfile.type: Unsupported "
	  "value: \"X\": supported values: \"Localhost\", \"RuntimeDefault\", \"Unconfined\", "
	  "spec.securityContext.sysctls[0].name: Invalid value: \"X\": must have at most 253 "
	  "characters and match regex "
	  "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$, "
	  "spec.securityContext.sysctls[2].name: Duplicate value: \"a.b\"]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i','stdin':true,'"
	  "workingDir':'','ports':[{'containerPort':80,'hostPort':80},{'containerPort':81,'"
	  "hostPort':80},{'containerPort':80,'name':'a'},{'containerPort':81,'name':'a'}]}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.containers[0].ports[3].name: Duplicate value: \"a\", "
	  "spec.containers[0].ports[1].hostPort: Duplicate value: \"TCP//80\"]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i'}],'hostNetwork':"
	  "true,'hostPID':true,'shareProcessNamespace':true}}",
	  NULL,
	  "Pod \"a\" is invalid: spec.shareProcessNamespace: Invalid value: true: "
	  "ShareProcessNamespace and HostPID cannot both be enabled" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'hostNetwork':true,'containers':[{'name':'c','image':'"
	  "i','ports':[{'containerPort':80,'hostPort':81}]}]}}",
	  NULL,
	  "Pod \"a\" is invalid: spec.containers[0].ports[0].hostPort: Invalid value: 81: must "
	  "match `containerPort` when `hostNetwork` is true" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i'}],'affinity':{'"
	  "nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':{'nodeSelectorTerms':[]}"
	  ",'preferredDuringSchedulingIgnoredDuringExecution':[{'weight':0,'preference':{'"
	  "matchExpressions':[{'key':'a "
	  "b','operator':'X'},{'key':'a','operator':'In'},{'key':'a','operator':'Exists','values':["
	  "'x']},{'key':'a','operator':'Gt','values':['x','y']}],'matchFields':[{'key':'metadata."
	  "foo','operator':'In','values':['x']}]}}]}}}}",
	  NULL,
	  "Pod \"a\" is invalid: "
	  "[spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
	  "nodeSelectorTerms: Required value: must have at least one node selector term, "
	  "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: "
	  "Invalid value: 0: must be in the range 1-100, "
	  "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]."
	  "preference.matchExpressions[0].operator: Invalid value: \"X\": not a valid selector "
	  "operator, "
	  "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]."
	  "preference.matchExpressions[0].key: Invalid value: \"a b\": name part " QUALIFIED ", "
	  "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]."
	  "preference.matchExpressions[1].values: Required value: must be specified when "
	  "`operator` is 'In' or 'NotIn', "
	  "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]."
	  "preference.matchExpressions[2].values: Forbidden: may not be specified when `operator` "
	  "is 'Exists' or 'DoesNotExist', "
	  "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]."
	  "preference.matchExpressions[3].values: Required value: must be specified single value "
	  "when `operator` is 'Lt' or 'Gt', "
	  "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]."
	  "preference.matchFields[0].key: Invalid value: \"metadata.foo\": not a valid field "
	  "selector key]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i'}],'affinity':{'"
	  "podAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':[{'topologyKey':'','"
	  "labelSelector':{'matchLabels':{'a "
	  "b':'c'},'matchExpressions':[{'key':'x','operator':'Y'},{'key':'x','operator':'In'}]}}]},"
	  "'podAntiAffinity':{'preferredDuringSchedulingIgnoredDuringExecution':[{'weight':101,'"
	  "podAffinityTerm':{'topologyKey':'a b'}}]}}}}",
	  NULL,
	  "Pod \"a\" is invalid: "
	  "[spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]."
	  "labelSelector.matchLabels: Invalid value: \"a b\": name part " QUALIFIED ", "
	  "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]."
	  "labelSelector.matchExpressions[0].operator: Invalid value: \"Y\": not a valid selector "
	  "operator, "
	  "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]."
	  "labelSelector.matchExpressions[1].values: Required value: must be specified when "
	  "`operator` is 'In' or 'NotIn', "
	  "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey:"
	  " Required value: can not be empty, "
	  "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey:"
	  " Invalid value: \"\": name part must be non-empty, "
	  "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey:"
	  " Invalid value: \"\": name part " QUALIFIED ", "
	  "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight:"
	  " Invalid value: 101: must be in the range 1-100, "
	  "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]."
	  "podAffinityTerm.topologyKey: Invalid value: \"a b\": name part " QUALIFIED "]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i'}],'"
	  "initContainers':[{'name':'i','image':'x','lifecycle':{'postStart':{'exec':{'command':['"
	  "a']}}},'livenessProbe':{'exec':{'command':['a']}}}],'ephemeralContainers':[{'name':'e','"
	  "image':'x'}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.initContainers[0].lifecycle: Forbidden: may not be set for "
	  "init containers without restartPolicy=Always, spec.initContainers[0].livenessProbe: "
	  "Forbidden: may not be set for init containers without restartPolicy=Always, "
	  "spec.ephemeralContainers: Forbidden: cannot be set on create]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i','envFrom':[{'"
	  "prefix':'a=b','configMapRef':{}},{},{'secretRef':{'name':'X "
	  "Y'},'configMapRef':{'name':'x'}}]}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.containers[0].envFrom[0].prefix: Invalid value: \"a=b\": a "
	  "valid environment variable name must consist only of printable ASCII characters other "
	  "than '=', spec.containers[0].envFrom[0].configMapRef.name: Required value, "
	  "spec.containers[0].envFrom: Invalid value: \"\": must specify one of: `configMapRef` or "
	  "`secretRef`, spec.containers[0].envFrom[2].secretRef.name: Invalid value: \"X "
	  "Y\": " SUBDOMAIN ", spec.containers[0].envFrom: Invalid value: \"\": may not have more "
	  "than one field specified at a time]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i','volumeMounts':[{"
	  "'name':'v','mountPath':'/a:b'}],'volumeDevices':[{'name':'v','devicePath':''}]}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.containers[0].volumeDevices[0].devicePath: Required value, "
	  "spec.containers[0].volumeMounts[0].name: Not found: \"v\", "
	  "spec.containers[0].volumeMounts[0].name: Invalid value: \"v\": must not already exist "
	  "in volumeDevices, spec.containers[0].volumeDevices[0].name: Not found: \"v\", "
	  "spec.containers[0].volumeDevices[0].name: Invalid value: \"v\": must not already exist "
	  "in volumeMounts]" },
	{ "", "pods",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i','volumeMounts':[{"
	  "'name':'v','mountPath':'/a'},{'name':'v','mountPath':'/a'},{'name':'v','mountPath':'/"
	  "b','subPath':'/x'},{'name':'v','mountPath':'/c','subPath':'../"
	  "x'},{'name':'v','mountPath':'/"
	  "d','subPath':'x','subPathExpr':'y'},{'name':'v','mountPath':'/"
	  "e','mountPropagation':'X'},{'name':'v','mountPath':'/"
	  "f','mountPropagation':'Bidirectional'},{'name':'v','mountPath':'/"
	  "g','recursiveReadOnly':'X'}]}],'volumes':[{'name':'v','emptyDir':{}}]}}",
	  NULL,
	  "Pod \"a\" is invalid: [spec.containers[0].volumeMounts.subPath: Invalid value: \"/x\": "
	  "must be a relative path, spec.containers[0].volumeMounts.subPath: Invalid value: "
	  "\"../x\": must not contain '..', spec.containers[0].volumeMounts.mountPropagation: "
	  "Unsupported value: \"X\": supported values: \"Bidirectional\", \"HostToContainer\", "
	  "\"None\", spec.containers[0].volumeMounts.mountPropagation: Forbidden: Bidirectional "
	  "mount propagation is available only to privileged containers, "
	  "spec.containers[0].volumeMounts.recursiveReadOnly: Unsupported value: \"X\": supported "
	  "values: \"Disabled\", \"Enabled\", \"IfPossible\", "
	  "spec.containers[0].volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique, "
	  "spec.containers[0].volumeMounts[4].subPathExpr: Invalid value: \"y\": subPathExpr and "
	  "subPath are mutually exclusive]" },
	{ "", "services", "{'metadata':{'name':'s'},'spec':{'type':'X','ports':[{'port':80}]}}",
	  NULL,
	  "Service \"s\" is invalid: spec.type: Unsupported value: \"X\": supported values: "
	  "\"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \"NodePort\"" },
	{ "", "services", "{'metadata':{'name':'s'},'spec':{'ports':[{'port':0},{'port':80}]}}",
	  NULL,
	  "Service \"s\" is invalid: [spec.ports[0].port: Invalid value: 0: must be between 1 and "
	  "65535, inclusive, spec.ports[0].name: Required value, spec.ports[0].targetPort: Invalid "
	  "value: 0: must be between 1 and 65535, inclusive, spec.ports[1].name: Required value]" },
	{ "", "services",
	  "{'metadata':{'name':'s'},'spec':{'ports':[{'port':80,'name':''},{'port':81,'name':'b'}]}"
	  "}",
	  NULL, "Service \"s\" is invalid: spec.ports[0].name: Required value" },
	{ "", "services", "{'metadata':{'name':'s'},'spec':{'type':'ExternalName'}}", NULL,
	  "Service \"s\" is invalid: spec.externalName: Required value" },
	{ "", "services",
	  "{'metadata':{'name':'s'},'spec':{'type':'ExternalName','externalName':'A "
	  "b','clusterIP':'10.96.0.5'}}",
	  NULL,
	  "Service \"s\" is invalid: [spec.clusterIPs: Forbidden: may not be set for ExternalName "
	  "services, spec.externalName: Invalid value: \"A b\": " SUBDOMAIN "]" },
	{ "", "services",
	  "{'metadata':{'name':'s'},'spec':{'clusterIP':'x','ports':[{'port':80}]}}", NULL,
	  "Service \"s\" is invalid: spec.clusterIPs[0]: Invalid value: \"x\": must be a valid IP "
	  "address, (e.g. 10.9.8.7 or 2001:db8::ffff)" },
	{ "", "services",
	  "{'metadata':{'name':'s'},'spec':{'selector':{'a "
	  "b':'c'},'ports':[{'port':80}],'sessionAffinity':'X','externalTrafficPolicy':'Y','"
	  "internalTrafficPolicy':'Z'}}",
	  NULL,
	  "Service \"s\" is invalid: [spec.sessionAffinity: Unsupported value: \"X\": supported "
	  "values: \"ClientIP\", \"None\", spec.internalTrafficPolicy: Unsupported value: \"Z\": "
	  "supported values: \"Cluster\", \"Local\", spec.selector: Invalid value: \"a b\": name "
	  "part " QUALIFIED ", spec.externalTrafficPolicy: Invalid value: \"Y\": may only be set "
	  "for externally-accessible services]" },
	{ "", "services",
	  "{'metadata':{'name':'s'},'spec':{'ports':[{'port':80}],'sessionAffinity':'ClientIP','"
	  "sessionAffinityConfig':{'clientIP':{'timeoutSeconds':0}}}}",
	  NULL,
	  "Service \"s\" is invalid: spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid "
	  "value: 0: must be greater than 0 and less than 86400" },
	{ "", "services",
	  "{'metadata':{'name':'s'},'spec':{'ports':[{'port':80}],'externalIPs':['x','127.0.0.1'],'"
	  "loadBalancerIP':'x','loadBalancerSourceRanges':['x'],'externalName':'foo'}}",
	  NULL,
	  "Service \"s\" is invalid: [spec.externalIPs[0]: Invalid value: \"x\": must be a valid "
	  "IP address, (e.g. 10.9.8.7 or 2001:db8::ffff), spec.externalIPs[1]: Invalid value: "
	  "\"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128), "
	  "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is "
	  "'LoadBalancer', spec.LoadBalancerSourceRanges[0]: Invalid value: \"x\": must be a valid "
	  "CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)]" },
	{ "", "services",
	  "{'metadata':{'name':'s'},'spec':{'ports':[{'port':80}],'externalTrafficPolicy':'Local'}"
	  "}",
	  NULL,
	  "Service \"s\" is invalid: spec.externalTrafficPolicy: Invalid value: \"Local\": may "
	  "only be set for externally-accessible services" },
	{ "", "services",
	  "{'metadata':{'name':'s'},'spec':{'ports':[{'port':80}],'healthCheckNodePort':30000,'"
	  "allocateLoadBalancerNodePorts':true,'publishNotReadyAddresses':true}}",
	  NULL,
	  "Service \"s\" is invalid: [spec.allocateLoadBalancerNodePorts: Forbidden: may only be "
	  "used when `type` is 'LoadBalancer', spec.healthCheckNodePort: Invalid value: 30000: may "
	  "only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local']" },
	{ "", "services",
	  "{'metadata':{'name':'s'},'spec':{'clusterIP':'None','ports':[{'port':80,'targetPort':81}"
	  "],'type':'NodePort'}}",
	  NULL,
	  "Service \"s\" is invalid: spec.clusterIPs[0]: Invalid value: \"None\": may not be set "
	  "to 'None' for NodePort services" },
	{ "", "secrets", "{'metadata':{'name':'s'},'data':{'a b':''},'type':'kubernetes.io/tls'}",
	  NULL,
	  "Secret \"s\" is invalid: [data[a b]: Invalid value: \"a b\": " CONFIG_KEY
	  ", data[tls.crt]: Required value, data[tls.key]: Required value]" },
	{ "", "secrets", "{'metadata':{'name':'s'},'type':'kubernetes.io/dockerconfigjson'}", NULL,
	  "Secret \"s\" is invalid: data[.dockerconfigjson]: Required value" },
	{ "", "secrets", "{'metadata':{'name':'s'},'type':'kubernetes.io/dockercfg'}", NULL,
	  "Secret \"s\" is invalid: data[.dockercfg]: Required value" },
	{ "", "secrets", "{'metadata':{'name':'s'},'type':'kubernetes.io/basic-auth'}", NULL,
	  "Secret \"s\" is invalid: [data[username]: Required value, data[password]: Required "
	  "value]" },
	{ "", "secrets", "{'metadata':{'name':'s'},'type':'kubernetes.io/ssh-auth'}", NULL,
	  "Secret \"s\" is invalid: data[ssh-privatekey]: Required value" },
	{ "", "secrets", "{'metadata':{'name':'s'},'type':'kubernetes.io/service-account-token'}",
	  NULL,
	  "Secret \"s\" is invalid: metadata.annotations[kubernetes.io/service-account.name]: "
	  "Required value" },
	{ "", "secrets", "{'metadata':{'name':'s1'},'type':'foo'}",
	  "{'metadata':{'name':'s1'},'data':{'a':''}}",
	  "Secret \"s1\" is invalid: type: Invalid value: \"foo\": field is immutable" },
	{ "", "secrets", "{'metadata':{'name':'s2'},'data':{'a':'eA=='}}",
	  "{'metadata':{'name':'s2'},'data':{'a':''},'immutable':true}",
	  "Secret \"s2\" is invalid: [immutable: Forbidden: field is immutable when `immutable` is "
	  "set, data: Forbidden: field is immutable when `immutable` is set]" },
	{ "", "configmaps", "{'metadata':{'name':'c2'},'data':{'a':'b'},'binaryData':{'x':''}}",
	  "{'metadata':{'name':'c2'},'data':{'a':''},'immutable':true}",
	  "ConfigMap \"c2\" is invalid: [immutable: Forbidden: field is immutable when `immutable` "
	  "is set, data: Forbidden: field is immutable when `immutable` is set, binaryData: "
	  "Forbidden: field is immutable when `immutable` is set]" },
	{ "", "configmaps", "{'metadata':{'name':'c2'},'data':{'a':''},'immutable':false}",
	  "{'metadata':{'name':'c2'},'data':{'a':''},'immutable':true}",
	  "ConfigMap \"c2\" is invalid: immutable: Forbidden: field is immutable when `immutable` "
	  "is set" },
	{ "", "nodes",
	  "{'metadata':{'name':'n1'},'spec':{'podCIDR':'10.1.0.0/24','providerID':'b'}}",
	  "{'metadata':{'name':'n1'},'spec':{'podCIDR':'10.0.0.0/24','providerID':'a'}}",
	  "Node \"n1\" is invalid: [spec.podCIDRs: Forbidden: node updates may not change podCIDR "
	  "except from \"\" to valid, spec.providerID: Invalid value: null: field cannot be "
	  "modified once set]" },
	{ "", "nodes",
	  "{'metadata':{'name':'n1','labels':{'a "
	  "b':'c'}},'spec':{'podCIDR':'10.0.0.0/24','providerID':'a','taints':[{'key':'x'}]}}",
	  "{'metadata':{'name':'n1'},'spec':{'podCIDR':'10.0.0.0/24','providerID':'a'}}",
	  "Node \"n1\" is invalid: [metadata.labels: Invalid value: \"a b\": name part " QUALIFIED
	  ", metadata.taints[0].effect: Required value]" },
	{ "coordination.k8s.io", "leases",
	  "{'metadata':{'name':'l'},'spec':{'leaseDurationSeconds':0,'leaseTransitions':-1,'"
	  "holderIdentity':''}}",
	  NULL,
	  "Lease.coordination.k8s.io \"l\" is invalid: [spec.leaseDurationSeconds: Invalid value: "
	  "0: must be greater than 0, spec.leaseTransitions: Invalid value: -1: must be greater "
	  "than or equal to 0]" },
	{ "discovery.k8s.io", "endpointslices", "{'metadata':{'name':'l'}}", NULL,
	  "EndpointSlice.discovery.k8s.io \"l\" is invalid: addressType: Required value" },
	{ "discovery.k8s.io", "endpointslices", "{'metadata':{'name':'l'},'addressType':'X'}", NULL,
	  "EndpointSlice.discovery.k8s.io \"l\" is invalid: addressType: Unsupported value: \"X\": "
	  "supported values: \"FQDN\", \"IPv4\", \"IPv6\"" },
	{ "discovery.k8s.io", "endpointslices", "{'metadata':{'name':'e1'},'addressType':'IPv6'}",
	  "{'metadata':{'name':'e1'},'addressType':'IPv4'}",
	  "EndpointSlice.discovery.k8s.io \"e1\" is invalid: addressType: Invalid value: null: "
	  "field is immutable" },
	{ "", "events", "{'metadata':{'name':'X Y'},'involvedObject':{'namespace':'other'}}", NULL,
	  "Event \"X Y\" is invalid: involvedObject.namespace: Invalid value: \"other\": does not "
	  "match event.namespace" },
	{ "", "events",
	  "{'metadata':{'name':'x'},'involvedObject':{'namespace':'default'},'eventTime':'2026-01-"
	  "01T00:00:00.000000Z'}",
	  NULL,
	  "Event \"x\" is invalid: [reportingComponent: Required value, reportingInstance: "
	  "Required value, action: Required value, reason: Required value, reportingComponent: "
	  "Invalid value: \"\": name part must be non-empty, reportingComponent: Invalid value: "
	  "\"\": name part " QUALIFIED "]" },
	{ "", "serviceaccounts", "{'metadata':{'name':'x Y'}}", NULL,
	  "ServiceAccount \"x Y\" is invalid: metadata.name: Invalid value: \"x Y\": " SUBDOMAIN },
	{ "", "namespaces", "{'metadata':{'name':'x'},'spec':{'finalizers':['a b','x']}}", NULL,
	  "Namespace \"x\" is invalid: [spec.finalizers: Invalid value: \"a b\": name "
	  "part " QUALIFIED
	  ", spec.finalizers: Invalid value: \"a b\": name is neither a standard finalizer name "
	  "nor is it fully qualified, spec.finalizers: Invalid value: \"x\": name is neither a "
	  "standard finalizer name nor is it fully qualified]" },
	{ "", "pods",
	  "{'metadata':{'name':'p1'},'spec':{'containers':[{'name':'c','image':'i'},{'name':'d','"
	  "image':'e'}]}}",
	  "{'metadata':{'name':'p1'},'spec':{'containers':[{'name':'c','image':'i'}]}}",
	  "Pod \"p1\" is invalid: spec.containers: Forbidden: pod updates may not add or remove "
	  "containers" },
	{ "", "pods",
	  "{'metadata':{'name':'p1'},'spec':{'activeDeadlineSeconds':-5,'"
	  "terminationGracePeriodSeconds':5,'containers':[{'name':'c','image':'i'}]}}",
	  "{'metadata':{'name':'p1'},'spec':{'containers':[{'name':'c','image':'i'}]}}",
	  "Pod \"p1\" is invalid: [spec.activeDeadlineSeconds: Invalid value: -5: must be between "
	  "1 and 2147483647, inclusive, spec.activeDeadlineSeconds: Invalid value: -5: must be "
	  "between 0 and 2147483647, inclusive]" },
	{ "", "podtemplates", "{'metadata':{'name':'t'}}", NULL,
	  "PodTemplate \"t\" is invalid: template.spec.containers: Required value" },
	{ "", "podtemplates",
	  "{'metadata':{'name':'t'},'template':{'metadata':{'labels':{'a b':'b'},'name':'X "
	  "Y'},'spec':"
	  "{'restartPolicy':'X','containers':[{'name':'A','image':'i'}],'ephemeralContainers':[{"
	  "'name':'e','image':'x'}]}}}",
	  NULL,
	  "PodTemplate \"t\" is invalid: [template.spec.containers[0].name: Invalid value: "
	  "\"A\": " LABEL
	  ", template.spec.restartPolicy: Unsupported value: \"X\": supported values: "
	  "\"Always\", \"OnFailure\", \"Never\", template.labels: Invalid value: \"a b\": name "
	  "part " QUALIFIED
	  ", template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed "
	  "in pod template]" },
	{ "", "configmaps",
	  "{'metadata':{'name':'zz','ownerReferences':[{'apiVersion':'','kind':'','name':'','uid':'"
	  "'}]}}",
	  NULL,
	  "ConfigMap \"zz\" is invalid: [metadata.ownerReferences[0].apiVersion: Required value: "
	  "must not be empty, metadata.ownerReferences[0].kind: Required value: must not be empty, "
	  "metadata.ownerReferences[0].name: Required value: must not be empty, "
	  "metadata.ownerReferences[0].uid: Required value: must not be empty]" },
	{ "", "configmaps",
	  "{'metadata':{'name':'zz','ownerReferences':[{'apiVersion':'v1','kind':'Event','name':'x'"
	  ",'uid':'y'}]}}",
	  NULL,
	  "ConfigMap \"zz\" is invalid: metadata.ownerReferences[0]: Invalid value: "
	  "{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"name\":\"x\",\"uid\":\"y\"}: /v1, "
	  "Kind=Event is disallowed from being an owner" },
	{ "", "configmaps",
	  "{'metadata':{'name':'zz','ownerReferences':[{'apiVersion':'a/b/"
	  "c','kind':'X','name':'x','uid':'y'}]}}",
	  NULL,
	  "ConfigMap \"zz\" is invalid: metadata.ownerReferences[0].apiVersion: Invalid value: "
	  "\"a/b/c\": must be <group>/<version> or <version>" },
	{ "", "configmaps",
	  "{'metadata':{'name':'zz','ownerReferences':[{'apiVersion':'v1','kind':'X','name':'x','"
	  "uid':'y','controller':true},{'apiVersion':'v1','kind':'Y','name':'z','uid':'w','"
	  "controller':true}]}}",
	  NULL,
	  "ConfigMap \"zz\" is invalid: metadata.ownerReferences: Invalid value: "
	  "[{\"apiVersion\":\"v1\",\"kind\":\"X\",\"name\":\"x\",\"uid\":\"y\",\"controller\":true}"
	  ",{\"apiVersion\":\"v1\",\"kind\":\"Y\",\"name\":\"z\",\"uid\":\"w\",\"controller\":true}"
	  "]: Only one reference can have Controller set to true. Found \"true\" in references for "
	  "X/x and Y/z" },
	{ "", "configmaps", "{'metadata':{'name':'zz','finalizers':['x','a/b','orphan']}}", NULL,
	  "ConfigMap \"zz\" is invalid: metadata.finalizers[0]: Invalid value: \"x\": name is "
	  "neither a standard finalizer name nor is it fully qualified" },
	{ "", "configmaps", "{'metadata':{'name':'zz','generation':-1}}", NULL,
	  "ConfigMap \"zz\" is invalid: metadata.generation: Invalid value: -1: must be greater "
	  "than or equal to 0" },
	{ "", "configmaps", "{'metadata':{'name':'zz','annotations':{'A B':'x','/y':'z'}}}", NULL,
	  "ConfigMap \"zz\" is invalid: [metadata.annotations: Invalid value: \"A B\": name "
	  "part " QUALIFIED
	  ", metadata.annotations: Invalid value: \"/y\": prefix part must be non-empty]" },
	{ "", "configmaps", "{'metadata':{'name':'zz','deletionTimestamp':'2026-01-01T00:00:00Z'}}",
	  "{'metadata':{'name':'zz'}}",
	  "ConfigMap \"zz\" is invalid: metadata.deletionTimestamp: Invalid value: "
	  "\"2026-01-01T00:00:00Z\": field is immutable" },
	{ "", "configmaps", "{'metadata':{'name':'zz','deletionGracePeriodSeconds':5}}",
	  "{'metadata':{'name':'zz'}}",
	  "ConfigMap \"zz\" is invalid: metadata.deletionGracePeriodSeconds: Invalid value: 5: "
	  "field is immutable" },
	{ "", "services",
	  "{'metadata':{'name':'zz'},'spec':{'ports':[{'port':80}],'type':'NodePort','"
	  "externalTrafficPolicy':'X'}}",
	  NULL,
	  "Service \"zz\" is invalid: spec.externalTrafficPolicy: Unsupported value: \"X\": "
	  "supported values: \"Cluster\", \"Local\"" },
	{ "", "services",
	  "{'metadata':{'name':'zz'},'spec':{'ports':[{'port':80}],'type':'LoadBalancer','"
	  "loadBalancerSourceRanges':['1.2.3.4/33','10.0.0.0/8']}}",
	  NULL,
	  "Service \"zz\" is invalid: spec.LoadBalancerSourceRanges[0]: Invalid value: "
	  "\"1.2.3.4/33\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)" },
	{ "", "services",
	  "{'metadata':{'name':'zz'},'spec':{'ports':[{'port':80}],'clusterIPs':['x'],'clusterIP':'"
	  "x'}}",
	  NULL,
	  "Service \"zz\" is invalid: spec.clusterIPs[0]: Invalid value: \"x\": must be a valid IP "
	  "address, (e.g. 10.9.8.7 or 2001:db8::ffff)" },
	{ "", "services",
	  "{'metadata':{'name':'zz'},'spec':{'ports':[{'port':80}],'externalIPs':['0.0.0.0','169."
	  "254.1.1','224.0.0.1','::1']}}",
	  NULL,
	  "Service \"zz\" is invalid: [spec.externalIPs[0]: Invalid value: \"0.0.0.0\": may not be "
	  "unspecified (0.0.0.0), spec.externalIPs[1]: Invalid value: \"169.254.1.1\": may not be "
	  "in the link-local range (169.254.0.0/16, fe80::/10), spec.externalIPs[2]: Invalid "
	  "value: \"224.0.0.1\": may not be in the link-local multicast range (224.0.0.0/24, "
	  "ff02::/10), spec.externalIPs[3]: Invalid value: \"::1\": may not be in the loopback "
	  "range (127.0.0.0/8, ::1/128)]" },
	{ "", "services",
	  "{'metadata':{'name':'zz'},'spec':{'type':'ExternalName','externalName':'a.b','ports':[{'"
	  "port':0,'name':'a'}]}}",
	  NULL,
	  "Service \"zz\" is invalid: [spec.ports[0].port: Invalid value: 0: must be between 1 and "
	  "65535, inclusive, spec.ports[0].targetPort: Invalid value: 0: must be between 1 and "
	  "65535, inclusive]" },
	{ "", "services",
	  "{'metadata':{'name':'zz'},'spec':{'ports':[{'port':80,'targetPort':'-x-'}]}}", NULL,
	  "Service \"zz\" is invalid: spec.ports[0].targetPort: Invalid value: \"-x-\": must not "
	  "begin or end with a hyphen" },
	{ "", "services",
	  "{'metadata':{'name':'zz'},'spec':{'clusterIP':'None','type':'LoadBalancer','ports':[{'"
	  "port':80}]}}",
	  NULL,
	  "Service \"zz\" is invalid: spec.clusterIPs[0]: Invalid value: \"None\": may not be set "
	  "to 'None' for LoadBalancer services" },
	{ "", "services",
	  "{'metadata':{'name':'zz'},'spec':{'ports':[{'port':80}],'sessionAffinity':'ClientIP','"
	  "sessionAffinityConfig':{'clientIP':{'timeoutSeconds':90000}}}}",
	  NULL,
	  "Service \"zz\" is invalid: spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid "
	  "value: 90000: must be greater than 0 and less than 86400" },
	{ "", "endpoints",
	  "{'metadata':{'name':'zz'},'subsets':[{'addresses':[{'ip':'1.2.3.4'}],'ports':[{'port':1}"
	  ",{'port':2,'name':'b'}]}]}",
	  NULL, "Endpoints \"zz\" is invalid: subsets[0].ports[0].name: Required value" },
	{ "", "endpoints",
	  "{'metadata':{'name':'zz'},'subsets':[{'notReadyAddresses':[{'ip':'127.0.0.2'}],'ports':["
	  "{'port':70000}]}]}",
	  NULL,
	  "Endpoints \"zz\" is invalid: [subsets[0].notReadyAddresses[0].ip: Invalid value: "
	  "\"127.0.0.2\": may not be in the loopback range (127.0.0.0/8, ::1/128), "
	  "subsets[0].ports[0].port: Invalid value: 70000: must be between 1 and 65535, "
	  "inclusive]" },
	{ "discovery.k8s.io", "endpointslices",
	  "{'metadata':{'name':'zz'},'addressType':'FQDN','endpoints':[{'addresses':['A b']}]}",
	  NULL,
	  "EndpointSlice.discovery.k8s.io \"zz\" is invalid: endpoints[0].addresses[0]: Invalid "
	  "value: \"A b\": " SUBDOMAIN },
	{ "discovery.k8s.io", "endpointslices",
	  "{'metadata':{'name':'zz'},'addressType':'IPv6','endpoints':[{'addresses':['::1']}]}",
	  NULL,
	  "EndpointSlice.discovery.k8s.io \"zz\" is invalid: endpoints[0].addresses[0]: Invalid "
	  "value: \"::1\": may not be in the loopback range (127.0.0.0/8, ::1/128)" },
	{ "discovery.k8s.io", "endpointslices",
	  "{'metadata':{'name':'zz'},'addressType':'IPv4','ports':[{'name':'a'},{'name':'a'}]}",
	  NULL,
	  "EndpointSlice.discovery.k8s.io \"zz\" is invalid: ports[1].name: Duplicate value: "
	  "\"a\"" },
	{ "", "secrets",
	  "{'metadata':{'name':'zz'},'type':'kubernetes.io/service-account-token','data':{}}", NULL,
	  "Secret \"zz\" is invalid: metadata.annotations[kubernetes.io/service-account.name]: "
	  "Required value" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i','resources':{'"
	  "limits':{'cpu':'1'},'requests':{'cpu':'2'}}}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.containers[0].resources.requests: Invalid value: \"2\": "
	  "must be less than or equal to cpu limit of 1" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i','resources':{'"
	  "limits':{'example.com/x':'2'},'requests':{'example.com/x':'1'}}}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.containers[0].resources.requests: Invalid value: \"1\": "
	  "must be equal to example.com/x limit of 2" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i','resources':{'"
	  "limits':{'hugepages-2Mi':'2Mi'}}}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.containers[0].resources: Forbidden: HugePages require cpu "
	  "or memory" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i','resources':{'"
	  "limits':{'a b/c':'1'}}}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: [spec.containers[0].resources.limits[a b/c]: Invalid value: \"a "
	  "b/c\": prefix part " SUBDOMAIN
	  ", spec.containers[0].resources.limits[a b/c]: Invalid value: \"a b/c\": doesn't follow "
	  "extended resource name standard, spec.containers[0].resources.requests[a b/c]: Invalid "
	  "value: \"a b/c\": prefix part " SUBDOMAIN
	  ", spec.containers[0].resources.requests[a b/c]: Invalid value: \"a b/c\": doesn't "
	  "follow extended resource name standard]" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i','env':[{'name':'"
	  "a','valueFrom':{'resourceFieldRef':{'resource':'limits.memory','divisor':'3'}}}]}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: "
	  "Invalid value: \"limits.memory\": only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, "
	  "1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the memory resource" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i','env':[{'name':'"
	  "a','valueFrom':{'resourceFieldRef':{'resource':'limits.ephemeral-storage','divisor':'1m'"
	  "}}}]}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: "
	  "Invalid value: \"limits.ephemeral-storage\": only divisor's values 1, 1k, 1M, 1G, 1T, "
	  "1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the local ephemeral storage "
	  "resource" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i','env':[{'name':'"
	  "a','valueFrom':{'fieldRef':{'fieldPath':'metadata.labels'}}}]}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: "
	  "Unsupported value: \"metadata.labels\": supported values: \"metadata.name\", "
	  "\"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", "
	  "\"spec.serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", \"status.podIP\", "
	  "\"status.podIPs\"" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i','env':[{'name':'"
	  "a','valueFrom':{'fieldRef':{'fieldPath':'status.phase'}}}]}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: "
	  "Unsupported value: \"status.phase\": supported values: \"metadata.name\", "
	  "\"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", "
	  "\"spec.serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", \"status.podIP\", "
	  "\"status.podIPs\"" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'volumes':[{'"
	  "name':'v','downwardAPI':{'items':[{'path':'x'},{'path':'y','fieldRef':{'fieldPath':'"
	  "spec.nodeName'}},{'path':'z','resourceFieldRef':{'resource':'limits.cpu'}}]}}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: [spec.volumes[0].downwardAPI: Required value: one of fieldRef "
	  "and resourceFieldRef is required, spec.volumes[0].downwardAPI.fieldRef.fieldPath: "
	  "Unsupported value: \"spec.nodeName\": supported values: \"metadata.annotations\", "
	  "\"metadata.labels\", \"metadata.name\", \"metadata.namespace\", \"metadata.uid\", "
	  "spec.volumes[0].downwardAPI.resourceFieldRef.containerName: Required value]" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'volumes':[{'"
	  "name':'v','projected':{'sources':[{'secret':{'name':'s'},'configMap':{'name':'c'}}]}}]}"
	  "}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.volumes[0].projected.sources[0]: Forbidden: may not specify "
	  "more than 1 volume type per source" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'volumes':[{'"
	  "name':'v','projected':{'sources':[{'secret':{}},{'configMap':{'items':[{'key':'k','path'"
	  ":'../x'}]}}],'defaultMode':-1}}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: [spec.volumes[0].projected.sources[0].secret.name: Required "
	  "value, spec.volumes[0].projected.sources[1].configMap.name: Required value, "
	  "spec.volumes[0].projected.sources[1].configMap.items[0].path: Invalid value: \"../x\": "
	  "must not contain '..', spec.volumes[0].projected.defaultMode: Invalid value: -1: must "
	  "be a number between 0 and 0777 (octal), both inclusive]" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'volumes':[{'"
	  "name':'v','emptyDir':{'sizeLimit':'-5'}}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.volumes[0].emptyDir.sizeLimit: Forbidden: SizeLimit field "
	  "must be a valid resource quantity" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i','"
	  "securityContext':{'seccompProfile':{'type':'Localhost'}}}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: "
	  "spec.containers[0].securityContext.seccompProfile.localhostProfile: Required value: "
	  "must be set when seccomp type is Localhost" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i','"
	  "securityContext':{'seccompProfile':{}}}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.containers[0].securityContext.seccompProfile.type: Required "
	  "value: type is required when seccompProfile is set" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i','"
	  "securityContext':{'runAsGroup':-1,'procMount':'X'}}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: [spec.containers[0].securityContext.runAsGroup: Invalid value: "
	  "-1: must be between 0 and 2147483647, inclusive, "
	  "spec.containers[0].securityContext.procMount: Unsupported value: \"X\": supported "
	  "values: \"Default\", \"Unmasked\"]" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'"
	  "securityContext':{'fsGroup':-1,'fsGroupChangePolicy':'X','supplementalGroups':[-5]}}}",
	  NULL,
	  "Pod \"zz\" is invalid: [spec.securityContext.supplementalGroups[0]: Invalid value: -5: "
	  "must be between 0 and 2147483647, inclusive, spec.securityContext.fsGroup: Invalid "
	  "value: -1: must be between 0 and 2147483647, inclusive, "
	  "spec.securityContext.fsGroupChangePolicy: Unsupported value: \"X\": supported values: "
	  "\"Always\", \"OnRootMismatch\"]" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'"
	  "initContainers':[{'name':'i','image':'x','readinessProbe':{'exec':{'command':['a']}}}]}"
	  "}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.initContainers[0].readinessProbe: Forbidden: may not be set "
	  "for init containers without restartPolicy=Always" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'"
	  "initContainers':[{'name':'i','image':'x','restartPolicy':'Sometimes'}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.initContainers[0].restartPolicy: Unsupported value: "
	  "\"Sometimes\": supported values: \"Always\", \"Never\", \"OnFailure\"" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'"
	  "topologySpreadConstraints':[{'maxSkew':0,'topologyKey':'','whenUnsatisfiable':'X'}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: [spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: "
	  "must be greater than zero, spec.topologySpreadConstraints[0].topologyKey: Required "
	  "value: can not be empty, spec.topologySpreadConstraints[0].whenUnsatisfiable: "
	  "Unsupported value: \"X\": supported values: \"DoNotSchedule\", \"ScheduleAnyway\"]" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'"
	  "readinessGates':[{'conditionType':'a b'}],'os':{'name':'x'}}}",
	  NULL,
	  "Pod \"zz\" is invalid: [spec.readinessGates[0].conditionType: Invalid value: \"a b\": "
	  "name part " QUALIFIED
	  ", spec.os: Unsupported value: \"x\": supported values: \"linux\", \"windows\"]" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'"
	  "schedulingGates':[{'name':'a b'},{'name':'x/y'},{'name':'x/y'}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: [spec.schedulingGates[0]: Invalid value: \"a b\": name "
	  "part " QUALIFIED ", spec.schedulingGates[2]: Duplicate value: \"x/y\"]" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'dnsPolicy':'"
	  "None','dnsConfig':{}}}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.dnsConfig.nameservers: Required value: must provide at "
	  "least one DNS nameserver when `dnsPolicy` is None" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'dnsConfig':{'"
	  "options':[{'value':'x'}],'searches':['_x.y','a..b']}}}",
	  NULL,
	  "Pod \"zz\" is invalid: [spec.dnsConfig.searches[1]: Invalid value: \"a..b\": a "
	  "lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', "
	  "'-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', "
	  "regex used for validation is "
	  "'_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*'), "
	  "spec.dnsConfig.options[0]: Required value: must not be empty]" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'hostAliases':"
	  "[{'ip':'1.2.3'}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.hostAliases[0].ip: Invalid value: \"1.2.3\": must be a "
	  "valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'tolerations':"
	  "[{'key':'a','operator':'Exists','effect':'X'}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.tolerations[0].effect: Unsupported value: \"X\": supported "
	  "values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'tolerations':"
	  "[{'key':'a','operator':'Gt','value':'x'}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.tolerations[0].operator: Unsupported value: \"Gt\": "
	  "supported values: \"Equal\", \"Exists\", \"Lt\", \"Gt\"" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'affinity':{'"
	  "nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':{'nodeSelectorTerms':[{'"
	  "matchFields':[{'key':'metadata.name','operator':'Exists'},{'key':'metadata.name','"
	  "operator':'In','values':['a','b']}]}]}}}}}",
	  NULL,
	  "Pod \"zz\" is invalid: "
	  "[spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
	  "nodeSelectorTerms[0].matchFields[0].operator: Invalid value: \"Exists\": not a valid "
	  "selector operator, "
	  "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
	  "nodeSelectorTerms[0].matchFields[1].values: Required value: must be only one value when "
	  "`operator` is 'In' or 'NotIn' for node field selector]" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'affinity':{'"
	  "podAntiAffinity':{'preferredDuringSchedulingIgnoredDuringExecution':[{'weight':0,'"
	  "podAffinityTerm':{'topologyKey':'a/b/"
	  "c','labelSelector':{'matchExpressions':[{'key':'x','operator':'In','values':['a "
	  "b']}]}}}]}}}}",
	  NULL,
	  "Pod \"zz\" is invalid: "
	  "[spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]."
	  "weight: Invalid value: 0: must be in the range 1-100, "
	  "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]."
	  "podAffinityTerm.labelSelector.matchExpressions[0].values[0]: Invalid value: \"a "
	  "b\": " LABEL_VALUE ", "
	  "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]."
	  "podAffinityTerm.topologyKey: Invalid value: \"a/b/c\": a valid label key " QUALIFIED
	  " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')]" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i','ports':[{'"
	  "containerPort':1,'hostPort':70000}],'livenessProbe':{'tcpSocket':{'port':0}}}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: [spec.containers[0].ports[0].hostPort: Invalid value: 70000: "
	  "must be between 1 and 65535, inclusive, "
	  "spec.containers[0].livenessProbe.tcpSocket.port: Invalid value: 0: must be between 1 "
	  "and 65535, inclusive]" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i','lifecycle':{'"
	  "preStop':{'httpGet':{'port':80,'scheme':'X'}}}}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.containers[0].lifecycle.preStop.httpGet.scheme: Unsupported "
	  "value: \"X\": supported values: \"HTTP\", \"HTTPS\"" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i','volumeMounts':["
	  "{'name':'v','mountPath':'/"
	  "a','subPath':'a','subPathExpr':'b'}]}],'volumes':[{'name':'v'}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: spec.containers[0].volumeMounts[0].subPathExpr: Invalid value: "
	  "\"b\": subPathExpr and subPath are mutually exclusive" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i','volumeDevices':"
	  "[{'name':'v','devicePath':'/a/../b'}]}],'volumes':[{'name':'v'}]}}",
	  NULL,
	  "Pod \"zz\" is invalid: [spec.containers[0].volumeDevices[0].devicePath: Invalid value: "
	  "\"/a/../b\": can not contain backsteps ('..'), "
	  "spec.containers[0].volumeDevices[0].name: Invalid value: \"v\": can only use volume "
	  "source type of PersistentVolumeClaim or Ephemeral for block mode]" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'tolerations':"
	  "[]}}",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'tolerations':"
	  "[{'key':'x','operator':'Exists'}]}}",
	  "Pod \"zz\" is invalid: spec.tolerations: Forbidden: existing toleration can not be "
	  "modified except its tolerationSeconds" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'"
	  "schedulingGates':[{'name':'a/b'},{'name':'c/d'}]}}",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'"
	  "schedulingGates':[{'name':'a/b'}]}}",
	  "Pod \"zz\" is invalid: spec.schedulingGates[1].name: Forbidden: only deletion is "
	  "allowed, but found new scheduling gate 'c/d'" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'"
	  "activeDeadlineSeconds':20}}",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'"
	  "activeDeadlineSeconds':10}}",
	  "Pod \"zz\" is invalid: spec.activeDeadlineSeconds: Invalid value: 20: must be less than "
	  "or equal to previous value" },
	{ "", "pods", "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}]}}",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'"
	  "activeDeadlineSeconds':10}}",
	  "Pod \"zz\" is invalid: spec.activeDeadlineSeconds: Invalid value: null: must not update "
	  "from a positive integer to nil value" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'"
	  "initContainers':[{'name':'i','image':'x'}]}}",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}]}}",
	  "Pod \"zz\" is invalid: spec.initContainers: Forbidden: pod updates may not add or "
	  "remove containers" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'hostname':'x'"
	  "}}",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}]}}",
	  "Pod \"zz\" is invalid: spec: Forbidden: pod updates may not change fields other than "
	  "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`"
	  "spec.tolerations` (only additions to existing "
	  "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
	  "previously negative)\n@@ -64,7 +64,7 @@\n   \"SELinuxChangePolicy\": null\n  },\n  "
	  "\"ImagePullSecrets\": null,\n- \"Hostname\": \"\",\n+ \"Hostname\": \"x\",\n  "
	  "\"Subdomain\": \"\",\n  \"Affinity\": null,\n  \"SchedulerName\": "
	  "\"default-scheduler\",\n" },
	{ "", "pods", "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':''}]}}",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}]}}",
	  "Pod \"zz\" is invalid: [spec.containers[0].image: Required value, spec: Forbidden: pod "
	  "updates may not change fields other than "
	  "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`"
	  "spec.tolerations` (only additions to existing "
	  "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
	  "previously negative)\n@@ -27,7 +27,7 @@\n    \"Lifecycle\": null,\n    "
	  "\"TerminationMessagePath\": \"/dev/termination-log\",\n    "
	  "\"TerminationMessagePolicy\": \"File\",\n-   \"ImagePullPolicy\": \"Always\",\n+   "
	  "\"ImagePullPolicy\": \"IfNotPresent\",\n    \"SecurityContext\": null,\n    \"Stdin\": "
	  "false,\n    \"StdinOnce\": false,\n]" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}],'volumes':[{'"
	  "name':'v'}]}}",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}]}}",
	  "Pod \"zz\" is invalid: spec: Forbidden: pod updates may not change fields other than "
	  "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`"
	  "spec.tolerations` (only additions to existing "
	  "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
	  "previously negative)\n@@ -1,5 +1,43 @@\n {\n- \"Volumes\": null,\n+ \"Volumes\": [\n+  "
	  "{\n+   \"Name\": \"v\",\n+   \"HostPath\": null,\n+   \"EmptyDir\": {\n+    \"Medium\": "
	  "\"\",\n+    \"SizeLimit\": null,\n+    \"Mode\": null\n+   },\n+   "
	  "\"GCEPersistentDisk\": null,\n+   \"AWSElasticBlockStore\": null,\n+   \"GitRepo\": "
	  "null,\n+   \"Secret\": null,\n+   \"NFS\": null,\n+   \"ISCSI\": null,\n+   "
	  "\"Glusterfs\": null,\n+   \"PersistentVolumeClaim\": null,\n+   \"RBD\": null,\n+   "
	  "\"FlexVolume\": null,\n+   \"Cinder\": null,\n+   \"CephFS\": null,\n+   \"Flocker\": "
	  "null,\n+   \"DownwardAPI\": null,\n+   \"FC\": null,\n+   \"AzureFile\": null,\n+   "
	  "\"ConfigMap\": null,\n+   \"VsphereVolume\": null,\n+   \"Quobyte\": null,\n+   "
	  "\"AzureDisk\": null,\n+   \"PhotonPersistentDisk\": null,\n+   \"Projected\": null,\n+  "
	  " \"PortworxVolume\": null,\n+   \"ScaleIO\": null,\n+   \"StorageOS\": null,\n+   "
	  "\"CSI\": null,\n+   \"Ephemeral\": null,\n+   \"Image\": null\n+  }\n+ ],\n  "
	  "\"InitContainers\": null,\n  \"Containers\": [\n   {\n" },
	{ "", "pods",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i','env':[{'name':'"
	  "x','value':'<y>'}]}],'nodeSelector':{'a':'b'}}}",
	  "{'metadata':{'name':'zz'},'spec':{'containers':[{'name':'c','image':'i'}]}}",
	  "Pod \"zz\" is invalid: spec: Forbidden: pod updates may not change fields other than "
	  "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`"
	  "spec.tolerations` (only additions to existing "
	  "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
	  "previously negative)\n@@ -10,7 +10,13 @@\n    \"WorkingDir\": \"\",\n    \"Ports\": "
	  "null,\n    \"EnvFrom\": null,\n-   \"Env\": null,\n+   \"Env\": [\n+    {\n+     "
	  "\"Name\": \"x\",\n+     \"Value\": \"\\u003cy\\u003e\",\n+     \"ValueFrom\": null\n+   "
	  " }\n+   ],\n    \"Resources\": {\n     \"Limits\": null,\n     \"Requests\": null,\n@@ "
	  "-39,7 +45,9 @@\n  \"TerminationGracePeriodSeconds\": 30,\n  \"ActiveDeadlineSeconds\": "
	  "null,\n  \"DNSPolicy\": \"ClusterFirst\",\n- \"NodeSelector\": null,\n+ "
	  "\"NodeSelector\": {\n+  \"a\": \"b\"\n+ },\n  \"ServiceAccountName\": \"\",\n  "
	  "\"DeprecatedServiceAccount\": \"\",\n  \"AutomountServiceAccountToken\": null,\n" },
};

static struct json_object *made(const struct schema_kind *kind, const char *quoted)
{
	struct json_object *json = json_of(quoted);
	struct err err = { 0 };

	if (schema_decode(kind->type, json, NULL, &err) < 0)
		fail_msg("%s: %s", err.text, quoted);
	schema_default(kind, json);
	if (kind->namespaced && !json_at(json, "metadata.namespace"))
		(void)json_put_at(json, "metadata.namespace", json_new_string("default"));
	return json;
}

static void message_of(const struct schema_kind *kind, const struct json_object *object,
		       const struct json_object *old, struct buf *ret)
{
	auto_schema_problems struct schema_problems *problems = schema_problems_new();
	const char *name = json_str_at(object, "metadata.name");

	schema_validate(kind, object, old, problems);
	if (schema_problems_count(problems))
		CHECK(schema_problems_message(problems, kind, name ? name : "", ret) == 0);
}

TEST(validation_says_what_kubernetes_says)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		const struct schema_kind *kind =
			schema_kind_of_resource(refused[i].group, "v1", refused[i].resource);
		auto_json struct json_object *object = made(kind, refused[i].object);
		auto_json struct json_object *old =
			refused[i].old ? made(kind, refused[i].old) : NULL;
		auto_buf struct buf message = BUF_INIT(0);

		message_of(kind, object, old, &message);
		CHECK_STR(buf_str(&message), refused[i].message);
	}
}

/* What must pass: the usual, and the unusual that is allowed. */
static const struct {
	const char *resource, *object, *old;
} accepted[] = {
	{ "pods",
	  "{'metadata':{'name':'nginx'},'spec':{'containers':[{'name':'nginx','image':'nginx',"
	  "'ports':[{'containerPort':80}],'env':[{'name':'A "
	  "B'},{'name':'C','valueFrom':{'fieldRef':{"
	  "'fieldPath':'status.podIP'}}}],'resources':{'limits':{'cpu':'1','example.com/gpu':'2'}},"
	  "'livenessProbe':{'httpGet':{'port':'http'}},'volumeMounts':[{'name':'v','mountPath':'/"
	  "v'}]"
	  "}],'volumes':[{'name':'v','projected':{'sources':[{'serviceAccountToken':{'path':'token'"
	  "}},"
	  "{'downwardAPI':{'items':[{'path':'labels','fieldRef':{'fieldPath':'metadata.labels'}}]}}"
	  "]}"
	  "}],'tolerations':[{'operator':'Exists'}]}}",
	  NULL },
	{ "pods",
	  "{'metadata':{'name':'a'},'spec':{'activeDeadlineSeconds':5,'containers':[{'name':"
	  "'c','image':'i:2'}],'tolerations':[{'key':'x','operator':'Exists'}]}}",
	  "{'metadata':{'name':'a'},'spec':{'containers':[{'name':'c','image':'i:1'}]}}" },
	{ "services", "{'metadata':{'name':'1s'},'spec':{'clusterIP':'None'}}", NULL },
	{ "services",
	  "{'metadata':{'name':'s'},'spec':{'type':'ExternalName','externalName':"
	  "'example.com'}}",
	  NULL },
	{ "secrets",
	  "{'metadata':{'name':'s'},'type':'kubernetes.io/basic-auth','stringData':{"
	  "'username':'u'}}",
	  NULL },
	{ "events", "{'metadata':{'name':'Any Name'},'involvedObject':{'namespace':'default'}}",
	  NULL },
};

TEST(validation_lets_good_objects_pass)
{
	for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
		const struct schema_kind *kind =
			schema_kind_of_resource("", "v1", accepted[i].resource);
		auto_json struct json_object *object = made(kind, accepted[i].object);
		auto_json struct json_object *old =
			accepted[i].old ? made(kind, accepted[i].old) : NULL;
		auto_buf struct buf message = BUF_INIT(0);

		message_of(kind, object, old, &message);
		CHECK_STR(buf_str(&message), "");
	}
}

TEST(duplicates_are_found_among_many)
{
	auto_buf struct buf text = BUF_INIT(0);
	auto_buf struct buf found = BUF_INIT(0);
	auto_buf struct buf again = BUF_INIT(0);

	(void)buf_putc(&text, '{');
	for (unsigned i = 0; i < 1000; i++)
		(void)buf_printf(&text, "%s\"key-%u\":[%u]", i ? "," : "", i % 997, i);
	(void)buf_putc(&text, '}');
	CHECK(schema_duplicates(buf_str(&text), text.len, &found) == 0);
	CHECK_STR(buf_str(&found), "duplicate field \"key-0\"\nduplicate field \"key-1\"\n"
				   "duplicate field \"key-2\"\n");
	for (size_t cut = 0; cut < 64; cut++) /* cut short: an error, never a crash */
		CHECK(schema_duplicates(buf_str(&text), cut, &again) < 0);
}

TEST(duplicate_fields_are_named_by_their_paths)
{
	static const char text[] = "{ \"a\" : 1, \"a\":{\"x\":[{\"y\":\"\\\"\", \"y\":2}, "
				   "{\"y\":3}]},\"b\":{}, \"b\":[] }";
	auto_buf struct buf found = BUF_INIT(0);

	CHECK(schema_duplicates(text, sizeof(text) - 1, &found) == 0);
	CHECK_STR(buf_str(&found), "duplicate field \"a\"\nduplicate field \"a.x[0].y\"\n"
				   "duplicate field \"b\"\n");
}
