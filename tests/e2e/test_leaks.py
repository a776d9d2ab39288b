# SPDX-License-Identifier: Apache-2.0
"""A hundred pods come and go; afterwards everything is as it was before."""
import os
import pathlib
import subprocess

from conftest import SLOW, pod

PODS = int(os.environ.get("LEAK_PODS", "100" if SLOW == 1 else "10"))


def count(cluster):
    server, agent = cluster.pid("server"), cluster.pid("agent")
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    ruleset = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
    name = (cluster.data / "instance").read_text().strip()
    groups = [p for m in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")
              for p in pathlib.Path(m).glob(f"shallop-{name}/**/*") if p.is_dir() and "pod" in p.name]
    return {
        "server fds": len(os.listdir(f"/proc/{server}/fd")),
        "agent fds": len(os.listdir(f"/proc/{agent}/fd")),
        "mounts": len(open(f"/proc/{agent}/mountinfo", encoding="utf-8").readlines()),
        "own mounts": len(open("/proc/self/mountinfo", encoding="utf-8").readlines()),
        "links": links.count(f": sh{name}"),
        "routes": ruleset.count(f"dev sh{name}"),
        "cgroups": len(groups),
        "pods": len(list((cluster.data / "pods").iterdir())) if (cluster.data / "pods").exists() else 0,
        "shims": len(list((cluster.run / "shim").glob("*"))) if (cluster.run / "shim").exists() else 0,
        "namespaces": len(list((cluster.run / "ns").glob("*"))) if (cluster.run / "ns").exists() else 0,
    }


def rss_kib(pid):
    for line in open(f"/proc/{pid}/status", encoding="ascii"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def round_trip(cluster, names):
    cluster.apply(*(pod(n, ["sleep", "100000"], terminationGracePeriodSeconds=0) for n in names))
    cluster.wait("all pods to run", lambda: all(
        p["status"].get("phase") == "Running" for p in cluster.get("pods")["items"]), 120)
    cluster.kubectl("delete", "pods", "--all", "--grace-period=1", "--wait=false", program=cluster.any_kubectl)
    cluster.wait("all pods to be gone", lambda: not cluster.get("pods")["items"], 120)


def test_a_hundred_pods_leave_nothing(new_cluster):
    cluster = new_cluster()
    round_trip(cluster, [f"warm-{i}" for i in range(10)])
    cluster.wait("the last traces to go", lambda: count(cluster)["shims"] == 0)
    before = count(cluster)
    memory = {r: rss_kib(cluster.pid(r)) for r in ("server", "agent")}
    for start in range(0, PODS, 20):
        round_trip(cluster, [f"p-{i}" for i in range(start, min(start + 20, PODS))])

    def more():
        # Fewer of something is the last trace of an earlier test that went meanwhile.
        return {k: v for k, v in count(cluster).items() if v > before[k]}
    try:
        cluster.wait("everything to be as before", lambda: not more(), 30)
    except AssertionError:
        assert not more(), before
    for role, kib in memory.items():
        grown = rss_kib(cluster.pid(role)) - kib
        # Events (one hour) and the history that watches resume from (5 minutes or 8 MiB a kind) stay for a while.
        assert grown < 4096 + 80 * PODS, f"the {role} grew by {grown} KiB"
