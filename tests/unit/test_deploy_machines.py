"""Images, compose.yaml and ray up's cluster.yaml: against their schemas, the programs they start, and each other."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from compose_spec import PyCompose

from tests.unit.deployed import COMPOSE, DEPLOY, GRAFANA, IMAGES, KUBERAY, PROMETHEUS, RAY_UP, ROOT, Tree, document

DOCKERFILES = [IMAGES / "Dockerfile.cpu", IMAGES / "Dockerfile.cuda"]
HADOLINT = Path(sys.executable).with_name("hadolint")
COMPOSED = document(COMPOSE / "compose.yaml")
SERVICES: Tree = COMPOSED["services"]
CLUSTER = document(RAY_UP / "cluster.yaml")


# Images


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_has_nothing_to_say(path: Path) -> None:
    done = subprocess.run([HADOLINT, path], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_hadolint_would_have_something_to_say(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text(DOCKERFILES[0].read_text().replace("FROM ${PYTHON_IMAGE}\n", "FROM python:latest\n"))
    done = subprocess.run([HADOLINT, bad], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode != 0
    assert "DL3007" in done.stdout


def instructions(path: Path) -> list[tuple[str, str]]:
    """A Dockerfile's instructions with what follows them, continued lines joined."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(head, rest) for head, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_runs_as_nobody_in_particular_and_asks_for_a_token(path: Path) -> None:
    said = instructions(path)
    users = [rest for head, rest in said if head == "USER"]
    assert users == ["10001:10001"], "a number, so that Kubernetes can see that it is not root"
    assert not [head for head, _ in said if head in {"ADD", "EXPOSE"}]
    environment = " ".join(rest for head, rest in said if head == "ENV")
    assert "RAY_AUTH_MODE=token" in environment
    assert "RAY_USAGE_STATS_ENABLED=0" in environment
    kept = IMAGES / f"{path.name}.dockerignore"
    allowed = {line[1:] for line in kept.read_text().splitlines() if line.startswith("!")}
    assert kept.read_text().splitlines()[1] == "*", "what is not named does not go to the builder"
    for head, rest in said:
        if head != "COPY" or rest.startswith("--from"):
            continue
        *sources, _ = [word for word in rest.split() if not word.startswith("--")]
        for source in sources:
            assert (ROOT / source).exists(), source
            assert any(source == name or source.startswith(f"{name}/") for name in allowed), source


def test_both_images_end_alike() -> None:
    """All nodes of a cluster need the same Python, user and folders."""
    cpu, cuda = (instructions(path) for path in DOCKERFILES)

    def last(said: list[tuple[str, str]]) -> list[tuple[str, str]]:
        begin = max(index for index, (head, _) in enumerate(said) if head == "FROM")
        return [(head, re.sub(r"\s*NVIDIA_\w+=\S+", "", rest)) for head, rest in said[begin:]]

    assert cpu[0] == cuda[0]
    assert last(cpu) == last(cuda)


def enter(command: list[str], home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The image's entry, with nothing in its environment but what is given."""
    return subprocess.run(
        ["bash", IMAGES / "entrypoint.sh", *command],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(home), **environment},
    )


def test_the_entry_hands_a_password_on_and_prints_nothing(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("a b$c'\"\n")
    show = ["sh", "-c", 'printf "[%s]" "$PGPASSWORD"']
    done = enter(show, tmp_path, PGPASSWORD_FILE=str(tmp_path / "password"), RAY_AUTH_MODE="token")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[a b$c'\"]", "")
    assert enter(["sh", "-c", "exit 7"], tmp_path).returncode == 7
    missing = enter(["true"], tmp_path, PGPASSWORD_FILE=str(tmp_path / "none"))
    assert missing.returncode != 0
    assert "none" in missing.stderr


def test_the_entry_starts_no_ray_without_a_token(tmp_path: Path) -> None:
    stand_in = tmp_path / "bin" / "ray"
    stand_in.parent.mkdir()
    stand_in.write_text("#!/bin/sh\necho started\n")
    stand_in.chmod(0o755)
    path = {"PATH": f"{stand_in.parent}:{os.environ['PATH']}", "RAY_AUTH_MODE": "token"}
    refused = enter(["ray", "start"], tmp_path, **path)
    assert (refused.returncode, refused.stdout) == (78, "")
    assert str(tmp_path / ".ray" / "auth_token") in refused.stderr
    (tmp_path / "token").write_text("")
    assert enter(["ray", "start"], tmp_path, RAY_AUTH_TOKEN_PATH=str(tmp_path / "token"), **path).returncode == 78
    (tmp_path / "token").write_text("t\n")
    begun = enter(["ray", "start"], tmp_path, RAY_AUTH_TOKEN_PATH=str(tmp_path / "token"), **path)
    assert (begun.returncode, begun.stdout) == (0, "started\n")


# Compose


@pytest.mark.parametrize("name", ["compose.yaml", "compose.cuda.yaml"])
def test_compose_files_are_compose_files(name: str) -> None:
    assert "ray-head" in PyCompose.from_yaml((COMPOSE / name).read_text()).service_names()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("restart: unless-stopped", "restarts: always"),
        ("condition: service_healthy", "condition: healthy"),
        ("interval: 10s", "interval: ten"),
        ("internal: true", "internals: true"),
    ],
)
def test_a_slip_in_a_compose_file_is_refused(right: str, wrong: str) -> None:
    text = (COMPOSE / "compose.yaml").read_text()
    assert right in text
    with pytest.raises(ValueError, match=r"\w"):
        PyCompose.from_yaml(text.replace(right, wrong))


