# SPDX-License-Identifier: Apache-2.0
"""`shallop image`: import, list, rm, inspect, fsck; with an agent beside it and without one."""
import gzip
import hashlib
import io
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import tarfile
import time

import pytest

from conftest import BIN, IMAGES, pod


class Store:
    """A data directory with an image store in it, and nothing else."""

    def __init__(self, path):
        self.data = path / "data"
        self.images = self.data / "images"

    def command(self, *args):
        return [str(a) for a in (BIN / "shallop", "image", *args, "--data-dir", self.data)]

    def run(self, *args, check=True, **kw):
        r = subprocess.run(self.command(*args), text=True, capture_output=True, timeout=60, check=False,
                           **kw)
        assert not check or r.returncode == 0, r.stderr
        return r

    def list(self):
        return json.loads(self.run("list", "-o", "json").stdout)

    def files(self):
        """Every path with its type, to compare before and after."""
        return sorted((str(p.relative_to(self.images)), os.lstat(p).st_mode)
                      for p in self.images.rglob("*"))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


# ---- archives made by hand ---------------------------------------------------------------------------

def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar(entries):
    """entries: (name, content | {"link"|"hard": target} | None for a directory, {TarInfo fields})."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for name, content, *fields in entries:
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            data = b""
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, dict):
                info.type = tarfile.SYMTYPE if "link" in content else tarfile.LNKTYPE
                info.linkname = content.get("link") or content["hard"]
            else:
                data = content
            for k, v in (fields[0] if fields else {}).items():
                setattr(info, k, v)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def config(layers, **more):
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    return json.dumps({"architecture": machine, "os": "linux", "config": more,
                       "rootfs": {"type": "layers", "diff_ids": [sha(l) for l in layers]}}).encode()


def oci(path, name, layers, compress=gzip.compress, change=None):
    """An OCI layout; change(files) may spoil it."""
    stored = [compress(l) for l in layers]
    conf = config(layers)
    manifest = json.dumps({"schemaVersion": 2, "config": {"digest": sha(conf), "size": len(conf)},
                           "layers": [{"digest": sha(s), "size": len(s)} for s in stored]}).encode()
    index = json.dumps({"schemaVersion": 2, "manifests": [{
        "digest": sha(manifest), "size": len(manifest),
        "annotations": {"io.containerd.image.name": name}}]}).encode()
    files = {"index.json": index, "oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
    files.update({"blobs/sha256/" + sha(b)[7:]: b for b in (conf, manifest, *stored)})
    if change:
        change(files)
    path.write_bytes(tar(files.items()))
    return path


def docker_save(path, name, layers):
    """As `docker save` wrote it for years: a layer used twice is a link the second time."""
    conf = config(layers)
    entries = [(sha(conf)[7:] + ".json", conf)]
    paths, seen = [], {}
    for i, layer in enumerate(layers):
        entries.append((f"{i}/", None))
        entries.append((f"{i}/layer.tar", {"link": f"../{seen[layer]}/layer.tar"} if layer in seen else layer))
        seen.setdefault(layer, i)
        paths.append(f"{i}/layer.tar")
    entries.append(("manifest.json", json.dumps([{
        "Config": sha(conf)[7:] + ".json", "RepoTags": [name], "Layers": paths}]).encode()))
    path.write_bytes(tar(entries))
    return path


LAYER = tar([("etc/", None), ("etc/motd", b"hello\n"), ("etc/gone", b"x")])
UPPER = tar([("etc/.wh.gone", b""), ("etc/new", b"new\n")])


# ---- the verbs ---------------------------------------------------------------------------------------

def test_fixtures_come_in_quickly_and_are_listed(store):
    started = time.monotonic()
    out = store.run("import", IMAGES / "nginx.tar").stdout
    assert time.monotonic() - started < 2  # 0.2 s on an idle machine
    assert re.fullmatch(r"docker\.io/library/nginx:latest sha256:[0-9a-f]{64}\n", out)
    store.run("import", IMAGES / "busybox.tar")
    lines = store.run("list").stdout.splitlines()
    assert re.fullmatch(r"REPOSITORY +TAG +IMAGE ID +CREATED +SIZE", lines[0])
    assert re.fullmatch(r"docker\.io/library/busybox +latest +[0-9a-f]{12} +\S+ ago +\d.*[kM]B", lines[1])
    assert lines[2].startswith("docker.io/library/nginx ")
    nginx, = [i for i in store.list() if "docker.io/library/nginx:latest" in i["names"]]
    assert nginx["repoDigests"] == ["docker.io/library/nginx@" + nginx["digest"]]


def test_inspect_shows_manifest_and_config(store):
    store.run("import", IMAGES / "nginx.tar")
    image = json.loads(store.run("inspect", "nginx").stdout)
    assert image["config"]["config"]["Cmd"] == ["nginx", "-g", "daemon off;"]
    assert image["id"] == image["manifest"]["config"]["digest"]
    for name in (image["id"], image["id"][7:19], "docker.io/library/nginx@" + image["digest"]):
        assert json.loads(store.run("inspect", name).stdout) == image


def test_rm_takes_a_name_away_and_the_content_with_the_last_one(store):
    store.run("import", IMAGES / "busybox.tar")
    store.run("import", IMAGES / "busybox.tar", "--name", "mine:1")
    assert [i["names"] for i in store.list()] == [["docker.io/library/busybox:latest",
                                                   "docker.io/library/mine:1"]]
    store.run("rm", "busybox")
    assert [i["names"] for i in store.list()] == [["docker.io/library/mine:1"]]
    store.run("rm", "mine:1")
    assert store.list() == []
    assert list((store.images / "layers").iterdir()) == []
    assert list((store.images / "blobs/sha256").iterdir()) == []
    r = store.run("rm", "mine:1", check=False)
    assert r.returncode == 1 and re.search(r"image mine:1: no such image \[SH\d+\]", r.stderr)


def test_docker_save_archives_with_linked_layers(store, tmp_path):
    path = docker_save(tmp_path / "saved.tar", "saved:2", [LAYER, UPPER, LAYER])
    store.run("import", path)
    image = json.loads(store.run("inspect", "saved:2").stdout)
    assert [l["digest"] for l in image["manifest"]["layers"]] == [sha(LAYER), sha(UPPER), sha(LAYER)]
    assert "all blobs" in store.run("fsck").stdout


def test_compressed_archives_and_directories(store, tmp_path):
    path = oci(tmp_path / "a.tar", "docker.io/library/a:1", [LAYER, UPPER])
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(path.read_bytes()))
    store.run("import", tmp_path / "a.tar.gz")
    with tarfile.open(path) as t:
        t.extractall(tmp_path / "layout")
    store.run("import", tmp_path / "layout", "--name", "b:1")
    image, = store.list()
    assert image["names"] == ["docker.io/library/a:1", "docker.io/library/b:1"]


def test_usage_and_root(store):
    for args in ((), ("nonsense",), ("import",), ("inspect", "a", "b"), ("list", "-o", "yaml")):
        r = store.run(*args, check=False)
        assert r.returncode == 2 and "usage" in r.stderr, args
    store.data = "/nonexistent/shallop"
    r = store.run("list", check=False, user=65534)
    assert r.returncode == 1 and "needs root: sudo shallop image list" in r.stderr


# ---- what is refused ---------------------------------------------------------------------------------

def flip(files):
    name = max(files, key=lambda n: len(files[n]))
    files[name] = files[name][:20] + bytes([files[name][20] ^ 1]) + files[name][21:]


def drop_layer(files):
    del files[max(files, key=lambda n: len(files[n]))]


BIG = tar([("x", random.Random(1).randbytes(4000))])
HOSTILE = {
    "dotdot": ([tar([("../../etc/cron.d/x", b"x")])], None, "path ../../etc/cron.d/x leads outside the image"),
    "dotdot in the second layer": ([LAYER, tar([("a/../../x", b"x")])], None, "layer 2 of 2"),
    "hard link": ([tar([("h", {"hard": "../../../../etc/shadow"})])], None, "leads outside the image"),
    "hard link, absolute": ([tar([("h", {"hard": "/etc/shadow"})])], None, "does not exist"),
    "link loop": ([tar([("a", {"link": "b"}), ("b", {"link": "a"}), ("a/x", b"")])], None, "path a/x"),
    "whiteout device": ([tar([("x", b"", {"type": tarfile.CHRTYPE})])], None, "overlayfs' own mark"),
    "flipped bit": ([BIG], flip, "damaged"),
    "missing layer": ([BIG], drop_layer, "layer 1 of 1"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_archives_are_named_and_leave_nothing(store, tmp_path, case):
    layers, change, why = HOSTILE[case]
    store.run("list")  # makes the store
    before = store.files()
    r = store.run("import", oci(tmp_path / "evil.tar", "evil/image:1", layers, change=change), check=False)
    assert r.returncode == 1 and why in r.stderr, r.stderr
    assert "evil.tar" in r.stderr
    if change is not flip:
        assert "docker.io/evil/image:1" in r.stderr and "layer" in r.stderr
    assert store.files() == before


def test_links_in_a_layer_stay_in_the_layer(store, tmp_path):
    path = tmp_path / "outside"
    layer = tar([("esc", {"link": str(tmp_path)}), ("esc/outside", b"x"),
                 ("up", {"link": "../../../../../../../../tmp"}), ("up/shallop-escaped", b"x")])
    store.run("import", oci(tmp_path / "a.tar", "a:1", [layer]))
    assert not path.exists() and not os.path.exists("/tmp/shallop-escaped")


def test_no_archive_at_all(store, tmp_path):
    (tmp_path / "text").write_text("no archive\n" * 100)
    for path, why in ((tmp_path / "text", "broken archive"), (tmp_path / "none", "No such file"),
                      ("/dev/null", "neither a file nor a directory"), (tmp_path, "no index.json")):
        r = store.run("import", path, check=False)
        assert r.returncode == 1 and why in r.stderr, r.stderr


# ---- crashes -----------------------------------------------------------------------------------------

def test_killed_imports_leave_a_whole_store(store):
    rng = random.Random(7)
    store.run("import", IMAGES / "busybox.tar")
    for _ in range(15):
        p = subprocess.Popen(store.command("import", IMAGES / "nginx.tar"), stdout=subprocess.DEVNULL)
        time.sleep(rng.uniform(0, 0.25))
        p.send_signal(signal.SIGKILL)
        p.wait()
        assert "all blobs" in store.run("fsck").stdout
        assert list((store.images / "staging").iterdir()) == []
        names = [n for i in store.list() for n in i["names"]]
        assert "docker.io/library/busybox:latest" in names
        if len(names) == 2:
            store.run("rm", "nginx")
    store.run("import", IMAGES / "nginx.tar")
    assert len(store.list()) == 2


def test_names_and_layers_come_back_from_blobs_alone(store):
    store.run("import", IMAGES / "busybox.tar")
    before = store.list()
    (store.images / "refs.json").unlink()
    assert store.list() == before
    subprocess.run(["rm", "-rf", store.images / "layers"], check=True)
    store.run("fsck")
    layer, = (store.images / "layers").iterdir()
    assert (layer / "bin/busybox").exists()


def test_fsck_names_the_damaged_image(store):
    store.run("import", IMAGES / "busybox.tar")
    blob = max((store.images / "blobs/sha256").iterdir(), key=lambda p: p.stat().st_size)
    blob.write_bytes(blob.read_bytes()[:-1] + b"?")
    r = store.run("fsck", check=False)
    assert r.returncode == 1 and "docker.io/library/busybox:latest: layer 1 of 1" in r.stdout
    assert "damaged" in r.stderr


# ---- beside a running agent --------------------------------------------------------------------------

def test_an_import_is_seen_by_the_running_agent(cluster, tmp_path):
    name = f"late-{os.getpid()}"
    cluster.shallop("image", "import", str(IMAGES / "busybox.tar"), "--name", name)
    cluster.apply(pod(name, ["sleep", "1000"], image=name))
    cluster.pod_ready(name)
    # The name can go; what runs stays whole.
    cluster.shallop("image", "rm", name)
    assert "bin" in cluster.kubectl("exec", name, "--", "ls", "/", program=cluster.any_kubectl).stdout
    cluster.kubectl("delete", "pod", name, "--now", program=cluster.any_kubectl)
