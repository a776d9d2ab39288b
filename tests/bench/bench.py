#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make bench`: POST to Ready of a busybox pod, one by one and thirty at once.

One kept-alive HTTPS connection posts, another watches; a time is from the first byte of the POST to the
event whose Ready condition is True. The image is unpacked beforehand. Two clusters take turns: one as it is,
one where every fsync and fdatasync takes 10 ms more (LD_PRELOAD of tests/bench/slow_fsync.c). The agent's
trace tells the parts of a start; CPU time is what a busy machine does not falsify.
"""
import base64
import datetime
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
        self.ready, self.bound, self.answered = {}, {}, {}
        self.gone, self.cond = set(), threading.Condition()
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
                if event["object"].get("spec", {}).get("nodeName"):
                    self.bound.setdefault(meta["name"], now)
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
            self.answered[n] = time.perf_counter()
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
    """Build the delaying library; the environment that makes every program load it."""
    lib = ROOT / "build/slow_fsync.so"
    lib.parent.mkdir(exist_ok=True)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", lib, ROOT / "tests/bench/slow_fsync.c"],
                   check=True)
    return {"LD_PRELOAD": str(lib), "SLOW_FSYNC_MS": str(delay_ms)}


def cpu_ms(pid):
    """On a CPU, all threads; of children that have ended, to the next tick."""
    own = sum(int(p.read_text().split()[0]) for p in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e6
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return own, sum(map(int, fields[13:15])) * 1000 / os.sysconf("SC_CLK_TCK")


class Subject:
    """A cluster under measurement. The agent traces, so that a start can be taken apart."""
    PARTS = ("POST answered", "bound", "desired", "sandbox", "token", "handed over", "started", "Ready seen")

    def __init__(self, label, env):
        self.label = label
        self.cluster = Cluster()
        self.cluster.env.update(env)
        self.cluster.flags.append("--verbose")
        begin = time.perf_counter()
        self.cluster.up()
        self.first_up = time.perf_counter() - begin
        self.cluster.load_images("busybox")
        self.api = Api(self.cluster)
        self.api.start(["warm"])  # the first start of an image is reported apart
        self.begins, self.cpu = {}, [0, 0, 0]

    def round(self, i):
        name = f"one-{i}"
        server, agent = self.cluster.pid("server"), self.cluster.pid("agent")
        before = cpu_ms(server), cpu_ms(agent)
        self.begins[name] = self.api.start([name])
        self.api.delete([name])
        after = cpu_ms(server), cpu_ms(agent)
        for k, used in enumerate((after[0][0] - before[0][0], after[1][0] - before[1][0],
                                  after[1][1] - before[1][1])):
            self.cpu[k] += used

    def thirty(self):
        names = [f"many-{i}" for i in range(30)]
        begin = self.api.start(names)
        return max(self.api.ready[n] for n in names) - begin

    def traced(self):
        """{pod: {part: perf_counter time}} from the agent's log."""
        shift = time.time() - time.perf_counter()
        times = {}
        for line in (self.cluster.data / "logs/shallop.log").read_text().splitlines():
            m = re.match(r"(\S+) .*: pod default/(one-\d+): (\w[\w ]*)$", line)
            if m:
                at = datetime.datetime.fromisoformat(m[1].replace("Z", "+00:00")).timestamp() - shift
                times.setdefault(m[2], {})[m[3]] = at
        return times

    def report(self, many):
        ms = [(self.api.ready[n] - t) * 1000 for n, t in self.begins.items()]
        n = len(ms)
        print(f"{self.label:16} POST to Ready p50 {statistics.median(ms):6.1f} ms  p90 {percentile(ms, .9):6.1f}  "
              f"min {min(ms):6.1f}   30 at once {many:5.2f} s   first up {self.first_up:4.2f} s")
        print(f"{'':16} CPU of a pod's start and end: server {self.cpu[0] / n:.1f} ms, agent {self.cpu[1] / n:.1f} ms, "
              f"its shim and containers {self.cpu[2] / n:.1f} ms")
        traced, rows = self.traced(), []
        for part in self.PARTS:
            at = {"POST answered": self.api.answered, "bound": self.api.bound, "Ready seen": self.api.ready}.get(part)
            values = [((at or {k: v[part] for k, v in traced.items() if part in v}).get(name, begin) - begin) * 1000
                      for name, begin in self.begins.items()]
            rows.append(f"{part} {statistics.median(values):.1f}")
        print(f"{'':16} ms from POST, medians: {', '.join(rows)}")


def main():
    rounds = int(os.environ.get("BENCH_ROUNDS", "50"))
    subjects = []
    try:
        for label, env in (("fsync as it is", {}), ("fsync + 10 ms", slow_fsync(10))):
            subjects.append(Subject(label, env))
        for i in range(rounds):  # in turn: the machine's other work meets both
            for s in subjects:
                s.round(i)
        for s in subjects:
            s.report(s.thirty())
    finally:
        for s in subjects:
            s.cluster.destroy()


if __name__ == "__main__":
    main()
