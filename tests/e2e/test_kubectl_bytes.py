# SPDX-License-Identifier: Apache-2.0
"""Our kubectl says what Kubernetes' own says, byte for byte, about the same cluster.

Masked is what differs between two looks at the same thing, or two runs of the same commands: ages, times,
uids, versions, addresses, container ids, generated names; and how wide a column is because of them.
"""
import difflib
import re
import shlex
import subprocess
import time

import pytest

from conftest import BIN, POD_NGINX, REAL_KUBECTL

PROGRAMS = {"ours": BIN / "kubectl", "real": REAL_KUBECTL}

TWO_CONFIGMAPS = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: bytes-1
data:
  a: b
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: bytes-2
data:
  multi: |
    one
    two
"""
FILES = {
    "pod.yaml": POD_NGINX.replace("name: nginx\n  labels", "name: bytes\n  labels"),
    "pod2.yaml": POD_NGINX.replace("name: nginx\n  labels", "name: bytes\n  labels").replace(
        "app: nginx", "app: web"),
    "cms.yaml": TWO_CONFIGMAPS,
    "nokind.yaml": "apiVersion: v1\nmetadata: {name: x}\n",
    "noapi.yaml": "kind: Pod\nmetadata: {name: x}\n",
    "unknown.yaml": "apiVersion: v1\nkind: Foo\nmetadata: {name: x}\n",
    "field.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n"
                  "spec: {bogus: 1, containers: [{name: a, image: b}]}\n",
    "invalid.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: X_}\nspec: {containers: []}\n",
    "patch.yaml": "metadata: {labels: {patched: 'yes'}}\n",
}

# Commands that change nothing: both programs look at the same objects.
READ = """\
config view
config view --minify
config view -o json
config get-contexts
config get-contexts -o name
config current-context
config get-clusters
config get-users
cluster-info
get pods
get pods -o wide
get pods -o yaml
get pods -o json
get pods -o name
get pods --show-labels
get pods -L app
get pods --no-headers
get pods -A
get pod nginx
get pod nginx -o yaml
get pod nginx -o json
get pod nginx -o yaml --show-managed-fields
get pod/nginx svc/kubernetes
get pods,svc
get pods -l app=nginx
get pods -l app=none
get pods --field-selector status.phase=Running
get pods --sort-by=.metadata.name
get pods nope
get pods nope --ignore-not-found
get nope
get pods -o bogus
get pods -n nowhere
get all
get nodes
get nodes -o wide
get nodes -o name
get ns
get ns default -o yaml
get cm kube-root-ca.crt
get svc -o wide
get sa
get endpointslices
get pods -o 'jsonpath={.items[*].metadata.name}'
get pods -o 'jsonpath={range .items[*]}{.metadata.name}{"\\t"}{.status.phase}{"\\n"}{end}'
get pods -o 'jsonpath={.items[?(@.metadata.name=="nginx")].status.podIP}'
get pod nginx -o 'jsonpath-as-json={.spec.containers[*].image}'
get pods -o 'jsonpath={.items'
get pods -o custom-columns=NAME:.metadata.name,IP:.status.podIP,X:.nope
get pods -o custom-columns=NAME
describe pod nginx
describe pods
describe pod nope
describe ns default
describe cm kube-root-ca.crt
describe sa default
logs nope
logs nginx -c nope
logs nginx --tail=1
logs nginx --tail=0
exec nginx -- echo hello
exec nginx -- sh -c 'echo out; echo err >&2; exit 7'
exec nginx -- true
exec nginx
exec nope -- true
exec nginx -c nope -- true
attach nope
port-forward nginx
port-forward nope 80
port-forward nginx x
delete
delete pods
delete pod nope
delete pod nginx --dry-run=client
delete pod nginx --dry-run=server
delete pods --all --dry-run=client
delete pods -l app=none
get pods --field-selector nope=1
get pods -l a=b=c
get pods --context nope
describe svc kubernetes
describe endpointslices
cp /nope nginx:/tmp/x
port-forward svc/kubernetes 443
apply
apply -f nope.yaml
apply -f nokind.yaml
apply -f noapi.yaml
apply -f unknown.yaml --validate=false
apply -f field.yaml
apply -f invalid.yaml
create -f invalid.yaml
create
replace -f cms.yaml
label
label pod nginx
label pod nginx app=other
label pod nginx --list
annotate pod nginx
patch pod nginx
patch pod nope -p '{}'
run
run x
run x --image=y --dry-run=client -o yaml
run x --image=y --dry-run=client -o json -- a b
wait pod/nginx --for=condition=Ready
wait pod/nginx --for=jsonpath='{.status.phase}'=Running
wait pod/nginx --for=condition=Nope --timeout=1s
wait pod/nope --for=condition=Ready
wait pod/nope --for=delete
wait pod/nginx
api-versions
api-resources
api-resources -o wide
api-resources --namespaced=false
auth whoami
auth can-i get pods
versio
get pods --nope
get pods -z
""".splitlines()

# Commands that build on each other: run through with each program on its own.
STORIES = {
    "apply": "apply -f pod.yaml; apply -f pod.yaml; apply -f pod2.yaml; "
             "apply -f pod.yaml --dry-run=server; apply -f pod2.yaml --dry-run=client; "
             "create -f pod.yaml; get pod bytes -o name; "
             "wait pod/bytes --for=condition=Ready --timeout=30s; get pod bytes; get pod bytes -o yaml; "
             "describe pod bytes; label pod bytes a=b; label pod bytes a=b; label pod bytes a-; "
             "annotate pod bytes note=x; annotate pod bytes note-; "
             "patch pod bytes --patch-file=patch.yaml; patch pod bytes --patch-file=patch.yaml; "
             "exec bytes -- cat /etc/hostname; delete -f pod.yaml --grace-period=1; delete -f pod.yaml; "
             "delete -f pod.yaml --ignore-not-found; get pod bytes",
    "configmaps": "create -f cms.yaml; create -f cms.yaml; apply -f cms.yaml; apply -f cms.yaml; "
                  "apply -f cms.yaml --server-side; replace -f cms.yaml; get cm bytes-1 bytes-2; "
                  "get cm bytes-1 -o yaml; describe cm bytes-2; delete cm bytes-1 bytes-2; get cm bytes-1",
    "run": "run bytes-run --image=nginx --restart=Never; run bytes-run --image=nginx; "
           "wait pod/bytes-run --for=condition=Ready --timeout=30s; "
           "delete pod bytes-run --grace-period=0 --force; wait pod/bytes-run --for=delete",
    "apply from nothing": "apply -f cms.yaml --dry-run=client -o yaml; apply -f cms.yaml --dry-run=server; "
                          "apply -f cms.yaml -o name; delete -f cms.yaml",
}

MASKS = [
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "TIME"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UID"),
    (r"\bshallop://[0-9a-f]+", "CONTAINER"),
    (r'(resourceVersion"?: )"\d+"', r"\1VERSION"),
    (r"\bkube-api-access-[a-z0-9]{5}\b", "kube-api-access-NAME"),
    (r"\b10\.1\d\d\.\d+\.\d+\b", "POD-IP"),
    (r"\b(\d+d)?(\d+h)?(\d+m)?\d+(\.\d+)?m?s\b|\b\d+[dhm]\d+[hms]\b|\b\d+[hmd]\b(?!Bi)", "AGE"),
    (r"\(x\d+ over AGE\)", ""),
    (r"(?<=\S) {2,}", "  "),
    (r"-{2,}", "--"),
    (r"[ \t]+$", ""),
]


def masked(text):
    # client-go's log lines about discovery are no output of a command.
    text = "\n".join(line for line in text.split("\n") if "memcache.go:" not in line)
    for pattern, instead in MASKS:
        text = re.sub(pattern, instead, text, flags=re.M)
    return text


@pytest.fixture(scope="module")
def both(cluster, tmp_path_factory):
    """both(line): what each program makes of a command line, masked."""
    if not REAL_KUBECTL.exists():
        pytest.skip(f"{REAL_KUBECTL} is not built (make build/k8s/kubectl needs Go)")
    where = tmp_path_factory.mktemp("bytes")
    for name, text in FILES.items():
        (where / name).write_text(text)

    def one(program, line):
        r = subprocess.run([PROGRAMS[program], *shlex.split(line)], cwd=where, env=cluster.env, text=True,
                           capture_output=True, stdin=subprocess.DEVNULL, timeout=90, check=False)
        return f"$ kubectl {line}\n{masked(r.stdout)}--- stderr\n{masked(r.stderr)}--- exit {r.returncode}\n"

    def run(lines):
        return {p: "".join(one(p, line) for line in lines) for p in ("real", "ours")}
    return run


@pytest.fixture(scope="module")
def settled(cluster):
    """One pod whose story is over, so that two looks see the same."""
    cluster.apply(POD_NGINX)
    cluster.pod_ready("nginx")
    time.sleep(1.2)
    yield
    cluster.kubectl("delete", "pod", "nginx", "--grace-period=1", program=cluster.any_kubectl)


def same(said):
    if said["ours"] != said["real"]:
        pytest.fail("\n".join(difflib.unified_diff(said["real"].split("\n"), said["ours"].split("\n"), "real",
                                                   "ours", lineterm="", n=2)), pytrace=False)


@pytest.mark.parametrize("line", READ)
def test_looking(both, settled, line):
    del settled
    same(both([line]))


@pytest.mark.parametrize("story", STORIES)
def test_changing(both, story):
    same(both([line.strip() for line in STORIES[story].split(";")]))


def test_nothing_is_asked_of_a_server_that_is_not_there(both, cluster):
    del cluster
    same(both(["get pods --server=https://127.0.0.1:1", "version --client"]))


def test_without_a_kubeconfig(both, cluster, tmp_path):
    env = cluster.env.copy()
    cluster.env.update({"KUBECONFIG": str(tmp_path / "none"), "HOME": str(tmp_path)})
    try:
        same(both(["config view", "config get-contexts", "config current-context"]))
    finally:
        cluster.env.clear()
        cluster.env.update(env)
