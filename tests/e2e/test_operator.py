# SPDX-License-Identifier: Apache-2.0
"""The unlucky operator: commands at the same time, damaged files, newer files, no way to start.

Whatever happens, an error names the thing, the cause and the next step, and `down --purge` leaves nothing.
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time

import pytest

from conftest import BIN, Cluster, pod


def start(cluster, verb, *args):
    flags = cluster.flags if verb == "up" else cluster.flags[:4]
    return subprocess.Popen([str(a) for a in (BIN / "shallop", verb, *flags, *args)], text=True, env=cluster.env,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def end(process):
    out, errors = process.communicate(timeout=60)
    return process.returncode, out + errors


def remains(cluster, name):
    """All that could be left of the instance on this host, as text."""
    left = [str(d) for d in (cluster.data, cluster.run) if d.exists()]
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (p / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(cluster.run) in command and "shallop" in command.split()[0]:
                left.append(f"process {p.name} {command}")
        except (OSError, IndexError):
            pass
    left += [line for line in open("/proc/self/mountinfo", encoding="utf-8") if str(cluster.dir) in line]
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    left += [line for line in links.splitlines() if f": sh{name}" in line]
    if shutil.which("nft"):
        tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=False).stdout
        left += [line for line in tables.splitlines() if f"shallop-{name}" in line]
    for mount in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        left += map(str, pathlib.Path(mount).glob(f"shallop-{name}*"))
    return left


def instance(cluster):
    return (cluster.data / "instance").read_text().strip()


@pytest.fixture
def stopped(new_cluster):
    """An instance with a pod, down; its id."""
    cluster = new_cluster()
    cluster.apply(pod("a", ["sleep", "100000"]))
    cluster.pod_ready("a")
    name = instance(cluster)
    assert cluster.down().returncode == 0
    yield cluster, name
    assert cluster.down("--purge").returncode == 0
    assert remains(cluster, name) == []


def test_commands_at_the_same_time():
    """up three times at once; up while down purges; down while up starts: as if one after the other."""
    cluster = Cluster()
    for process in [start(cluster, "up") for _ in range(3)]:
        assert end(process)[0] == 0
    name = instance(cluster)
    down, up = start(cluster, "down", "--purge"), None
    time.sleep(0.05)
    up = start(cluster, "up")
    assert (end(down)[0], end(up)[0]) == (0, 0)
    # Whoever came first: if it is up now, it is whole.
    if cluster.data.exists():
        cluster.wait("the node", lambda: cluster.kubectl("get", "nodes", check=False).returncode == 0)
    cluster.down("--purge")
    up = start(cluster, "up")
    time.sleep(0.05)
    down = start(cluster, "down", "--purge")
    end(up)
    assert end(down)[0] == 0
    for _ in range(2):  # a second purge finds nothing, which is no failure
        assert cluster.down("--purge").returncode == 0
    assert remains(cluster, name) == []
    shutil.rmtree(cluster.dir)


def up_fails(cluster, *words):
    """up ends at once (not at its timeout), and says each of the words."""
    began = time.monotonic()
    code, text = end(start(cluster, "up"))
    assert code == 1, text
    for word in words:
        assert word in text
    assert time.monotonic() - began < 15


def test_a_damaged_store_is_named_at_once(stopped):
    cluster, _ = stopped
    (cluster.data / "server/store.db").write_bytes(b"garbage" * 1000)
    up_fails(cluster, "store.db", "damaged", "restore a backup")


def test_a_taken_port_is_named_at_once(stopped):
    cluster, _ = stopped
    with socket.create_server(("0.0.0.0", cluster.port)):
        up_fails(cluster, str(cluster.port), "in use")


@pytest.mark.parametrize("text,word", [
    (b'{"version":', "damaged"), (b"", "damaged"), (b"[]", "damaged"), (b'{"version":99}', "newer"),
    (b'{"version":1,"port":"x"}', "port"), (b'{"version":1,"pod_cidr":7}', "pod_cidr"),
    (b'{"version":1,"node_name":"' + b"x" * 5000 + b'"}', "node_name")])
def test_damaged_settings_are_refused_and_purged(stopped, text, word):
    cluster, _ = stopped
    (cluster.data / "settings.json").write_bytes(text)
    up_fails(cluster, "settings.json", word)


@pytest.mark.parametrize("text", [b"", b"../../x\n", b"0123456789\n", None])
def test_the_id_survives_its_file(stopped, text):
    cluster, name = stopped
    path = cluster.data / "instance"
    path.unlink() if text is None else path.write_bytes(text)
    cluster.up()
    assert instance(cluster) == name
    cluster.pod_ready("a")


def test_no_id_takes_nothing_of_another_instance(stopped):
    """With both copies of the id lost, `down --purge` must not take the default instance's network."""
    cluster, name = stopped
    settings = cluster.data / "settings.json"
    kept = json.loads(settings.read_text())
    del kept["instance"]
    settings.write_text(json.dumps(kept))
    (cluster.data / "instance").write_text("")
    up_fails(cluster, "instance", "shallop-ID")
    assert cluster.down("--purge").returncode == 1
    (cluster.data / "instance").write_text(name + "\n")


def test_a_broken_node_key_is_made_anew(stopped):
    cluster, _ = stopped
    (cluster.data / "agent/pki/node.key").write_bytes(b"xx")
    cluster.up()
    cluster.apply(pod("b", ["sleep", "1000"]))
    cluster.pod_ready("b")


def test_a_disk_of_its_own_full_then_purged():
    """The data directory is a small file system: full, everything starts again; purged, it is empty."""
    cluster = Cluster()
    cluster.data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", cluster.data], check=True)
    try:
        cluster.up()
        name = instance(cluster)
        cluster.load_images("busybox")
        cluster.apply(pod("a", ["sleep", "100000"]))
        cluster.pod_ready("a")
        with open(cluster.data / "fill", "wb", buffering=0) as fill, pytest.raises(OSError):
            while True:
                fill.write(bytes(65536))
        refused = cluster.kubectl("create", "-f", "-", input=json.dumps(pod("b", ["true"])), check=False)
        assert refused.returncode == 1 and "No space left on device" in refused.stderr
        for role in ("server", "agent"):
            old = cluster.pid(role)
            os.kill(old, 9)
            cluster.wait(f"the {role}", lambda r=role, o=old: cluster.pid(r) not in (0, o))
        cluster.up()
        cluster.pod_ready("a")
        (cluster.data / "fill").unlink()
        cluster.apply(pod("c", ["sleep", "100000"]))
        cluster.pod_ready("c")
        assert cluster.down("--purge").returncode == 0
        assert list(cluster.data.iterdir()) == []
    finally:
        subprocess.run(["umount", cluster.data], check=True)
    cluster.data.rmdir()
    assert remains(cluster, name) == []
    shutil.rmtree(cluster.dir)


def test_down_meets_roles_that_are_just_born(new_cluster):
    """The keeper is ended between starting a role and the role's lock: nothing may live on."""
    cluster = new_cluster(images=())
    name = instance(cluster)
    for _ in range(10):
        for role in ("server", "agent"):
            try:
                os.kill(cluster.pid(role), 9)
            except ProcessLookupError:
                pass
        assert cluster.down().returncode == 0
        time.sleep(0.05)
        assert not [r for r in remains(cluster, name) if r.startswith("process")]
        cluster.up()
