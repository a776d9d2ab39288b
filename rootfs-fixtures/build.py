#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small images from the distribution's own packages: build.py DEST PROBE [IMAGE...]

Writes DEST/{nginx,busybox,probe}.tar, each an OCI layout in a tar. No image registry is asked. Files
come from installed packages; a package that is not installed is fetched from the package mirror and
unpacked aside, never installed. The same package versions give the same bytes: entries are sorted,
owners are root by number, times are fixed.

Debian is what this is run on; the RPM half is written by reading and has not been tried.
"""
import gzip
import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile

EPOCH = 1767225600  # 2026-01-01T00:00:00Z, for every file and for "created"
CREATED = "2026-01-01T00:00:00Z"
ARCH = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "riscv64": "riscv64",
        "ppc64le": "ppc64le", "s390x": "s390x"}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

COREUTILS = """[ arch base64 basename cat chgrp chmod chown cksum comm cp cut date dd df dirname du echo env
expand expr factor false fold groups head id install join link ln ls md5sum mkdir mkfifo mknod mktemp mv
nice nl nohup nproc numfmt od paste printenv printf pwd readlink realpath rm rmdir seq sha256sum shuf
sleep sort split stat stty sum sync tac tail tee test timeout touch tr true truncate tsort tty uname uniq
unlink wc whoami yes""".split()
TOOLS = ["bash", "tar", "gzip", "grep", "sed", "find", "xargs", "ps", "kill", "hostname"]

# What a shell on a terminal needs to know about it.
TERMINALS = ["ansi", "dumb", "linux", "screen", "screen-256color", "tmux", "tmux-256color", "vt100",
             "vt220", "xterm", "xterm-256color", "xterm-color"]


def run(*argv, **kw):
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True, **kw).stdout


# ---- packages -------------------------------------------------------------------------------------

class Packages:
    """Where the files of a package are: in the running system, or unpacked below a directory."""

    def __init__(self, work):
        self.work = work
        self.roots = ["/"]
        self.fetched = {}  # name: version
        self.deb = shutil.which("dpkg-query") is not None

    def installed(self, name):
        query = (["dpkg-query", "-W", "-f=${Status}", name] if self.deb else ["rpm", "-q", name])
        r = subprocess.run(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                           check=False)
        return r.returncode == 0 and (not self.deb or "ok installed" in r.stdout)

    def need(self, name):
        """Make the package's files findable; False if no mirror has it."""
        if self.installed(name):
            return True
        try:
            self.fetch(name)
        except subprocess.CalledProcessError:
            return False
        return True

    def fetch(self, name):
        root = os.path.join(self.work, name)
        shutil.rmtree(root, ignore_errors=True)
        os.makedirs(root)
        if self.deb:
            run("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", name, cwd=root)
            archive, = [f for f in os.listdir(root) if f.endswith(".deb")]
            self.fetched[name] = run("dpkg-deb", "-f", os.path.join(root, archive), "Version").strip()
            run("dpkg-deb", "-x", os.path.join(root, archive), root)
        else:
            run("dnf", "-q", "download", name, cwd=root)
            archive, = [f for f in os.listdir(root) if f.endswith(".rpm")]
            self.fetched[name] = run("rpm", "-qp", "--qf", "%{VERSION}-%{RELEASE}", archive, cwd=root)
            with subprocess.Popen(["rpm2cpio", archive], cwd=root, stdout=subprocess.PIPE) as cpio:
                run("cpio", "-idm", "--quiet", cwd=root, stdin=cpio.stdout)
        os.unlink(os.path.join(root, archive))
        self.roots.append(root)

    def find(self, *paths):
        """The first of the paths that is a file in one of the roots."""
        for path in paths:
            for root in self.roots:
                real = os.path.join(root, path.lstrip("/"))
                if os.path.isfile(real):
                    return real
        raise SystemExit(f"fixtures: none of {', '.join(paths)} is here; is its package installed?")

    def program(self, name):
        return self.find(*[f"{d}/{name}" for d in ("/usr/bin", "/usr/sbin", "/bin", "/sbin")])

    def libraries(self, program):
        """What the loader would map, the loader included: [(path in the image, real path)]."""
        triplet = os.uname().machine + "-linux-gnu"
        extra = ":".join(os.path.join(r, d) for r in self.roots[1:]
                         for d in ("usr/lib", "usr/lib64", "lib", "usr/lib/" + triplet, "lib/" + triplet))
        env = dict(os.environ, LC_ALL="C", LD_LIBRARY_PATH=extra)
        r = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                           text=True, check=False, env=env)
        for line in r.stdout.splitlines():
            words = line.split()
            if "not found" in line:
                raise SystemExit(f"fixtures: {program} needs {words[0]}, which is not here")
            if "=>" in words:
                yield "/usr/lib/" + words[0], os.path.realpath(words[words.index("=>") + 1])
            elif words and words[0].startswith("/"):
                yield words[0], os.path.realpath(words[0])

    def version(self, name):
        if name in self.fetched:
            return self.fetched[name]
        return run(*(["dpkg-query", "-W", "-f=${Version}", name] if self.deb else
                     ["rpm", "-q", "--qf", "%{VERSION}-%{RELEASE}", name])).strip()


