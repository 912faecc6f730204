"""The files for Kubernetes against its own schemas, KubeRay's fields and rules, and each other. No cluster is asked."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from referencing import Registry, Resource

from quantum_memory import settings
from tests.unit.deployed import DATA, KUBERAY, ROOT, Tree, document, documents, walk

OLDEST, NEWEST = "1.30", "1.37"
OURS = {"RayCluster", "RayService", "PodMonitor"}
"""Kinds that Kubernetes does not know by itself."""
FILES = sorted(path for path in KUBERAY.glob("*.yaml") if path.name not in {"kustomization.yaml", "ray_config.yaml"})


def objects() -> list[Tree]:
    return [tree for path in FILES for tree in documents(path)]


def named(kind: str) -> Tree:
    (found,) = [tree for tree in objects() if tree["kind"] == kind]
    return found


@cache
def validator(kind: str) -> Any:
    """Checks an object of a kind that is not Kubernetes' own, with Kubernetes' definitions of what is in it."""
    schema = document(DATA / "kuberay.schema.yaml")
    folder = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{NEWEST}.0-local-strict"
    definitions = json.loads((folder / "_definitions.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    known: Registry[Any] = Registry().with_resources(
        [(tree["$id"], Resource.from_contents(tree)) for tree in (definitions, schema)]
    )
    return jsonschema.Draft202012Validator({"$ref": f"{schema['$id']}#/$defs/{kind}"}, registry=known)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize(
    "tree", [tree for tree in objects() if tree["kind"] not in OURS], ids=lambda tree: tree["kind"]
)
def test_kubernetes_objects_fit_its_schema(tree: Tree, version: str) -> None:
    assert kubernetes_validate.validate(tree, version, strict=True) == version


@pytest.mark.parametrize("kind", sorted(OURS))
def test_custom_objects_fit_their_schema(kind: str) -> None:
    validator(kind).validate(named(kind))


@pytest.mark.parametrize(
    ("kind", "where", "value"),
    [
        ("RayCluster", "spec.authOption", {"mode": "token"}),
        ("RayCluster", "spec.authOptions.mode", "tokens"),
        ("RayCluster", "spec.gcsFaultToleranceOptions.redisPassword", {"value": "plain"}),
        ("RayCluster", "spec.headGroupSpec.rayStartParams.num-cpus", 0),
        ("RayCluster", "spec.headGroupSpec.template.spec.container", []),
        ("RayCluster", "spec.headGroupSpec.template.spec.securityContext.runAsUser", "10001"),
        ("RayCluster", "spec.headGroupSpec.template.spec.containers.0.volumeMounts.0.path", "/x"),
        ("RayCluster", "spec.workerGroupSpecs.0.minReplicas", "3"),
        ("RayService", "spec.serveConfigV2", {}),
        ("RayService", "spec.upgradeStrategy.type", "Rolling"),
        (
            "RayService",
            "spec.rayClusterConfig.workerGroupSpecs.0.template.spec.containers.0.ports.0.containerPort",
            "a",
        ),
        ("PodMonitor", "spec.podMetricsEndpoints.0.interval", "often"),
        ("PodMonitor", "spec.selector.matchLabel", {}),
    ],
)
def test_a_slip_of_the_pen_is_refused(kind: str, where: str, value: object) -> None:
    tree = copy.deepcopy(named(kind))
    *path, last = where.split(".")
    inner: Any = tree
    for step in path:
        inner = inner[int(step)] if isinstance(inner, list) else inner[step]
    inner[last] = value
    assert list(validator(kind).iter_errors(tree))


def test_a_slip_in_a_kubernetes_object_is_refused() -> None:
    tree = copy.deepcopy(named("StatefulSet"))
    tree["spec"]["template"]["spec"]["containers"][0]["img"] = "redis"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(tree, NEWEST, strict=True)


def clusters() -> list[Tree]:
    return [named("RayCluster")["spec"], named("RayService")["spec"]["rayClusterConfig"]]


def groups(cluster: Tree) -> list[Tree]:
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


def pods() -> list[Tree]:
    """Every pod's spec: those of Ray, and that of Redis."""
    return [group["template"]["spec"] for cluster in clusters() for group in groups(cluster)] + [
        named("StatefulSet")["spec"]["template"]["spec"]
    ]


