# SPDX-License-Identifier: Apache-2.0
"""shallop-runtime, as an engine sees it: bundles of a static busybox, one feature a test."""
import array
import copy
import ctypes
import json
import os
import pathlib
import pty
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNTIME = pathlib.Path(os.environ.get("SHALLOP_BIN", ROOT / "bin")) / "shallop-runtime"
BUSYBOX = "/bin/busybox"
APPLETS = ("sh cat echo sleep id ls stat mount touch grep env pwd tty hostname head tail true false wc dd "
           "mknod kill ps mkdir readlink stty umount chroot setsid").split()
CGROUPS = next((p for p in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
                if os.path.exists(p + "/cgroup.procs") and os.path.exists(p + "/cgroup.controllers")), None)

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not os.access(BUSYBOX, os.X_OK), reason="needs busybox-static"),
    pytest.mark.skipif(not RUNTIME.exists(), reason="needs make all"),
]

CAPS = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
BASE = {
    "ociVersion": "1.3.0",
    "process": {
        "user": {"uid": 0, "gid": 0}, "args": ["true"], "env": ["PATH=/bin", "TERM=xterm"], "cwd": "/",
        "capabilities": {k: CAPS for k in ("bounding", "effective", "permitted")},
        "noNewPrivileges": True,
    },
    "root": {"path": "rootfs", "readonly": False},
    "hostname": "box",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
         "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs",
         "options": ["nosuid", "noexec", "nodev", "ro"]},
    ],
    "linux": {
        "namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
        "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/acpi", "/sys/firmware", "/no/such/path"],
        "readonlyPaths": ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq"],
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
    },
}


class Box:
    """A bundle and the runtime with a state directory of its own."""

    def __init__(self, path):
        self.dir = path
        self.state_dir = path / "state"
        self.rootfs = path / "rootfs"
        self.ids = []
        (self.rootfs / "bin").mkdir(parents=True)
        for name in ("tmp", "etc"):
            (self.rootfs / name).mkdir()
        shutil.copy(BUSYBOX, self.rootfs / "bin/busybox")
        for name in APPLETS:
            (self.rootfs / "bin" / name).symlink_to("busybox")
        self.config = copy.deepcopy(BASE)

    @property
    def process(self):
        return self.config["process"]

    def shell(self, script):
        self.process["args"] = ["sh", "-c", script]

    def call(self, *args, check=True, **kw):
        kw.setdefault("stdin", subprocess.DEVNULL)
        kw.setdefault("timeout", 60)
        r = subprocess.run([RUNTIME, "--root", self.state_dir, *args], text=True, check=False,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)
        assert not check or r.returncode == 0, r.stderr
        return r

    def write(self):
        (self.dir / "config.json").write_text(json.dumps(self.config))

    def run(self, script=None, cid="c", check=True, options=(), **kw):
        if script is not None:
            self.shell(script)
        self.write()
        return self.call("run", "--bundle", self.dir, *options, cid, check=check, **kw)

    def create(self, script="sleep 100", cid="c", options=(), check=True, **kw):
        self.shell(script)
        self.write()
        self.ids.append(cid)
        # A created container keeps our stdio: pipes of ours would never end.
        with open(self.dir / f"{cid}.out", "ab") as out:
            args = [RUNTIME, "--root", self.state_dir, "create", "--bundle", self.dir, *options, cid]
            r = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=60,
                               check=False, **kw)
        assert not check or r.returncode == 0, self.output(cid)
        return r.returncode

    def start(self, script="sleep 100", cid="c", options=(), **kw):
        self.create(script, cid, options, **kw)
        self.call("start", cid)
        return self.state(cid)["pid"]

    def output(self, cid="c"):
        return (self.dir / f"{cid}.out").read_text()

    def state(self, cid="c"):
        return json.loads(self.call("state", cid).stdout)

    def wait_for(self, status, cid="c"):
        for _ in range(500):
            if self.state(cid)["status"] == status:
                return
            time.sleep(0.01)
        raise AssertionError(f"{cid} is {self.state(cid)}, not {status}")

    def close(self):
        for cid in self.ids:
            self.call("delete", "--force", cid)


def mounts():
    return len(pathlib.Path("/proc/self/mountinfo").read_text().splitlines())


def cgroup_dirs():
    if not CGROUPS:
        return []
    return [p for p, _, _ in os.walk(CGROUPS) if "shallop-runtime" in p]


@pytest.fixture
def box():
    before = mounts(), len(cgroup_dirs())
    # Not pytest's own: those are closed to other users, also to a user namespace's.
    path = pathlib.Path(tempfile.mkdtemp(prefix="shallop-runtime-"))
    path.chmod(0o755)
    b = Box(path)
    yield b
    b.close()
    left = list(b.state_dir.iterdir()) if b.state_dir.exists() else []
    shutil.rmtree(path)
    assert not left
    # Fewer is the last trace of an earlier test that went meanwhile.
    assert mounts() <= before[0] and len(cgroup_dirs()) <= before[1]


# ---- life


def test_run_gives_output_and_exit_code(box):
    r = box.run("echo out; echo err >&2; exit 42", check=False)
    assert (r.returncode, r.stdout, r.stderr) == (42, "out\n", "err\n")


def test_run_tells_a_signal(box):
    assert box.run("kill -9 $$; sleep 1", check=False).returncode in (0, 1, 137)
    box.process["args"] = ["sh", "-c", "sh -c 'kill -9 $$'; exit $?"]
    assert box.run(check=False).returncode == 137