# ---- layers ---------------------------------------------------------------------------------------

class Layer:
    """A tree in memory, written sorted."""

    def __init__(self):
        self.entries = {}

    def _put(self, path, **kw):
        path = path.strip("/")
        parent = os.path.dirname(path)
        if parent and parent not in self.entries:
            self.dir(parent)
        self.entries[path] = kw

    def dir(self, path, mode=0o755, uid=0, gid=0):
        self._put(path, type=tarfile.DIRTYPE, mode=mode, uid=uid, gid=gid)

    def file(self, path, data, mode=0o644):
        self._put(path, type=tarfile.REGTYPE, mode=mode, data=data.encode() if isinstance(data, str) else data)

    def link(self, path, target):
        self._put(path, type=tarfile.SYMTYPE, mode=0o777, link=target)

    def hard(self, path, target):
        """After its target in byte order, as readers want it."""
        assert target.strip("/") < path.strip("/")
        self._put(path, type=tarfile.LNKTYPE, mode=0o755, link=target.strip("/"))

    def copy(self, path, real):
        with open(real, "rb") as f:
            self.file(path, f.read(), stat.S_IMODE(os.stat(real).st_mode) & 0o755)

    def tar(self):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path in sorted(self.entries):
                e = self.entries[path]
                info = tarfile.TarInfo(path)
                info.type, info.mode, info.mtime = e["type"], e["mode"], EPOCH
                info.uid, info.gid = e.get("uid", 0), e.get("gid", 0)
                info.linkname = e.get("link", "")
                data = e.get("data", b"")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return out.getvalue()


def usr_merged(layer):
    for name in ("bin", "sbin", "lib"):
        layer.dir("/usr/" + name)
        layer.link("/" + name, "usr/" + name)
    # One library directory under every name that a loader looks for.
    layer.link("/usr/lib64", "lib")
    layer.link("/lib64", "usr/lib")


def common_dirs(layer):
    for path in ("/dev", "/etc", "/home", "/mnt", "/proc", "/run", "/srv", "/sys", "/var/log", "/opt"):
        layer.dir(path)
    layer.dir("/root", 0o700)
    layer.dir("/tmp", 0o1777)
    layer.dir("/var/tmp", 0o1777)
    layer.link("/var/run", "/run")


def accounts(layer, users):
    """users: (name, id, home, shell); each has a group of the same name and number."""
    layer.file("/etc/passwd", "".join(f"{n}:x:{i}:{i}:{n}:{h}:{s}\n" for n, i, h, s in users))
    layer.file("/etc/group", "".join(f"{n}:x:{i}:\n" for n, i, h, s in users))


def add_program(layer, packages, name, real=None):
    real = real or packages.program(name)
    directory = "/usr/sbin/" if os.path.basename(os.path.dirname(real)) == "sbin" else "/usr/bin/"
    layer.copy(directory + name, real)
    for path, lib in packages.libraries(real):
        layer.copy("/usr/lib/" + os.path.basename(path), lib)


