# SPDX-License-Identifier: Apache-2.0
"""The server alone, asked over plain HTTPS: the API front, its store, and nodes that are played."""
import base64
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import pytest

import nodesim
from conftest import BIN

PORTS = iter(range(20443, 29000, 10))


class Server:
    """`shallop server` on 127.0.0.1 in a directory of its own."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="shallop-api."))
        self.data, self.run = self.dir / "data", self.dir / "run"
        self.port = next(PORTS)
        self.node_port = self.port + 1
        self.process = None

    def start(self):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.dir / "notify"
        path.unlink(missing_ok=True)
        notify.bind(str(path))
        notify.settimeout(10)
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(BIN / "shallop"), "server", "--data-dir", str(self.data), "--run-dir",
                 str(self.run), "--address", "127.0.0.1", "--port", str(self.port), "--node-port",
                 str(self.node_port), "--node-name", "node-1"],
                env={**os.environ, "NOTIFY_SOCKET": str(path)}, stderr=log, stdout=log)
        try:
            assert b"READY=1" in notify.recv(4096)
        except TimeoutError:
            raise AssertionError(self.log()) from None
        notify.close()
        sa = "/api/v1/namespaces/default/serviceaccounts"
        self.ask("POST", sa, {"metadata": {"name": "default"}})
        return self

    def log(self):
        return (self.dir / "log").read_text()[-4000:]

    def stop(self, sig=signal.SIGTERM):
        if self.process:
            self.process.send_signal(sig)
            code = self.process.wait(10)
            assert code == (0 if sig == signal.SIGTERM else -sig), (code, self.log())
        self.process = None

    def destroy(self):
        self.stop(signal.SIGTERM)
        text = (self.dir / "log").read_text()
        shutil.rmtree(self.dir)
        assert "ERROR: " not in text and "runtime error" not in text, text

    @property
    def pki(self):
        return self.data / "server/pki"

    def connect(self, admin=True, timeout=10):
        context = ssl.create_default_context(cafile=str(self.pki / "ca.crt"))
        if admin:
            context.load_cert_chain(str(self.pki / "admin.crt"), str(self.pki / "admin.key"))
        return http.client.HTTPSConnection("127.0.0.1", self.port, context=context,
                                           timeout=timeout)

    def ask(self, method, path, body=None, admin=True, headers=(), raw=False):
        """One request on a connection of its own: (status, headers, body)."""
        conn = self.connect(admin)
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        conn.request(method, path, body, {"Content-Type": "application/json", **dict(headers)})
        answer = conn.getresponse()
        text = answer.read()
        conn.close()
        return answer.status, answer.headers, text if raw else json.loads(text)

    def pki_of_node(self, name):
        """Keys of a node, made as `shallop up` makes them for its own."""
        directory = self.dir / f"pki-{name}"
        directory.mkdir(exist_ok=True)
        shutil.copy(self.pki / "ca.crt", directory / "ca.crt")
        key, csr = directory / "node.key", directory / "node.csr"
        subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out",
                        str(key)], check=True)
        subprocess.run(["openssl", "req", "-new", "-key", str(key), "-subj",
                        f"/O=system:nodes/CN=system:node:{name}", "-out", str(csr)], check=True)
        ext = directory / "ext"
        ext.write_text("extendedKeyUsage=clientAuth\n")
        subprocess.run(["openssl", "x509", "-req", "-in", str(csr), "-CA",
                        str(self.pki / "ca.crt"), "-CAkey", str(self.pki / "ca.key"), "-out",
                        str(directory / "node.crt"), "-days", "2", "-extfile", str(ext)],
                       check=True, capture_output=True)
        return directory

    def node(self, name="node-1", **kw):
        node = nodesim.Node("127.0.0.1", self.node_port, self.pki_of_node(name), name, **kw)
        node.expect("welcome")
        return node


@pytest.fixture(scope="module")
def server():
    s = Server().start()
    yield s
    s.destroy()


@pytest.fixture
def own_server():
    s = Server().start()
    yield s
    s.destroy()


def config_map(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
            "data": data or {"k": "v"}}


def pod(name, node="node-1", **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"nodeName": node, "containers": [{"name": "c", "image": "busybox"}], **spec}}


CM = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"


# ---- who may ask

def test_anybody_sees_that_it_lives(server):
    for path in ("/healthz", "/livez", "/readyz"):
        status, _, body = server.ask("GET", path, admin=False, raw=True)
        assert (status, body) == (200, b"ok")
    assert b"readyz check passed" in server.ask("GET", "/readyz?verbose", admin=False, raw=True)[2]
    assert server.ask("GET", "/version", admin=False)[0] == 200


@pytest.mark.parametrize("method,path", [("GET", CM), ("POST", CM), ("DELETE", CM + "/x"),
                                         ("GET", "/api"), ("GET", "/metrics")])
def test_nobody_without_a_name_gets_further(server, method, path):
    status, _, body = server.ask(method, path, body=config_map("x") if method == "POST" else None,
                                 admin=False)
    assert status == 403 and body["reason"] == "Forbidden"
    assert 'User "system:anonymous" cannot' in body["message"]


def test_a_false_token_is_refused(server):
    for token in ("x", "a.b.c", "e30.e30.", "A" * 20000):
        status, headers, body = server.ask("GET", "/api", admin=False,
                                           headers={"Authorization": "Bearer " + token})
        assert (status, body["message"], body["code"]) == (401, "Unauthorized", 401)
        assert "Audit-Id" in headers


def test_a_service_account_is_known_by_its_token_until_it_is_gone(server):
    sa = "/api/v1/namespaces/default/serviceaccounts"
    assert server.ask("POST", sa, {"apiVersion": "v1", "kind": "ServiceAccount",
                                   "metadata": {"name": "robot"}})[0] == 201
    status, _, body = server.ask("POST", sa + "/robot/token", {
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": 3600}})
    assert status == 201, body
    bearer = {"Authorization": "Bearer " + body["status"]["token"]}
    assert server.ask("GET", "/api", admin=False, headers=bearer)[0] == 200
    status, _, body = server.ask("GET", "/api/v1/nodes", admin=False, headers=bearer)
    assert status == 403 and "system:serviceaccount:default:robot" in body["message"]
    assert server.ask("DELETE", sa + "/robot")[0] == 200
    assert server.ask("GET", "/api", admin=False, headers=bearer)[0] == 401


# ---- how it answers

def test_answers_carry_what_a_kube_apiserver_says(server):
    status, headers, _ = server.ask("GET", CM)
    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-cache, private"
    for name in ("Audit-Id", "X-Kubernetes-Pf-Flowschema-Uid", "X-Kubernetes-Pf-Prioritylevel-Uid",
                 "Date"):
        assert headers[name]
    assert headers["Audit-Id"] != server.ask("GET", CM)[1]["Audit-Id"]


def test_objects_come_and_go(server):
    status, _, made = server.ask("POST", CM, config_map("one", a="1"))
    assert status == 201
    status, _, seen = server.ask("GET", CM + "/one")
    assert status == 200 and seen == made
    seen["data"]["a"] = "2"
    status, _, changed = server.ask("PUT", CM + "/one", seen)
    assert status == 200
    assert int(changed["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    status, _, body = server.ask("PUT", CM + "/one", made)
    assert status == 409 and body["reason"] == "Conflict"
    status, _, _ = server.ask("PATCH", CM + "/one", {"data": {"b": "3"}},
                              headers={"Content-Type": "application/merge-patch+json"})
    assert status == 200
    assert server.ask("GET", CM + "/one")[2]["data"] == {"a": "2", "b": "3"}
    assert server.ask("DELETE", CM + "/one")[0] == 200
    status, _, body = server.ask("GET", CM + "/one")
    assert status == 404 and body["message"] == 'configmaps "one" not found'


def test_requests_of_one_connection_are_answered_in_order(server):
    conn = server.connect()
    for i in range(50):
        conn.request("GET", CM + f"/none-{i}")
        answer = conn.getresponse()
        assert answer.status == 404 and f"none-{i}" in answer.read().decode()
    conn.close()


def test_a_body_of_more_than_3_mib_is_refused(server):
    conn = server.connect()
    conn.putrequest("POST", CM)
    conn.putheader("Content-Type", "application/json")
    conn.putheader("Content-Length", str(4 << 20))
    conn.endheaders()
    with contextlib.suppress(OSError):
        for _ in range(64):
            conn.send(b" " * 65536)
    assert conn.getresponse().status == 413
    conn.close()


def test_metrics_are_for_the_administrator(server):
    status, headers, body = server.ask("GET", "/metrics", raw=True)
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    values = dict(line.split() for line in body.decode().splitlines() if line[0] != "#")
    assert float(values["shallop_requests_total"]) > 0
    assert float(values["shallop_revision"]) > 0


def events_of(conn, path):
    conn.request("GET", path)
    answer = conn.getresponse()
    assert answer.status == 200
    while True:
        line = answer.readline()
        if not line:
            return
        yield json.loads(line)


def test_a_watch_sees_what_happens(server):
    version = server.ask("GET", CM)[2]["metadata"]["resourceVersion"]
    watch = events_of(server.connect(), f"{CM}?watch=true&resourceVersion={version}")
    server.ask("POST", CM, config_map("seen"))
    event = next(watch)
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "seen")
    server.ask("DELETE", CM + "/seen")
    assert next(watch)["type"] == "DELETED"


def test_a_watch_ends_when_its_time_is_over(server):
    begin = time.monotonic()
    assert list(events_of(server.connect(), f"{CM}?watch=true&timeoutSeconds=1&resourceVersion="
                          + server.ask("GET", CM)[2]["metadata"]["resourceVersion"])) == []
    assert 0.5 < time.monotonic() - begin < 4


def test_a_watcher_that_does_not_read_is_no_burden(server):
    version = server.ask("GET", CM)[2]["metadata"]["resourceVersion"]
    conn = server.connect()
    conn.request("GET", f"{CM}?watch=true&resourceVersion={version}")
    for i in range(40):
        assert server.ask("POST", CM, config_map(f"big-{i}", text="x" * 200000))[0] == 201
    assert server.ask("GET", "/readyz", raw=True)[2] == b"ok"
    for i in range(40):
        server.ask("DELETE", CM + f"/big-{i}")
    conn.close()


# ---- what it keeps

def test_a_restart_keeps_everything(own_server):
    s = own_server
    _, _, made = s.ask("POST", CM, config_map("kept"))
    for sig in (signal.SIGTERM, signal.SIGKILL):
        begin = time.monotonic()
        s.stop(sig)
        assert time.monotonic() - begin < 2
        s.start()
        assert s.ask("GET", CM + "/kept")[2] == made
        _, _, later = s.ask("POST", CM, config_map("later-%d" % sig))
        assert int(later["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])


def writer_of(s, number, stop, acknowledged):
    i = 0
    while not stop.is_set():
        try:
            conn = s.connect(timeout=2)
            while not stop.is_set():
                name = f"w{number}-{i}"
                conn.request("POST", CM, json.dumps(config_map(name)),
                             {"Content-Type": "application/json"})
                answer = conn.getresponse()
                answer.read()
                if answer.status == 201:
                    acknowledged.append(name)
                i += 1
        except (OSError, http.client.HTTPException):
            i += 1
            time.sleep(0.01)


def test_kill_9_loses_nothing_that_was_acknowledged(own_server):
    s = own_server
    stop, acknowledged = threading.Event(), []
    threads = [threading.Thread(target=writer_of, args=(s, n, stop, acknowledged))
               for n in range(4)]
    for t in threads:
        t.start()
    highest = 0
    for round_number in range(30):
        time.sleep(0.05 + round_number * 13 % 70 / 1000)
        s.stop(signal.SIGKILL)
        before = list(acknowledged)
        s.start()
        listing = s.ask("GET", CM)[2]
        there = {item["metadata"]["name"] for item in listing["items"]}
        assert not set(before) - there
        version = int(listing["metadata"]["resourceVersion"])
        assert version >= highest
        highest = version
    stop.set()
    for t in threads:
        t.join()
    assert len(acknowledged) > 30


def test_a_full_disk_stops_writes_but_neither_reads_nor_deletes():
    s = Server()
    s.data.mkdir()
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(s.data)],
                       capture_output=True, text=True, check=False)
    if r.returncode:
        pytest.skip("needs the right to mount: " + r.stderr.strip())
    try:
        s.start()
        for i in range(5):
            assert s.ask("POST", CM, config_map(f"c{i}", text="x" * 20000))[0] == 201
        with open(s.data / "filler", "wb", buffering=0) as filler, \
                contextlib.suppress(OSError):
            while True:
                filler.write(b"x" * 4096)
        for i in range(200):
            status, _, body = s.ask("POST", CM, config_map(f"d{i}", text="x" * 20000))
            if status != 201:
                break
        assert status >= 500 and "No space left on device" in body["message"]
        assert s.ask("GET", "/readyz", admin=False, raw=True)[0] == 500
        assert s.ask("GET", CM + "/c0")[0] == 200
        for i in range(5):
            assert s.ask("DELETE", CM + f"/c{i}")[0] == 200
        s.stop()
        s.start()
        assert s.ask("GET", CM + "/c0")[0] == 404
        (s.data / "filler").unlink()
        assert s.ask("POST", CM, config_map("again"))[0] == 201
        assert s.ask("GET", "/readyz", admin=False, raw=True)[2] == b"ok"
    finally:
        s.stop(signal.SIGKILL)
        subprocess.run(["umount", str(s.data)], check=True)
        shutil.rmtree(s.dir)


# ---- nodes

def test_a_node_registers_and_gets_a_part_of_the_pod_range(own_server):
    node = own_server.node()
    node.register(zone="north")
    got = node.synced()
    assert got[0]["kind"] == "Node" and got[0]["object"]["spec"]["podCIDR"] == "10.244.0.0/24"
    assert any(m["kind"] == "Service" and m["name"] == "kubernetes" for m in got)
    seen = own_server.ask("GET", "/api/v1/nodes/node-1")[2]
    assert seen["metadata"]["labels"]["zone"] == "north"
    path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-1"
    for _ in range(50): # it follows the registration
        status, _, lease = own_server.ask("GET", path)
        if status == 200:
            break
        time.sleep(0.05)
    assert lease["spec"]["holderIdentity"] == "node-1"
    second = own_server.node("node-2")
    second.register()
    assert second.synced()[0]["object"]["spec"]["podCIDR"] == "10.244.1.0/24"


def test_many_nodes_at_once(own_server):
    directory = {n: own_server.pki_of_node(f"m-{n}") for n in range(25)}
    nodes = [nodesim.Node("127.0.0.1", own_server.node_port, d, f"m-{n}")
             for n, d in directory.items()]
    for node in nodes:
        node.expect("welcome")
        node.send("have", cluster="", objects=[])
        node.register()
    ranges = set()
    for node in nodes:
        _, first = node.expect("desired")
        ranges.add(first["object"]["spec"]["podCIDR"])
        node.expect("synced")
    assert len(ranges) == len(nodes)
    for i in range(50):
        assert own_server.ask("POST", PODS, pod(f"p{i}", node=f"m-{i % 25}"))[0] == 201
    for i, node in enumerate(nodes):
        names = set()
        while len(names) < 2:
            message = node.expect("desired")[1]
            if message["kind"] == "Pod":
                names.add(message["name"])
        assert names == {f"p{i}", f"p{i + 25}"}


def test_a_node_made_by_hand_gets_its_part_when_it_comes(own_server):
    assert own_server.ask("POST", "/api/v1/nodes", {"metadata": {"name": "node-1"}})[0] == 201
    node = own_server.node()
    node.register(zone="south")
    node.synced()
    seen = own_server.ask("GET", "/api/v1/nodes/node-1")[2]
    assert seen["spec"]["podCIDR"] == "10.244.0.0/24"
    assert seen["metadata"]["labels"]["zone"] == "south"


def test_a_node_gets_its_pods_and_what_they_need(own_server):
    s = own_server
    node = s.node()
    node.register()
    node.synced()
    s.ask("POST", CM, config_map("needed"))
    s.ask("POST", CM, config_map("other"))
    _, _, made = s.ask("POST", PODS, pod("web", volumes=[
        {"name": "v", "configMap": {"name": "needed"}}]))
    got = []
    while not got or got[-1]["kind"] != "Pod":
        got.append(node.expect("desired")[1])
    names = [(m["kind"], m["name"]) for m in got]
    assert ("ConfigMap", "needed") in names and ("ConfigMap", "other") not in names
    assert got[-1]["uid"] == made["metadata"]["uid"]
    running = {"containerStatuses": [{"name": "c", "image": "busybox", "imageID": "", "ready": True,
                                      "restartCount": 0, "state": {"running": {}}}]}
    node.report(made, "Running", podIP="10.244.0.7", **running)
    assert s.ask("GET", PODS + "/web")[2]["status"]["phase"] == "Running"
    # A change of what it needs goes out; its own status does not come back.
    seen = s.ask("GET", CM + "/needed")[2]
    seen["data"]["k"] = "new"
    s.ask("PUT", CM + "/needed", seen)
    message = node.expect("desired")[1]
    assert (message["kind"], message["object"]["data"]) == ("ConfigMap", {"k": "new"})
    # The end: deletionTimestamp, ended, gone.
    assert s.ask("DELETE", PODS + "/web")[0] == 200
    message = node.expect("desired")[1]
    assert message["op"] == "set" and message["object"]["metadata"]["deletionTimestamp"]
    node.report(made, "Succeeded", ended=True)
    removed = set()
    while not removed >= {("remove", "Pod", "web"), ("remove", "ConfigMap", "needed")}:
        message = node.expect("desired")[1]
        removed.add((message["op"], message["kind"], message["name"]))
    assert s.ask("GET", PODS + "/web")[0] == 404


def test_a_node_that_comes_back_gets_the_difference_only(own_server):
    s = own_server
    node = s.node()
    node.register()
    everything = {(m["kind"], m.get("namespace", ""), m["name"]): m for m in node.synced()}
    s.ask("POST", PODS, pod("stays"))
    s.ask("POST", PODS, pod("goes"))
    for _ in range(20):
        m = node.expect("desired")[1]
        everything[m["kind"], m.get("namespace", ""), m["name"]] = m
        if m["name"] == "goes":
            break
    node.close()
    s.ask("DELETE", PODS + "/goes?gracePeriodSeconds=0")
    s.stop(signal.SIGKILL)
    s.start()
    s.ask("POST", PODS, pod("new"))
    node = s.node()
    node.register()
    have = [{k: m.get(k, "") for k in ("kind", "namespace", "name", "uid", "revision")}
            for m in everything.values()]
    got = {(m["op"], m["kind"], m["name"]) for m in node.synced(have)}
    assert ("set", "Pod", "new") in got and ("remove", "Pod", "goes") in got
    assert ("set", "Pod", "stays") not in got and not any(k == "Service" for _, k, _ in got)


def test_a_nodes_usage_is_in_the_metrics(own_server):
    node = own_server.node()
    node.register()
    node.synced()
    node.send("stats", time="", node={"cpuNanos": 7000, "memoryBytes": 1 << 20},
              pods=[{"uid": "u", "containers": []}])
    node.register()
    node.expect("ack")
    while node.seq > 1 and node.expect("ack")[1]["seq"] < 2:
        pass
    body = own_server.ask("GET", "/metrics", raw=True)[2].decode()
    assert 'shallop_node_cpu_nanoseconds_total{node="node-1"} 7000\n' in body
    assert 'shallop_node_memory_bytes{node="node-1"} 1048576\n' in body
    assert 'shallop_node_pods{node="node-1"} 1\n' in body


def test_one_node_cannot_speak_for_another(own_server):
    directory = own_server.pki_of_node("node-1")
    node = nodesim.Node("127.0.0.1", own_server.node_port, directory, "node-2")
    name, fields = node.next()
    assert name == "refuse" and "cannot be node node-2" in fields["message"]
    with pytest.raises((EOFError, OSError)):
        node.next()


def test_versions_without_overlap_are_refused(own_server):
    node = nodesim.Node("127.0.0.1", own_server.node_port, own_server.pki_of_node("node-1"),
                        "node-1", versions=(7, 9))
    name, fields = node.next()
    assert name == "refuse" and "7" in fields["message"] and "1" in fields["message"]


def test_a_node_gets_tokens_for_its_own_pods_only(own_server):
    s = own_server
    node = s.node()
    node.register()
    node.synced()
    _, _, made = s.ask("POST", PODS, pod("mine"))
    node.expect("desired")
    ask = {"id": 8, "podUID": made["metadata"]["uid"], "namespace": "default", "podName": "mine",
           "serviceAccount": "default", "audiences": [], "expirationSeconds": 3607}
    node.send("token_request", **ask)
    name, fields = node.expect("token", "failed")
    assert name == "token" and fields["id"] == 8, fields
    claims = fields["token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert claims["kubernetes.io"]["pod"]["name"] == "mine"
    assert s.ask("GET", "/api", admin=False,
                 headers={"Authorization": "Bearer " + fields["token"]})[0] == 200
    node.send("token_request", **{**ask, "id": 9, "podUID": "someone-else"})
    name, fields = node.expect("token", "failed")
    assert name == "failed" and fields["id"] == 9


# ---- streams, with the node's side played

def running_pod(s, name):
    node = s.node()
    node.register()
    node.synced()
    _, _, made = s.ask("POST", PODS, pod(name))
    while node.expect("desired")[1]["kind"] != "Pod":
        pass
    node.report(made, "Running", containerStatuses=[
        {"name": "c", "image": "busybox", "imageID": "", "ready": True, "restartCount": 0,
         "containerID": "shallop://1", "state": {"running": {"startedAt": "2026-11-24T10:05:16Z"}}}])
    return node


def test_logs_flow_as_the_client_reads(own_server):
    s = own_server
    node = running_pod(s, "talks")
    got = {}

    def read():
        got["answer"] = s.ask("GET", PODS + "/talks/log?tailLines=5", raw=True)
    thread = threading.Thread(target=read)
    thread.start()
    _, (channel, kind, _, payload) = node.expect("stream")
    asked = json.loads(payload)
    assert kind == nodesim.OPEN and asked["kind"] == "logs" and asked["tailLines"] == 5
    node.frame(channel, nodesim.ACCEPT)
    for _ in range(4):
        node.frame(channel, nodesim.DATA, b"line\n" * 2000)
    node.frame(channel, nodesim.END)
    node.frame(channel, nodesim.CLOSE)
    thread.join(10)
    status, headers, body = got["answer"]
    assert (status, headers["Content-Type"], body) == (200, "text/plain", b"line\n" * 8000)


def test_logs_that_are_not_there(own_server):
    s = own_server
    node = running_pod(s, "silent")
    got = {}
    thread = threading.Thread(target=lambda: got.update(answer=s.ask("GET", PODS + "/silent/log")))
    thread.start()
    channel = node.expect("stream")[1][0]
    node.frame(channel, nodesim.CLOSE, json.dumps({
        "error": "EINVAL", "message": "previous terminated container not found"}).encode())
    thread.join(10)
    assert got["answer"][0] == 400 and "previous terminated" in got["answer"][2]["message"]
    node.close()
    time.sleep(0.2)
    status, _, body = s.ask("GET", PODS + "/silent/log")
    assert status == 500 and "not connected" in body["message"]


class WebSocket:
    def __init__(self, server, path, protocol):
        context = ssl.create_default_context(cafile=str(server.pki / "ca.crt"))
        context.load_cert_chain(str(server.pki / "admin.crt"), str(server.pki / "admin.key"))
        self.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), 10),
                                        server_hostname="127.0.0.1")
        self.sock.sendall(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {protocol}\r\n\r\n".encode())
        self.file = self.sock.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = http.client.parse_headers(self.file)

    def send(self, payload):
        assert len(payload) < 126
        self.sock.sendall(bytes([0x82, 0x80 | len(payload), 0, 0, 0, 0]) + payload)

    def recv(self):
        opcode, length = self.file.read(2)
        if length == 126:
            length = int.from_bytes(self.file.read(2), "big")
        elif length == 127:
            length = int.from_bytes(self.file.read(8), "big")
        return opcode & 15, self.file.read(length)


def test_exec_over_websocket(own_server):
    s = own_server
    node = running_pod(s, "runs")
    ws = WebSocket(s, PODS + "/runs/exec?command=sh&command=-c&command=exit+7&container=c"
                   "&stdin=true&stdout=true&stderr=true", "v5.channel.k8s.io")
    assert ws.status == 101 and ws.headers["Sec-WebSocket-Protocol"] == "v5.channel.k8s.io"
    _, (channel, kind, _, payload) = node.expect("stream")
    asked = json.loads(payload)
    assert kind == nodesim.OPEN and asked["command"] == ["sh", "-c", "exit 7"]
    assert asked["stdin"] is True and asked["container"] == "c"
    assert ws.recv() == (2, b"\x01")
    node.frame(channel, nodesim.ACCEPT)
    ws.send(b"\x00hello")
    assert node.expect("stream")[1] == (channel, nodesim.DATA, nodesim.STDIN, b"hello")
    ws.send(b"\xff\x00")
    assert node.expect("stream")[1] == (channel, nodesim.END, nodesim.STDIN, b"")
    ws.send(b'\x04{"Width":80,"Height":24}\n')
    assert json.loads(node.expect("stream")[1][3]) == {"width": 80, "height": 24}
    node.frame(channel, nodesim.DATA, b"out", nodesim.STDOUT)
    assert ws.recv() == (2, b"\x01out")
    node.frame(channel, nodesim.DATA, b"err", nodesim.STDERR)
    assert ws.recv() == (2, b"\x02err")
    node.frame(channel, nodesim.DATA, b'{"exitCode":7}', nodesim.RESULT)
    node.frame(channel, nodesim.CLOSE)
    opcode, payload = ws.recv()
    status = json.loads(payload[1:])
    assert (opcode, payload[0], status["reason"]) == (2, 3, "NonZeroExitCode")
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "7"}]
    assert ws.recv() == (8, (1000).to_bytes(2, "big"))


def test_port_forward_over_plain_websocket(own_server):
    node = running_pod(own_server, "listens")
    ws = WebSocket(own_server, PODS + "/listens/portforward?ports=80&ports=443",
                   "v4.channel.k8s.io")
    assert ws.status == 101
    channels = {}
    for _ in range(2):
        _, (channel, kind, _, payload) = node.expect("stream")
        assert kind == nodesim.OPEN
        channels[json.loads(payload)["port"]] = channel
    opened = [ws.recv()[1] for _ in range(4)]
    assert opened == [b"\x00\x50\x00", b"\x01\x50\x00", b"\x02\xbb\x01", b"\x03\xbb\x01"]
    ws.send(b"\x02hello")
    assert node.expect("stream")[1] == (channels[443], nodesim.DATA, 0, b"hello")
    node.frame(channels[80], nodesim.ACCEPT)
    node.frame(channels[80], nodesim.DATA, b"page")
    assert ws.recv() == (2, b"\x00page")
    node.frame(channels[443], nodesim.CLOSE,
               b'{"error":"ECONNREFUSED","message":"connection refused"}')
    assert ws.recv() == (2, b"\x03error forwarding port 443: connection refused")
    node.frame(channels[80], nodesim.CLOSE)
    assert ws.recv()[0] == 8


def test_what_a_client_sends_too_fast_waits(own_server):
    node = running_pod(own_server, "slow")
    ws = WebSocket(own_server, PODS + "/slow/exec?command=cat&stdin=true&stdout=true",
                   "v5.channel.k8s.io")
    _, (channel, _, _, _) = node.expect("stream")
    block = b"\x00" + b"0123456789abcdef" * 4096
    header = bytes([0x82, 0xff]) + len(block).to_bytes(8, "big") + bytes(4)
    sent = 64

    def send():
        for _ in range(sent):
            ws.sock.sendall(header + block)
        ws.send(b"\xff\x00")
    thread = threading.Thread(target=send)
    thread.start()
    got = owed = 0
    while True:
        _, (_, kind, sub, payload) = node.expect("stream")
        if kind == nodesim.END:
            break
        assert (kind, sub) == (nodesim.DATA, nodesim.STDIN)
        got += len(payload)
        owed += len(payload)
        if owed >= 32768:
            node.frame(channel, nodesim.CREDIT, owed.to_bytes(4, "big"))
            owed = 0
    thread.join(10)
    assert got == sent * (len(block) - 1)


def test_exec_ends_on_the_node_when_the_client_leaves(own_server):
    s = own_server
    node = running_pod(s, "runs")
    ws = WebSocket(s, PODS + "/runs/exec?command=sh&stdout=true", "v5.channel.k8s.io")
    node.expect("stream")
    ws.sock.close()
    ws.file.close()
    while True:
        _, (_, kind, _, _) = node.expect("stream")
        if kind == nodesim.CLOSE:
            break
