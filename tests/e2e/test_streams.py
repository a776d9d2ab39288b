# SPDX-License-Identifier: Apache-2.0
"""Streams under load, over WebSocket and over SPDY. OLD_KUBECTL names a kubectl of 1.29 or 1.30, which
speaks SPDY/3.1 for exec and port-forward; without it those rows are skipped."""
import concurrent.futures
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import threading
import urllib.request

import pytest

from conftest import BIN, POD_NGINX, REAL_KUBECTL, SLOW, pod

PROGRAMS = {"ours": BIN / "kubectl", "real": REAL_KUBECTL,
            "old": pathlib.Path(os.environ.get("OLD_KUBECTL", "/nonexistent"))}


@pytest.fixture(params=sorted(PROGRAMS))
def program(request):
    path = PROGRAMS[request.param]
    if not path.exists():
        pytest.skip("OLD_KUBECTL is not set" if request.param == "old" else f"{path} is not built")
    return path


@pytest.fixture(scope="module")
def pods(cluster):
    cluster.apply(POD_NGINX, pod("echo", ["sh", "-c", "while :; do nc -l -p 9000 -e cat; done"]))
    cluster.pod_ready("nginx")
    cluster.pod_ready("echo")
    yield
    cluster.delete_pods()


@contextlib.contextmanager
def forward(cluster, program, name, port):
    p = subprocess.Popen([program, "port-forward", f"pod/{name}", f":{port}"], text=True, env=cluster.env,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        line = p.stdout.readline()
        assert line.startswith("Forwarding from 127.0.0.1:"), line
        # What it says about each connection must not fill the pipe.
        threading.Thread(target=p.stdout.read, daemon=True).start()
        yield int(line.split(":")[1].split()[0])
    finally:
        p.send_signal(signal.SIGINT)
        p.wait(timeout=20)


def test_port_forward_loses_no_request(cluster, program, pods):
    with forward(cluster, program, "nginx", 80) as port:
        def get(_):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10 * SLOW) as answer:
                return b"Welcome to nginx!" in answer.read()
        assert all(get(i) for i in range(30))
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            assert all(pool.map(get, range(60)))


def test_port_forward_carries_much_both_ways_at_once(cluster, program, pods):
    data = os.urandom(3 << 20)
    with forward(cluster, program, "echo", 9000) as port, \
            socket.create_connection(("127.0.0.1", port), timeout=30 * SLOW) as s:
        got = bytearray()

        def send():
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        while len(got) < len(data):
            piece = s.recv(1 << 16)
            if not piece:
                break
            got += piece
        sender.join()
    assert bytes(got) == data


def test_exec_carries_much_both_ways_at_once(cluster, program, pods):
    data = os.urandom(5 << 20)
    r = cluster.kubectl("exec", "-i", "echo", "--", "cat", input=data, text=False, program=program)
    assert r.stdout == data


def test_exec_with_a_slow_reader_loses_nothing(cluster, program, pods):
    p = subprocess.Popen([program, "exec", "echo", "--", "head", "-c", "4000000", "/dev/zero"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=cluster.env)
    with pytest.raises(subprocess.TimeoutExpired):
        p.wait(timeout=1)  # nobody reads: all of the way is full
    assert len(p.stdout.read()) == 4000000
    assert p.wait(timeout=20 * SLOW) == 0