def test_run_passes_stdin(box):
    assert box.run("cat", stdin=None, input="typed\n").stdout == "typed\n"


def test_life_of_a_container(box):
    box.create("echo started; sleep 100", options=["--pid-file", box.dir / "pid"])
    state = box.state()
    assert state["status"] == "created" and state["id"] == "c" and state["bundle"] == str(box.dir)
    assert state["ociVersion"] == "1.3.0"
    assert int((box.dir / "pid").read_text()) == state["pid"]
    assert box.output() == ""
    assert box.call("delete", "c", check=False).returncode == 1
    box.call("start", "c")
    assert box.state()["status"] == "running"
    assert box.call("start", "c", check=False).returncode == 1
    r = box.call("delete", "c", check=False)
    assert r.returncode == 1 and "not stopped" in r.stderr
    box.call("kill", "c", "KILL")
    box.wait_for("stopped")
    assert box.output() == "started\n"
    assert "not running" in box.call("kill", "c", check=False).stderr
    box.call("delete", "c")
    r = box.call("state", "c", check=False)
    assert r.returncode == 1 and "does not exist" in r.stderr


@pytest.mark.parametrize("name", ["KILL", "SIGKILL", "9", "kill"])
def test_kill_knows_signal_names(box, name):
    box.start()
    box.call("kill", "c", name)
    box.wait_for("stopped")


@pytest.mark.parametrize("name", ["", "0", "65", "MAGIC", "-1"])
def test_kill_refuses_other_names(box, name):
    box.start()
    assert box.call("kill", "--", "c", name, check=False).returncode == 1
    assert box.state()["status"] == "running"


def test_signals_reach_the_container_in_the_foreground(box):
    box.shell("trap 'echo got it; exit 7' TERM; echo ready; while :; do sleep 0.02; done")
    box.write()
    p = subprocess.Popen([RUNTIME, "--root", box.state_dir, "run", "-b", box.dir, "c"], text=True,
                         stdout=subprocess.PIPE)
    assert p.stdout.readline() == "ready\n"
    p.send_signal(signal.SIGTERM)
    assert p.stdout.readline() == "got it\n"
    assert p.wait(10) == 7


@pytest.mark.parametrize("cid", ["", "..", "a/b", "../x", "a b", "x" * 2000])
def test_bad_ids(box, cid):
    assert box.run(cid=cid, check=False).returncode in (1, 2)


def test_an_id_is_taken_once(box):
    box.create()
    r = box.call("run", "-b", box.dir, "c", check=False)
    assert r.returncode == 1 and "exists already" in r.stderr
    assert box.state()["status"] == "created"


def test_force_delete(box):
    pid = box.start()
    box.call("delete", "--force", "c")
    assert not os.path.exists(f"/proc/{pid}") or "Z" in open(f"/proc/{pid}/stat").read()
    box.call("delete", "--force", "c")
    assert box.call("delete", "c", check=False).returncode == 1


def test_list(box):
    assert json.loads(box.call("list", "--format", "json").stdout) == []
    box.start(cid="one")
    box.create(cid="two")
    listed = json.loads(box.call("list", "-f", "json").stdout)
    assert [(c["id"], c["status"]) for c in listed] == [("one", "running"), ("two", "created")]
    assert box.call("list", "-q").stdout == "one\ntwo\n"
    assert box.call("list").stdout.splitlines()[0].split() == "ID PID STATUS BUNDLE CREATED OWNER".split()


def test_pause_and_resume(box):
    if not CGROUPS:
        pytest.skip("needs cgroup2")
    box.start("while :; do echo x; sleep 0.01; done")
    box.call("pause", "c")
    assert box.state()["status"] == "paused"
    size = len(box.output())
    time.sleep(0.1)
    assert len(box.output()) == size
    assert box.call("exec", "c", "true", check=False).returncode == 255
    box.call("resume", "c")
    assert box.state()["status"] == "running"


def test_later_changes_of_the_bundle_change_nothing(box):
    box.create("echo first", cid="c")
    box.shell("echo second")
    box.write()
    box.call("start", "c")
    box.wait_for("stopped")
    assert box.output() == "first\n"


def test_a_container_without_a_process_is_created_but_not_started(box):
    del box.config["process"]
    box.write()
    box.ids.append("c")
    with open(os.devnull, "wb") as null:
        subprocess.run([RUNTIME, "--root", box.state_dir, "create", "-b", box.dir, "c"], stdin=null,
                       stdout=null, stderr=null, check=True, timeout=30)
    assert box.state()["status"] == "created"
    assert box.call("start", "c", check=False).returncode == 1


def test_errors_go_to_the_log_too(box):
    box.process["args"] = ["nothing-like-this"]
    box.write()
    r = box.call("--log", box.dir / "log", "--log-format", "json", "run", "-b", box.dir, "c", check=False)
    assert r.returncode == 1
    line = json.loads((box.dir / "log").read_text())
    assert line["level"] == "error"
    assert line["msg"] == 'exec: "nothing-like-this": executable file not found in $PATH'


@pytest.mark.parametrize("args", [["run"], ["fly"], ["run", "--wings", "c"], ["--root"], []])
def test_usage(box, args):
    r = subprocess.run([RUNTIME, *args], capture_output=True, text=True, check=False)
    assert r.returncode == 2 and r.stderr


