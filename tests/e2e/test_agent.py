# SPDX-License-Identifier: Apache-2.0
"""The agent alone, with a server that only speaks the protocol: what it promises about pods that live
longer than it does, about nodes without a server, and about streams."""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from conftest import BIN, IMAGES
from serversim import Server, make_pki

LOOP = ["sh", "-c", "trap 'exit 0' TERM; i=0; while true; do echo $i; i=$((i+1)); sleep 0.2; done"]


def pod(n, command, **fields):
    container = {"name": "c", "image": "busybox", "imagePullPolicy": "Never", "command": command,
                 **fields.pop("container", {})}
    return {"kind": "Pod", "apiVersion": "v1",
            "metadata": {"name": f"p{n}", "namespace": "default", "generation": 1,
                         "uid": f"{n:08d}-0000-4000-8000-000000000000", "resourceVersion": "1"},
            "spec": {"containers": [container], "restartPolicy": "Always", "nodeName": "n1",
                     "terminationGracePeriodSeconds": 1, "serviceAccountName": "default", **fields},
            "status": {"phase": "Pending", "qosClass": "BestEffort"}}


def uid(p):
    return p["metadata"]["uid"]


def deleted(p):
    return {**p, "metadata": {**p["metadata"], "resourceVersion": "9", "generation": 2,
                              "deletionTimestamp": "2026-11-24T11:00:00Z",
                              "deletionGracePeriodSeconds": 1}}


class Node:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="shallop-agent."))
        self.data, self.run = self.dir / "data", pathlib.Path("/run") / self.dir.name
        self.flags = ["--data-dir", self.data, "--run-dir", self.run, "--node-name", "n1",
                      "--address", "127.0.0.1"]
        make_pki(self.dir / "pki", self.data / "agent/pki", "n1")
        self.process = None
        for image in ("busybox", "nginx"):
            self.shallop("image", "import", IMAGES / f"{image}.tar")

    def shallop(self, *args):
        subprocess.run([str(a) for a in (BIN / "shallop", *args, *self.flags[:4])], check=True,
                       capture_output=True)

    def start(self, port):
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(a) for a in (BIN / "shallop", "agent", "--server", f"127.0.0.1:{port}",
                                  *self.flags)], stdout=log, stderr=log)

    def kill(self, signo=signal.SIGKILL):
        self.process.send_signal(signo)
        self.process.wait(10)

    def shims(self):
        """uid of the pod → pid, of our own pods"""
        found = {}
        for p in pathlib.Path("/proc").iterdir():
            try:
                words = (p / "cmdline").read_text().split("\0")
            except OSError:
                continue
            if words[0].endswith("shallop-shim") and words[1].endswith("-4000-8000-000000000000"):
                found[words[1]] = int(p.name)
        return found

    def ask(self, verb):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.run / "agent.sock"))
            s.sendall(json.dumps({"verb": verb}).encode() + b"\n")
            return json.loads(s.makefile().readline())

    def destroy(self):
        if self.process.poll() is None:
            self.kill(signal.SIGTERM)
        self.shallop("down", "--grace", "0", "--purge")
        assert not self.shims() and not self.data.exists() and not self.run.exists()
        shutil.rmtree(self.dir)


@pytest.fixture
def node():
    if not shutil.which("openssl"):
        pytest.skip("no openssl program to make certificates with")
    n = Node()
    yield n
    n.destroy()


@pytest.fixture
def server(node):
    s = Server(node.dir / "pki")
    node.start(s.port)
    s.wait("the node to register", lambda name, m: name == "node_status")
    yield s
    s.stop()


def containers(server, since=0):
    """name → (id, restarts, ready) as last told"""
    said = {}
    for _, name, m in server.heard[since:]:
        for p in m["pods"] if name == "pod_status" else ():
            said[p["name"]] = [(c.get("containerID"), c["restartCount"], c["ready"])
                               for c in p["status"]["containerStatuses"]]
    return said


