# SPDX-License-Identifier: Apache-2.0
"""What happens by itself: scheduling and its refusals, namespaces, owners, a node's ups and downs."""
import json

from conftest import pod


def refusal(cluster, name):
    def found():
        for e in cluster.get("events")["items"]:
            if e["involvedObject"]["name"] == name and e["reason"] == "FailedScheduling":
                return e["message"]
        return None
    return cluster.wait(f"the refusal of {name}", found)


def run(cluster, *args, **kw):
    return cluster.kubectl(*args, program=cluster.any_kubectl, **kw)


def test_a_pod_that_fits_nowhere_is_told_why(cluster):
    big = pod("big", ["sleep", "1000"], resources={"requests": {"cpu": "1000"}})
    picky = pod("picky", ["sleep", "1000"], nodeSelector={"disk": "ssd"})
    cluster.apply(big, picky)
    assert refusal(cluster, "big") == (
        "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: "
        "1 Preemption is not helpful for scheduling.")
    assert refusal(cluster, "picky") == (
        "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. preemption: "
        "0/1 nodes are available: 1 Preemption is not helpful for scheduling.")
    condition = cluster.pod("big")["status"]["conditions"][0]
    assert (condition["type"], condition["status"], condition["reason"]) == (
        "PodScheduled", "False", "Unschedulable")
    # The label comes, and with it the pod.
    patch = {"metadata": {"labels": {"disk": "ssd"}}}
    cluster.apply({"apiVersion": "v1", "kind": "Node",
                   "metadata": {"name": cluster.node, **patch["metadata"]}})
    cluster.pod_ready("picky")
    run(cluster, "delete", "pod", "big", "picky", "--grace-period=0", "--force")


def test_taints_keep_pods_away(cluster):
    node = cluster.get("node", cluster.node)
    node["spec"]["taints"] = [{"key": "only", "value": "these", "effect": "NoSchedule"}]
    run(cluster, "apply", "-f", "-", input=json.dumps(
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": cluster.node},
         "spec": {"taints": node["spec"]["taints"]}}))
    cluster.apply(pod("shy", ["sleep", "1000"]),
                  pod("welcome", ["sleep", "1000"], tolerations=[{"key": "only", "operator": "Exists"}]))
    cluster.pod_ready("welcome")
    assert refusal(cluster, "shy").startswith(
        "0/1 nodes are available: 1 node(s) had untolerated taint(s). preemption:")
    run(cluster, "apply", "-f", "-", input=json.dumps(
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": cluster.node}, "spec": {"taints": []}}))
    cluster.pod_ready("shy")
    run(cluster, "delete", "pod", "shy", "welcome", "--grace-period=0", "--force")


def test_a_namespace_has_what_it_needs_and_takes_all_with_it(cluster):
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    cluster.wait("the service account", lambda: run(
        cluster, "get", "serviceaccount", "default", "-n", "shop", check=False).returncode == 0)
    ca = cluster.wait("the CA", lambda: run(
        cluster, "get", "configmap", "kube-root-ca.crt", "-n", "shop", "-o", "json",
        check=False).stdout)
    assert "BEGIN CERTIFICATE" in json.loads(ca)["data"]["ca.crt"]
    till = pod("till", ["sleep", "1000"])
    till["metadata"]["namespace"] = "shop"
    cluster.apply(till)
    cluster.pod_ready("till", "shop")
    run(cluster, "delete", "namespace", "shop")
    cluster.wait("the namespace to be gone", lambda: run(
        cluster, "get", "namespace", "shop", check=False).returncode != 0)
    assert not cluster.get("pods", "-A")["items"] or all(
        p["metadata"]["namespace"] != "shop" for p in cluster.get("pods", "-A")["items"])


def test_owners_take_their_own_with_them(cluster):
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}})
    uid = cluster.get("configmap", "owner")["metadata"]["uid"]
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap",
                   "metadata": {"name": "owned", "ownerReferences": [
                       {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]}})
    run(cluster, "delete", "configmap", "owner")
    cluster.wait("what was owned to be gone", lambda: run(
        cluster, "get", "configmap", "owned", check=False).returncode != 0)


def test_the_kubernetes_service_is_put_back(cluster):
    before = cluster.get("service", "kubernetes")["spec"]
    run(cluster, "delete", "service", "kubernetes")
    cluster.wait("the service to be back", lambda: run(
        cluster, "get", "service", "kubernetes", check=False).returncode == 0)
    assert cluster.get("service", "kubernetes")["spec"] == before
