"""The house: names that do not collide, a calm surface, small parts that stand alone, a wheel that holds everything."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import quantum_memory
from quantum_memory import errors

ROOT = Path(__file__).parents[2]


def run(code: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("package", ["actors", "memory", "policies", "cluster"])
def test_a_root_folder_refuses_to_be_imported_by_its_short_name(package: str) -> None:
    done = run(f"import {package}", ROOT)
    assert done.returncode != 0
    assert f"import quantum_memory.{package}, not {package}" in done.stderr


def test_the_links_point_at_the_root_folders() -> None:
    for package in ("actors", "memory", "policies", "cluster"):
        link = ROOT / "src" / "quantum_memory" / package
        assert link.is_symlink()
        assert not link.readlink().is_absolute()
        assert link.resolve() == ROOT / package


def test_the_public_names_are_these() -> None:
    assert quantum_memory.__all__ == sorted(quantum_memory.__all__, key=lambda name: (name != "PAD", name))
    for name in quantum_memory.__all__:
        assert getattr(quantum_memory, name) is not None
    with pytest.raises(AttributeError, match="'nothing'"):
        _ = quantum_memory.nothing
    assert quantum_memory.__version__ == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("quantum_memory", {"ray", "torch", "faiss", "numpy"}),
        ("quantum_memory.memory.quantum", {"ray", "torch", "faiss", "msgspec", "rpds", "sqlalchemy", "networkx"}),
        ("quantum_memory.memory.semantic.pagerank", {"ray", "torch", "faiss", "msgspec", "rpds", "sqlalchemy"}),
        ("quantum_memory.memory.vault", {"ray", "torch", "faiss"}),
        ("quantum_memory.cluster.cli", {"ray", "torch", "faiss"}),
    ],
)
def test_a_part_loads_no_more_than_it_needs(module: str, absent: set[str]) -> None:
    done = run(f"import sys, {module}; print(sorted({absent!r} & set(sys.modules)))", ROOT / "tests")
    assert done.stdout.strip() == "[]", done.stderr


def test_every_error_survives_the_journey_through_ray() -> None:
    examples = [
        errors.SomeFailed("recall", {"a": 1}, {}, "op"),
        errors.InternalError("recall", "KeyError: 3"),
        errors.EmptyText("text", " "),
        errors.TooLong("text", 3, 2, "characters"),
        errors.ShapeMismatch("x", (2,), (3,)),
        errors.NotFinite("x", float("inf"), "index 1"),
        errors.OutOfRange("x", 2.0, 0.0, 1.0),
        errors.InvalidValue("x", "'y'", "z"),
        errors.ZeroMass("x"),
        errors.UnreadableLine("f", 3, "why"),
        errors.UnreadableEntry("f", "messages[3]", "why"),
        errors.UnreadableFile("f", "why"),
        errors.UnsafeArchive("f", "../m", "why"),
        errors.InvalidSettings("file", ["a: unknown key"]),
        errors.UnknownLabels("m", ["LABEL_0"], "labels"),
        errors.AgentNotFound("a"),
        errors.PlaceNotFound("a", "b"),
        errors.BranchDeleted("a", "b"),
        errors.MemoryNotFound("m"),
        errors.SkillNotFound("s"),
        errors.RelationNotFound("a", "knows", "b"),
        errors.EntryNotFound("apollo", "e"),
        errors.VersionConflict("e", 1, 2),
        errors.AlreadyExists("agent", "a"),
        errors.BackupNotFound("backups", "position 9"),
        errors.IndexSealed("IndexHNSWFlat", "add"),
        errors.KeysNotKept("k"),
        errors.KeyReused("k"),
        errors.KeyNotFound("4f1c"),
        errors.Unauthenticated("no credential came"),
        errors.Forbidden("remember", "it takes the role 'writer'"),
        errors.RateLimited("key", 0.5),
        errors.StaleWriter("b", 1, 2),
        errors.Fenced("a", "orchestrator 1, process 2", "orchestrator 3"),
        errors.PoolsChanged("agents", "somebody is at it"),
        errors.NoRoom("EmotionActor-2", "1 CPU", 20.0),
        errors.TransactionConflict("a", "main", 1, 2),
        errors.TransactionOpen("fork", "a", "main"),
        errors.TransactionOver("a", "main", "it has ended"),
        errors.BlockMissing("s", "b"),
        errors.Quarantined("w", "b"),
        errors.SettingsDiffer("a", "b", "c"),
        errors.OtherEmbedding("s", "a/2", "b/3"),
        errors.DeadlineExceeded("recall", 1.5),
        errors.Busy("agents", 1000, 0.5),
        errors.ActorUnavailable("a", "b"),
        errors.MissingDependency("faiss", "search", "pip install x"),
        errors.MissingModel("m", "no such folder", "put it there"),
        errors.NoDevice("cupy"),
        errors.BackendClosed("cuquantum"),
        errors.DeviceMemoryExceeded("cupy", 1 << 30, "out of memory"),
        errors.EndpointFailed("https://a/v1", "status 500", 2),
        errors.VaultUnavailable("s", "r"),
        errors.StorageLocked("s"),
        errors.CorruptRecord("w", "r"),
        errors.WriteFailed("s", "r"),
        errors.NewerSchema("s", 9, 1),
    ]
    named = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.QuantumMemoryError) and "__str__" in vars(value)
    }
    assert {type(example) for example in examples} == named, "an error without an example"
    for example in examples:
        again = pickle.loads(pickle.dumps(example))  # noqa: S301  (made a line ago)
        assert (type(again), str(again), vars(again)) == (type(example), str(example), vars(example))


@pytest.mark.slow
def test_the_wheel_holds_code_weights_and_the_demo(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for folder in ("src", "actors", "memory", "policies", "cluster", "examples"):
        shutil.copytree(ROOT / folder, source / folder, symlinks=True, ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source / name)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", tmp_path, source],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in (
        "py.typed",
        "actors/agent.py",
        "memory/quantum/state.py",
        "memory/affect/weights/pad_head.safetensors",
        "memory/affect/weights/MODEL_CARD.md",
        "policies/recall.py",
        "cluster/cli.py",
        "demo_data/conversation.jsonl",
    ):
        assert f"quantum_memory/{name}" in names
    assert not [name for name in names if name.startswith(("memory/", "actors/", "tests/"))]
