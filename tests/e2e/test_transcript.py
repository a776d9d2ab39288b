# SPDX-License-Identifier: Apache-2.0
"""The first afternoon with a cluster, command by command, with our kubectl and with Kubernetes' own."""
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from conftest import POD_NGINX


def listens(ip, port):
    try:
        socket.create_connection((ip, port), timeout=2).close()
        return True
    except OSError:
        return False


@pytest.fixture
def nginx(cluster, kubectl, tmp_path):
    """pod_nginx.yaml applied and Ready; deleted afterwards."""
    f = tmp_path / "pod_nginx.yaml"
    f.write_text(POD_NGINX)
    out = kubectl("apply", "-f", f).stdout
    assert out == "pod/nginx created\n"
    ip = cluster.pod_ready("nginx")["status"]["podIP"]
    cluster.wait("nginx to listen", lambda: listens(ip, 80))  # without a readiness probe, Ready means started
    yield f
    kubectl("delete", "-f", f, "--ignore-not-found", "--grace-period=1")


def test_config_view(cluster, kubectl):
    out = kubectl("config", "view").stdout
    assert "DATA+OMITTED" in out and f":{cluster.port}" in out
    assert "certificate-authority-data: DATA+OMITTED" in out


def test_config_get_contexts(kubectl):
    lines = kubectl("config", "get-contexts").stdout.splitlines()
    assert lines[0].split() == ["CURRENT", "NAME", "CLUSTER", "AUTHINFO", "NAMESPACE"]
    assert lines[1].startswith("*") and "shallop" in lines[1]


def test_cluster_info(cluster, kubectl):
    out = kubectl("cluster-info").stdout
    assert "Kubernetes control plane" in out and f":{cluster.port}" in out


def test_version(kubectl):
    v = json.loads(kubectl("version", "-o", "json").stdout)
    assert v["serverVersion"]["major"] == "1" and v["serverVersion"]["minor"].startswith("37")
    assert "Server Version: v1.37" in kubectl("version").stdout


def test_get_nodes_wide(cluster, kubectl):
    head, row = kubectl("get", "nodes", "-o", "wide").stdout.splitlines()
    assert head.split() == ["NAME", "STATUS", "ROLES", "AGE", "VERSION", "INTERNAL-IP", "EXTERNAL-IP",
                            "OS-IMAGE", "KERNEL-VERSION", "CONTAINER-RUNTIME"]
    assert row.split()[:2] == [cluster.node, "Ready"] and "shallop://" in row


def test_apply_again_is_unchanged(kubectl, nginx):
    assert kubectl("apply", "-f", nginx).stdout == "pod/nginx unchanged\n"


def test_get_pods(kubectl, nginx):
    head, row = kubectl("get", "pods").stdout.splitlines()
    assert head.split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert row.split()[:4] == ["nginx", "1/1", "Running", "0"]


def test_get_pods_wide(cluster, kubectl, nginx):
    row = kubectl("get", "pods", "-o", "wide").stdout.splitlines()[1].split()
    assert re.fullmatch(r"10\.\d+\.\d+\.\d+", row[5]) and row[6] == cluster.node


def test_get_pods_formats(kubectl, nginx):
    assert kubectl("get", "pods", "-o", "name").stdout == "pod/nginx\n"
    pods = json.loads(kubectl("get", "pods", "-o", "json").stdout)
    assert pods["kind"] == "List" and pods["items"][0]["status"]["phase"] == "Running"
    text = kubectl("get", "pods", "-o", "yaml").stdout
    assert text.startswith("apiVersion: v1\nitems:\n- apiVersion: v1\n  kind: Pod\n")


def test_get_pods_watch(cluster, kubectl, nginx):
    p = subprocess.Popen([kubectl.program, "get", "pods", "-w"], stdout=subprocess.PIPE, text=True,
                         env=cluster.env)
    try:
        assert p.stdout.readline().startswith("NAME")
        assert p.stdout.readline().split()[0] == "nginx"
        cluster.kubectl("delete", "pod", "nginx", "--grace-period=1", "--wait=false",
                        program=kubectl.program)
        assert p.stdout.readline().split()[2] in ("Terminating", "Running", "Completed")
    finally:
        p.terminate()
        p.wait()


def test_describe(kubectl, nginx):
    out = kubectl("describe", "pod", "nginx").stdout
    assert re.search(r"^Name:\s+nginx$", out, re.M) and re.search(r"^Status:\s+Running$", out, re.M)
    for reason in ("Scheduled", "Pulled", "Created", "Started"):
        assert re.search(rf"^  Normal\s+{reason}\s", out, re.M), f"no event {reason}:\n{out}"
    assert "Successfully assigned default/nginx to" in out


def get_url(url, timeout=10):
    with urllib.request.urlopen(url, timeout=timeout) as r:
        return r.read().decode()


def test_pod_serves_on_its_address(cluster, nginx):
    ip = cluster.pod("nginx")["status"]["podIP"]
    assert "Welcome to nginx!" in get_url(f"http://{ip}/")


def test_logs(cluster, kubectl, nginx):
    get_url(f"http://{cluster.pod('nginx')['status']['podIP']}/?hello-log")
    cluster.wait("the request in the log", lambda: "/?hello-log" in kubectl("logs", "nginx").stdout)
    assert len(kubectl("logs", "nginx", "--tail=1").stdout.splitlines()) == 1


