# SPDX-License-Identifier: Apache-2.0
"""What a Pod may ask for, seen from inside by the probe and from outside by its status."""
import json
import re
import time
import urllib.request

import pytest

from conftest import pod


@pytest.fixture(autouse=True)
def clean(cluster):
    yield
    cluster.delete_pods()


def logs(cluster, name, *args):
    return cluster.kubectl("logs", name, *args, program=cluster.any_kubectl).stdout


def run(cluster, name, command, **spec):
    """A pod that runs to its end; returns (pod, log)."""
    cluster.apply(pod(name, command, restartPolicy="Never", **spec))
    p = cluster.wait(f"pod {name} to end", lambda: (lambda p: p["status"].get("phase") in
                     ("Succeeded", "Failed") and p)(cluster.pod(name)), 60)
    return p, logs(cluster, name)


def report(cluster, name, **spec):
    """What the probe sees from inside."""
    p, log = run(cluster, name, None, image="probe", **spec)
    assert p["status"]["phase"] == "Succeeded", p["status"]
    return json.loads(log)


def state(p, i=0, kind="containerStatuses"):
    return p["status"][kind][i]["state"]


# ---- ends ----

def test_succeeded_and_failed(cluster):
    p, _ = run(cluster, "good", ["true"])
    assert p["status"]["phase"] == "Succeeded"
    assert state(p)["terminated"]["reason"] == "Completed" and state(p)["terminated"]["exitCode"] == 0
    p, _ = run(cluster, "bad", ["sh", "-c", "exit 7"])
    assert p["status"]["phase"] == "Failed"
    assert state(p)["terminated"]["reason"] == "Error" and state(p)["terminated"]["exitCode"] == 7


def test_restart_with_back_off(cluster):
    cluster.apply(pod("crash", ["sh", "-c", "echo again; exit 1"]))

    def looping():
        p = cluster.pod("crash")
        c = (p["status"].get("containerStatuses") or [{}])[0]
        return c.get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff" and p
    p = cluster.wait("the back-off", looping, 60)
    c = p["status"]["containerStatuses"][0]
    assert c["restartCount"] >= 1 and c["lastState"]["terminated"]["exitCode"] == 1
    assert re.match(r"back-off 10s restarting failed container=crash pod=crash_default\(", c["state"]["waiting"]["message"])
    assert logs(cluster, "crash", "-p") == "again\n"


def test_on_failure_restarts_only_failures(cluster):
    cluster.apply(pod("flaky", ["sh", "-c", "if [ -e /d/x ]; then exit 0; fi; touch /d/x; exit 1"],
                      restartPolicy="OnFailure", volumes=[{"name": "d", "emptyDir": {}}],
                      volumeMounts=[{"name": "d", "mountPath": "/d"}]))
    p = cluster.pod_phase("flaky", "Succeeded", timeout=60)
    assert p["status"]["containerStatuses"][0]["restartCount"] == 1


def test_termination_message(cluster):
    p, _ = run(cluster, "says", ["sh", "-c", "echo -n why > /dev/termination-log; exit 1"])
    assert state(p)["terminated"]["message"] == "why"


def test_graceful_end(cluster):
    cluster.apply(pod("polite", ["sh", "-c", "trap 'echo got TERM; exit 0' TERM; echo up; while true; do sleep 0.1; done"],
                      terminationGracePeriodSeconds=20))
    cluster.pod_ready("polite")
    cluster.wait("the trap to be set", lambda: "up" in logs(cluster, "polite"))
    begin = time.monotonic()
    cluster.kubectl("delete", "pod", "polite", program=cluster.any_kubectl)
    assert time.monotonic() - begin < 15


def test_deaf_container_is_killed_after_the_grace_period(cluster):
    cluster.apply(pod("deaf", ["sh", "-c", "trap '' TERM; echo up; while true; do sleep 0.1; done"],
                      terminationGracePeriodSeconds=2))
    cluster.pod_ready("deaf")
    cluster.wait("the trap to be set", lambda: "up" in logs(cluster, "deaf"))
    begin = time.monotonic()
    cluster.kubectl("delete", "pod", "deaf", program=cluster.any_kubectl)
    assert time.monotonic() - begin >= 1.5


def test_active_deadline(cluster):
    cluster.apply(pod("late", ["sleep", "1000"], activeDeadlineSeconds=1, restartPolicy="Never"))
    p = cluster.pod_phase("late", "Failed", timeout=60)
    assert p["status"]["reason"] == "DeadlineExceeded"


# ---- init containers, several containers ----