def test_start_reports_what_execve_says(box):
    box.create()
    box.call("delete", "-f", "c")
    (box.rootfs / "bin/broken").write_text("#!/no/such/shell\n")
    (box.rootfs / "bin/broken").chmod(0o755)
    box.process["args"] = ["/bin/broken"]
    box.write()
    with open(box.dir / "out", "wb") as out:
        subprocess.run([RUNTIME, "--root", box.state_dir, "create", "-b", box.dir, "c"],
                       stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=True, timeout=30)
    r = box.call("start", "c", check=False)
    assert r.returncode == 1 and "/bin/broken" in r.stderr
    assert box.state()["status"] == "stopped"


# ---- the process


def test_environment_cwd_and_arguments(box):
    box.process.update(env=["PATH=/bin", "A=b c"], cwd="/tmp/made/for/it")
    assert box.run('echo "$A"; pwd').stdout == "b c\n/tmp/made/for/it\n"


def test_user_groups_and_umask(box):
    box.process["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [7, 8], "umask": 0o027}
    out = box.run("id; umask; grep Cap /proc/self/status").stdout
    assert out.startswith("uid=1000 gid=1001 groups=1001,7,8\n0027\n") or "groups=7,8" in out
    assert "CapInh:\t0000000000000000" in out


def test_capabilities_are_those_asked_for(box):
    box.process["capabilities"] = {k: ["CAP_CHOWN"] for k in ("bounding", "effective", "permitted")}
    out = box.run("grep Cap /proc/self/status").stdout
    for name, value in (("Inh", 0), ("Prm", 1), ("Eff", 1), ("Bnd", 1), ("Amb", 0)):
        assert f"Cap{name}:\t{value:016x}" in out


def test_ambient_capabilities_survive_another_user(box):
    sets = ("bounding", "effective", "permitted", "inheritable", "ambient")
    box.process["capabilities"] = {k: ["CAP_NET_BIND_SERVICE"] for k in sets}
    box.process["user"] = {"uid": 1000, "gid": 1000}
    assert "CapEff:\t0000000000000400" in box.run("grep Cap /proc/self/status").stdout


def test_no_new_privileges_and_rlimits(box):
    box.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]
    out = box.run("grep NoNewPrivs /proc/self/status; ulimit -n; ulimit -Hn").stdout
    assert out == "NoNewPrivs:\t1\n100\n200\n"


def test_seccomp(box):
    box.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
    r = box.run("mkdir /tmp/x", check=False)
    assert "No space left on device" in r.stderr
    box.process["noNewPrivileges"] = False
    assert "No space left on device" in box.run("mkdir /tmp/x", check=False).stderr


def test_oom_score_and_personality(box):
    box.process["oomScoreAdj"] = 500
    assert box.run("cat /proc/self/oom_score_adj").stdout == "500\n"


def test_only_stdio_is_inherited(box):
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    try:
        out = box.run("ls /proc/self/fd", close_fds=False).stdout
        assert out.split() == ["0", "1", "2", "3"]  # 3 is the directory itself
    finally:
        os.close(read_end)
        os.close(write_end)


def test_preserve_fds(box):
    (box.dir / "file").write_text("through fd 3\n")
    box.shell("cat <&3")
    box.write()
    r = subprocess.run(["sh", "-c", f"exec {RUNTIME} --root {box.state_dir} run -b {box.dir} "
                        f"--preserve-fds 1 c 3<{box.dir}/file"], capture_output=True, text=True, check=False)
    assert r.stdout == "through fd 3\n", r.stderr


# ---- terminals


def receive_terminal(path, ready, got):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(1)
    ready.set()
    conn, _ = s.accept()
    _, control, _, _ = conn.recvmsg(100, socket.CMSG_SPACE(4))
    got.append(array.array("i", control[0][2][:4])[0])
    conn.close()
    s.close()


def test_console_socket(box):
    ready, got = threading.Event(), []
    path = str(box.dir / "console.sock")
    t = threading.Thread(target=receive_terminal, args=(path, ready, got))
    t.start()
    ready.wait()
    box.process.update(terminal=True, consoleSize={"height": 31, "width": 77})
    box.start("tty; stty size; ls -l /dev/console | head -c 1; echo; read x; echo got $x",
              options=["--console-socket", path])
    t.join(10)
    text = b""
    while not text.endswith(b"c\n"):
        text += os.read(got[0], 1000)
    os.write(got[0], b"word\n")
    while b"got word" not in text:
        text += os.read(got[0], 1000)
    assert b"/dev/pts/0\n31 77\nc\n" in text  # no \r: ONLCR is off
    os.close(got[0])


def test_terminal_in_the_foreground(box):
    box.process["terminal"] = True
    box.shell("stty size; read x; echo hello $x; exit 3")
    box.write()
    pid, master = pty.fork()
    if pid == 0:
        os.execv(RUNTIME, [str(RUNTIME), "--root", str(box.state_dir), "run", "-b", str(box.dir), "c"])
    text = b""
    os.write(master, b"you\n")
    while b"hello you" not in text:
        text += os.read(master, 1000)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
    os.close(master)


def test_a_terminal_needs_somebody_to_take_it(box):
    box.process["terminal"] = True
    assert box.create(check=False) == 1
    assert "--console-socket" in box.output()


# ---- exec


