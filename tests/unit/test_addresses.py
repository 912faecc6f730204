"""Which Ray is asked: the one that holds a vault open says so in its lock, and this user's token goes to his own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import ray
from ray._private import ray_constants, services
from typer.testing import CliRunner

from quantum_memory.actors.homes import Home
from quantum_memory.actors.vault import VaultHost
from quantum_memory.cluster import archives, connect, launch, rays
from quantum_memory.cluster.addresses import answers, on_loopback, own_rays
from quantum_memory.cluster.cli import app
from quantum_memory.errors import SettingsDiffer, StorageLocked, Unavailable
from quantum_memory.memory.vault import Vault
from quantum_memory.memory.vault.database import holder_of
from quantum_memory.settings import load

START = datetime(2026, 1, 1, tzinfo=UTC)
CONFIG = {"perception": {"model": "hashing", "dim": 8}}
HERE = "127.0.0.1:6379"
LOCK = "journal.sqlite.lock"


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


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The addresses of this user's Rays on this machine."""
    there: set[str] = set()
    for module in (archives, rays):
        monkeypatch.setattr(module, "own_rays", lambda: frozenset(there))
    return there


@contextmanager
def held(storage: Path, address: str, namespace: str = "somewhere") -> Iterator[None]:
    """A vault that the actors of a cluster hold open."""
    host = VaultHost(load(CONFIG | {"storage": str(storage)}), home=Home(address, namespace))
    try:
        assert host.agents() == []
        yield
    finally:
        host.close()


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str | None, str, str]]:
    """What was to be asked: address, namespace, and the storage that has to be held there. Nobody answers."""
    asked: list[tuple[str | None, str, str]] = []

    def reach(address: str | None, _: object, wishes: Any, namespace: str) -> Any:
        asked.append((address, namespace, wishes.model_dump(exclude_unset=True)["storage"]))
        raise Unavailable("nobody")

    monkeypatch.setattr(connect, "reach", reach)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return asked


def keys(storage: Path, monkeypatch: pytest.MonkeyPatch, *options: str, told: str = "storage: vault\n") -> str:
    """What ``qmem keys list`` says where it fails, in the folder of a vault."""
    monkeypatch.chdir(storage.parent)
    (storage.parent / "c.yaml").write_text(f"{told}perception: {{model: hashing, dim: 8}}\n")
    told_ = CliRunner().invoke(app, ["keys", "list", "--config", "c.yaml", *options])
    assert told_.exit_code == 1, told_.exception
    return told_.stderr


