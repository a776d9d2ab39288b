# SPDX-License-Identifier: Apache-2.0
"""The pod network from outside: who reaches whom, as whom, and what is left afterwards.

The host here has eth0 (192.0.2.10); behind it is the namespace "world" (192.0.2.1), which knows no way
to pods. No bridge is involved, so bridge-nf-call-iptables is off where the kernel lets us say so.
"""
import pathlib
import subprocess
import time
import urllib.request

import pytest

from conftest import pod

HOST = "192.0.2.10"
IN_WORLD = ["ip", "netns", "exec", "world"]


@pytest.fixture(scope="module", autouse=True)
def no_bridge_filter():
    knob = pathlib.Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if knob.exists():
        knob.write_text("0")


def web(name, **more):
    """nginx on port 80; its access log names who came."""
    p = pod(name, image="nginx", **more)
    return p


def page(url, inside=(), timeout=5):
    """The page's first line, fetched from the host or by a command prefix."""
    if inside:
        code = f"import urllib.request as u; print(u.urlopen('{url}', timeout={timeout}).read().decode())"
        r = subprocess.run([*inside, "python3", "-c", code], capture_output=True, text=True, check=False)
        return "nginx" in r.stdout
    try:
        return b"nginx" in urllib.request.urlopen(url, timeout=timeout).read()
    except OSError:
        return False


def visitors(cluster, name):
    """Addresses in the access log of an nginx pod."""
    out = cluster.kubectl("logs", name, program=cluster.any_kubectl).stdout
    return [line.split()[0] for line in out.splitlines() if '"GET ' in line]


@pytest.fixture(scope="module")
def town(cluster):
    """Two web pods, the first with host ports, and one to send from."""
    first = web("first", ports=[{"containerPort": 80, "hostPort": 8081},
                                {"containerPort": 80, "hostPort": 8082, "hostIP": "127.0.0.1"}])
    cluster.apply(first, web("second"), pod("sender", ["sleep", "1000"]))
    ips = {n: cluster.pod_ready(n)["status"]["podIP"] for n in ("first", "second", "sender")}
    yield ips
    cluster.kubectl("delete", "pod", "first", "second", "sender", program=cluster.any_kubectl)


def wget(cluster, name, url):
    r = cluster.kubectl("exec", name, "--", "wget", "-q", "-O", "-", url, check=False,
                        program=cluster.any_kubectl)
    return "nginx" in r.stdout


def test_pods_and_host_reach_pods(cluster, town):
    assert page(f"http://{town['first']}/")
    assert wget(cluster, "sender", f"http://{town['first']}/")
    assert wget(cluster, "sender", f"http://{town['second']}/")
    assert visitors(cluster, "second")[-1] == town["sender"]


def test_host_ports_from_everywhere(cluster, town):
    assert page(f"http://{HOST}:8081/")
    assert page("http://127.0.0.1:8081/")
    assert page(f"http://{HOST}:8081/", IN_WORLD)
    assert visitors(cluster, "first")[-1] == "192.0.2.1"  # nobody stands in between
    assert wget(cluster, "sender", f"http://{HOST}:8081/")
    assert visitors(cluster, "first")[-1] == town["sender"]


def test_a_host_port_of_one_address(town):
    assert page("http://127.0.0.1:8082/")
    assert not page(f"http://{HOST}:8082/", timeout=2)
    assert not page(f"http://{HOST}:8082/", IN_WORLD, timeout=2)


def test_a_pod_reaches_itself_by_its_host_port(cluster, town):
    del town
    pins = cluster.run / "ns" / cluster.pod("first")["metadata"]["uid"] / "net"
    if not pins.exists():
        pytest.skip("the pod's network namespace is pinned where this test cannot see it")
    assert page(f"http://{HOST}:8081/", ["nsenter", f"--net={pins}"])


def test_pods_leave_the_node_as_the_node(cluster, town):
    del town
    server = subprocess.Popen([*IN_WORLD, "python3", "-c",
                               "import socket; s = socket.socket(); s.bind(('', 9)); s.listen()\n"
                               "print('ready', flush=True)\n"
                               "c, a = s.accept(); print(a[0], flush=True)"],
                              stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout.readline() == "ready\n"
        cluster.kubectl("exec", "sender", "--", "nc", "-w", "2", "192.0.2.1", "9", check=False,
                        input="", program=cluster.any_kubectl)
        assert server.stdout.readline().strip() == HOST
    finally:
        server.kill()
        server.wait()


def test_nobodys_pod_address_is_refused_at_once(cluster, town):
    dead = ".".join(town["first"].split(".")[:3]) + ".250"
    began = time.monotonic()
    assert not page(f"http://{dead}/", timeout=10)
    assert time.monotonic() - began < 1


def test_a_foreign_flush_is_mended_within_a_second(town):
    assert subprocess.run(["nft", "flush", "ruleset"], check=False).returncode == 0
    deadline = time.monotonic() + 1
    while not page(f"http://{HOST}:8081/", timeout=0.3):
        assert time.monotonic() < deadline, "host ports are still gone"


def test_a_taken_host_port_keeps_the_second_pod_pending(cluster, town):
    cluster.apply(web("rival", ports=[{"containerPort": 80, "hostPort": 8081}]))

    def refused():
        events = cluster.get("events")["items"]
        return any("didn't have free ports for the requested pod ports" in e["message"]
                   for e in events if e["involvedObject"]["name"] == "rival")
    cluster.wait("the refusal of rival", refused)
    cluster.kubectl("delete", "pod", "rival", program=cluster.any_kubectl)


def test_host_network_pods_are_the_host(cluster):
    cluster.apply(pod("plain", ["sleep", "1000"], hostNetwork=True))
    p = cluster.pod_ready("plain")
    assert p["status"]["podIP"] == p["status"]["hostIP"] == HOST
    links = cluster.kubectl("exec", "plain", "--", "ls", "/sys/class/net",
                            program=cluster.any_kubectl).stdout.split()
    assert "eth0" in links and "lo" in links
    cluster.kubectl("delete", "pod", "plain", program=cluster.any_kubectl)


def test_nothing_is_left_of_a_pod_with_host_ports(cluster):
    def state():
        links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
        routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
        rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True)
        return len(links.splitlines()), sorted(routes.splitlines()), rules.stdout
    before = state()
    cluster.apply(web("brief", ports=[{"containerPort": 80, "hostPort": 8085}]))
    cluster.pod_ready("brief")
    assert page("http://127.0.0.1:8085/")
    cluster.kubectl("delete", "pod", "brief", program=cluster.any_kubectl)
    cluster.wait("everything of the pod to be gone", lambda: state() == before)