def test_exec(box):
    box.process["env"].append("FROM=config")
    box.start()
    r = box.call("exec", "-e", "X=1", "--cwd", "/tmp", "c", "sh", "-c", "echo $FROM $X; pwd; ps; exit 9",
                 check=False)
    assert r.returncode == 9
    assert r.stdout.startswith("config 1\n/tmp\n") and "sleep 100" in r.stdout
    assert box.call("exec", "c", "cat", input="in\n", stdin=None).stdout == "in\n"
    r = box.call("exec", "c", "nothing", check=False)
    assert r.returncode == 255 and "not found in $PATH" in r.stderr
    box.call("kill", "c", "KILL")
    box.wait_for("stopped")
    assert box.call("exec", "c", "true", check=False).returncode == 255


def test_exec_process_file(box):
    box.start()
    (box.dir / "p.json").write_text(json.dumps(
        {"cwd": "/tmp", "args": ["sh", "-c", "id -u; env"], "env": ["PATH=/bin", "ONLY=this"],
         "user": {"uid": 5, "gid": 6}}))
    out = box.call("exec", "--process", box.dir / "p.json", "c").stdout
    assert out.startswith("5\n") and "ONLY=this" in out and "TERM" not in out


def test_exec_detached(box):
    box.start()
    # It keeps the stdio it is given, so not our pipes.
    args = ["exec", "-d", "--pid-file", box.dir / "pid", "c", "sleep", "77"]
    subprocess.run([RUNTIME, "--root", box.state_dir, *args], stdin=subprocess.DEVNULL, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
    pid = int((box.dir / "pid").read_text())
    assert b"sleep\0" + b"77" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    box.call("kill", "c", "KILL")


@pytest.mark.parametrize("user,ids", [("1", "1 0"), ("0", "0 0"), ("1000:2000", "1000 2000"),
                                      ("4294967294", "4294967294 0")])
def test_exec_user(box, user, ids):
    box.start()
    assert box.call("exec", "-u", user, "c", "sh", "-c", "echo $(id -u) $(id -g)").stdout == ids + "\n"


@pytest.mark.parametrize("user", ["-1", "4294967295", "4294967296", "99999999999999999999", "1x", "root", "",
                                  "1:", ":1", "1:2:3", " 1", "0x1"])
def test_exec_refuses_what_is_no_user(box, user):
    """CVE-2024-40635 and CVE-2026-30892: a name that does not parse must not become root."""
    (box.rootfs / "etc/passwd").write_text("1000::0:0:::\nroot:x:0:0::/:/bin/sh\n")
    box.start()
    assert box.call("exec", f"--user={user}", "c", "id", check=False).returncode == 255


def test_exec_sees_no_inheritable_capability_and_no_foreign_fd(box):
    box.start()
    out = box.call("exec", "c", "sh", "-c", "grep CapInh /proc/self/status; ls /proc/self/fd").stdout
    assert out.split() == ["CapInh:", "0000000000000000", "0", "1", "2", "3"]


# ---- file system


def test_volumes(box):
    (box.dir / "vol/sub").mkdir(parents=True)
    (box.dir / "vol/sub/f").write_text("content\n")
    (box.dir / "file").write_text("a file\n")
    box.config["mounts"] += [
        {"destination": "/ro", "source": str(box.dir / "vol"), "options": ["rbind", "ro"]},
        {"destination": "/rw", "type": "bind", "source": str(box.dir / "vol"), "options": ["rbind"]},
        {"destination": "/etc/one", "source": str(box.dir / "file"), "options": ["bind"]},
        {"destination": "/small", "type": "tmpfs", "source": "tmpfs", "options": ["size=64k", "mode=700"]},
    ]
    out = box.run("cat /ro/sub/f /etc/one; touch /ro/x 2>&1; touch /rw/made; stat -c %a /small;"
                  "dd if=/dev/zero of=/small/x bs=1k count=100 2>&1 | grep -c space").stdout
    assert out == "content\na file\ntouch: /ro/x: Read-only file system\n700\n1\n"
    assert (box.dir / "vol/made").exists()


def test_recursive_read_only(box):
    (box.dir / "vol/sub").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "t", box.dir / "vol/sub"], check=True)
    try:
        mount = {"destination": "/v", "source": str(box.dir / "vol"), "options": ["rbind", "ro"]}
        box.config["mounts"].append(mount)
        assert box.run("touch /v/sub/x && echo writable").stdout == "writable\n"
        mount["options"] = ["rbind", "rro"]
        assert "Read-only" in box.run("touch /v/sub/x", check=False).stderr
    finally:
        subprocess.run(["umount", box.dir / "vol/sub"], check=True)


def test_tmpcopyup(box):
    (box.rootfs / "stuff/d").mkdir(parents=True)
    (box.rootfs / "stuff/d/f").write_text("copied\n")
    (box.rootfs / "stuff/l").symlink_to("d/f")
    box.config["mounts"].append({"destination": "/stuff", "type": "tmpfs", "source": "t",
                                 "options": ["tmpcopyup"]})
    assert box.run("cat /stuff/l; touch /stuff/x").stdout == "copied\n"
    assert not (box.rootfs / "stuff/x").exists()


def test_read_only_root_masked_and_read_only_paths(box):
    box.config["root"]["readonly"] = True
    out = box.run("touch /x 2>&1; wc -c </proc/kcore; echo 1 2>&1 >/proc/sys/kernel/panic;"
                  "ls /sys/firmware | wc -l; mount | grep -c 'proc.*/proc/sys .*ro'", check=False).stdout
    assert "Read-only file system" in out and "\n0\n" in out


