"""A vault that takes over from one that died waits until its storage is free; any other is refused at once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from quantum_memory.actors import vault as module
from quantum_memory.actors.vault import VaultHost, utc_now
from quantum_memory.errors import StorageLocked
from quantum_memory.memory.vault import Vault
from quantum_memory.settings import load


def host(folder: Path, *, again: bool) -> VaultHost:
    made = VaultHost(load({"storage": str(folder), "perception": {"model": "hashing"}}))
    made.again = again
    return made


def test_who_takes_over_waits_for_the_lock_of_the_one_before(tmp_path: Path) -> None:
    before = Vault.open(tmp_path, now=utc_now)
    after, answers = host(tmp_path, again=True), []
    asking = threading.Thread(target=lambda: answers.append(after.status()["pid"]))
    asking.start()
    asking.join(2 * module.LOOK_S)
    assert asking.is_alive(), "it has an answer while another holds the vault"
    before.close()
    asking.join(30)
    assert answers
    after.close()


def test_who_takes_over_gives_up_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOCKED_S", 2 * module.LOOK_S)
    with Vault.open(tmp_path, now=utc_now), pytest.raises(StorageLocked):
        host(tmp_path, again=True).status()


def test_who_comes_first_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantum_memory.actors.vault.time.sleep", lambda _: pytest.fail("it waits"))
    with Vault.open(tmp_path, now=utc_now), pytest.raises(StorageLocked):
        host(tmp_path, again=False).status()
