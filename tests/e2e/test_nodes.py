# SPDX-License-Identifier: Apache-2.0
"""Several agents on one machine, each in a network namespace of its own, dialling one server."""
import os
import subprocess

from conftest import BIN, IMAGES, pod


def sh(*args):
    subprocess.run([str(a) for a in args], check=True, capture_output=True, text=True)


class Agent:
    def __init__(self, cluster, n):
        self.name, self.netns = f"far-{n}", f"far{n}"
        self.data, self.run = cluster.dir / self.name / "data", cluster.dir / self.name / "run"
        link, ip = f"far{n}", f"198.51.100.{4 * n + 2}"
        gateway = f"198.51.100.{4 * n + 1}"
        sh("ip", "netns", "add", self.netns)
        sh("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", self.netns)
        sh("ip", "addr", "add", f"{gateway}/30", "dev", link)
        sh("ip", "link", "set", link, "up")
        for args in (["link", "set", "lo", "up"], ["addr", "add", f"{ip}/30", "dev", "eth0"],
                     ["link", "set", "eth0", "up"], ["route", "add", "default", "via", gateway]):
            sh("ip", "-n", self.netns, *args)
        cluster.shallop("node", "issue", self.name, self.data / "agent/pki")
        sh(BIN / "shallop", "image", "import", "--data-dir", self.data, "--run-dir", self.run, IMAGES / "busybox.tar")
        self.log = open(cluster.dir / f"{self.name}.log", "w", encoding="utf-8")
        self.process = subprocess.Popen(
            [str(a) for a in ("nsenter", f"--net=/run/netns/{self.netns}", BIN / "shallop", "agent", "--data-dir", self.data,
                              "--run-dir", self.run, "--node-name", self.name, "--address", ip,
                              "--server", f"192.0.2.10:{cluster.node_port}")], stdout=self.log, stderr=self.log)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        subprocess.run([str(a) for a in ("nsenter", f"--net=/run/netns/{self.netns}", BIN / "shallop", "down", "--purge", "--grace",
                                         "0", "--data-dir", self.data, "--run-dir", self.run)], check=False)
        sh("ip", "netns", "del", self.netns)


def test_three_agents_in_three_network_namespaces(new_cluster):
    cluster = new_cluster()
    agents = []
    try:
        for n in range(3):
            agents.append(Agent(cluster, n))
        names = {cluster.node, *(a.name for a in agents)}

        def ready():
            nodes = cluster.get("nodes")["items"]
            return {n["metadata"]["name"] for n in nodes for c in n["status"].get("conditions", [])
                    if c["type"] == "Ready" and c["status"] == "True"} == names and nodes
        nodes = cluster.wait("four nodes to be Ready", ready, 60)
        ranges = [n["spec"]["podCIDR"] for n in nodes]
        assert len(set(ranges)) == 4
        cluster.apply(*(pod(f"on-{a.name}", ["sh", "-c", "echo here; sleep 1000"], nodeName=a.name) for a in agents))
        for a in agents:
            p = cluster.pod_ready(f"on-{a.name}", timeout=60)
            assert p["spec"]["nodeName"] == a.name
            assert cluster.kubectl("logs", f"on-{a.name}", program=cluster.any_kubectl).stdout == "here\n"
            assert cluster.kubectl("exec", f"on-{a.name}", "--", "echo", "hi",
                                   program=cluster.any_kubectl).stdout == "hi\n"
        # A node that goes away and comes back keeps its pods.
        before = cluster.pod("on-far-1")["status"]["containerStatuses"]
        old = agents[1]
        os.kill(old.process.pid, 9)
        old.process.wait()
        old.process = subprocess.Popen(old.process.args, stdout=old.log, stderr=old.log)
        cluster.wait("the exec to work again", lambda: cluster.kubectl(
            "exec", "on-far-1", "--", "true", program=cluster.any_kubectl, check=False).returncode == 0, 60)
        assert cluster.pod("on-far-1")["status"]["containerStatuses"] == before
    finally:
        for a in agents:
            a.stop()
