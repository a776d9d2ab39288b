# SPDX-License-Identifier: Apache-2.0
"""A server that decides nothing: speaks the node protocol (docs/protocol.md) to a real agent.

The other side of nodesim.py. Messages that came are kept with their time; a test says what the node
shall run, and waits for what it hears.
"""
import json
import socket
import ssl
import struct
import subprocess
import threading
import time

from nodesim import ACCEPT, CLOSE, CREDIT, DATA, END, NAMES, OPEN, RESULT, STDERR, STDIN, TYPES

WINDOW = 65536


def make_pki(server_dir, node_dir, node):
    """A CA, the server's certificate for 127.0.0.1, and what the agent needs in `node_dir`."""
    def run(*args):
        subprocess.run([str(a) for a in args], check=True, capture_output=True)

    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    server_dir.mkdir(parents=True)
    node_dir.mkdir(parents=True)
    ca = ("-CA", server_dir / "ca.crt", "-CAkey", server_dir / "ca.key", "-CAcreateserial")
    run("openssl", "req", "-x509", *new_key, "-keyout", server_dir / "ca.key", "-out",
        server_dir / "ca.crt", "-subj", "/CN=ca", "-days", 30)
    for where, name, subject, extra in (
            (server_dir, "server", "/CN=server",
             "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth"),
            (node_dir, "node", f"/O=system:nodes/CN=system:node:{node}",
             "extendedKeyUsage=clientAuth")):
        run("openssl", "req", *new_key, "-keyout", where / f"{name}.key", "-out",
            server_dir / "request", "-subj", subject)
        (server_dir / "extensions").write_text(extra)
        run("openssl", "x509", "-req", "-in", server_dir / "request", *ca, "-out",
            where / f"{name}.crt", "-days", 30, "-extfile", server_dir / "extensions")
    (node_dir / "ca.crt").write_bytes((server_dir / "ca.crt").read_bytes())


class Stream:
    """What came on one channel; `credit` is what may still be sent."""

    def __init__(self):
        self.out = {0: b"", 1: b"", 2: b""}
        self.result = self.closed = None
        self.accepted = self.close_sent = False
        self.credit = WINDOW