def test_pods_outlive_the_agent(node, server):
    pods = [pod(n, LOOP) for n in range(4)]
    server.want(*pods)
    for p in pods:
        server.ready(uid(p))
    before, shims = containers(server), node.shims()
    assert len(shims) == 4
    for signo in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        since = server.mark()
        node.kill(signo)
        node.start(server.port)
        server.wait("statuses", lambda name, m: name == "pod_status" and len(m["pods"]) == 4, since)
        time.sleep(0.3)
        assert containers(server, since) == before and node.shims() == shims
        assert not [m for _, name, m in server.heard[since:] if name == "event" for e in m["events"]
                    if e["reason"] not in ("Pulled", "Created", "Started")]

    # A shim that dies takes its own pod along, and nothing else.
    since = server.mark()
    os.kill(shims[uid(pods[0])], signal.SIGKILL)
    again = server.pod(uid(pods[0]), "to run again", lambda p: "running" in
                       p["status"]["containerStatuses"][0]["state"] and
                       p["status"]["containerStatuses"][0]["restartCount"] == 1, since)
    last = again["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert (last["reason"], last["exitCode"]) == ("ContainerStatusUnknown", 137)
    assert {u: p for u, p in node.shims().items() if u != uid(pods[0])} == \
        {u: p for u, p in shims.items() if u != uid(pods[0])}

    # Deleted while the agent is away: the next one ends them, and nothing is left.
    node.kill()
    server.objects = [deleted(p) for p in pods]
    since = server.mark()
    node.start(server.port)
    for p in pods:
        server.ended(uid(p), since)
    server.forget(*pods)
    deadline = time.monotonic() + 5
    while (any((node.data / "pods").iterdir()) or any((node.data / "logs/pods").iterdir())) and \
            time.monotonic() < deadline:
        time.sleep(0.05)
    assert not list((node.data / "pods").iterdir()) and not list((node.data / "logs/pods").iterdir())
    assert not list((node.run / "shim").iterdir()) and not node.shims()


def test_a_node_without_a_server_runs_what_it_knows(node, server):
    p = pod(1, ["sh", "-c", "cat /t/token; echo; exec sleep 1000"], container={"volumeMounts": [
        {"name": "t", "mountPath": "/t"}]}, volumes=[{"name": "t", "projected": {"sources": [
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}]}}])
    server.want(p)
    server.ready(uid(p))
    time.sleep(0.3)
    server.stop()
    # The power goes: processes, namespaces and memory are gone, the disk stays.
    node.kill()
    for pid in node.shims().values():
        os.kill(pid, signal.SIGKILL)
    for path in ("ns", "pods"):
        subprocess.run(["umount", "-l", node.run / path], check=False, capture_output=True)
    shutil.rmtree(node.run)
    node.start(1)

    def running():
        try:
            status = node.ask("pods")["pods"][0]["status"]
        except (OSError, IndexError, ValueError):
            return None
        return "running" in status["containerStatuses"][0]["state"] and status

    deadline = time.monotonic() + 10
    while not running() and time.monotonic() < deadline:
        time.sleep(0.02)
    status = running()
    assert status and status["containerStatuses"][0]["restartCount"] == 1
    assert not node.ask("status")["connected"]
    log = next((node.data / "logs/pods").iterdir()) / "c/1.log"
    time.sleep(0.3)
    assert "token-p1" in log.read_text()  # the token of the life before


def test_streams_keep_every_byte(node, server):
    p = pod(1, ["sleep", "1000"])
    server.want(p)
    server.ready(uid(p))
    data = os.urandom(3_000_000)
    result, out, _ = server.run(uid(p), ["md5sum"], data)
    assert result == {"exitCode": 0} and hashlib.md5(data).hexdigest().encode() in out
    result, out, _ = server.run(uid(p), ["sh", "-c", "head -c 5000000 /dev/zero; exit 3"])
    assert result == {"exitCode": 3} and len(out) == 5_000_000
    result, out, err = server.run(uid(p), ["sh", "-c", "echo out; echo err >&2"])
    assert (out, err) == (b"out\n", b"err\n")
    result, out, _ = server.run(uid(p), ["stty", "size"], tty=True)
    assert out.strip() == b"30 100"
    channel = server.open(kind="exec", uid=uid(p), container="c", command=["nosuchthing"], stdout=True)
    assert "executable file not found" in server.finish(channel).closed["message"]
    channel = server.open(kind="exec", uid="nobody", container="c", command=["true"])
    assert server.finish(channel).closed["error"] == "ENOENT"
    channel = server.open(kind="telepathy", uid=uid(p))
    assert server.finish(channel).closed["error"] == "EOPNOTSUPP"


def test_logs_and_port_forward(node, server):
    p = pod(1, ["sh", "-c", "for i in 1 2 3; do echo line $i; sleep 0.2; done"], restartPolicy="Never")
    web = pod(2, ["nginx", "-g", "daemon off;"], container={
        "image": "nginx", "readinessProbe": {"httpGet": {"port": 80}, "periodSeconds": 1}})
    server.want(p, web)
    server.ready(uid(p))
    channel = server.open(kind="logs", uid=uid(p), container="c", follow=True, tailLines=-1)
    s = server.finish(channel)
    assert s.closed == {} and s.out[0] == b"line 1\nline 2\nline 3\n"
    channel = server.open(kind="logs", uid=uid(p), container="c", tailLines=1, timestamps=True)
    assert server.finish(channel).out[0].split(b" ", 1)[1] == b"line 3\n"
    channel = server.open(kind="logs", uid=uid(p), container="c", tailLines=-1, previous=True)
    assert "previous terminated container" in server.finish(channel).closed["message"]

    server.ready(uid(web))
    channel = server.open(kind="portforward", uid=uid(web), port=80)
    server.write(channel, b"GET / HTTP/1.0\r\n\r\n")  # before the connection can be there
    server.end(channel)
    assert b"200 OK" in server.finish(channel).out[0]
    channel = server.open(kind="portforward", uid=uid(web), port=81)
    assert "Connection refused" in server.finish(channel).closed["message"]


def test_who_breaks_the_protocol_is_cut_off_and_pods_go_on(node, server):
    p = pod(1, ["sleep", "1000"])
    server.want(p)
    server.ready(uid(p))
    shims = node.shims()
    since = server.mark()
    server.seq += 5  # a message is missing
    server.tell(p)
    why = server.wait("a refusal", lambda name, m: name == "refuse" and m, since)
    assert "desired" in why["message"]
    server.wait("the agent to be back", lambda name, m: name == "have" and m, since)
    assert node.shims() == shims
    # A server of another cluster gets nothing from this node.
    since, server.cluster = server.mark(), "another"
    server.conn.shutdown(socket.SHUT_RDWR)
    why = server.wait("a refusal", lambda name, m: name == "refuse" and m, since)
    assert "belongs to another cluster" in why["message"]
    assert node.shims() == shims
