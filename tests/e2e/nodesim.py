# SPDX-License-Identifier: Apache-2.0
"""A node that runs nothing: speaks the node protocol (docs/protocol.md) as an agent would.

The hundred lines that the protocol promises to be enough. Messages are dicts; streams are bytes.
"""
import json
import socket
import ssl
import struct
import time

NAMES = {16: "hello", 17: "welcome", 18: "refuse", 19: "join", 20: "renew", 21: "certificate",
         22: "ping", 23: "pong", 24: "ack", 25: "failed", 32: "have", 33: "desired", 34: "synced",
         40: "pod_status", 41: "node_status", 42: "event", 43: "stats", 44: "token_request",
         45: "token"}
TYPES = {name: number for number, name in NAMES.items()}
OPEN, ACCEPT, DATA, CREDIT, END, CLOSE = 1, 2, 3, 4, 5, 6
STDIN, STDOUT, STDERR, RESULT, RESIZE = range(5)


class Node:
    """One connection. `pki` is a directory with ca.crt, node.crt and node.key."""

    def __init__(self, address, port, pki, name, role="session", versions=(1, 1), timeout=10):
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        if (pki / "node.crt").exists():
            context.load_cert_chain(str(pki / "node.crt"), str(pki / "node.key"))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        raw = socket.create_connection((address, port), timeout=timeout)
        self.sock = context.wrap_socket(raw, server_hostname=address)
        self.name, self.seq, self.data = name, 0, b""
        self.streams = {}  # channel -> what `open` said
        self.waiting = []  # messages that were not asked for yet
        self.send("hello", versions={"min": versions[0], "max": versions[1]}, role=role,
                  node=name, program="sim", time="2026-11-24T10:05:16.000000Z", bootID="sim")

    # ---- frames
    def frame(self, channel, kind, payload=b"", flags=0):
        self.sock.sendall(struct.pack("!IHBB", len(payload), channel, kind, flags) + payload)

    def read_frame(self):
        while len(self.data) < 8 or len(self.data) < 8 + struct.unpack("!I", self.data[:4])[0]:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError("the server closed the connection")
            self.data += more
        length, channel, kind, flags = struct.unpack("!IHBB", self.data[:8])
        payload, self.data = self.data[8:8 + length], self.data[8 + length:]
        return channel, kind, flags, payload

    # ---- messages
    def send(self, name, **fields):
        if name in ("pod_status", "node_status"):
            self.seq += 1
            fields = {"seq": self.seq, **fields}
        self.frame(0, TYPES[name], json.dumps(fields).encode())

    def next(self):
        """The next message as (name, fields), or ("stream", (channel, frame type, flags, bytes))."""
        channel, kind, flags, payload = self.read_frame()
        if channel:
            return "stream", (channel, kind, flags, payload)
        name = NAMES[kind]
        if name == "ping":
            self.frame(0, TYPES["pong"], b"{}")
        return name, json.loads(payload)

    def expect(self, *names):
        """The first message of one of these names; others wait for their turn."""
        for i, (name, fields) in enumerate(self.waiting):
            if name in names:
                del self.waiting[i]
                return name, fields
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            name, fields = self.next()
            if name in names:
                return name, fields
            self.waiting.append((name, fields))
        raise TimeoutError(f"no {' or '.join(names)}, but {self.waiting}")

    # ---- what an agent does
    def register(self, **labels):
        self.send("node_status", node={
            "metadata": {"labels": {"kubernetes.io/hostname": self.name, **labels}},
            "status": {
                "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"},
                "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
                "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady",
                                "message": "sim", "lastHeartbeatTime": "2026-11-24T10:05:16Z",
                                "lastTransitionTime": "2026-11-24T10:05:16Z"}],
                "addresses": [{"type": "InternalIP", "address": "10.0.0.9"}],
                "nodeInfo": {"machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "",
                             "osImage": "", "containerRuntimeVersion": "", "kubeletVersion": "sim",
                             "kubeProxyVersion": "", "operatingSystem": "linux",
                             "architecture": "amd64"}}})

    def synced(self, have=()):
        """Send `have` and return the messages of the difference."""
        self.send("have", cluster="", objects=list(have))
        got = []
        while True:
            name, fields = self.expect("desired", "synced")
            if name == "synced":
                return got
            got.append(fields)

    def report(self, pod, phase, ended=False, **status):
        meta = pod["metadata"]
        self.send("pod_status", pods=[{
            "namespace": meta["namespace"], "name": meta["name"], "uid": meta["uid"],
            "ended": ended, "status": {"phase": phase, **status}}])
        seq = self.seq
        while self.expect("ack")[1]["seq"] < seq:
            pass

    def close(self):
        self.sock.close()
