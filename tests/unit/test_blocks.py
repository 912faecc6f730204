"""Blocks: whole or not at all, found by their hash wherever they lie, and a named error for everything else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import BlockMissing, CorruptRecord, InvalidValue, Quarantined, WriteFailed
from quantum_memory.memory.vault.blocks import BlockInfo, BlockStore, MemoryBlocks, Swept, open_blocks
from quantum_memory.memory.vault.blocks_local import LocalBlocks
from quantum_memory.memory.vault.blocks_remote import RemoteBlocks

NOBODY = "0" * 64


@pytest.fixture(params=["folder", "object store", "file system", "memory"])
def blocks(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BlockStore]:
    match request.param:
        case "folder":
            yield open_blocks(tmp_path / "blocks")
        case "object store":
            root = f"/{uuid.uuid4().hex}"
            yield open_blocks(f"memory:/{root}/blocks")
            if fsspec.filesystem("memory").exists(root):
                fsspec.filesystem("memory").rm(root, recursive=True)
        case "file system":
            (tmp_path / "far").mkdir()
            yield RemoteBlocks(f"file://{tmp_path}/far")
        case _:
            yield MemoryBlocks()


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def damage(blocks: BlockStore, name: str) -> None:
    """Flip a bit where the block lies."""
    match blocks:
        case LocalBlocks():
            file = blocks.folder / name[:2] / name
            data = bytearray(file.read_bytes())
            data[len(data) // 2] ^= 1
            file.write_bytes(data)
        case RemoteBlocks():
            path = blocks._path(name)
            data = bytearray(blocks._files.cat_file(path))
            data[len(data) // 2] ^= 1
            blocks._files.pipe_file(path, bytes(data))
        case MemoryBlocks():
            kept, at = blocks._blocks[name]
            data = bytearray(kept)
            data[len(data) // 2] ^= 1
            blocks._blocks[name] = (bytes(data), at)


def test_what_is_put_is_had_again_by_its_hash(blocks: BlockStore) -> None:
    before = time.time() - 5
    name = blocks.put(b"a segment")
    assert name == blake3(b"a segment").hexdigest()
    assert blocks.get(name) == b"a segment"
    assert blocks.has(name)
    (info,) = blocks.listing()
    assert (info.name, info.nbytes) == (name, 9)
    assert before < info.modified_s < time.time() + 5
    assert blocks.put(b"a segment") == name
    assert blocks.put(b"") != name
    assert len(list(blocks.listing())) == 2


@settings(deadline=None, max_examples=30)
@given(st.lists(st.binary(max_size=200), max_size=8))
def test_a_store_is_a_set_of_byte_strings(tmp_path_factory: pytest.TempPathFactory, kept: list[bytes]) -> None:
    blocks = open_blocks(tmp_path_factory.mktemp("blocks"))
    names = [blocks.put(data) for data in kept]
    assert {info.name for info in blocks.listing()} == set(names)
    assert [blocks.get(name) for name in names] == kept


def test_a_store_that_was_never_written_to_is_empty(blocks: BlockStore) -> None:
    assert list(blocks.listing()) == []
    assert blocks.quarantined() == []
    assert blocks.sweep(time.time() + 100) == Swept(0, 0)
    assert not blocks.has(NOBODY)
    assert not blocks.remove(NOBODY)
    with pytest.raises(BlockMissing, match=NOBODY):
        blocks.get(NOBODY)


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n", "/" + "0" * 63]
)
def test_no_name_leads_out_of_the_store(blocks: BlockStore, name: str) -> None:
    for ask in (blocks.get, blocks.has, blocks.remove, blocks.quarantine):
        with pytest.raises(InvalidValue, match="64 hexadecimal digits"):
            ask(name)


def test_a_damaged_block_is_never_handed_out_and_putting_it_again_mends_it(blocks: BlockStore) -> None:
    name = blocks.put(b"so many bytes")
    damage(blocks, name)
    with pytest.raises(CorruptRecord, match=name):
        blocks.get(name)
    assert blocks.put(b"so many bytes") == name
    assert blocks.get(name) == b"so many bytes"


def test_a_block_in_quarantine_is_out_of_the_way_but_not_lost(blocks: BlockStore) -> None:
    name, other = blocks.put(b"damaged"), blocks.put(b"whole")
    blocks.quarantine(name)
    blocks.quarantine(name)
    blocks.quarantine(NOBODY)
    assert blocks.quarantined() == [name]
    assert not blocks.has(name)
    assert [info.name for info in blocks.listing()] == [other]
    with pytest.raises(Quarantined, match=name):
        blocks.get(name)
    assert blocks.get(other) == b"whole"
    blocks.put(b"damaged")
    assert blocks.get(name) == b"damaged"


def test_a_block_that_was_put_again_is_not_removed_as_old(blocks: BlockStore) -> None:
    name = blocks.put(b"old")
    found = time.time() + 5
    assert blocks.remove(name, before_s=found - 100) is False
    assert blocks.has(name)
    assert blocks.remove(name, before_s=found) is True
    assert not blocks.has(name)


def test_putting_an_old_block_makes_it_new(tmp_path: Path) -> None:
    for blocks in (LocalBlocks(tmp_path), RemoteBlocks(f"file://{tmp_path}")):
        name = blocks.put(b"old")
        os.utime(tmp_path / name[:2] / name, (1e9, 1e9))
        assert next(blocks.listing()).modified_s == 1e9
        blocks.put(b"old")
        assert next(blocks.listing()).modified_s > 1e9


def test_nothing_is_removed_while_somebody_holds_the_blocks(blocks: BlockStore) -> None:
    name = blocks.put(b"to be copied")
    with blocks.held(), blocks.held():
        assert blocks.remove(name) is False
    assert blocks.remove(name) is True


def test_the_blocks_of_one_vault_are_not_taken_for_those_of_another(blocks: BlockStore) -> None:
    blocks.claim("mine")
    blocks.claim("mine")
    with pytest.raises(InvalidValue, match="no other vault"):
        blocks.claim("yours")
    assert list(blocks.listing()) == []


def test_many_threads_may_put_the_same_block(blocks: BlockStore) -> None:
    threads = [threading.Thread(target=blocks.put, args=(b"shared" * 1000,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (info,) = blocks.listing()
    assert blocks.get(info.name) == b"shared" * 1000


def test_only_their_owner_reads_blocks_and_nothing_else_is_left_beside_them(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    name = LocalBlocks(folder).put(b"private")
    assert files(folder) == [f"{name[:2]}/{name}"]
    assert (folder / name[:2] / name).stat().st_mode & 0o777 == 0o600
    for made in (folder, folder.parent, folder / name[:2]):
        assert made.stat().st_mode & 0o777 == 0o700


def test_a_block_on_disk_is_synced_before_it_has_its_name_and_its_folders_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, rename = os.fsync, Path.rename

    def fsync(descriptor: int) -> None:
        done.append(Path(f"/proc/self/fd/{descriptor}").readlink().name[:5])
        sync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        done.append("named")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", renamed)
    name = LocalBlocks(tmp_path / "blocks").put(b"durable")
    assert done == [tmp_path.name[:5], "block", ".tmp-", "named", name[:2]]


def test_a_url_for_a_folder_here_is_that_folder(tmp_path: Path) -> None:
    assert isinstance(open_blocks(f"file://{tmp_path}"), LocalBlocks)
    assert isinstance(open_blocks(str(tmp_path)), LocalBlocks)
    for where in ("", "nonsense://somewhere"):
        with pytest.raises(InvalidValue):
            open_blocks(where)


def test_no_password_is_told() -> None:
    assert "secret" not in RemoteBlocks("memory://user:secret@host/blocks").where


def killed_while_writing(folder: Path) -> None:
    code = f"""