def test_devices(box):
    box.config["linux"]["devices"] = [
        {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 3, "gid": 4},
        {"path": "/dev/deep/fifo", "type": "p", "fileMode": 0o600}]
    out = box.run("stat -c '%F %t:%T %a %u:%g' /dev/fuse; stat -c %F /dev/deep/fifo;"
                  "for d in null zero full random urandom tty; do stat -c '%t:%T %a' /dev/$d; done;"
                  "readlink /dev/fd; readlink /dev/ptmx").stdout.splitlines()
    assert out[0] == "character special file a:e5 640 3:4" and out[1] == "fifo"
    assert out[2:8] == ["1:3 666", "1:5 666", "1:7 666", "1:8 666", "1:9 666", "5:0 666"]
    assert out[8:] == ["/proc/self/fd", "pts/ptmx"]


def test_device_access_is_denied(box):
    if not CGROUPS:
        pytest.skip("needs cgroup2")
    box.process["capabilities"] = {k: ["CAP_MKNOD", "CAP_SYS_ADMIN"] for k in
                                   ("bounding", "effective", "permitted")}
    out = box.run("mknod /dev/mem0 c 1 1; head -c 1 /dev/mem0 2>&1; head -c 3 /dev/zero | wc -c",
                  check=False).stdout
    assert "Operation not permitted" in out and out.endswith("3\n")


def test_propagation(box):
    (box.dir / "shared").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "t", box.dir / "shared"], check=True)
    try:
        subprocess.run(["mount", "--make-shared", box.dir / "shared"], check=True)
        (box.dir / "shared/in").mkdir()
        for n, (option, seen) in enumerate((("rslave", True), ("rprivate", False))):
            box.config["mounts"] = copy.deepcopy(BASE["mounts"]) + [
                {"destination": "/s", "source": str(box.dir / "shared"), "options": ["rbind", option]}]
            box.start("while [ ! -e /tmp/go ]; do sleep 0.01; done; ls /s/in", cid=f"c{n}")
            subprocess.run(["mount", "-t", "tmpfs", "t", box.dir / "shared/in"], check=True)
            (box.dir / "shared/in/later").touch()
            (box.rootfs / "tmp/go").touch()
            box.wait_for("stopped", f"c{n}")
            assert (box.output(f"c{n}") == "later\n") == seen
            (box.rootfs / "tmp/go").unlink()
            subprocess.run(["umount", box.dir / "shared/in"], check=True)
    finally:
        subprocess.run(["umount", "-R", box.dir / "shared"], check=True)


def test_mount_points_behind_dangling_links_are_made(box):
    """Images have /etc/resolv.conf -> ../run/systemd/resolve/stub-resolv.conf, and no /run/systemd."""
    (box.dir / "file").write_text("name server\n")
    (box.rootfs / "etc/resolv.conf").symlink_to("../run/systemd/stub.conf")
    (box.rootfs / "etc/loop").symlink_to("loop")
    box.config["mounts"].append({"destination": "/etc/resolv.conf", "source": str(box.dir / "file"),
                                 "options": ["bind"]})
    assert box.run("cat /etc/resolv.conf /run/systemd/stub.conf").stdout == "name server\n" * 2
    box.config["mounts"][-1]["destination"] = "/etc/loop"
    assert "symbolic links" in box.run(check=False).stderr


# ---- namespaces and cgroups


def test_own_namespaces(box):
    host = {n: os.readlink(f"/proc/self/ns/{n}") for n in ("pid", "net", "ipc", "uts", "mnt", "cgroup")}
    out = box.run("hostname; for n in pid net ipc uts mnt cgroup; do readlink /proc/self/ns/$n; done")
    lines = out.stdout.split()
    assert lines[0] == "box" and not set(lines[1:]) & set(host.values())


def test_joined_namespaces(box):
    other = box.start(cid="other")
    for ns in box.config["linux"]["namespaces"]:
        if ns["type"] in ("network", "pid", "ipc"):
            short = {"network": "net"}.get(ns["type"], ns["type"])
            ns["path"] = f"/proc/{other}/ns/{short}"
    out = box.run("readlink /proc/self/ns/net; readlink /proc/self/ns/pid; ps").stdout
    assert out.split()[:2] == [os.readlink(f"/proc/{other}/ns/{n}") for n in ("net", "pid")]
    assert "sleep 100" in out


def test_sysctl(box):
    box.config["linux"]["sysctl"] = {"net.ipv4.ip_default_ttl": "77", "kernel.shmmni": "99"}
    assert box.run("cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/shmmni").stdout == "77\n99\n"
    box.config["linux"]["sysctl"] = {"kernel.panic": "1"}
    r = box.run(check=False)
    assert r.returncode == 1 and "not namespaced" in r.stderr


def test_user_namespace(box):
    box.config["linux"]["namespaces"].append({"type": "user"})
    box.config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    box.config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    for path in [box.rootfs, *box.rootfs.rglob("*")]:
        os.chown(path, 100000, 100000, follow_symlinks=False)
    out = box.run("id -u; cat /proc/self/uid_map; touch /tmp/mine; echo x >/dev/null; echo ok").stdout
    assert out.split() == ["0", "0", "100000", "65536", "ok"]
    assert os.stat(box.rootfs / "tmp/mine").st_uid == 100000


def test_time_namespace(box):
    if not os.path.exists("/proc/self/ns/time"):
        pytest.skip("needs time namespaces")
    box.config["linux"]["namespaces"].append({"type": "time"})
    box.config["linux"]["timeOffsets"] = {"boottime": {"secs": 100000000}}
    assert float(box.run("cat /proc/uptime").stdout.split()[0]) > 100000000


