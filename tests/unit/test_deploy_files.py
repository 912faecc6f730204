"""What holds for every file of a deployment: it ships, is pinned, holds no secret, and its settings are settings."""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from quantum_memory import settings
from tests.unit.deployed import (
    COMPOSE,
    DEPLOY,
    GRAFANA,
    IMAGES,
    KUBERAY,
    RAY_UP,
    ROOT,
    Tree,
    constraint,
    document,
    documents,
    walk,
    yaml_files,
)

CONFIGS = [folder / "ray_config.yaml" for folder in (COMPOSE, KUBERAY, RAY_UP)]
SECRETIVE = re.compile(r"(password|passwd|token|secret|api_?key|credential)$", re.IGNORECASE)
REFERENCE = re.compile(r"^(?:/|\./|~/|\$)|^$|^(?:token|disabled)$")
"""What may stand where a secret is meant: a path, a variable, nothing, or Ray's mode of authentication."""


def leaks(tree: Tree) -> list[str]:
    """Where a secret stands in plain text."""
    found = []
    for where, there in walk(tree):
        name, value = where[-1] if where else "", there
        if isinstance(there, dict) and "name" in there and "value" in there:
            name, value = str(there["name"]), there["value"]
        if isinstance(there, dict) and there.get("kind") == "Secret":
            found.append("a Secret object")
        if isinstance(value, str):
            if SECRETIVE.search(name) and not REFERENCE.search(value):
                found.append(f"{'.'.join(where)}: {name}")
            if re.search(r"://[^/\s:@]*:[^@/\s]+@", value) or "PRIVATE KEY-----" in value:
                found.append(f"{'.'.join(where)}: credentials in a value")
    return found


@pytest.mark.parametrize("path", yaml_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_holds_a_secret(path: Path) -> None:
    for tree in documents(path):
        assert leaks(tree) == []


@pytest.mark.parametrize(
    "planted",
    [
        "env: [{name: PGPASSWORD, value: hunter2}]",
        "environment: {POSTGRES_PASSWORD: hunter2}",
        "redisPassword: {value: hunter2}\nauth_token: abc",
        "storage: postgresql+psycopg://memory:hunter2@postgres/memory",
        "kind: Secret\ndata: {a: b}",
    ],
)
def test_a_secret_that_was_planted_is_found(planted: str) -> None:
    assert leaks(yaml.safe_load(planted))


def test_every_file_ships_with_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = ["*.py", *project["tool"]["setuptools"]["package-data"]["*"]]
    files = [path for folder in (DEPLOY, GRAFANA) for path in folder.rglob("*") if path.is_file()]
    files = [path for path in files if "__pycache__" not in path.parts and "secrets" not in path.parts]
    assert len(files) > 30
    assert [str(path) for path in files if not any(fnmatch(path.name, pattern) for pattern in patterns)] == []
    # What compose.yaml tells people to make there stays out of packages and of the repository.
    assert not any(fnmatch("ray_token", pattern) for pattern in patterns)
    assert "cluster/deploy/compose/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def images() -> dict[str, list[str]]:
    """Every image that is named, with the files that name it."""
    found: dict[str, list[str]] = {}
    for path in yaml_files():
        for tree in documents(path):
            for where, value in walk(tree):
                if where and where[-1] == "image" and isinstance(value, str):
                    found.setdefault(value, []).append(path.name)
    for path in IMAGES.glob("Dockerfile.*"):
        for base in re.findall(r"^ARG PYTHON_IMAGE=(\S+)$", path.read_text(), re.MULTILINE):
            found.setdefault(base, []).append(path.name)
    return found


def test_every_image_is_pinned_to_a_version() -> None:
    assert len(images()) >= 6
    for image, files in images().items():
        _, _, tag = image.rpartition(":")
        assert re.match(r"v?\d+\.\d+(\.\d+)?(-[a-z0-9]+)*(@sha256:[0-9a-f]{64})?$", tag), (image, files)


def test_versions_are_those_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    ours = {image for image in images() if image.startswith("quantum-memory:")}
    assert ours == {f"quantum-memory:{version}-cpu", f"quantum-memory:{version}-cuda"}
    for path in (KUBERAY / "raycluster.yaml", KUBERAY / "rayservice.yaml"):
        said = [value for where, value in walk(document(path)) if where and where[-1] == "rayVersion"]
        assert said == [constraint("ray")], path.name
    for path in IMAGES.glob("Dockerfile.c*"):
        if not path.name.endswith("ignore"):
            assert re.findall(r'"torch==([^"]+)"', path.read_text()) == [constraint("torch")], path.name


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.parent.name)
def test_settings_are_read_and_fit_a_cluster(path: Path) -> None:
    read = settings.load(path)
    assert read.placement == "actors"
    assert read.storage.startswith("postgresql+psycopg://memory@"), "a folder cannot be reached from other nodes"
    assert read.vault.blocks, "without blocks nothing is sealed"
    assert read.views.cache
    assert read.pools.vault.size == 1


def test_settings_that_leave_a_machine_ask_for_encryption() -> None:
    for folder in (KUBERAY, RAY_UP):
        assert settings.load(folder / "ray_config.yaml").storage.endswith("?sslmode=require")
