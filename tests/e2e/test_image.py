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
import shutil
import signal
import subprocess
import tarfile
import tempfile
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
    # The tree may lie where nobody may look: a copy that he may run.
    with tempfile.TemporaryDirectory() as public:
        os.chmod(public, 0o755)
        program = shutil.copy(BIN / "shallop", public)
        r = subprocess.run([program, "image", "list", "--data-dir", "/nonexistent/shallop"], text=True,
                           capture_output=True, check=False, user=65534)
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
    "flipped bit": ([BIG], flip, "layer 1 of 1: blob sha256:"),
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


# ---- what comes out is what went in ---------------------------------------------------------------------

def look(root):
    """{path: everything that matters about it} below root."""
    seen, links = {}, {}
    for path in sorted(root.rglob("*")):
        st = os.lstat(path)
        kind = pathlib.Path(path)
        entry = [oct(st.st_mode), st.st_uid, st.st_gid]
        if kind.is_symlink():
            entry.append(os.readlink(path))
        elif kind.is_file():
            entry += [st.st_size, hashlib.sha256(path.read_bytes()).hexdigest(), int(st.st_mtime)]
            entry += sorted((x, os.getxattr(path, x)) for x in os.listxattr(path))
            if st.st_nlink > 1:
                entry.append(links.setdefault(st.st_ino, str(path.relative_to(root))))
        elif kind.is_dir():
            entry.append(int(st.st_mtime))
        else:
            entry.append(st.st_rdev)
        seen[str(path.relative_to(root))] = entry
    return seen


def make_tree(root):
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/su").write_bytes(b"su" * 5000)
    os.chown(root / "usr/bin/su", 5, 6)
    os.chmod(root / "usr/bin/su", 0o4755)
    os.link(root / "usr/bin/su", root / "usr/bin/sudo")
    (root / "bin").symlink_to("usr/bin")
    (root / "tmp").mkdir()
    os.chmod(root / "tmp", 0o1777)
    (root / "deep" / "/".join(["d" * 60] * 10)).mkdir(parents=True)
    (root / "deep" / "/".join(["d" * 60] * 10) / ("f" * 200)).write_text("far down")
    (root / "long-link").symlink_to("x" * 300)
    (root / "\u00e9\u0301-\u65e5\u672c").write_text("names are bytes")
    os.mkfifo(root / "fifo", 0o600)
    os.mknod(root / "null", 0o666 | 0o020000, os.makedev(1, 3))
    with open(root / "sparse", "wb") as f:
        f.seek(5 << 20)
        f.write(b"end")
    (root / "noted").write_text("x")
    os.setxattr(root / "noted", "user.note", b"\x00binary\xff")
    os.chown(root / "noted", 3_000_000, 4_000_000)
    for path in root.rglob("*"):
        os.utime(path, (1_500_000_000, 1_500_000_000), follow_symlinks=False)


@pytest.mark.parametrize("form", ["pax", "gnu"])
def test_a_tree_packed_by_gnu_tar_comes_out_the_same(store, tmp_path, form):
    tree = tmp_path / "tree"
    tree.mkdir()
    make_tree(tree)
    extra = ["--xattrs", "--xattrs-include=*"] if form == "pax" else []
    if form == "gnu":  # has no place for them
        os.removexattr(tree / "noted", "user.note")
    packed = subprocess.run(["tar", "-C", tree, f"--format={form}", "--sparse", "--numeric-owner", *extra, "-c", "."],
                            check=True, capture_output=True).stdout
    store.run("import", oci(tmp_path / "tree.tar", "tree:1", [packed]))
    layer, = (store.images / "layers").iterdir()
    assert look(layer) == look(tree)
    assert os.stat(layer / "sparse").st_blocks < 100


class Model:
    """A file tree as a dict, changed at random; diff() writes each change as a layer would be."""

    def __init__(self, rng):
        self.rng, self.tree = rng, {}

    def dirs(self):
        return [""] + [p for p, v in self.tree.items() if v is None]

    def remove(self, path):
        for p in [p for p in self.tree if p == path or p.startswith(path + "/")]:
            del self.tree[p]

    def change(self):
        entries, touched = [], set()
        for _ in range(self.rng.randint(4, 20)):
            parent = self.rng.choice(self.dirs())
            path = (parent + "/" if parent else "") + self.rng.choice("abcd")
            # One change a path and layer, as a diff of two trees has.
            if any(path == t or path.startswith(t + "/") or t.startswith(path + "/") for t in touched):
                continue
            touched.add(path)
            was = self.tree.get(path, "none")
            what = self.rng.choice(["file", "file", "dir", "remove", "clear", "replace"])
            name, base = os.path.split(path)
            if what == "remove" and was != "none":
                self.remove(path)
                entries.append((os.path.join(name, ".wh." + base), b""))
            elif what == "clear" and was is None:
                self.remove(path)
                self.tree[path] = None
                entries += [(path, None), (path + "/.wh..wh..opq", b"")]
            elif what == "dir" and was == "none":
                self.tree[path] = None
                entries.append((path, None))
            elif what == "replace" and was is None:
                self.remove(path)
                self.tree[path] = b"replaced"
                entries.append((path, b"replaced"))
            elif what == "file" and was is not None:
                data = self.rng.randbytes(self.rng.randint(0, 20))
                self.tree[path] = data
                entries.append((path, data))
        return tar(entries)


@pytest.mark.parametrize("seed", range(12))
def test_random_layers_merge_as_the_specification_says(store, tmp_path, seed):
    model = Model(random.Random(seed))
    layers = [model.change() for _ in range(model.rng.randint(3, 9))]
    store.run("import", oci(tmp_path / "a.tar", "random:1", layers))
    chain, below = [], ""
    for layer in layers:
        below = sha(f"{below} {sha(layer)}".encode()) if below else sha(layer)
        chain.append(str(store.images / "layers" / below[7:]))
    merged = tmp_path / "merged"
    merged.mkdir()
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", "ro,lowerdir=" + ":".join(reversed(chain)),
                    merged], check=True)
    try:
        seen = {str(p.relative_to(merged)): None if p.is_dir() else p.read_bytes() for p in merged.rglob("*")}
    finally:
        subprocess.run(["umount", merged], check=True)
    assert seen == model.tree


# ---- when there is no room ---------------------------------------------------------------------------

def test_a_full_disk_refuses_the_import_and_loses_nothing(tmp_path):
    store = Store(tmp_path)
    store.data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", store.data], check=True)
    try:
        store.run("import", IMAGES / "busybox.tar")
        before = store.files()
        r = store.run("import", IMAGES / "nginx.tar", check=False)
        assert r.returncode == 1 and "No space left on device" in r.stderr
        assert store.files() == before
        assert "all blobs" in store.run("fsck").stdout
    finally:
        subprocess.run(["umount", store.data], check=True)


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
    uid = cluster.pod(name)["metadata"]["uid"]
    in_use = [os.readlink(l) for l in (cluster.data / "images/roots").iterdir()]
    assert len([l for l in in_use if uid in l]) == 1
    cluster.kubectl("delete", "pod", name, "--now", program=cluster.any_kubectl)
    cluster.wait("its root to be given back", lambda: not any(
        uid in os.readlink(l) for l in (cluster.data / "images/roots").iterdir()))
    cluster.wait("its directory to be gone", lambda: not (cluster.data / "pods" / uid).exists())