def test_cgroup_is_left_behind_by_nobody(box):
    if not CGROUPS:
        pytest.skip("needs cgroup2")
    box.config["linux"]["cgroupsPath"] = "/shallop-runtime-test/deep/c"
    box.start()
    procs = pathlib.Path(CGROUPS, "shallop-runtime-test/deep/c/cgroup.procs").read_text().split()
    assert procs == [str(box.state()["pid"])]
    box.call("delete", "-f", "c")
    assert not pathlib.Path(CGROUPS, "shallop-runtime-test/deep/c").exists()
    os.removedirs(pathlib.Path(CGROUPS, "shallop-runtime-test/deep"))


def test_a_limit_that_cannot_be_set_is_an_error(box):
    if not CGROUPS:
        pytest.skip("needs cgroup2")
    if "memory" in pathlib.Path(CGROUPS, "cgroup.controllers").read_text():
        pytest.skip("this machine has the controller")
    box.config["linux"]["resources"]["memory"] = {"limit": 100 << 20}
    r = box.run(check=False)
    assert r.returncode == 1 and "memory.max" in r.stderr and "does not have that controller" in r.stderr


def need_controllers(*names):
    have = pathlib.Path(CGROUPS, "cgroup.controllers").read_text().split() if CGROUPS else []
    missing = set(names) - set(have)
    if missing:
        pytest.skip(f"this machine's cgroup2 lacks {' '.join(sorted(missing))}")


def knob(cid, name):
    return pathlib.Path(CGROUPS, "shallop-runtime", cid, name).read_text().strip()


def test_limits_are_written(box):
    need_controllers("memory", "cpu", "pids", "cpuset")
    box.config["linux"]["resources"].update(
        memory={"limit": 64 << 20, "reservation": 32 << 20}, pids={"limit": 50},
        cpu={"shares": 1024, "quota": 50000, "period": 100000, "cpus": "0"},
        unified={"memory.high": "50331648"})
    box.start()
    assert [knob("c", n) for n in ("memory.max", "memory.low", "memory.high", "pids.max", "cpu.max", "cpu.weight",
                                   "cpuset.cpus")] == \
        [str(64 << 20), str(32 << 20), "50331648", "50", "50000 100000", "39", "0"]


def test_memory_limit_kills(box):
    need_controllers("memory")
    box.config["linux"]["resources"]["memory"] = {"limit": 20 << 20, "swap": 20 << 20}
    r = box.run("dd if=/dev/zero of=/dev/shm/x bs=1M count=40 2>/dev/null; echo survived $?", check=False)
    assert r.returncode == 137 or "survived 137" in r.stdout


def test_pids_limit_holds(box):
    need_controllers("pids")
    box.config["linux"]["resources"]["pids"] = {"limit": 5}
    r = box.run("for i in 1 2 3 4 5 6 7 8; do sleep 2 & done; wait", check=False)
    assert "fork" in r.stderr


def test_cpu_quota_slows_down(box):
    need_controllers("cpu")
    box.config["linux"]["resources"]["cpu"] = {"quota": 10000, "period": 100000}
    box.run("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; cat /proc/self/cgroup")
    box.start("while :; do :; done")
    time.sleep(1)
    stat = dict(line.split() for line in knob("c", "cpu.stat").splitlines())
    assert int(stat["nr_throttled"]) > 3


def test_an_impossible_value_is_an_error_and_leaves_nothing(box):
    need_controllers("memory")
    box.config["linux"]["resources"]["unified"] = {"memory.max": "a lot"}
    r = box.run(check=False)
    assert r.returncode == 1 and "set memory.max to a lot" in r.stderr
    box.config["linux"]["resources"]["unified"] = {"../x": "1"}
    assert "no file name" in box.run(check=False).stderr


@pytest.mark.parametrize("where,value,word", [
    (("process", "apparmorProfile"), "strict", "AppArmor"),
    (("process", "selinuxLabel"), "x", "SELinux"),
    (("linux", "intelRdt"), {"closID": "x"}, "intelRdt"),
    (("linux", "netDevices"), {"eth9": {}}, "netDevices"),
])
def test_what_cannot_be_done_is_refused(box, where, value, word):
    box.config[where[0]][where[1]] = value
    r = box.run(check=False)
    assert r.returncode == 1 and word in r.stderr


# ---- hooks


def hook(box, name, exit_code=0, **more):
    """A hook that keeps what it was told."""
    script = box.dir / f"{name}.sh"
    script.write_text(f"#!/bin/sh\ncat >{box.dir}/{name}.json\nexit {exit_code}\n")
    script.chmod(0o755)
    return {"path": str(script), **more}


def test_hooks_run_in_their_order_with_the_state(box):
    names = ("prestart", "createRuntime", "poststart", "poststop")
    box.config["hooks"] = {n: [hook(box, n)] for n in names}
    box.config["hooks"]["startContainer"] = [
        {"path": "/bin/sh", "args": ["sh", "-c", "cat >/tmp/started"]}]
    box.config["annotations"] = {"note": "this"}
    pid = box.start()
    status = {n: json.loads((box.dir / f"{n}.json").read_text()) for n in names[:3]}
    assert [status[n]["status"] for n in names[:3]] == ["creating", "creating", "running"]
    assert all(s["pid"] == pid and s["annotations"] == {"note": "this"} for s in status.values())
    assert json.loads((box.rootfs / "tmp/started").read_text())["id"] == "c"
    assert not (box.dir / "poststop.json").exists()
    box.call("delete", "-f", "c")
    assert json.loads((box.dir / "poststop.json").read_text())["status"] == "stopped"