def test_init_containers_run_in_order(cluster):
    inits = [{"name": f"i{n}", "image": "busybox", "imagePullPolicy": "Never",
              "command": ["sh", "-c", f"echo {n} >> /d/order"],
              "volumeMounts": [{"name": "d", "mountPath": "/d"}]} for n in range(3)]
    p, log = run(cluster, "main", ["cat", "/d/order"], initContainers=inits,
                 volumes=[{"name": "d", "emptyDir": {}}], volumeMounts=[{"name": "d", "mountPath": "/d"}])
    assert log == "0\n1\n2\n"
    assert all(c["state"]["terminated"]["reason"] == "Completed" for c in p["status"]["initContainerStatuses"])
    assert {c["type"]: c["status"] for c in p["status"]["conditions"]}["Initialized"] == "True"


def test_failing_init_container_holds_the_pod(cluster):
    bad = [{"name": "no", "image": "busybox", "imagePullPolicy": "Never", "command": ["false"]}]
    cluster.apply(pod("held", ["true"], initContainers=bad, restartPolicy="Never"))
    p = cluster.pod_phase("held", "Failed", timeout=60)
    assert state(p)["waiting"]["reason"] == "PodInitializing"
    row = cluster.kubectl("get", "pod", "held", "--no-headers", program=cluster.any_kubectl).stdout.split()
    assert row[2] == "Init:Error"


def test_containers_share_the_network_and_emptydir(cluster):
    p = pod("pair", ["sh", "-c", "echo hello > /d/f; sleep 1000"], volumes=[{"name": "d", "emptyDir": {}}],
            volumeMounts=[{"name": "d", "mountPath": "/d"}])
    p["spec"]["containers"].append({"name": "web", "image": "probe", "imagePullPolicy": "Never",
                                    "command": ["/probe", "http", "8080"]})
    cluster.apply(p)
    cluster.pod_ready("pair")
    out = cluster.kubectl("exec", "pair", "-c", "pair", "--", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/",
                          program=cluster.any_kubectl).stdout
    assert out
    assert cluster.kubectl("get", "pod", "pair", "--no-headers", program=cluster.any_kubectl).stdout.split()[1] == "2/2"


# ---- environment, arguments ----

def test_environment(cluster):
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cm"}, "data": {"k": "from-cm"}},
                  {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sec"}, "stringData": {"k": "from-sec"}})
    env = [{"name": "PLAIN", "value": "x"}, {"name": "EXPANDED", "value": "$(PLAIN)-y"},
           {"name": "ESCAPED", "value": "$$(PLAIN)"}, {"name": "UNKNOWN", "value": "$(NOPE)"},
           {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
           {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
           {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
           {"name": "CM", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}},
           {"name": "SEC", "valueFrom": {"secretKeyRef": {"name": "sec", "key": "k"}}},
           {"name": "LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}}]
    p, log = run(cluster, "env", ["sh", "-c", "env; echo ARG=$0", "$(EXPANDED)"], env=env,
                 envFrom=[{"prefix": "P_", "configMapRef": {"name": "cm"}}],
                 resources={"limits": {"memory": "64Mi"}})
    got = dict(line.split("=", 1) for line in log.splitlines() if "=" in line)
    want = {"PLAIN": "x", "EXPANDED": "x-y", "ESCAPED": "$(PLAIN)", "UNKNOWN": "$(NOPE)", "POD": "env",
            "NODE": cluster.node, "IP": p["status"]["podIP"], "CM": "from-cm", "SEC": "from-sec", "LIMIT": "64",
            "P_k": "from-cm", "ARG": "x-y"}
    assert {k: got.get(k) for k in want} == want
    assert got["KUBERNETES_SERVICE_PORT"] == "443" and got["HOSTNAME"] == "env"


def test_missing_configmap_is_an_error_that_heals(cluster):
    cluster.apply(pod("waits", ["sh", "-c", "echo $V; sleep 1000"],
                      env=[{"name": "V", "valueFrom": {"configMapKeyRef": {"name": "later", "key": "k"}}}]))

    def waiting():
        c = (cluster.pod("waits")["status"].get("containerStatuses") or [{}])[0]
        w = c.get("state", {}).get("waiting", {})
        return w.get("reason") == "CreateContainerConfigError" and w
    assert 'configmap "later" not found' in cluster.wait("the error", waiting)["message"]
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "later"}, "data": {"k": "v"}})
    cluster.pod_ready("waits", timeout=60)
    assert logs(cluster, "waits") == "v\n"


# ---- volumes ----

def test_volumes_of_data(cluster, tmp_path):
    (tmp_path / "host-file").write_text("from the host")
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cv"},
                   "data": {"a": "A", "b": "B"}},
                  {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sv"}, "stringData": {"s": "S"}})
    volumes = [{"name": "c", "configMap": {"name": "cv", "items": [{"key": "b", "path": "sub/bee"}]}},
               {"name": "s", "secret": {"secretName": "sv", "defaultMode": 0o400}},
               {"name": "h", "hostPath": {"path": str(tmp_path), "type": "Directory"}},
               {"name": "d", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}}]
    mounts = [{"name": n, "mountPath": f"/v/{n}"} for n in "cshd"]
    _, log = run(cluster, "vols", ["sh", "-c", "cat /v/c/sub/bee /v/s/s /v/h/host-file /v/d/labels; "
                                   "stat -L -c %a /v/s/s; echo no > /v/c/x || echo read-only"],
                 volumes=volumes, volumeMounts=mounts)
    assert log.startswith('BSfrom the hostapp="vols"')
    assert "\n400\n" in log or log.count("400")
    assert "read-only" in log


def test_configmap_volume_is_updated(cluster):
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "up"}, "data": {"k": "one"}},
                  pod("sees", ["sh", "-c", "while true; do cat /v/k; echo; sleep 0.2; done"],
                      volumes=[{"name": "v", "configMap": {"name": "up"}}],
                      volumeMounts=[{"name": "v", "mountPath": "/v"}]))
    cluster.pod_ready("sees")
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "up"}, "data": {"k": "two"}})
    cluster.wait("the update inside", lambda: "two" in logs(cluster, "sees", "--tail=2"), 90)


