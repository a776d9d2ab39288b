# SPDX-License-Identifier: Apache-2.0
"""Black-box tests: real binaries, real kernel, one feature a file.

Everything runs inside tests/e2e/host.sh (`make e2e` sees to that): a network namespace of its own.
A Cluster is one `shallop up` in directories of its own; `cluster` is shared by a whole run, tests
that kill things make their own with `new_cluster`.
"""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SHALLOP_BIN", ROOT / "bin"))
REAL_KUBECTL = pathlib.Path(os.environ.get("REAL_KUBECTL", ROOT / "build/k8s/kubectl"))
IMAGES = ROOT / "build/images"
# How much slower this machine is than a plain one (a VM under emulation).
SLOW = int(os.environ.get("E2E_SLOW", "1"))

POD_NGINX = """\
apiVersion: v1
kind: Pod
metadata:
  name: nginx
  labels:
    app: nginx
spec:
  containers:
  - name: nginx
    image: nginx
    ports:
    - containerPort: 80
"""


def pod(name, command=None, image="busybox", **spec):
    """A one-container Pod as a dict; `spec` goes into the container unless it is a pod field."""
    container = {"name": name, "image": image, "imagePullPolicy": "Never"}
    if command:
        container["command"] = command
    pod_fields = {"restartPolicy", "volumes", "terminationGracePeriodSeconds", "initContainers",
                  "nodeSelector", "tolerations", "hostNetwork", "securityContext", "nodeName",
                  "shareProcessNamespace", "activeDeadlineSeconds", "dnsPolicy", "hostAliases"}
    body = {"containers": [container], "terminationGracePeriodSeconds": 1}
    for key, value in spec.items():
        (body if key in pod_fields else container)[key] = value
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
            "spec": body}


class Cluster:
    """One instance: directories, ports and address ranges that collide with no other."""
    made = 0

    def __init__(self):
        n = Cluster.made
        Cluster.made += 1
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="shallop-e2e."))
        # As in life: what a reboot takes away is memory (host.sh sees to that).
        self.data, self.run = self.dir / "data", pathlib.Path("/run") / self.dir.name
        self.home = self.dir / "home"
        self.home.mkdir()
        self.port, self.node_port = 16443 + 10 * n, 16444 + 10 * n
        self.flags = ["--data-dir", self.data, "--run-dir", self.run, "--port", self.port,
                      "--node-port", self.node_port, "--pod-cidr", f"10.{100 + n}.0.0/16",
                      "--service-cidr", f"10.{200 + n}.0.0/16", "--node-name", f"node-{n}"]
        self.node = f"node-{n}"
        self.env = {**os.environ, "HOME": str(self.home), "KUBECONFIG": str(self.data / "kubeconfig")}

    def shallop(self, *args, check=True, **kw):
        args = [str(a) for a in (BIN / "shallop", args[0], "--data-dir", self.data, "--run-dir",
                                 self.run, *args[1:])]
        return subprocess.run(args, check=check, text=True, capture_output=True, env=self.env,
                              timeout=kw.pop("timeout", 120 * SLOW), **kw)

    def up(self):
        r = subprocess.run([str(a) for a in (BIN / "shallop", "up", "--timeout", 60 * SLOW, *self.flags)], text=True,
                           capture_output=True, env=self.env, timeout=120 * SLOW, check=False)
        log = self.data / "logs/shallop.log"
        assert r.returncode == 0, r.stderr + (log.read_text()[-4000:] if log.exists() else "")
        return r

    def load_images(self, *names):
        for name in names or ("nginx", "busybox", "probe"):
            self.shallop("image", "import", IMAGES / f"{name}.tar")

    def down(self, *args):
        return self.shallop("down", "--grace", "0", *args, check=False)

    def destroy(self):
        r = self.down("--purge")
        assert r.returncode == 0, r.stderr
        assert not self.data.exists() and not self.run.exists()
        shutil.rmtree(self.dir)

    def kubectl(self, *args, check=True, program=None, **kw):
        """Run kubectl (ours unless `program` says otherwise); returns the finished process."""
        args = [str(program or BIN / "kubectl"), *map(str, args)]
        r = subprocess.run(args, text=kw.pop("text", True), capture_output=True, env=self.env, check=False,
                           timeout=kw.pop("timeout", 60 * SLOW), **kw)
        if check:
            assert r.returncode == 0, f"{' '.join(args)}: exit {r.returncode}\n{r.stdout}{r.stderr}"
        return r

    def apply(self, *objects, program=None):
        text = "\n---\n".join(o if isinstance(o, str) else json.dumps(o) for o in objects)
        return self.kubectl("apply", "-f", "-", input=text, program=program or self.any_kubectl)

    @property
    def any_kubectl(self):
        """For steps that are not what is being tested: ours, or the real one before ours is built."""
        return BIN / "kubectl" if (BIN / "kubectl").exists() else REAL_KUBECTL

    def get(self, *args):
        return json.loads(self.kubectl("get", *args, "-o", "json", program=self.any_kubectl).stdout)

    def wait(self, what, condition, timeout=30):
        """Until condition() is true; `what` names it when time is up."""
        deadline = time.monotonic() + timeout * SLOW
        while True:
            value = condition()
            if value:
                return value
            assert time.monotonic() < deadline, f"timed out waiting for {what}"
            time.sleep(0.05)

    def pod(self, name, namespace="default"):
        return self.get("pod", name, "-n", namespace)

    def pod_ready(self, name, namespace="default", timeout=30):
        def ready():
            p = self.pod(name, namespace)
            return any(c["type"] == "Ready" and c["status"] == "True"
                       for c in p["status"].get("conditions", [])) and p
        return self.wait(f"pod {name} to be Ready", ready, timeout)

    def pod_phase(self, name, phase, namespace="default", timeout=30):
        def there():
            p = self.pod(name, namespace)
            return p["status"].get("phase") == phase and p
        return self.wait(f"pod {name} to be {phase}", there, timeout)

    def pid(self, role):
        return int((self.run / f"{role}.pid").read_text() or 0)  # empty while it is written

    def delete_pods(self):
        self.kubectl("delete", "pods", "--all", "--grace-period=0", "--force",
                     program=self.any_kubectl)
        self.wait("pods to be gone", lambda: not self.get("pods")["items"])


def pytest_sessionstart(session):
    del session
    if os.geteuid() != 0:
        pytest.exit("end-to-end tests need root: sudo make e2e", 1)


@pytest.fixture(scope="session")
def cluster():
    c = Cluster()
    c.up()
    c.load_images()
    yield c
    c.destroy()


@pytest.fixture
def new_cluster():
    """Make clusters that only this test uses; all are purged afterwards."""
    made = []

    def make(images=("busybox",)):
        c = Cluster()
        made.append(c)
        c.up()
        c.load_images(*images)
        return c
    yield make
    for c in made:
        if c.data.exists():
            c.destroy()


@pytest.fixture(params=["ours", "real"])
def kubectl(request, cluster):
    """kubectl(*args, **kw) with our program, then with Kubernetes' own."""
    program = BIN / "kubectl" if request.param == "ours" else REAL_KUBECTL
    if not program.exists():
        pytest.skip(f"{program} is not built (make build/k8s/kubectl needs Go)")

    def run(*args, **kw):
        return cluster.kubectl(*args, program=program, **kw)
    run.program = program
    run.name = request.param
    return run