@pytest.mark.parametrize("kind", ["prestart", "createRuntime"])
def test_a_failing_hook_ends_the_creation(box, kind):
    box.config["hooks"] = {kind: [hook(box, "bad", exit_code=3)]}
    r = box.run("touch /tmp/ran", check=False)
    assert r.returncode == 1 and f"{kind} hook" in r.stderr and "exit status 3" in r.stderr
    assert not (box.rootfs / "tmp/ran").exists()


def test_a_hanging_hook_ends_too(box):
    box.config["hooks"] = {"prestart": [{"path": "/bin/sleep", "args": ["sleep", "100"], "timeout": 1}]}
    r = box.run(check=False)
    assert r.returncode == 1 and "not done after 1 s" in r.stderr


# ---- hostile images and bundles (the CVE classes)


def test_symlinked_dev_stays_inside(box):
    """CVE-2026-47766 and its kin: nothing is made outside of the root."""
    outside = box.dir / "outside"
    outside.mkdir()
    box.config["mounts"] = [m for m in box.config["mounts"] if not m["destination"].startswith("/dev")]
    (box.rootfs / "dev").symlink_to("../outside")
    box.run(check=False)
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("name,target", [("proc", "/tmp"), ("sys", "tmp"), ("proc", "../outside")])
def test_symlinked_proc_is_refused(box, name, target):
    """CVE-2019-19921, CVE-2023-27561: masks would cover another path than the one in use."""
    (box.rootfs / name).symlink_to(target)
    r = box.run(check=False)
    assert r.returncode == 1 and f"/{name}" in r.stderr


def test_mount_destinations_through_links_stay_inside(box):
    """CVE-2019-18837, CVE-2021-30465."""
    outside = box.dir / "outside"
    outside.mkdir()
    (box.rootfs / "link").symlink_to(outside)
    (box.rootfs / "up").symlink_to("../../../../../../../../../../../tmp")
    box.config["mounts"] += [
        {"destination": "/link/a/b", "type": "tmpfs", "source": "t"},
        {"destination": "/up/../../../x", "type": "tmpfs", "source": "t"}]
    box.run()
    assert list(outside.iterdir()) == [] and not os.path.exists("/x")
    assert (box.rootfs / str(outside)[1:] / "a/b").is_dir()


@pytest.mark.parametrize("cwd", ["/proc/self/fd/%d" % n for n in range(3, 16)])
def test_leaked_directories_are_no_way_out(box, cwd):
    """CVE-2024-21626."""
    box.process["cwd"] = cwd
    r = box.run(f"ls -d {box.dir} 2>/dev/null; ls ../../../../../../ | head -3", check=False)
    assert r.returncode != 0 or (str(box.dir) not in r.stdout and "home" not in r.stdout)


def test_the_runtime_is_out_of_reach(box):
    """CVE-2019-5736: through /proc/self/exe a container must not reach the host's binary to write."""
    before = RUNTIME.read_bytes()
    (box.rootfs / "bin/evil").symlink_to("/proc/self/exe")
    box.process["args"] = ["/bin/evil", "version"]
    box.process["capabilities"] = {k: ["CAP_DAC_OVERRIDE", "CAP_SYS_PTRACE"] for k in
                                   ("bounding", "effective", "permitted")}
    box.run(check=False)
    box.start("while :; do for p in /proc/[0-9]*; do (echo x >>$p/exe) 2>/dev/null && echo wrote $p; "
              "ls -l $p/exe; done; done")
    for _ in range(20):
        box.call("exec", "c", "true")
    assert "wrote" not in box.output()
    assert RUNTIME.read_bytes() == before


EVIL_LOADER = r"""
static long call(long n, long a, long b, long c)
{
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return r;
}
void _start(void)
{
	static const char *argv[] = { "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do "
		"echo evil >>/proc/self/fd/3 && echo WROTE && break; sleep 0.1; done; echo over", 0 };
	static const char *envp[] = { "PATH=/bin", 0 };
	call(2, (long)"/proc/self/exe", 0, 0);
	call(59, (long)"/bin/busybox", (long)argv, (long)envp);
	call(60, 1, 0, 0);
}
"""


def test_an_entry_point_of_proc_self_exe_cannot_write_the_runtime(box):
    """CVE-2019-5736: the entry point is the runtime's own file, the image's loader keeps it open."""
    if os.uname().machine != "x86_64" or not shutil.which("cc"):
        pytest.skip("needs a compiler on x86_64")
    (box.dir / "evil.c").write_text(EVIL_LOADER)
    (box.rootfs / "lib64").mkdir()
    subprocess.run(["cc", "-nostdlib", "-static", "-O1", "-fno-stack-protector", "-w", "-o",
                    box.rootfs / "lib64/ld-linux-x86-64.so.2", box.dir / "evil.c"], check=True)
    (box.rootfs / "bin/evil").symlink_to("/proc/self/exe")
    victim = box.dir / "runtime"
    shutil.copy(RUNTIME, victim)
    before = victim.read_bytes()
    box.process["args"] = ["/bin/evil"]
    box.process["capabilities"] = {k: ["CAP_DAC_OVERRIDE"] for k in ("bounding", "effective", "permitted")}
    box.write()
    box.ids.append("c")
    with open(box.dir / "c.out", "wb") as out:
        subprocess.run([victim, "--root", box.state_dir, "run", "-d", "-b", box.dir, "c"], check=True,
                       stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=30)
    box.wait_for("stopped")
    assert box.output().endswith("over\n") and "WROTE" not in box.output()
    assert victim.read_bytes() == before