def test_memory_emptydir_and_subpath(cluster):
    _, log = run(cluster, "mem", ["sh", "-c", "grep ' /m ' /proc/mounts; echo x > /s/f; ls /m/inner"],
                 volumes=[{"name": "m", "emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}}],
                 volumeMounts=[{"name": "m", "mountPath": "/m"}, {"name": "m", "mountPath": "/s", "subPath": "inner"}])
    assert "tmpfs" in log and log.endswith("f\n")


def test_service_account_token_is_there_and_works(cluster):
    cluster.apply(pod("sa", ["sh", "-c", "cd /var/run/secrets/kubernetes.io/serviceaccount; cat token; "
                             "echo; cat namespace; echo; head -1 ca.crt"], restartPolicy="Never"))
    cluster.pod_phase("sa", "Succeeded", timeout=60)
    token, namespace, ca = logs(cluster, "sa").splitlines()
    assert namespace == "default" and ca == "-----BEGIN CERTIFICATE-----"
    r = cluster.kubectl("--token", token, "get", "pods", check=False, program=cluster.any_kubectl)
    # No roles are bound to it, so: known, but not allowed.
    assert r.returncode in (0, 1)
    claims = json.loads(__import__("base64").urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["sub"] == "system:serviceaccount:default:default"
    assert claims["kubernetes.io"]["pod"]["name"] == "sa"


# ---- from inside ----

def test_defaults_inside(cluster):
    seen = report(cluster, "inside")
    assert seen["pid"] == 1 and seen["uid"] == 0
    assert seen["hostname"] == "inside"
    assert {int(fd) for fd in seen["fds"]} <= {0, 1, 2}


def test_security_context(cluster):
    seen = report(cluster, "user", securityContext={"runAsUser": 1000, "runAsGroup": 2000, "fsGroup": 3000,
                                                    "supplementalGroups": [4000]})
    assert (seen["uid"], seen["gid"]) == (1000, 2000) and {3000, 4000} <= set(seen["groups"])


def test_run_as_non_root_refuses_root(cluster):
    p = pod("root", ["true"], restartPolicy="Never")
    p["spec"]["containers"][0]["securityContext"] = {"runAsNonRoot": True}
    cluster.apply(p)

    def refused():
        c = (cluster.pod("root")["status"].get("containerStatuses") or [{}])[0]
        w = c.get("state", {}).get("waiting", {})
        return w.get("reason") == "CreateContainerConfigError" and w
    assert "runAsNonRoot" in cluster.wait("the refusal", refused)["message"]


def test_host_network_and_aliases(cluster):
    seen = report(cluster, "hostnet", hostNetwork=True)
    assert "192.0.2.10" in json.dumps(seen)
    _, log = run(cluster, "alias", ["cat", "/etc/hosts"], hostAliases=[{"ip": "10.9.8.7", "hostnames": ["far", "away"]}])
    assert re.search(r"^10\.9\.8\.7\s+far\s+away$", log, re.M) and re.search(r"\salias$", log, re.M)


def test_shared_process_namespace(cluster):
    p = pod("shares", ["sleep", "1000"], shareProcessNamespace=True)
    p["spec"]["containers"].append({"name": "other", "image": "busybox", "imagePullPolicy": "Never",
                                    "command": ["sleep", "2000"]})
    cluster.apply(p)
    cluster.pod_ready("shares")
    out = cluster.kubectl("exec", "shares", "-c", "shares", "--", "ps", program=cluster.any_kubectl).stdout
    assert "sleep 1000" in out and "sleep 2000" in out


# ---- network ----

def test_pods_reach_each_other_and_the_node(cluster):
    cluster.apply(pod("web", ["/probe", "http", "8080"], image="probe"), pod("client", ["sleep", "1000"]))
    ip = cluster.pod_ready("web")["status"]["podIP"]
    cluster.pod_ready("client")

    def wget(url):
        return cluster.kubectl("exec", "client", "--", "wget", "-q", "-O", "-", url,
                               program=cluster.any_kubectl, check=False).returncode
    assert wget(f"http://{ip}:8080/") == 0
    with urllib.request.urlopen(f"http://{ip}:8080/", timeout=5) as r:
        assert r.status == 200


def test_host_port(cluster):
    cluster.apply(pod("hp", ["/probe", "http", "8080"], image="probe",
                      ports=[{"containerPort": 8080, "hostPort": 18080}]))
    cluster.pod_ready("hp")
    with urllib.request.urlopen("http://192.0.2.10:18080/", timeout=5) as r:
        assert r.status == 200


# ---- probes ----

def test_readiness_and_liveness(cluster):
    probe = {"exec": {"command": ["cat", "/tmp/ok"]}, "periodSeconds": 1, "failureThreshold": 1}
    cluster.apply(pod("probed", ["sh", "-c", "sleep 2; touch /tmp/ok; sleep 1000"], readinessProbe=probe))

    def restarts(name):
        return (cluster.pod(name)["status"].get("containerStatuses") or [{"restartCount": 0}])[0]["restartCount"]
    cluster.pod_phase("probed", "Running")
    assert not cluster.pod("probed")["status"]["containerStatuses"][0]["ready"]
    cluster.pod_ready("probed", timeout=30)
    cluster.apply(pod("dies", ["sh", "-c", "sleep 1000"], livenessProbe={**probe, "initialDelaySeconds": 1}))
    cluster.wait("the restart", lambda: restarts("dies") >= 1, 60)
    events = cluster.kubectl("describe", "pod", "dies", program=cluster.any_kubectl).stdout
    assert "Liveness probe failed" in events and "will be restarted" in events


@pytest.mark.parametrize("kind", ["httpGet", "tcpSocket"])
def test_network_probes(cluster, kind):
    check = {"port": 8080, **({"path": "/"} if kind == "httpGet" else {})}
    cluster.apply(pod("net", ["/probe", "http", "8080"], image="probe",
                      readinessProbe={kind: check, "periodSeconds": 1}))
    cluster.pod_ready("net", timeout=30)


# ---- images ----

def test_image_that_is_not_there(cluster):
    cluster.apply(pod("never", ["true"], image="nothing-here"),
                  {**pod("pulls", ["true"]), "spec": {"containers": [
                      {"name": "pulls", "image": "registry.invalid/nothing:1", "command": ["true"]}]}})

    def reason(name, *wanted):
        c = (cluster.pod(name)["status"].get("containerStatuses") or [{}])[0]
        w = c.get("state", {}).get("waiting", {})
        return w.get("reason") in wanted and w
    w = cluster.wait("ErrImageNeverPull", lambda: reason("never", "ErrImageNeverPull"))
    assert "is not present with pull policy of Never" in w["message"]
    w = cluster.wait("ErrImagePull", lambda: reason("pulls", "ErrImagePull", "ImagePullBackOff"))
    assert w["message"]


def test_image_latest_runs_without_a_registry_and_warns(cluster):
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "latest"}, "spec": {
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "c", "image": "busybox", "command": ["sleep", "1000"]}]}})
    assert cluster.pod_ready("latest")["spec"]["containers"][0]["imagePullPolicy"] == "Always"
    out = cluster.kubectl("describe", "pod", "latest", program=cluster.any_kubectl).stdout
    assert re.search(r"^  Warning ", out, re.M)


def test_invalid_image_name(cluster):
    cluster.apply(pod("odd", ["true"], image="UPPERCASE"))

    def reason():
        c = (cluster.pod("odd")["status"].get("containerStatuses") or [{}])[0]
        return c.get("state", {}).get("waiting", {}).get("reason") == "InvalidImageName"
    cluster.wait("InvalidImageName", reason)


# ---- scheduling ----

def test_pod_that_fits_nowhere_says_why(cluster):
    cluster.apply(pod("huge", ["true"], resources={"requests": {"cpu": "1000"}}),
                  pod("picky", ["true"], nodeSelector={"disk": "ssd"}))
    for name, words in (("huge", "Insufficient cpu"), ("picky", "didn't match Pod's node affinity/selector")):
        def why(name=name, words=words):
            c = {c["type"]: c for c in cluster.pod(name)["status"].get("conditions", [])}
            return c.get("PodScheduled", {}).get("reason") == "Unschedulable" and \
                words in c["PodScheduled"]["message"]
        cluster.wait(f"{name} to be unschedulable", why)