def test_logs_follow(cluster, kubectl, nginx):
    ip = cluster.pod("nginx")["status"]["podIP"]
    p = subprocess.Popen([kubectl.program, "logs", "-f", "nginx", "--tail=0"], stdout=subprocess.PIPE,
                         text=True, env=cluster.env)
    try:
        deadline = time.monotonic() + 20
        got = ""
        while "/follow-me" not in got:
            assert time.monotonic() < deadline, "nothing came from logs -f"
            get_url(f"http://{ip}/?/follow-me")
            if select.select([p.stdout], [], [], 0.3)[0]:
                got += p.stdout.readline()
    finally:
        p.terminate()
        p.wait()


def test_exec(kubectl, nginx):
    assert kubectl("exec", "nginx", "--", "echo", "hi").stdout == "hi\n"
    r = kubectl("exec", "nginx", "--", "sh", "-c", "echo out; echo err >&2; exit 7", check=False)
    assert (r.returncode, r.stdout) == (7, "out\n")
    assert "err\n" in r.stderr and "command terminated with exit code 7" in r.stderr
    r = kubectl("exec", "-i", "nginx", "--", "sh", "-c", "cat; exit 3", input="piped\n", check=False)
    assert (r.returncode, r.stdout) == (3, "piped\n")


def test_exec_missing_program(kubectl, nginx):
    r = kubectl("exec", "nginx", "--", "no-such-program", check=False)
    assert r.returncode != 0 and "no-such-program" in r.stderr


def test_exec_large_both_ways(kubectl, nginx):
    data = os.urandom(3 << 20)
    r = kubectl("exec", "-i", "nginx", "--", "cat", input=data, text=False)
    assert r.stdout == data


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_exec_tty(cluster, kubectl, nginx, shell):
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(kubectl.program, ["kubectl", "exec", "-it", "nginx", "--", shell],
                  {k: str(v) for k, v in cluster.env.items()})
    got = b""

    def until(text, timeout=20):
        nonlocal got
        deadline = time.monotonic() + timeout
        while text not in got:
            assert time.monotonic() < deadline, got
            if select.select([fd], [], [], 0.2)[0]:
                try:
                    got += os.read(fd, 65536)
                except OSError:
                    break
        assert text in got, got
    try:
        os.write(fd, b"tty; echo mark$((40+2))\n")
        until(b"mark42")
        assert b"/dev/pts/" in got
        os.write(fd, b"exit 5\n")
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 5
        pid = 0
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(fd)


def test_port_forward(cluster, kubectl, nginx):
    p = subprocess.Popen([kubectl.program, "port-forward", "pod/nginx", "8080:80"], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=cluster.env)
    try:
        assert "Forwarding from 127.0.0.1:8080 -> 80" in p.stdout.readline()
        for _ in range(3):
            assert "Welcome to nginx!" in get_url("http://127.0.0.1:8080/")
    finally:
        p.send_signal(signal.SIGINT)
        p.wait()


def test_attach(cluster, kubectl):
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "talker"}, "spec": {
        "terminationGracePeriodSeconds": 0, "containers": [{
            "name": "t", "image": "busybox", "imagePullPolicy": "Never", "stdin": True,
            "command": ["sh", "-c", "while read line; do echo got $line; done"]}]}})
    cluster.pod_ready("talker")
    p = subprocess.Popen([kubectl.program, "attach", "-i", "talker"], text=True, stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=cluster.env)
    try:
        p.stdin.write("ping\n")
        p.stdin.flush()
        deadline = time.monotonic() + 20
        got = ""
        while "got ping" not in got:
            assert time.monotonic() < deadline, got
            if select.select([p.stdout], [], [], 0.2)[0]:
                got += p.stdout.readline()
    finally:
        p.kill()
        p.wait()
        cluster.delete_pods()


def test_cp_both_ways(kubectl, nginx, tmp_path):
    data = os.urandom(200_000)
    (tmp_path / "up.bin").write_bytes(data)
    kubectl("cp", tmp_path / "up.bin", "nginx:/tmp/up.bin")
    assert kubectl("exec", "nginx", "--", "cat", "/tmp/up.bin", text=False).stdout == data
    kubectl("cp", "nginx:/tmp/up.bin", tmp_path / "down.bin")
    assert (tmp_path / "down.bin").read_bytes() == data


def test_delete_is_graceful_and_leaves_nothing(cluster, kubectl, nginx):
    uid = cluster.pod("nginx")["metadata"]["uid"]
    out = kubectl("delete", "-f", nginx).stdout
    assert out.startswith('pod "nginx" deleted')
    r = kubectl("get", "pod", "nginx", check=False)
    assert r.returncode == 1
    assert 'Error from server (NotFound): pods "nginx" not found' in r.stderr

    def gone():
        left = subprocess.run(["grep", "-l", uid, "-r", "/proc/self/mountinfo", str(cluster.run),
                               "--include=*"], capture_output=True, text=True, check=False).stdout
        shims = [f for f in (cluster.run / "shim").iterdir() if uid in f.name]
        pods = [f for f in (cluster.data / "pods").iterdir() if uid in f.name]
        return not left and not shims and not pods
    cluster.wait("everything of the pod to be gone", gone)
