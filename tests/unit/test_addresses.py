"""Which Ray is asked: the one that holds a vault open says so in its lock, and one on loopback is asked there."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import ray
from ray._private import ray_constants, services
from typer.testing import CliRunner

from quantum_memory.actors.homes import Home
from quantum_memory.actors.vault import VaultHost
from quantum_memory.cluster import connect, launch
from quantum_memory.cluster.addresses import answers, on_loopback
from quantum_memory.cluster.cli import app
from quantum_memory.errors import StorageLocked, Unavailable
from quantum_memory.memory.vault import Vault
from quantum_memory.memory.vault.database import holder_of
from quantum_memory.settings import load

START = datetime(2026, 1, 1, tzinfo=UTC)
CONFIG = {"perception": {"model": "hashing", "dim": 8}}


@pytest.fixture
def listening() -> Iterator[str]:
    """The address of somebody on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def silent() -> str:
    """An address on loopback where nobody is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def held(storage: Path, address: str, namespace: str = "somewhere") -> VaultHost:
    """A vault that the actors of a cluster hold open."""
    host = VaultHost(load(CONFIG | {"storage": str(storage)}), home=Home(address, namespace))
    assert host.agents() == []
    return host


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str | None, str]]:
    """What Ray was to be asked for: address and namespace. It does not answer."""
    asked: list[tuple[str | None, str]] = []

    def reach(address: str | None, _: object, __: object, namespace: str) -> Any:
        asked.append((address, namespace))
        raise Unavailable("nobody")

    monkeypatch.setattr(connect, "reach", reach)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return asked


def refused(storage: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    monkeypatch.chdir(storage.parent)
    (storage.parent / "c.yaml").write_text("perception: {model: hashing, dim: 8}\n")
    told = CliRunner().invoke(app, ["keys", "list", "--storage", str(storage), "--config", "c.yaml", *options])
    assert told.exit_code == 1, told.exception
    assert "is held open by another vault" in told.stderr


def test_whoever_holds_a_vault_says_where_it_lives(tmp_path: Path) -> None:
    assert holder_of(tmp_path) == holder_of("memory://") == holder_of("postgresql://h/d") == ""
    host = held(tmp_path, "127.0.0.1:6379", "ns")
    try:
        assert Home.read(holder_of(tmp_path)) == Home("127.0.0.1:6379", "ns")
        with pytest.raises(StorageLocked):
            Vault.open(tmp_path, now=lambda: START, holder="me")
        assert Home.read(holder_of(tmp_path)) == Home("127.0.0.1:6379", "ns"), "who was refused has changed nothing"
    finally:
        host.close()
    with Vault.open(tmp_path, now=lambda: START):
        assert holder_of(tmp_path) == "", "what was said before is of nobody who holds it now"


@pytest.mark.parametrize("told", ["", "{", "[]", "3", '{"address": ""}', '{"address": 3, "namespace": "x"}', "\udc80"])
def test_what_tells_of_no_cluster_is_none(told: str) -> None:
    assert Home.read(told) is None


def test_the_very_ray_is_asked_that_holds_the_vault(
    tmp_path: Path, listening: str, reached: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, and whatever namespace its actors are in."""
    host = held(tmp_path / "vault", listening)
    try:
        refused(tmp_path / "vault", monkeypatch)
        refused(tmp_path / "vault", monkeypatch, "--namespace", "mine")
    finally:
        host.close()
    assert reached == [(listening, "somewhere")] * 2


def test_one_that_others_reach_is_looked_for_as_ray_does(
    tmp_path: Path, reached: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = held(tmp_path / "vault", "192.0.2.2:6379")
    try:
        refused(tmp_path / "vault", monkeypatch)
    finally:
        host.close()
    assert reached == [("auto", "somewhere")]


def test_nobody_is_asked_where_no_cluster_holds_it_or_none_that_answers(
    tmp_path: Path, silent: str, reached: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    host = held(tmp_path / "vault", silent)
    try:
        refused(tmp_path / "vault", monkeypatch)
    finally:
        host.close()
    with Vault.open(tmp_path / "vault", now=lambda: START):
        refused(tmp_path / "vault", monkeypatch)
    assert reached == []


def test_addresses_are_told_apart(listening: str, silent: str) -> None:
    assert on_loopback("127.0.0.1:6379")
    assert on_loopback("localhost:6379")
    for other in ("192.0.2.2:6379", "ray://127.0.0.1:10001", "auto", "local", "127.0.0.1", ""):
        assert not on_loopback(other)
    assert answers(listening)
    for address in (silent, "127.0.0.1", "127.0.0.1:x", ""):
        assert not answers(address)


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Which addresses Ray was told to connect to, and whether it looks for this machine on loopback then."""
    told: list[tuple[str, bool]] = []

    def init(address: str, **_: object) -> None:
        told.append((address, not ray_constants.ENABLE_RAY_CLUSTER))

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(launch, "maybe_enable_token_auth_if_token_available", lambda **_: None)
    monkeypatch.setattr(ray_constants, "ENABLE_RAY_CLUSTER", True)
    monkeypatch.setitem(os.environ, ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, "1")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return told


def test_a_ray_on_loopback_is_asked_there(
    listening: str, silent: str, joined: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where "auto" means it. Any other is left to Ray."""
    for address in ("192.0.2.2:6379", "ray://127.0.0.1:10001", silent):
        launch.join_ray(address)
        assert joined.pop() == (address, False)
    monkeypatch.setattr(services, "get_ray_address_from_environment", lambda *_: "192.0.2.2:6379")
    launch.join_ray("auto")
    assert joined.pop() == ("auto", False)
    monkeypatch.setattr(services, "get_ray_address_from_environment", lambda *_: listening)
    launch.join_ray("auto")
    assert joined.pop() == (listening, True)
    launch.join_ray(listening)
    assert joined.pop() == (listening, True)
