# SPDX-License-Identifier: Apache-2.0
"""rootfs-fixtures/: the same packages give the same bytes, and the archives are what they say."""
import gzip
import hashlib
import io
import json
import pathlib
import subprocess
import sys
import tarfile

import pytest

from conftest import IMAGES, ROOT

NAMES = ("nginx", "busybox", "probe")


def build(dest):
    subprocess.run([sys.executable, ROOT / "rootfs-fixtures/build.py", dest, IMAGES / "probe"], check=True,
                   stdout=subprocess.DEVNULL)
    return {n: hashlib.sha256((pathlib.Path(dest) / f"{n}.tar").read_bytes()).hexdigest() for n in NAMES}


def layout(name):
    """(blobs by digest, the one descriptor of index.json) of an archive."""
    blobs = {}
    with tarfile.open(IMAGES / f"{name}.tar") as tar:
        for m in tar:
            if m.isfile() and m.name.startswith("blobs/"):
                blobs["sha256:" + m.name.rsplit("/", 1)[1]] = tar.extractfile(m).read()
        index = json.load(tar.extractfile("index.json"))
        assert json.load(tar.extractfile("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
    descriptor, = index["manifests"]
    return blobs, descriptor


def layers(name):
    blobs, descriptor = layout(name)
    manifest = json.loads(blobs[descriptor["digest"]])
    config = json.loads(blobs[manifest["config"]["digest"]])
    tars = [gzip.decompress(blobs[l["digest"]]) for l in manifest["layers"]]
    return config, tars


def test_the_same_packages_give_the_same_digests_twice(tmp_path):
    first, second = build(tmp_path / "a"), build(tmp_path / "b")
    assert first == second
    assert first == {n: hashlib.sha256((IMAGES / f"{n}.tar").read_bytes()).hexdigest() for n in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_every_blob_is_what_its_name_says(name):
    blobs, descriptor = layout(name)
    for digest, data in blobs.items():
        assert "sha256:" + hashlib.sha256(data).hexdigest() == digest
    assert descriptor["annotations"]["io.containerd.image.name"] == f"docker.io/library/{name}:latest"
    config, tars = layers(name)
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(t).hexdigest() for t in tars]


@pytest.mark.parametrize("name", NAMES)
def test_entries_are_sorted_with_numeric_owners_and_fixed_times(name):
    for data in layers(name)[1]:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            members = tar.getmembers()
        assert [m.name for m in members] == sorted(m.name for m in members)
        assert {m.mtime for m in members} == {1767225600}
        assert {m.uname + m.gname for m in members} == {""}
        assert not any(m.name.startswith("/") or ".." in m.name.split("/") for m in members)


def test_nginx_image_is_shaped_as_users_know_it():
    config, tars = layers("nginx")
    assert config["config"]["Cmd"] == ["nginx", "-g", "daemon off;"]
    assert config["config"]["ExposedPorts"] == {"80/tcp": {}}
    assert config["config"]["StopSignal"] == "SIGQUIT"
    names = {}
    for data in tars:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            names.update({m.name: m for m in tar})
            if "usr/share/nginx/html/index.html" in tar.getnames():
                assert b"Welcome to nginx!" in tar.extractfile("usr/share/nginx/html/index.html").read()
    assert names["var/log/nginx/access.log"].linkname == "/dev/stdout"
    assert names["var/log/nginx/error.log"].linkname == "/dev/stderr"
    for program in ("sbin/nginx", "bin/bash", "bin/tar", "bin/cat", "bin/ls", "bin/sleep"):
        assert "usr/" + program in names