import os, pathlib, signal
from quantum_memory.memory.vault.blocks_local import LocalBlocks
blocks = LocalBlocks(pathlib.Path({str(folder)!r}))
blocks.put(b"whole")
os.fsync = lambda fd: os.kill(os.getpid(), signal.SIGKILL if ".tmp-" in os.readlink(f"/proc/self/fd/{{fd}}") else 0)
blocks.put(b"half")
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL


def test_what_a_kill_leaves_behind_is_no_block_and_is_swept_when_it_is_old(tmp_path: Path) -> None:
    blocks = LocalBlocks(tmp_path)
    killed_while_writing(tmp_path)
    assert len(files(tmp_path)) == 2
    assert [info.name for info in blocks.listing()] == [blake3(b"whole").hexdigest()]
    assert not blocks.has(blake3(b"half").hexdigest())
    far = RemoteBlocks(f"file://{tmp_path}")
    assert blocks.sweep(time.time() - 100) == far.sweep(time.time() - 100) == Swept(0, 0)
    assert blocks.sweep(time.time() + 100) == Swept(1, 4)
    assert files(tmp_path) == [f"{blake3(b'whole').hexdigest()[:2]}/{blake3(b'whole').hexdigest()}"]


IN_A_MOUNT = """
import pathlib, subprocess, sys
from quantum_memory.errors import WriteFailed
from quantum_memory.memory.vault.blocks_local import LocalBlocks
folder = pathlib.Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], check=True)
blocks = LocalBlocks(folder / "blocks")
name = blocks.put(b"x" * 300_000)
def refused(data):
    try:
        blocks.put(data)
    except WriteFailed as error:
        print(error)
    else:
        print("taken")
refused(b"y" * 2_000_000)
print([(info.name == name, info.nbytes) for info in blocks.listing()], [f.name[:4] for f in folder.rglob(".tmp*")])
print(len(blocks.get(name)), len(blocks.get(blocks.put(b"z" * 300_000))))
subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
refused(b"w")
refused(b"x" * 300_000)
print(len(blocks.get(name)), len(list(blocks.listing())))
"""


def test_a_full_disk_and_a_read_only_one_refuse_by_name_and_lose_nothing(tmp_path: Path) -> None:
    own = ["unshare", "--user", "--map-root-user", "--mount"]
    try:
        subprocess.run([*own, "mount", "-t", "tmpfs", "none", tmp_path], check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("no file system can be mounted here")
    ran = subprocess.run([*own, sys.executable, "-c", IN_A_MOUNT, tmp_path], check=True, capture_output=True, text=True)
    full, listed, sizes, fixed, again, left = ran.stdout.splitlines()
    assert full.startswith(f"{tmp_path}/blocks: No space left on device")
    assert (listed, sizes) == ("[(True, 300000)] []", "300000 300000")
    for refusal in (fixed, again):
        assert refusal.startswith(f"{tmp_path}/blocks: Read-only file system")
    assert left == "300000 2"


def test_a_place_that_is_no_folder_refuses_writes_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteFailed, match="file/blocks"):
        LocalBlocks(tmp_path / "file" / "blocks").put(b"x")
    with pytest.raises(WriteFailed):
        RemoteBlocks(f"file://{tmp_path}/file/blocks").put(b"x")


def test_a_listing_tells_name_size_and_time() -> None:
    blocks = MemoryBlocks(now=lambda: 7.0)
    name = blocks.put(b"abc")
    assert list(blocks.listing()) == [BlockInfo(name, 3, 7.0)]