def test_ports_are_published_on_loopback_alone() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {
        "ray-head": ["127.0.0.1:8265:8265"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
    }
    assert all(COMPOSED["networks"][name] == {"internal": True} for name in SERVICES["postgres"]["networks"])
    assert not [service for service in SERVICES.values() if {"privileged", "network_mode", "pid"} & set(service)]


def test_networks_join_those_who_talk_and_let_out_those_with_a_port() -> None:
    joined = {name: set(service["networks"]) for name, service in SERVICES.items()}
    inner = {name for name, network in COMPOSED["networks"].items() if network.get("internal")}
    assert {name for name, service in SERVICES.items() if "ports" in service} == {
        name for name, networks in joined.items() if networks - inner
    }
    for one, other in (("ray-head", "postgres"), ("prometheus", "ray-head"), ("grafana", "prometheus")):
        assert joined[one] & joined[other] & inner
    assert joined["postgres"] == joined["postgres"] & joined["ray-head"], "nobody else reaches the database"
    assert not joined["postgres"] & (joined["prometheus"] | joined["grafana"])


def test_services_drop_what_they_do_not_need() -> None:
    for name, service in SERVICES.items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
        if name != "postgres":  # its entry gives the folder to its user first
            assert service["cap_drop"] == ["ALL"], name


def test_everything_in_a_compose_file_is_declared_used_and_there() -> None:
    used: dict[str, set[str]] = {"secrets": set(), "networks": set(), "volumes": set()}
    for service in SERVICES.values():
        used["secrets"] |= set(service.get("secrets", []))
        used["networks"] |= set(service["networks"])
        for mount in service.get("volumes", []):
            source, _, target = mount.partition(":")
            assert target.startswith("/")
            if source.startswith("."):
                assert (COMPOSE / source).exists(), source
                assert mount.endswith(":ro"), "what belongs to the repository is not written to"
            else:
                used["volumes"].add(source)
        assert set(service.get("depends_on", {})) <= set(SERVICES)
    assert used == {kind: set(COMPOSED[kind]) for kind in used}
    told = (ROOT / "docs" / "deployment.md").read_text()
    for secret in COMPOSED["secrets"].values():
        assert secret["file"].startswith("./secrets/")
        assert secret["file"].removeprefix("./") in told
    build = SERVICES["ray-head"]["build"]
    assert (COMPOSE / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()


def test_secrets_are_read_from_files() -> None:
    environment = SERVICES["ray-head"]["environment"]
    assert environment["RAY_AUTH_MODE"] == "token"
    for variable, service in (
        ("RAY_AUTH_TOKEN_PATH", "ray-head"),
        ("PGPASSWORD_FILE", "ray-head"),
        ("POSTGRES_PASSWORD_FILE", "postgres"),
        ("GF_SECURITY_ADMIN_PASSWORD__FILE", "grafana"),
    ):
        folder, _, name = SERVICES[service]["environment"][variable].rpartition("/")
        assert (folder, name in SERVICES[service]["secrets"]) == ("/run/secrets", True)
    assert SERVICES["grafana"]["environment"]["GF_AUTH_ANONYMOUS_ENABLED"] == "false"


def test_the_cuda_file_changes_the_image_and_asks_for_a_gpu() -> None:
    (service,) = document(COMPOSE / "compose.cuda.yaml")["services"].values()
    assert service["image"].endswith("-cuda")
    assert (ROOT / service["build"]["dockerfile"]).is_file()
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]


def test_prometheus_and_grafana_find_what_they_are_given() -> None:
    mounts = {mount.split(":")[1]: mount.split(":")[0] for name in ("prometheus", "grafana", "ray-head")
              for mount in SERVICES[name]["volumes"]}  # fmt: skip
    config = document(PROMETHEUS / "prometheus.yml")
    assert config["rule_files"] == ["/etc/prometheus/rules/*.yml"]
    assert (COMPOSE / mounts["/etc/prometheus/rules"]).resolve() == PROMETHEUS / "rules"
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    (discovered,) = jobs["ray"]["dns_sd_configs"]
    assert set(discovered["names"]) <= set(SERVICES)
    assert f"--metrics-export-port={discovered['port']}" in SERVICES["ray-head"]["command"]
    shown = [provider for path in sorted((GRAFANA / "provisioning" / "dashboards").glob("*.yaml"))
             for provider in document(path)["providers"]]  # fmt: skip
    folders = {provider["folder"]: provider["options"]["path"] for provider in shown}
    assert set(folders) == {"Quantum memory", "Ray"}
    assert (COMPOSE / mounts[folders["Quantum memory"]]).resolve() == GRAFANA / "dashboards"
    written = SERVICES["ray-head"]["environment"]["RAY_METRICS_GRAFANA_DASHBOARD_OUTPUT_DIR"]
    assert mounts[folders["Ray"]] == mounts[written] == "ray-dashboards", "Ray writes where Grafana reads"
    (source,) = document(GRAFANA / "provisioning" / "datasources" / "prometheus.yaml")["datasources"]
    assert source["name"] == "Prometheus", "the name that Ray's own dashboards look for"
    assert source["url"].removeprefix("$") in SERVICES["grafana"]["environment"]


# ray up


PREPARE = """
import json, sys, jsonschema, yaml
from ray.autoscaler._private.util import prepare_config, validate_config
for text in json.load(sys.stdin):
    try:
        config = prepare_config(yaml.safe_load(text))
        validate_config(config)
        print(json.dumps(config))
    except jsonschema.ValidationError as error:
        print(json.dumps(error.message))
"""


def test_ray_up_accepts_the_file() -> None:
    """What ray up makes of it before it reaches for a machine, by Ray's own code and schema; and of two slips."""
    text = (RAY_UP / "cluster.yaml").read_text()
    slips = [text.replace("file_mounts:", "file_mount:"), text.replace("pull_before_run:", "pull:")]
    command = [sys.executable, "-c", PREPARE]
    done = subprocess.run(
        command, input=json.dumps([text, *slips]), capture_output=True, text=True, timeout=240, cwd=RAY_UP, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("{", '"'))]
    read, *refused = lines
    assert read["available_node_types"][read["head_node_type"]]["max_workers"] == len(CLUSTER["provider"]["worker_ips"])
    assert ["'file_mount' was" in refused[0], "'pull' was" in refused[1], len(refused)] == [True, True, 2]