class Server:
    def __init__(self, pki, cluster="c1", pod_cidr="10.77.1.0/24"):
        self.cluster = cluster
        self.heard, self.objects, self.streams = [], [], {}
        self.changed = threading.Condition()
        self.conn, self.next_channel = None, 2
        self.node = {"kind": "Node", "metadata": {"name": "n1", "uid": "node-1",
                                                  "resourceVersion": "1"},
                     "spec": {"podCIDR": pod_cidr}}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki / "server.crt", pki / "server.key")
        context.load_verify_locations(pki / "ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
        self.context = context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def stop(self):
        self.listener.close()
        if self.conn:
            self.conn.close()

    # ---- connections and frames
    def accept(self):
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            try:
                conn = self.context.wrap_socket(raw, server_side=True)
            except (ssl.SSLError, OSError):
                continue
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        self.conn, self.seq, self.send_lock = conn, 0, threading.Lock()
        data = b""
        try:
            while True:
                while len(data) < 8 or len(data) < 8 + struct.unpack("!I", data[:4])[0]:
                    more = conn.recv(65536)
                    if not more:
                        return
                    data += more
                length, channel, kind, flags = struct.unpack("!IHBB", data[:8])
                payload, data = data[8:8 + length], data[8 + length:]
                if channel:
                    self.take_stream(channel, kind, flags, payload)
                else:
                    self.take(NAMES.get(kind, kind), json.loads(payload))
        except OSError:
            return

    def frame(self, channel, kind, payload=b"", flags=0):
        with self.send_lock:
            self.conn.sendall(struct.pack("!IHBB", len(payload), channel, kind, flags) + payload)

    def send(self, message, **fields):
        if message in ("desired", "synced"):
            self.seq += 1
            fields = {"seq": self.seq, **fields}
        self.frame(0, TYPES[message], json.dumps(fields).encode())

    # ---- messages
    def take(self, name, message):
        if name == "hello":
            self.send("welcome", version=1, server="sim", cluster=self.cluster,
                      clusterDomain="cluster.local", clusterCIDR="10.77.0.0/16",
                      serviceCIDR="10.96.0.0/12", dnsAddress="10.96.0.10", servers=[])
        elif name == "have":
            for o in [self.node, *self.objects]:
                self.tell(o)
            self.send("synced", revision="1")
        elif name in ("pod_status", "node_status"):
            self.send("ack", seq=message["seq"])
        elif name == "token_request":
            self.send("token", id=message["id"], token=f"token-{message['podName']}",
                      expirationTimestamp="2036-11-24T10:00:00Z")
        elif name == "ping":
            self.send("pong")
        with self.changed:
            self.heard.append((time.monotonic(), name, message))
            self.changed.notify_all()

    def tell(self, o, op="set"):
        m = o["metadata"]
        self.send("desired", op=op, kind=o["kind"], namespace=m.get("namespace", ""),
                  name=m["name"], uid=m["uid"], revision=m.get("resourceVersion", "1"),
                  **({"object": o} if op == "set" else {}))

    def want(self, *objects):
        for o in objects:
            self.objects = [x for x in self.objects if x["metadata"]["uid"] != o["metadata"]["uid"]]
            self.objects.append(o)
            self.tell(o)

    def forget(self, *objects):
        for o in objects:
            self.objects = [x for x in self.objects if x["metadata"]["uid"] != o["metadata"]["uid"]]
            self.tell(o, "remove")

    def wait(self, what, found, since=0, timeout=15):
        """The first true answer of `found(name, message)` among what came from `since` on."""
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                for _, name, message in self.heard[since:]:
                    answer = found(name, message)
                    if answer:
                        return answer
                left = end - time.monotonic()
                assert left > 0, f"waited {timeout} s for {what}; last: {self.heard[-3:]}"
                self.changed.wait(left)

    def mark(self):
        return len(self.heard)

    def pod(self, uid, what, test, since=0, timeout=15):
        return self.wait(f"pod {uid} {what}", lambda name, m: name == "pod_status" and next(
            (p for p in m["pods"] if p["uid"] == uid and test(p)), None), since, timeout)

    def ready(self, uid, since=0):
        return self.pod(uid, "to be Ready", lambda p: any(
            c["type"] == "Ready" and c["status"] == "True" for c in p["status"]["conditions"]), since)

    def ended(self, uid, since=0):
        return self.pod(uid, "to have ended", lambda p: p["ended"], since)

    # ---- streams
    def open(self, **fields):
        channel, self.next_channel = self.next_channel, self.next_channel + 2
        self.streams[channel] = Stream()
        self.frame(channel, OPEN, json.dumps(fields).encode())
        return channel

    def take_stream(self, channel, kind, flags, payload):
        s = self.streams[channel]
        with self.changed:
            if kind == ACCEPT:
                s.accepted = True
            elif kind == DATA and flags == RESULT:
                s.result = json.loads(payload)
            elif kind == DATA:
                s.out[flags] += payload
                self.frame(channel, CREDIT, struct.pack("!I", len(payload)))
            elif kind == CREDIT:
                s.credit += struct.unpack("!I", payload)[0]
            elif kind == CLOSE:
                s.closed = json.loads(payload) if payload else {}
                self.close(channel)
            self.changed.notify_all()

    def write(self, channel, data, sub=STDIN):
        s = self.streams[channel]
        while data:
            with self.changed:
                assert self.changed.wait_for(lambda: s.credit or s.closed is not None, 15)
                if s.closed is not None:
                    return
                n = min(16384, len(data), s.credit)
                s.credit -= n
            self.frame(channel, DATA, data[:n], sub)
            data = data[n:]

    def end(self, channel, sub=STDIN):
        self.frame(channel, END, flags=sub)

    def close(self, channel):
        if not self.streams[channel].close_sent:
            self.streams[channel].close_sent = True
            self.frame(channel, CLOSE)

    def finish(self, channel):
        with self.changed:
            assert self.changed.wait_for(lambda: self.streams[channel].closed is not None, 15)
        return self.streams[channel]

    def run(self, uid, command, stdin=None, container="c", tty=False):
        channel = self.open(kind="exec", uid=uid, container=container, command=command, tty=tty,
                            stdin=stdin is not None, stdout=True, stderr=not tty, width=100,
                            height=30)
        if stdin is not None:
            self.write(channel, stdin)
            self.end(channel)
        s = self.finish(channel)
        return s.result, s.out[1], s.out[STDERR]
