# SPDX-License-Identifier: Apache-2.0
"""It comes back by itself: kill -9 of server, agent and shims; replaced binaries; down and up."""
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import time

from conftest import BIN, SLOW, Cluster, pod

ROUNDS = int(os.environ.get("RESTART_ROUNDS", "50" if SLOW == 1 else "5"))
COUNT = ["sh", "-c", "i=0; while true; do i=$((i+1)); echo line $i; sleep 0.1; done"]


def kill(cluster, role):
    pid = cluster.pid(role)
    os.kill(pid, signal.SIGKILL)
    return pid


def wait_back(cluster, role, old):
    """The keeper has started another one, and it holds the role's lock."""
    cluster.wait(f"the {role} to be back", lambda: cluster.pid(role) != old and
                 pathlib.Path(f"/proc/{cluster.pid(role)}").exists())


def identity(cluster):
    """What must not change: container ids, restart counts, addresses, uids."""
    return sorted((p["metadata"]["name"], p["metadata"]["uid"], p["status"]["podIP"],
                   p["status"]["containerStatuses"][0]["containerID"],
                   p["status"]["containerStatuses"][0]["restartCount"]) for p in cluster.get("pods")["items"])


def answers(cluster):
    return cluster.kubectl("get", "nodes", program=cluster.any_kubectl, check=False).returncode == 0


def node_ready(cluster):
    r = cluster.kubectl("get", "node", cluster.node, "--no-headers", program=cluster.any_kubectl, check=False)
    return r.returncode == 0 and r.stdout.split()[1:2] == ["Ready"]


def shim_pid(cluster, uid):
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (p / "comm").read_text().startswith("shallop-shim") and uid in (p / "cmdline").read_text():
                return int(p.name)
        except OSError:
            pass
    raise AssertionError(f"no shim of {uid}")


def log_lines(cluster, name):
    out = cluster.kubectl("logs", name, program=cluster.any_kubectl).stdout
    return [int(n) for n in re.findall(r"^line (\d+)$", out, re.M)]


def test_kill_server_and_agent_at_random(new_cluster):
    """Rounds of kill -9 at random moments: no container notices, no acknowledged write is lost."""
    cluster = new_cluster()
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    cluster.apply(pod("a", COUNT), pod("b", COUNT), pod("c", ["sleep", "100000"]))
    for name in "abc":
        cluster.pod_ready(name)
    before = identity(cluster)
    acknowledged = []
    for n in range(ROUNDS):
        roles = rng.choice([["server"], ["agent"], ["server", "agent"]])
        r = cluster.kubectl("create", "-f", "-", program=cluster.any_kubectl, check=False,
                            input=f'{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"w{n}"}}}}')
        if r.returncode == 0:
            acknowledged.append(f"w{n}")
        time.sleep(rng.uniform(0, 0.15))
        old = {role: kill(cluster, role) for role in roles}
        for role in roles:
            wait_back(cluster, role, old[role])
        cluster.wait("the API to answer", lambda: answers(cluster))
    cluster.wait("the node to be Ready", lambda: node_ready(cluster), 60)
    cluster.wait("its session", lambda: cluster.kubectl("logs", "a", program=cluster.any_kubectl,
                                                        check=False).returncode == 0, 60)
    assert identity(cluster) == before, f"seed {seed}"
    names = {c["metadata"]["name"] for c in cluster.get("configmaps")["items"]}
    assert set(acknowledged) <= names, f"seed {seed}"
    lines = log_lines(cluster, "a")
    assert lines == list(range(1, len(lines) + 1)), f"seed {seed}: lines of the log are missing or doubled"
    # And it is alive, not just remembered.
    cluster.apply(pod("after", ["sleep", "1000"]))
    cluster.pod_ready("after")