def test_ray_up_brings_the_token_and_opens_nothing() -> None:
    options = CLUSTER["docker"]["run_options"]
    assert "--env=RAY_AUTH_MODE=token" in options
    given = dict(option.removeprefix("--env=").split("=", 1) for option in options if option.startswith("--env="))
    mounts = CLUSTER["file_mounts"]
    assert mounts[given["RAY_AUTH_TOKEN_PATH"]] == "~/.ray/auth_token"
    assert given["PGPASSWORD_FILE"] in mounts
    assert all(source.startswith("~/") or (RAY_UP / source).is_file() for source in mounts.values())
    assert not [option for option in options if re.match(r"--(publish|privileged|cap-add|user=0)|-p\b", option)]
    starts = [line for key in CLUSTER if key.endswith("start_ray_commands") for line in CLUSTER[key]]
    assert [re.findall(r"--(?:dashboard-)?host=(\S+)", line) for line in starts if "--head" in line] == [["127.0.0.1"]]
    assert len([line for line in starts if line.startswith("memory-entrypoint ray start")]) == 2


# Ray's command line


def start_commands() -> dict[str, list[str]]:
    """Every ``ray start`` of the deployment, as the words after it."""
    found = {"compose": SERVICES["ray-head"]["command"][2:]}
    for key in ("head_start_ray_commands", "worker_start_ray_commands"):
        (line,) = [line for line in CLUSTER[key] if "ray start" in line]
        found[key] = line.partition("ray start ")[2].split()
    spec = document(KUBERAY / "raycluster.yaml")["spec"]
    for number, group in enumerate([spec["headGroupSpec"], *spec["workerGroupSpecs"]]):
        found[f"kuberay {number}"] = [f"--{name}={value}" for name, value in group["rayStartParams"].items()]
    return found


KNOWN = """
import json
from ray.scripts.scripts import start
print(json.dumps({option: parameter.is_flag for parameter in start.params for option in parameter.opts}))
"""


def test_every_option_is_one_of_rays() -> None:
    done = subprocess.run([sys.executable, "-c", KNOWN], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    known: dict[str, Any] = json.loads(done.stdout)
    for where, words in start_commands().items():
        assert words, where
        for word in words:
            option, given, _ = word.partition("=")
            assert option in known, (where, option)
            assert known[option] is (given == ""), (where, word)


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_shell_files_are_read_by_bash() -> None:
    for path in DEPLOY.rglob("*.sh"):
        done = subprocess.run(["bash", "-n", path], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
        assert os.access(path, os.X_OK)