def test_exec_trusts_no_proc_of_the_container(box):
    """CVE-2019-16884: what the runtime writes to /proc must not land in a container's file."""
    box.process["oomScoreAdj"] = 321
    box.process["capabilities"] = {k: ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE"] for k in
                                   ("bounding", "effective", "permitted")}
    box.config["linux"].pop("readonlyPaths")
    box.config["linux"].pop("maskedPaths")
    box.start("mount -t tmpfs t /proc; mkdir -p /proc/self/fd; touch /proc/self/oom_score_adj; echo done; sleep 100")
    for _ in range(500):
        if box.output():
            break
        time.sleep(0.01)
    assert box.output() == "done\n"
    out = box.call("exec", "c", "sh", "-c", "wc -c </proc/self/oom_score_adj; umount /proc; "
                   "cat /proc/self/oom_score_adj").stdout
    assert out.split() == ["0", "321"]


def test_the_cgroup_tree_is_read_only(box):
    """CVE-2022-0492, CVE-2023-25809."""
    if not CGROUPS:
        pytest.skip("needs cgroup2")
    box.config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                                 "options": ["nosuid", "noexec", "nodev", "relatime", "ro"]})
    out = box.run("mkdir /sys/fs/cgroup/x 2>&1; ls /sys/fs/cgroup | grep -c cgroup.procs", check=False).stdout
    assert "Read-only file system" in out and out.endswith("1\n")


def test_many_id_mappings_fail_cleanly(box):
    """CVE-2021-43784."""
    box.config["linux"]["namespaces"].append({"type": "user"})
    box.config["linux"]["uidMappings"] = [{"containerID": i, "hostID": i, "size": 1} for i in range(5000)]
    box.config["linux"]["gidMappings"] = box.config["linux"]["uidMappings"]
    r = box.run(check=False)
    assert r.returncode == 1 and "id mappings" in r.stderr


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"ociVersion":"1.0.0"}', "\0\0\0", "{}" * 1000,
                                  '{"ociVersion":"1.0.0","root":{"path":"/no/such"},"process":{"cwd":"/"}}',
                                  '[' * 5000])
def test_broken_configurations_are_refused(box, text):
    (box.dir / "config.json").write_text(text)
    r = box.call("run", "-b", box.dir, "c", check=False)
    assert r.returncode == 1 and r.stderr.startswith("shallop-runtime: ")


# ---- old kernels: calls that are not there


CALLS = {"clone3": 435, "openat2": 437, "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431,
         "fsmount": 432, "mount_setattr": 442, "close_range": 436, "pidfd_open": 434,
         "pidfd_send_signal": 424}
MOUNT_API = ("open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "mount_setattr")


def without(*names):
    """Make these calls answer ENOSYS from here on, as a kernel does that is too old for them."""
    program = [(0x20, 0, 0, 0)]  # load the number
    for name in names:
        program += [(0x15, 0, 1, CALLS[name]), (0x06, 0, 0, 0x00050000 | 38)]
    program.append((0x06, 0, 0, 0x7fff0000))
    code = b"".join(struct.pack("HBBI", *i) for i in program)

    def install():
        libc = ctypes.CDLL(None, use_errno=True)
        buf = ctypes.create_string_buffer(code)
        prog = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buf))
        if libc.prctl(22, 2, prog, 0, 0) != 0:  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
            os._exit(99)
    return install


@pytest.mark.parametrize("names", [("clone3",), ("openat2",), ("close_range",), ("mount_setattr",), MOUNT_API,
                                   ("pidfd_open", "pidfd_send_signal"), tuple(CALLS)],
                         ids=lambda names: "all" if len(names) > 6 else names[0])
def test_old_kernels(box, names):
    (box.dir / "vol").mkdir()
    (box.dir / "file").write_text("a file\n")
    (box.rootfs / "link").symlink_to("/tmp")
    box.config["root"]["readonly"] = True
    box.config["mounts"] += [
        {"destination": "/ro", "source": str(box.dir / "vol"), "options": ["rbind", "ro"]},
        {"destination": "/link/rw", "source": str(box.dir / "vol"), "options": ["rbind", "nosuid"]},
        {"destination": "/etc/one", "source": str(box.dir / "file"), "options": ["bind"]}]
    out = box.run("exec 2>&1; cat /etc/one; touch /x /ro/x; (echo 1 >/proc/sys/kernel/panic); touch /tmp/rw/y;"
                  "cat /proc/keys | wc -c; echo $$; ls /proc/self/fd | wc -l; grep NoNewPrivs /proc/self/status;"
                  "ls -d /home /root", check=False, preexec_fn=without(*names)).stdout
    assert out == ("a file\ntouch: /x: Read-only file system\ntouch: /ro/x: Read-only file system\n"
                   "sh: can't create /proc/sys/kernel/panic: Read-only file system\n0\n1\n4\n"
                   "NoNewPrivs:\t1\nls: /home: No such file or directory\nls: /root: No such file or directory\n")
    assert (box.dir / "vol/y").exists()
    box.start(preexec_fn=without(*names))
    assert box.call("exec", "c", "ps", preexec_fn=without(*names)).stdout.count("sleep 100") == 1
    box.call("delete", "-f", "c", preexec_fn=without(*names))


def test_a_hundred_containers_leave_nothing(box):
    for n in range(100):
        assert box.run("exit 5", cid=f"n{n}", check=False).returncode == 5