def test_kill_a_shim_restarts_exactly_that_pod(new_cluster):
    cluster = new_cluster()
    cluster.apply(pod("victim", ["sleep", "100000"]), pod("other", ["sleep", "100000"]))
    victim, other = cluster.pod_ready("victim"), cluster.pod_ready("other")
    os.kill(shim_pid(cluster, victim["metadata"]["uid"]), signal.SIGKILL)

    def restarted():
        p = cluster.pod("victim")["status"]["containerStatuses"][0]
        return p["restartCount"] == 1 and p["ready"] and p
    now = cluster.wait("the pod to be restarted", restarted, 60)
    last = now["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (137, "ContainerStatusUnknown")
    assert cluster.pod("other")["status"]["containerStatuses"] == other["status"]["containerStatuses"]
    assert cluster.kubectl("exec", "victim", "--", "echo", "alive",
                           program=cluster.any_kubectl).stdout == "alive\n"


def test_agent_down_for_a_while(new_cluster):
    """With no agent: logs flow on and a container's end is noticed afterwards."""
    cluster = new_cluster()
    cluster.apply(pod("a", COUNT), pod("ends", ["sh", "-c", "sleep 2; exit 3"], restartPolicy="Never"))
    cluster.pod_ready("a")
    cluster.pod_ready("ends")
    os.kill(cluster.pid("keeper"), signal.SIGTERM)
    old = kill(cluster, "agent")
    time.sleep(3)
    cluster.up()
    wait_back(cluster, "agent", old)
    p = cluster.pod_phase("ends", "Failed", timeout=60)
    assert p["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
    lines = log_lines(cluster, "a")
    assert len(lines) > 25 and lines == list(range(1, len(lines) + 1))


def test_down_and_up_start_the_same_pods(new_cluster):
    cluster = new_cluster()
    cluster.apply(pod("a", COUNT))
    uid = cluster.pod_ready("a")["metadata"]["uid"]
    assert cluster.down().returncode == 0
    assert not any((cluster.run / "shim").glob("*.sock"))
    cluster.up()

    def again():
        p = cluster.pod("a")
        c = p["status"]["containerStatuses"][0]
        return c["ready"] and c["restartCount"] >= 1 and p
    assert cluster.wait("the pod to run again", again, 60)["metadata"]["uid"] == uid


def test_agent_runs_pods_with_no_server(new_cluster):
    """As after a power cut far from anywhere: the agent alone brings its pods back from its own disk."""
    cluster = new_cluster()
    cluster.apply(pod("a", COUNT))
    uid = cluster.pod_ready("a")["metadata"]["uid"]
    assert cluster.down().returncode == 0
    log = open(cluster.dir / "agent.log", "w", encoding="utf-8")
    agent = subprocess.Popen([str(a) for a in (BIN / "shallop", "agent", "--data-dir", cluster.data, "--run-dir",
                                               cluster.run)], stdout=log, stderr=log)
    try:
        cluster.wait("the pod to run without a server", lambda: any((cluster.run / "shim").glob(f"{uid}*")))
        logs = cluster.data / "logs/pods" / f"default_a_{uid}" / "a"
        cluster.wait("its new log", lambda: len(list(logs.glob("*.log"))) >= 2 or
                     "line 3\n" in max(logs.glob("*.log")).read_text())
    finally:
        agent.terminate()
        agent.wait()
        log.close()


def test_binaries_replaced_under_running_pods(new_cluster, tmp_path):
    """An upgrade: new files, server and agent started anew, the pods never notice."""
    copy = tmp_path / "bin"
    shutil.copytree(BIN, copy)
    cluster = new_cluster()
    cluster.apply(pod("a", COUNT))
    cluster.pod_ready("a")
    before = identity(cluster)
    for role in ("keeper", "agent", "server"):
        os.kill(cluster.pid(role), signal.SIGTERM)
        cluster.wait(f"the {role} to end", lambda r=role: not pathlib.Path(f"/proc/{cluster.pid(r)}").exists())
    r = subprocess.run([str(a) for a in (copy / "shallop", "up", *cluster.flags)], text=True, env=cluster.env,
                       capture_output=True, check=False)
    assert r.returncode == 0, r.stderr
    cluster.wait("the node to be Ready", lambda: node_ready(cluster), 60)
    assert identity(cluster) == before
    lines = log_lines(cluster, "a")
    assert lines == list(range(1, len(lines) + 1))


def test_up_is_idempotent(cluster):
    pids = [cluster.pid(r) for r in ("server", "agent", "keeper")]
    cluster.up()
    assert [cluster.pid(r) for r in ("server", "agent", "keeper")] == pids


def test_two_clusters_side_by_side(cluster, new_cluster):
    second = new_cluster()
    for c in (cluster, second):
        c.apply(pod("twin", ["sh", "-c", "echo from $HOSTNAME; sleep 1000"]))
    a, b = cluster.pod_ready("twin"), second.pod_ready("twin")
    assert a["status"]["podIP"] != b["status"]["podIP"]
    assert second.down("--purge").returncode == 0
    assert cluster.kubectl("exec", "twin", "--", "echo", "hi", program=cluster.any_kubectl).stdout == "hi\n"
    cluster.delete_pods()


def test_up_refuses_ranges_that_overlap(cluster):
    other = Cluster()
    taken = cluster.flags[cluster.flags.index("--pod-cidr") + 1]
    flags = list(other.flags)
    flags[flags.index("--pod-cidr") + 1] = taken
    cluster.apply(pod("holder", ["sleep", "1000"]))
    cluster.pod_ready("holder")
    r = subprocess.run([str(a) for a in (BIN / "shallop", "up", *flags)], text=True, capture_output=True,
                       check=False)
    assert r.returncode == 1 and "overlaps" in r.stderr and taken in r.stderr
    cluster.delete_pods()
    shutil.rmtree(other.dir)