# ---- images ---------------------------------------------------------------------------------------

def write_image(dest, name, layers, config):
    blobs, described = {}, []

    def blob(data, media_type):
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}

    diff_ids = []
    for layer in layers:
        tar = layer.tar()
        diff_ids.append("sha256:" + hashlib.sha256(tar).hexdigest())
        described.append(blob(gzip.compress(tar, 6, mtime=0),
                              "application/vnd.oci.image.layer.v1.tar+gzip"))
    arch = ARCH.get(os.uname().machine, os.uname().machine)
    text = lambda v: json.dumps(v, sort_keys=True, separators=(",", ":")).encode()
    config_blob = blob(text({
        "architecture": arch, "os": "linux", "created": CREATED, "config": config,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created": CREATED, "created_by": "rootfs-fixtures/build.py"}] * len(layers),
    }), "application/vnd.oci.image.config.v1+json")
    manifest = blob(text({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config_blob, "layers": described,
    }), "application/vnd.oci.image.manifest.v1+json")
    index = text({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                  "manifests": [dict(manifest, platform={"architecture": arch, "os": "linux"}, annotations={
                      "io.containerd.image.name": f"docker.io/library/{name}:latest",
                      "org.opencontainers.image.ref.name": "latest"})]})
    archive = Layer()
    archive.file("/oci-layout", '{"imageLayoutVersion":"1.0.0"}')
    archive.file("/index.json", index)
    for digest, data in blobs.items():
        archive.file("/blobs/sha256/" + digest, data)
    path = os.path.join(dest, name + ".tar")
    with open(path + ".tmp", "wb") as f:
        f.write(archive.tar())
    os.rename(path + ".tmp", path)
    print(f"{path}: {manifest['digest']}, {os.path.getsize(path) >> 10} KiB")


# Beside nginx itself; what a distribution has under another name is found missing by ldd, if at all.
NGINX_NEEDS = ["nginx-common", "libpcre2-8-0", "libssl3", "zlib1g", "libcrypt1"]
NGINX_CONF = """\
user nginx;
worker_processes auto;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log notice;

events {
	worker_connections 1024;
}

http {
	include /etc/nginx/mime.types;
	default_type application/octet-stream;
	log_format main '$remote_addr - $remote_user [$time_local] "$request" '
			'$status $body_bytes_sent "$http_referer" "$http_user_agent"';
	access_log /var/log/nginx/access.log main;
	sendfile on;
	keepalive_timeout 65;
	include /etc/nginx/conf.d/*.conf;
}
"""
NGINX_SITE = """\
server {
	listen 80;
	server_name localhost;

	location / {
		root /usr/share/nginx/html;
		index index.html;
	}
}
"""
NGINX_PAGE = """\
<!DOCTYPE html>
<html>
<head><title>Welcome to nginx!</title></head>
<body>
<h1>Welcome to nginx!</h1>
<p>This page comes from a container.</p>
</body>
</html>
"""


