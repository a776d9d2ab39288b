# SPDX-License-Identifier: Apache-2.0
"""Limits: what only a machine with cgroup2 controllers can show; SKIP elsewhere, with the reason."""
import pathlib

import pytest

from conftest import pod


def cgroup_mount():
    for line in open("/proc/self/mountinfo", encoding="ascii"):
        if " - cgroup2 " in line:
            return pathlib.Path(line.split()[4])
    return None


def need(controller):
    mount = cgroup_mount()
    has = mount and controller in (mount / "cgroup.controllers").read_text().split()
    if not has:
        pytest.skip(f"cgroup2 on this machine has no {controller} controller")
    return mount


def pod_cgroup(mount, uid):
    found = [p for p in mount.rglob(f"*{uid}*") if p.is_dir()]
    assert found, f"no cgroup of pod {uid}"
    return found[0]


def test_a_node_without_controllers_says_so(cluster):
    mount = cgroup_mount()
    has = (mount / "cgroup.controllers").read_text().split()
    conditions = {c["type"]: c for c in cluster.get("node", cluster.node)["status"]["conditions"]}
    if {"cpu", "memory", "pids"} <= set(has):
        assert conditions.get("LimitsUnenforced", {}).get("status", "False") == "False"
    else:
        assert conditions["LimitsUnenforced"]["status"] == "True"
        assert conditions["LimitsUnenforced"]["message"]


def test_memory_limit_kills(cluster):
    need("memory")
    cluster.apply(pod("hog", ["/probe", "alloc", "200"], image="probe", restartPolicy="Never",
                      resources={"limits": {"memory": "32Mi"}}))
    p = cluster.pod_phase("hog", "Failed", timeout=120)
    state = p["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (state["reason"], state["exitCode"]) == ("OOMKilled", 137)
    cluster.delete_pods()


def test_memory_and_cpu_limits_are_set(cluster):
    mount = need("memory")
    need("cpu")
    cluster.apply(pod("limited", ["sleep", "1000"],
                      resources={"limits": {"memory": "64Mi", "cpu": "250m"},
                                 "requests": {"memory": "32Mi", "cpu": "100m"}}))
    uid = cluster.pod_ready("limited", timeout=120)["metadata"]["uid"]
    group = pod_cgroup(mount, uid)
    maxima = [(p / "memory.max").read_text().strip() for p in [group, *group.iterdir()] if
              (p / "memory.max").exists()]
    quotas = [(p / "cpu.max").read_text().split() for p in [group, *group.iterdir()] if
              (p / "cpu.max").exists()]
    assert str(64 << 20) in maxima
    assert any(q[0] != "max" and int(q[0]) * 4 == int(q[1]) for q in quotas)
    cluster.delete_pods()


def test_guaranteed_and_besteffort_have_their_classes(cluster):
    cluster.apply(pod("best", ["sleep", "1000"]),
                  pod("sure", ["sleep", "1000"], resources={"limits": {"memory": "64Mi", "cpu": "100m"}}))
    assert cluster.pod_ready("best", timeout=120)["status"]["qosClass"] == "BestEffort"
    assert cluster.pod_ready("sure", timeout=120)["status"]["qosClass"] == "Guaranteed"
    cluster.delete_pods()
