#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make bench-requests`: what reading costs the server, in its own CPU time.

The machine is shared and the client is Python, so rates by the clock would say little: all figures are
requests, megabytes or events per second of the server's CPU (user and system).
"""
import json
import os
import pathlib
import socket
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
sys.path.insert(0, str(ROOT / "tests/bench"))
from bench import context_of  # noqa: E402
from conftest import Cluster, pod  # noqa: E402

PODS = int(os.environ.get("BENCH_PODS", "2000"))
GETS = int(os.environ.get("BENCH_GETS", "20000"))
WATCHERS = 50


def cpu(pid):
    """Seconds on a CPU, of all threads; exact, which the ticks of /proc/PID/stat are not."""
    return sum(int(p.read_text().split()[0]) for p in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def rss(pid):
    fields = pathlib.Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class Connection:
    """Kept alive, one request at a time, and as little Python for each as can be."""

    def __init__(self, cluster):
        ctx, (host, port) = context_of(cluster)
        sock = socket.create_connection((host, int(port)))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = ctx.wrap_socket(sock)

    def send(self, method, path, body=b"", accept="application/json"):
        self.sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\nContent-Type: application/json\r\n"
                          f"Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def answer(self):
        data = self.sock.recv(1 << 17)
        while b"\r\n\r\n" not in data:
            data += self.sock.recv(1 << 17)
        head, _, rest = data.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 2"), head[:200] + rest[:300]
        if b"chunked" in head:
            while not rest.endswith(b"0\r\n\r\n"):
                rest += self.sock.recv(1 << 20)
            return rest
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        parts, have = [rest], len(rest)
        while have < length:
            parts.append(self.sock.recv(1 << 20))
            have += len(parts[-1])
        return b"".join(parts)

    def call(self, *args, **kw):
        self.send(*args, **kw)
        return self.answer()


def report(what, n, unit, seconds):
    print(f"{what:44} {n / seconds:12,.0f} {unit} per CPU second   ({seconds:.2f} s)")


def main():
    cluster = Cluster()
    try:
        cluster.up()
        server = cluster.pid("server")
        conn = Connection(cluster)
        base = "/api/v1/namespaces/default/pods"
        time.sleep(1)
        before, begin = rss(server), cpu(server)
        # For a node that is not there: nothing but the server is at work.
        for i in range(PODS):
            conn.call("POST", base, json.dumps(pod(f"p{i}", ["sleep", "1"], nodeName="elsewhere")).encode())
        report("create pods, one by one", PODS, "pods", cpu(server) - begin)
        time.sleep(2)
        print(f"{'memory':44} {before:.1f} MB, with {PODS} pods {rss(server):.1f} MB: "
              f"{(rss(server) - before) / PODS * 1e6 / 1024:.1f} KB a pod")
        size = len(conn.call("GET", f"{base}/p7"))
        for what, path in (("GET /version", "/version"), (f"GET of a pod, {size} bytes", f"{base}/p7")):
            begin = cpu(server)
            for _ in range(GETS):
                conn.call("GET", path)
            report(what, GETS, "requests", cpu(server) - begin)
        for what, accept in (("LIST of all pods", "application/json"),
                             ("the same as a Table", "application/json;as=Table;v=v1;g=meta.k8s.io")):
            conn.call("GET", base, accept=accept)
            begin, size = cpu(server), 0
            for _ in range(10):
                size += len(conn.call("GET", base, accept=accept))
            report(f"{what} ({size / 1e7:.2f} MB)", size / 1e6, "MB", cpu(server) - begin)
        watchers = [Connection(cluster) for _ in range(WATCHERS)]
        for w in watchers:
            w.send("GET", f"{base}?watch=true&resourceVersion={json.loads(conn.call('GET', base + '?limit=1'))['metadata']['resourceVersion']}")
        time.sleep(0.5)
        begin, events = cpu(server), 200
        for i in range(events):
            conn.call("DELETE", f"{base}/p{i}?gracePeriodSeconds=0")
        for w in watchers:
            seen = 0
            while seen < events:
                seen += w.sock.recv(1 << 20).count(b'"type":"DELETED"')
        report(f"deletions seen by {WATCHERS} watchers", events * WATCHERS, "events", cpu(server) - begin)
    finally:
        cluster.destroy()


main()