def base_layer(packages):
    layer = Layer()
    usr_merged(layer)
    common_dirs(layer)
    for name in COREUTILS + TOOLS:
        add_program(layer, packages, name)
    layer.link("/usr/bin/sh", "bash")
    # user lookups by name go through this library, which ldd can't know
    libc = os.path.dirname(dict(packages.libraries(packages.program("bash")))["/usr/lib/libc.so.6"])
    for lib in ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"):
        if os.path.exists(os.path.join(libc, lib)):
            layer.copy("/usr/lib/" + lib, os.path.join(libc, lib))
    for name in TERMINALS:
        for where in ("/lib/terminfo", "/usr/share/terminfo"):
            real = f"{where}/{name[0]}/{name}"
            if os.path.exists(real):
                layer.copy(f"/usr/share/terminfo/{name[0]}/{name}", real)
                break
    layer.file("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
    layer.file("/etc/os-release", 'ID=shallop-fixture\nNAME="Shallop fixture"\n')
    layer.file("/root/.bashrc", "PS1='\\u@\\h:\\w\\$ '\n")
    return layer


def build_nginx(dest, packages):
    if not packages.need("nginx"):
        raise SystemExit("fixtures: package nginx is neither installed nor on a mirror: make deps")
    if not packages.installed("nginx") and packages.deb:
        for name in NGINX_NEEDS:
            packages.need(name)
    layer = Layer()
    add_program(layer, packages, "nginx")
    accounts(layer, [("root", 0, "/root", "/bin/bash"), ("nginx", 101, "/nonexistent", "/bin/false"),
                     ("nobody", 65534, "/nonexistent", "/bin/false")])
    layer.copy("/etc/nginx/mime.types", packages.find("/etc/nginx/mime.types"))
    layer.file("/etc/nginx/nginx.conf", NGINX_CONF)
    layer.file("/etc/nginx/conf.d/default.conf", NGINX_SITE)
    layer.file("/usr/share/nginx/html/index.html", NGINX_PAGE)
    for path in ("/var/lib/nginx", "/var/cache/nginx"):
        layer.dir(path, 0o755, 101, 101)
    layer.dir("/var/log/nginx")
    layer.link("/var/log/nginx/access.log", "/dev/stdout")
    layer.link("/var/log/nginx/error.log", "/dev/stderr")
    write_image(dest, "nginx", [base_layer(packages), layer], {
        "Cmd": ["nginx", "-g", "daemon off;"], "Env": ["PATH=" + PATH],
        "ExposedPorts": {"80/tcp": {}}, "StopSignal": "SIGQUIT",
        "Labels": {"package": "nginx " + packages.version("nginx")}})


def build_busybox(dest, packages):
    if not packages.need("busybox-static" if packages.deb else "busybox"):
        # CentOS 9 has none: the same commands, from coreutils.
        layer = base_layer(packages)
        accounts(layer, [("root", 0, "/root", "/bin/sh"), ("nobody", 65534, "/home", "/bin/false")])
        write_image(dest, "busybox", [layer], {"Cmd": ["sh"], "Env": ["PATH=" + PATH]})
        return
    busybox = packages.program("busybox")
    layer = Layer()
    common_dirs(layer)
    layer.copy("/bin/[", busybox)  # the first in byte order: the others are hard links to it
    for applet in sorted(set(run(busybox, "--list").split()) | {"busybox"}):
        if applet not in ("[", "init", "linuxrc"):
            layer.hard("/bin/" + applet, "/bin/[")
    accounts(layer, [("root", 0, "/root", "/bin/sh"), ("daemon", 1, "/usr/sbin", "/bin/false"),
                     ("www-data", 33, "/var/www", "/bin/false"), ("nobody", 65534, "/home", "/bin/false")])
    layer.link("/usr/bin/env", "/bin/env")
    write_image(dest, "busybox", [layer], {"Cmd": ["sh"], "Env": ["PATH=" + PATH]})


def build_probe(dest, packages, probe):
    layer = Layer()
    libraries = list(packages.libraries(probe))  # none where it could be linked statically
    if libraries:
        usr_merged(layer)
    for path, lib in libraries:
        layer.copy("/usr/lib/" + os.path.basename(path), lib)
    for path in ("/dev", "/proc", "/sys", "/etc"):
        layer.dir(path)
    layer.dir("/tmp", 0o1777)
    layer.copy("/probe", probe)
    accounts(layer, [("root", 0, "/", "/probe"), ("tester", 1000, "/home/tester", "/probe")])
    layer.file("/etc/group", "root:x:0:\ntester:x:1000:\nextra:x:2000:tester\nmore:x:3000:root,tester\n")
    write_image(dest, "probe", [layer], {"Entrypoint": ["/probe"], "Env": ["PATH=/"]})


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    dest, probe, wanted = sys.argv[1], sys.argv[2], sys.argv[3:] or ["nginx", "busybox", "probe"]
    os.umask(0o022)
    os.makedirs(dest, exist_ok=True)
    packages = Packages(os.path.join(dest, "packages"))
    builders = {"nginx": lambda: build_nginx(dest, packages),
                "busybox": lambda: build_busybox(dest, packages),
                "probe": lambda: build_probe(dest, packages, probe)}
    for name in wanted:
        builders[name]()


if __name__ == "__main__":
    main()
