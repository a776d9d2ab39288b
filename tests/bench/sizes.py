#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make sizes`: what the programs weigh on disk and in memory, and how fast `up` is."""
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
from conftest import BIN, Cluster, pod  # noqa: E402


def memory(pid):
    """RSS, PSS and private memory of a process, in MB."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()

    def field(*names):
        return sum(int(re.search(rf"^{n}: +(\d+)", text, re.M).group(1)) for n in names) / 1024
    return field("Rss"), field("Pss"), field("Private_Clean", "Private_Dirty")


def show(name, pid):
    rss, pss, private = memory(pid)
    print(f"{name:24} RSS {rss:6.2f} MB   PSS {pss:6.2f} MB   private {private:6.2f} MB")


def syscalls(argv):
    out = subprocess.run(["strace", "-f", "-c", *argv], capture_output=True, text=True, check=False).stderr
    total = re.findall(r"^100\.00\s+\S+\s+(?:\S+\s+)?(\d+)", out, re.M)
    return total[0] if total else "?"


def start_time(argv, n=20):
    times = []
    for _ in range(n):
        begin = time.perf_counter()
        subprocess.run(argv, capture_output=True, check=False)
        times.append(time.perf_counter() - begin)
    return sorted(times)[n // 2] * 1000


def peak_rss(argv):
    """Through a small parent: a child of ours would be charged what we weigh ourselves. busybox takes the
    kernel's KiB for pages; how much it multiplies shows in a process that knows its own peak."""
    def timed(*args):
        return subprocess.run(["busybox", "time", "-f", "%M", *args], capture_output=True, text=True, check=False)
    known = timed("grep", "VmHWM", "/proc/self/status")
    scale = round(int(known.stderr.split()[-1]) / int(known.stdout.split()[1])) or 1
    return int(timed(*argv).stderr.split()[-1]) / scale / 1024


def named(cluster, name):
    """Processes of this cluster's pods: their shims, by the uids of its sockets."""
    uids = [p.stem for p in (cluster.run / "shim").glob("*.sock")]
    found = []
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            line = (p / "cmdline").read_text()
            if line.startswith(name) and any(u in line for u in uids):
                found.append(int(p.name))
        except OSError:
            pass
    return found


def children(pid):
    return [int(c) for c in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def show_agent(cluster):
    pid = cluster.pid("agent")
    helpers = [c for c in children(pid) if "shim" not in pathlib.Path(f"/proc/{c}/comm").read_text()]
    show("agent", pid)
    parts = [memory(p) for p in helpers]
    print(f"{'  its helper processes':24} {len(helpers)}              PSS {sum(p[1] for p in parts):6.2f} MB   "
          f"private {sum(p[2] for p in parts):6.2f} MB")


def main():
    print("programs")
    for name, probe in (("shallop", ["version"]), ("kubectl", ["version", "--client"]),
                        ("shallop-runtime", ["--version"]), ("shallop-shim", [])):
        argv = [str(BIN / name), *probe]
        stripped = subprocess.run(["strip", "-o", "/dev/stdout", BIN / name], capture_output=True,
                                  check=False).stdout
        size = len(stripped) or (BIN / name).stat().st_size
        line = f"{name:24} {size / 1024:7.0f} KiB stripped"
        if probe:
            line += (f"   start {start_time(argv):5.1f} ms   {syscalls(argv)} syscalls   "
                     f"peak RSS {peak_rss(argv):5.1f} MB")
        print(line)
    cluster = Cluster()
    try:
        begin = time.perf_counter()
        cluster.up()
        first = time.perf_counter() - begin
        print("\na cluster at rest")
        time.sleep(2)
        for role in ("server", "keeper"):
            show(role, cluster.pid(role))
        show_agent(cluster)
        cluster.load_images("busybox")
        cluster.apply(*(pod(f"p{i}", ["sleep", "1000"]) for i in range(5)))
        for i in range(5):
            cluster.pod_ready(f"p{i}")
        print("\nwith five pods")
        show("server", cluster.pid("server"))
        show_agent(cluster)
        for pid in named(cluster, "shallop-shim")[:1]:
            show("shim (one of five)", pid)
        cluster.down()
        begin = time.perf_counter()
        cluster.up()
        print(f"\nfirst up to Ready {first:.2f} s, again {time.perf_counter() - begin:.2f} s")
    finally:
        cluster.destroy()


main()
