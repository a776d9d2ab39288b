#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make bench`: POST to Ready of a busybox pod, one by one and thirty at once.

One kept-alive HTTPS connection posts, another watches; a time is from the first byte of the POST to the
event whose Ready condition is True. The image is unpacked beforehand. BENCH_FSYNC_MS delays every fsync and
fdatasync of server and agent (LD_PRELOAD of tests/bench/slow_fsync.c).
"""
import base64
import http.client
import json
import os
import pathlib
import re
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
from conftest import Cluster, pod  # noqa: E402


def context_of(cluster):
    text = (cluster.data / "kubeconfig").read_text()
    ctx = ssl.create_default_context()
    parts = {k: base64.b64decode(re.search(rf"{k}-data: *(\S+)", text).group(1)).decode()
             for k in ("certificate-authority", "client-certificate", "client-key")}
    ctx.load_verify_locations(cadata=parts["certificate-authority"])
    ctx.check_hostname = False
    with tempfile.NamedTemporaryFile("w") as f:
        f.write(parts["client-certificate"] + "\n" + parts["client-key"])
        f.flush()
        ctx.load_cert_chain(f.name)
    return ctx, re.search(r"server: https://([^:/]+):(\d+)", text).groups()


class Api:
    """One connection for requests, one that watches the pods of a namespace."""

    def __init__(self, cluster):
        self.ctx, (self.host, port) = context_of(cluster)
        self.port = int(port)
        self.conn = self.connect()
        self.ready, self.gone, self.cond = {}, set(), threading.Condition()
        threading.Thread(target=self.watch, daemon=True).start()

    def connect(self):
        conn = http.client.HTTPSConnection(self.host, self.port, context=self.ctx, timeout=120)
        conn.connect()
        return conn

    def call(self, method, path, body=None):
        self.conn.request(method, path, json.dumps(body) if body is not None else None,
                          {"Content-Type": "application/json"})
        answer = self.conn.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text)

    def watch(self):
        conn = self.connect()
        conn.request("GET", "/api/v1/namespaces/default/pods?watch=true")
        for line in conn.getresponse():
            now = time.perf_counter()
            event = json.loads(line)
            meta = event["object"].get("metadata", {})
            conditions = event["object"].get("status", {}).get("conditions", [])
            with self.cond:
                if event["type"] == "DELETED":
                    self.gone.add(meta["name"])
                elif any(c["type"] == "Ready" and c["status"] == "True" for c in conditions):
                    self.ready.setdefault(meta["name"], now)
                self.cond.notify_all()

    def wait(self, what, names, timeout=120):
        with self.cond:
            if not self.cond.wait_for(lambda: all(n in what for n in names), timeout):
                raise RuntimeError(f"not there after {timeout} s: {[n for n in names if n not in what][:5]}")

    def start(self, names):
        begin = time.perf_counter()
        for n in names:
            self.call("POST", "/api/v1/namespaces/default/pods", pod(n, ["sleep", "1000"]))
        self.wait(self.ready, names)
        return begin

    def delete(self, names):
        for n in names:
            self.call("DELETE", f"/api/v1/namespaces/default/pods/{n}?gracePeriodSeconds=0")
        self.wait(self.gone, names)


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p))]


def slow_fsync(delay_ms):
    """Build the delaying library and let every program that is started from here on load it."""
    lib = ROOT / "build/slow_fsync.so"
    lib.parent.mkdir(exist_ok=True)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", lib, ROOT / "tests/bench/slow_fsync.c"],
                   check=True)
    os.environ.update(LD_PRELOAD=str(lib), SLOW_FSYNC_MS=str(delay_ms))


def measure(rounds, label):
    cluster = Cluster()
    try:
        begin = time.perf_counter()
        cluster.up()
        first = time.perf_counter() - begin
        cluster.load_images("busybox")
        api = Api(cluster)
        api.start(["warm"])  # the first start of an image is reported apart
        times = []
        for i in range(rounds):
            begin = api.start([f"one-{i}"])
            times.append(api.ready[f"one-{i}"] - begin)
            api.delete([f"one-{i}"])
        names = [f"many-{i}" for i in range(30)]
        begin = api.start(names)
        many = max(api.ready[n] for n in names) - begin
        ms = [t * 1000 for t in times]
        print(f"{label:22} POST to Ready p50 {statistics.median(ms):6.1f} ms  p90 {percentile(ms, .9):6.1f} ms  "
              f"min {min(ms):6.1f} ms   30 at once {many:5.2f} s   first up {first:4.2f} s")
    finally:
        cluster.destroy()


if __name__ == "__main__":
    n = int(os.environ.get("BENCH_ROUNDS", "50"))
    measure(n, "fsync as it is")
    slow_fsync(10)
    measure(max(n // 2, 10), "fsync + 10 ms")