def refused(storage: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    said = keys(storage, monkeypatch, *options)
    assert "is held open by another vault" in said
    assert "name that with --address" in said


def test_whoever_holds_a_vault_says_where_it_lives(tmp_path: Path) -> None:
    assert holder_of(tmp_path) == holder_of("memory://") == holder_of("postgresql://h/d") == ""
    with held(tmp_path, HERE, "ns"):
        assert Home.read(holder_of(tmp_path)) == Home(HERE, "ns")
        with pytest.raises(StorageLocked):
            Vault.open(tmp_path, now=lambda: START, holder="me")
        assert Home.read(holder_of(tmp_path)) == Home(HERE, "ns"), "who was refused has changed nothing"
    assert (tmp_path / LOCK).read_text() == "", "nobody holds it any more"
    (tmp_path / LOCK).write_text(Home(HERE, "ns").told())
    with Vault.open(tmp_path, now=lambda: START):
        assert holder_of(tmp_path) == "", "what one said that was killed is of nobody who holds it now"


def test_a_lock_of_another_user_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with held(tmp_path, HERE):
        assert Home.read(holder_of(tmp_path)) is not None
        mine = os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
        assert holder_of(tmp_path) == ""


@pytest.mark.parametrize("told", ["", "{", "[]", "3", '{"address": ""}', '{"address": 3, "namespace": "x"}', "\udc80"])
def test_what_tells_of_no_cluster_is_none(told: str) -> None:
    assert Home.read(told) is None


@pytest.mark.parametrize("address", [HERE, "192.0.2.2:6379"])
def test_the_very_ray_is_asked_that_holds_the_vault(
    address: str, tmp_path: Path, own: set[str], reached: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, and whatever namespace its actors are in. It has to hold that vault."""
    own.update((address, "127.0.0.1:1"))
    with held(tmp_path / "vault", address):
        refused(tmp_path / "vault", monkeypatch)
        refused(tmp_path / "vault", monkeypatch, "--namespace", "mine")
    assert reached == [(address, "somewhere", str(tmp_path / "vault"))] * 2


def test_another_vault_than_was_meant_is_told_with_both(
    tmp_path: Path, own: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``launch`` finds out where its vault has other settings."""

    def reach(_: object, __: object, wishes: Any, ___: object) -> Any:
        launch._agree(wishes, load(CONFIG | {"storage": "/elsewhere"}))

    monkeypatch.setattr(connect, "reach", reach)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    own.add(HERE)
    with held(tmp_path / "vault", HERE):
        assert str(SettingsDiffer("storage", "/elsewhere", str(tmp_path / "vault"))) in keys(
            tmp_path / "vault", monkeypatch
        ).replace("\n", " ")


def test_nobody_is_asked_where_no_cluster_of_this_user_holds_it(
    tmp_path: Path, listening: str, own: set[str], reached: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever listens where it is said to live. A database says nothing of who holds it, so no Ray is tried."""
    own.add(HERE)
    with held(tmp_path / "vault", listening):
        refused(tmp_path / "vault", monkeypatch)
    with Vault.open(tmp_path / "vault", now=lambda: START):
        refused(tmp_path / "vault", monkeypatch)

    def locked(*_: object, **__: object) -> None:
        raise StorageLocked("postgresql://db/memory")

    monkeypatch.setattr(Vault, "open", locked)
    refused(tmp_path / "vault", monkeypatch, "--storage", "postgresql://db/memory")
    assert reached == []


def test_addresses_are_told_apart(listening: str, silent: str) -> None:
    assert on_loopback(HERE)
    assert on_loopback("localhost:6379")
    for other in ("192.0.2.2:6379", "ray://127.0.0.1:10001", "auto", "local", "127.0.0.1", ""):
        assert not on_loopback(other)
    assert answers(listening)
    for address in (silent, "127.0.0.1", "127.0.0.1:x", ""):
        assert not answers(address)


def test_the_rays_of_this_user_are_told_from_those_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """By their nodes' processes: not by a name, an argument or an address that somebody else's process has."""

    def process(words: list[str] | None, uid: int | None = None) -> SimpleNamespace:
        uids = None if uid == -1 else SimpleNamespace(effective=os.geteuid() if uid is None else uid)
        return SimpleNamespace(info={"uids": uids, "cmdline": words})

    def raylet(address: str) -> list[str]:
        return ["/ray/core/src/ray/raylet/raylet", "--node_id=1", f"--gcs-address={address}", "--x=y"]

    there = [
        process(raylet("127.0.0.1:1")),
        process(raylet("127.0.0.1:1")),
        process(raylet("192.0.2.2:2")),
        process(raylet("127.0.0.1:3"), uid=os.geteuid() + 1),
        process(raylet("127.0.0.1:4"), uid=-1),
        process(["python", "raylet", "--gcs-address=127.0.0.1:5"]),
        process([]),
        process(None),
    ]
    monkeypatch.setattr(psutil, "process_iter", lambda _: iter(there))
    assert own_rays() == {"127.0.0.1:1", "192.0.2.2:2"}


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool, bool]]:
    """Which addresses Ray was told to connect to, whether on loopback, and whether with this user's token."""
    told: list[tuple[str, bool, bool]] = []
    tokens: list[bool] = []

    def init(address: str, **_: object) -> None:
        told.append((address, not ray_constants.ENABLE_RAY_CLUSTER, bool(tokens)))
        monkeypatch.setattr(ray_constants, "ENABLE_RAY_CLUSTER", True)
        tokens.clear()

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(rays, "maybe_enable_token_auth_if_token_available", lambda **_: tokens.append(True))
    monkeypatch.setattr(ray_constants, "ENABLE_RAY_CLUSTER", True)
    monkeypatch.setitem(os.environ, ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, "1")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return told


def test_a_ray_on_loopback_is_asked_there_and_this_users_with_his_token(
    listening: str, silent: str, own: set[str], joined: list[Any]
) -> None:
    """Whoever else listens gets none, also where he is named: RAY_AUTH_MODE says so."""
    for address in ("192.0.2.2:6379", "ray://127.0.0.1:10001"):
        rays.join_ray(address)
        assert joined.pop() == (address, False, False)
    rays.join_ray(listening)
    assert joined.pop() == (listening, True, False)
    own.update((listening, "192.0.2.2:6379"))
    rays.join_ray(listening)
    assert joined.pop() == (listening, True, True)
    rays.join_ray(listening.replace("127.0.0.1", "localhost"))
    assert joined.pop() == (listening, True, True)
    rays.join_ray("192.0.2.2:6379")
    assert joined.pop() == ("192.0.2.2:6379", False, True)
    with pytest.raises(ConnectionError, match="nobody listens"):
        rays.join_ray(silent)


def test_auto_is_what_is_named_else_the_one_of_this_user(
    listening: str, own: set[str], joined: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never another's, nor any of several."""
    with pytest.raises(ConnectionError, match="none of this user"):
        rays.join_ray("auto")
    own.add(listening)
    rays.join_ray("auto")
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    rays.join_ray("auto")
    assert [joined.pop(), joined.pop()] == [(listening, True, True)] * 2
    own.add("192.0.2.2:6379")
    with pytest.raises(ConnectionError, match=f"{listening} 192.0.2.2:6379"):
        rays.join_ray("auto")
    monkeypatch.setenv("RAY_ADDRESS", "192.0.2.3:6379")
    rays.join_ray("auto")
    assert joined.pop() == ("192.0.2.3:6379", False, False)


def test_ray_heeds_the_private_names_that_are_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another Ray may have renamed them, or read them no more."""
    monkeypatch.setattr(ray_constants, "ENABLE_RAY_CLUSTER", True)
    monkeypatch.setitem(os.environ, ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, "1")
    rays._over_loopback()
    assert services.get_node_ip_address() == "127.0.0.1"  # type: ignore[no-untyped-call]  # Ray leaves it untyped
    (tmp_path / "token").write_text("0" * 64)
    code = (
        "from quantum_memory.cluster.rays import maybe_enable_token_auth_if_token_available as enable\n"
        "from ray._raylet import AuthenticationMode, get_authentication_mode\n"
        "assert get_authentication_mode() == AuthenticationMode.DISABLED\n"
        "enable(warn_if_disabled=False)\n"
        "assert get_authentication_mode() == AuthenticationMode.TOKEN\n"
        "import ray\n"
        "from quantum_memory.cluster.rays import join_ray\n"
        "ray.init = lambda **_: None\n"
        "join_ray('192.0.2.2:6379')\n"
        "assert get_authentication_mode() == AuthenticationMode.DISABLED, 'it would go to another, too'\n"
    )
    given = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")}
    given |= {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "token")}
    subprocess.run([sys.executable, "-c", code], env=given, check=True, timeout=120)