def test_the_service_runs_on_the_same_cluster_as_without_it() -> None:
    plain, served = clusters()
    assert plain == served


def test_the_operators_own_rules_hold() -> None:
    """What KubeRay refuses though its schema lets it through."""
    for kind in ("RayCluster", "RayService"):
        assert re.fullmatch(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?", named(kind)["metadata"]["name"])
        assert "annotations" not in named(kind)["metadata"], (
            "ft-enabled and gcsFaultToleranceOptions exclude each other"
        )
    for cluster in clusters():
        assert cluster["authOptions"] == {"mode": "token"}
        assert tuple(map(int, cluster["rayVersion"].split("."))) >= (2, 52, 0), "token authentication needs Ray 2.52"
        head = cluster["headGroupSpec"]
        assert not {"redis-password", "redis-username"} & set(head["rayStartParams"])
        variables = {entry["name"] for entry in head["template"]["spec"]["containers"][0]["env"]}
        assert not variables & {"RAY_REDIS_ADDRESS", "REDIS_PASSWORD", "REDIS_USERNAME", "RAY_AUTH_TOKEN"}
        for group in cluster["workerGroupSpecs"]:
            assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


def test_the_heads_state_outlives_it() -> None:
    for cluster in clusters():
        options = cluster["gcsFaultToleranceOptions"]
        host, port = options["redisAddress"].split(":")
        service = named("Service")
        assert (host, int(port)) == (service["metadata"]["name"], service["spec"]["ports"][0]["port"])
        assert options["redisPassword"]["valueFrom"] == {
            "secretKeyRef": {"name": "quantum-memory-redis", "key": "password"}
        }
    redis = named("StatefulSet")["spec"]
    assert service["spec"]["selector"] == redis["selector"]["matchLabels"] == redis["template"]["metadata"]["labels"]
    assert redis["volumeClaimTemplates"]
    assert "appendonly yes" in redis["template"]["spec"]["containers"][0]["args"][0]


def test_no_pod_has_more_rights_than_it_needs() -> None:
    for spec in pods():
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert not [volume for volume in spec["volumes"] if "hostPath" in volume]
        for container in spec["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            claimed = {claim["metadata"]["name"] for claim in named("StatefulSet")["spec"]["volumeClaimTemplates"]} | {
                volume["name"] for volume in spec["volumes"]
            }
            assert mounted <= claimed


def test_what_pods_refer_to_is_there_or_is_said_to_be_made_first() -> None:
    made = {(tree["kind"], tree["metadata"]["name"]) for tree in objects()}
    generated = document(KUBERAY / "kustomization.yaml")["configMapGenerator"]
    made |= {("ConfigMap", entry["name"]) for entry in generated}
    told = (ROOT / "docs" / "deployment.md").read_text()
    secrets = set()
    for spec in pods():
        for where, value in walk(spec):
            if where and where[-1] == "claimName":
                assert ("PersistentVolumeClaim", value) in made
            if where and where[-1] == "configMap" and isinstance(value, dict):
                assert ("ConfigMap", value["name"]) in made
            if where and where[-1] == "secretKeyRef" and isinstance(value, dict):
                secrets.add((value["name"], value["key"]))
    assert secrets == {("quantum-memory-postgres", "password"), ("quantum-memory-redis", "password")}
    for name, key in secrets:
        assert f"create secret generic {name}" in told
        assert f"--from-literal={key}=" in told


def test_pools_fit_the_workers_that_are_left_when_one_is_gone() -> None:
    pools = dict(settings.load(KUBERAY / "ray_config.yaml").pools)
    wanted = sum(pool.size * pool.num_cpus for pool in pools.values())
    (group,) = named("RayCluster")["spec"]["workerGroupSpecs"]
    each = float(group["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"])
    assert wanted <= (group["minReplicas"] - 1) * each
    assert named("RayCluster")["spec"]["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


def test_nobody_reaches_a_pod_but_who_is_named() -> None:
    policies = {tree["metadata"]["name"]: tree["spec"] for tree in objects() if tree["kind"] == "NetworkPolicy"}
    assert policies["deny-ingress"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    opened = {port["port"] for rule in policies["ray"]["ingress"] for port in rule.get("ports", [])}
    head, *_ = groups(named("RayCluster")["spec"])
    served = {port["containerPort"] for port in head["template"]["spec"]["containers"][0]["ports"]}
    assert opened - {52365} <= served, "52365 is Ray's agent, which the operator asks how it is"
    (everyone,) = [rule for rule in policies["ray"]["ingress"] if "ports" not in rule]
    assert everyone["from"] == [{"podSelector": {"matchLabels": {"ray.io/is-ray-node": "yes"}}}]
    assert all(rule["from"] for policy in policies.values() for rule in policy.get("ingress", []))


def test_what_is_measured_is_a_port_of_the_pods() -> None:
    wanted = {endpoint["port"] for endpoint in named("PodMonitor")["spec"]["podMetricsEndpoints"]}
    head, *workers = [group["template"]["spec"]["containers"][0] for group in groups(named("RayCluster")["spec"])]
    assert wanted <= {port["name"] for port in head["ports"]}
    for worker in workers:
        assert "metrics" in {port["name"] for port in worker["ports"]}
    for group in groups(named("RayCluster")["spec"]):
        (port,) = [port for port in group["template"]["spec"]["containers"][0]["ports"] if port["name"] == "metrics"]
        assert group["rayStartParams"]["metrics-export-port"] == str(port["containerPort"])


READ_SERVE = """
import json, sys
from ray.serve.schema import HTTPOptionsSchema, LoggingConfig, ServeApplicationSchema, ServeDeploySchema
for given in json.load(sys.stdin):
    read = ServeDeploySchema.model_validate(given)
    parts = [(ServeDeploySchema, given), (HTTPOptionsSchema, given["http_options"])]
    parts += [(LoggingConfig, given["logging_config"])]
    parts += [(ServeApplicationSchema, app) for app in given["applications"]]
    unknown = sorted(set().union(*(set(tree) - set(model.model_fields) for model, tree in parts)))
    print(json.dumps([unknown, [[app.name, app.import_path, app.route_prefix] for app in read.applications]]))
"""


def test_the_serve_configuration_is_one() -> None:
    """Asked of Ray in a process of its own: importing its schema warns. Some of its models pass over unknown fields."""
    tree = yaml.safe_load(named("RayService")["spec"]["serveConfigV2"])
    slip = {**tree, "proxy_locations": "EveryNode"}
    command = [sys.executable, "-c", READ_SERVE]
    done = subprocess.run(
        command, input=json.dumps([tree, slip]), capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    application = ["memory", "quantum_memory.cluster.serve:app", "/"]
    read = [json.loads(line) for line in done.stdout.splitlines()[-2:]]
    assert read == [[[], [application]], [["proxy_locations"], [application]]]
    own = yaml.safe_load((ROOT / "cluster" / "serve.yaml").read_text(encoding="utf-8"))
    assert tree["http_options"] == own["http_options"] | {"host": tree["http_options"]["host"]}, "uploads take as long"
    ports = {
        port["containerPort"]
        for group in groups(named("RayService")["spec"]["rayClusterConfig"])
        for port in group["template"]["spec"]["containers"][0]["ports"]
        if port["name"] == "serve"
    }
    assert ports == {tree["http_options"]["port"]}


def test_the_kustomization_names_files_that_are_there() -> None:
    tree = document(KUBERAY / "kustomization.yaml")
    apart = {"monitoring.yaml", "rayservice.yaml"}
    assert {*tree["resources"], *apart} == {path.name for path in FILES}
    assert tree["configMapGenerator"] == [{"name": "quantum-memory-config", "files": ["ray_config.yaml"]}]
    assert all(other["metadata"].get("namespace", tree["namespace"]) == tree["namespace"] for other in objects())


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kustomize_makes_what_the_files_say() -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", str(KUBERAY)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    made = {(tree["kind"], tree["metadata"]["name"]): tree for tree in yaml.safe_load_all(done.stdout)}
    config = made.pop(("ConfigMap", "quantum-memory-config"))
    assert yaml.safe_load(config["data"]["ray_config.yaml"]) == document(KUBERAY / "ray_config.yaml")
    apart = {"PodMonitor", "RayService"}
    wanted = {(tree["kind"], tree["metadata"]["name"]): tree for tree in objects() if tree["kind"] not in apart}
    assert made == wanted
