"""Where bytes come from: encodings, long lines, and archives that are built to do harm."""

from __future__ import annotations

import json
import os
import stat
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidInput, UnreadableFile, UnreadableLine, UnsafeArchive
from quantum_memory.memory.exchange import documents, registry, sources
from quantum_memory.memory.exchange.documents import elements, walk
from quantum_memory.memory.exchange.sources import Source, of_bytes, of_path
from quantum_memory.types import Utterance

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=200)


def lines(source: Source) -> list[str | UnreadableLine]:
    return [line for part in source.parts for _, line in source.lines(part)]


@settings(max_examples=60, deadline=None)
@given(TEXT, st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_lines_are_the_same_in_every_encoding(text: str, encoding: str) -> None:
    """``utf-16`` writes a mark in the machine's order."""
    source = of_bytes("x", ("a" + text).encode(encoding))
    wanted = ("a" + text).split("\n")
    assert lines(source) == (wanted[:-1] if wanted[-1] == "" else wanted)
    assert source.position == source.total


def test_utf_16_in_the_other_order_and_json_in_it() -> None:
    raw = b"\xfe\xff" + '[{"type": "message", "ts": "1", "text": "é"}]'.encode("utf-16-be")
    (one,) = registry.read(of_bytes("x.json", raw))
    assert isinstance(one.found, Utterance)
    assert one.found.text == "é"


def test_utf_32_and_broken_utf_16_are_refused_by_name() -> None:
    with pytest.raises(UnreadableFile, match="UTF-32"):
        lines(of_bytes("x", "a".encode("utf-32")))
    with pytest.raises(UnreadableFile, match="not the UTF-16"):
        lines(of_bytes("x", "ab".encode("utf-16")[:-1]))


def test_a_lone_half_of_a_surrogate_pair_is_told_with_its_line() -> None:
    first, second = lines(of_bytes("x", b"\xff\xfea\x00\n\x00\x00\xd8\n\x00"))
    assert first == "a"
    assert isinstance(second, UnreadableLine)


def test_a_line_over_the_limit_is_told_and_the_next_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_LINE_BYTES", 10)
    monkeypatch.setattr(sources, "CHUNK", 4)
    first, second, third = lines(of_bytes("x", b"short\n" + b"x" * 31 + b"\nnext"))
    assert (first, third) == ("short", "next")
    assert isinstance(second, UnreadableLine)
    assert str(second) == "x, line 2: line: 32 bytes, the limit is 10"


def archive(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, raw in members:
            file.writestr(name, raw)
    return path


@pytest.mark.parametrize(
    "name", ["../x.json", "/etc/x.json", "a/../../x.json", "..\\x.json", "C:/x.json", "C:\\x.json"]
)
def test_a_member_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafeArchive, match="leads out"):
        of_path(archive(tmp_path / "a.zip", ("good.json", b"[]"), (zipfile.ZipInfo(name), b"[]")))


def test_a_member_that_is_a_link_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("x.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(UnsafeArchive, match="is a link"):
        of_path(archive(tmp_path / "a.zip", (link, b"/etc/passwd")))


def test_a_zip_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    bomb = archive(tmp_path / "a.zip", ("x.json", b"0" * (4 << 20)), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(UnsafeArchive, match="packed too tight"):
        of_path(bomb)


def test_a_bomb_that_lies_about_its_size_ends_where_it_said(tmp_path: Path) -> None:
    """The size in the directory is what is read at most; the checksum then tells."""
    raw = b"[" + b"0," * 50_000 + b"0]"
    path = archive(tmp_path / "a.zip", ("x.json", raw), compression=zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 10)
    path.write_bytes(content)
    source = of_path(path)
    with pytest.raises(UnreadableFile, match="damaged"):
        list(elements(source, source.parts[0]))
    assert source.position <= 10


def test_too_many_members_and_too_much_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path / "a.zip", *((f"{n}.json", b"[]") for n in range(4)))
    monkeypatch.setattr(sources, "MAX_MEMBERS", 3)
    with pytest.raises(UnsafeArchive, match="more than 3 members"):
        of_path(path)
    monkeypatch.setattr(sources, "MAX_MEMBERS", 9)
    monkeypatch.setattr(sources, "MAX_ARCHIVE_BYTES", 7)
    with pytest.raises(UnsafeArchive, match="over 7 bytes"):
        of_path(path)


def test_an_encrypted_and_a_damaged_archive_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", ("c/2025-01-11.json", b'[{"type": "message", "ts": "1", "text": "a"}]'))
    raw = bytearray(path.read_bytes())
    at = raw.rindex(b"PK\x01\x02")
    raw[at + 8] |= 1
    (tmp_path / "b.zip").write_bytes(raw)
    with pytest.raises(UnsafeArchive, match="encrypted"):
        of_path(tmp_path / "b.zip")
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"message")] ^= 1
    (tmp_path / "c.zip").write_bytes(raw)
    with pytest.raises(UnreadableFile, match="damaged"):
        list(registry.read(of_path(tmp_path / "c.zip"), "slack"))
    (tmp_path / "d.zip").write_bytes(path.read_bytes()[:40])
    with pytest.raises(UnreadableFile, match="damaged"):
        of_path(tmp_path / "d.zip")


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]),
    st.lists(st.tuples(st.floats(0, 0.999), st.sampled_from([0, 1, 9, 99, 255])), min_size=1, max_size=3),
)
def test_an_archive_with_any_bytes_changed_is_read_or_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, compression: int, changes: list[tuple[float, int]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.zip"
    archive(path, ("c/2025-01-11.json", b'[{"type": "message", "ts": "1", "text": "a"}]'), compression=compression)
    raw = bytearray(path.read_bytes())
    for place, value in changes:
        raw[4 + int(place * (len(raw) - 4))] = value
    path.write_bytes(raw)
    try:
        assert len(list(registry.read(of_path(path), "slack"))) <= 1
    except (UnreadableFile, UnsafeArchive) as error:
        assert "changed.zip" in error.source  # noqa: PT017  (either outcome is right)


@pytest.mark.parametrize("damage", ["name", "method", "offset", "empty"])
def test_an_archive_whose_directory_lies_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    path = archive(tmp_path / "a.zip", ("c/2025-01-11.json", b'[{"type": "message", "ts": "1", "text": "a"}]'))
    raw = bytearray(path.read_bytes())
    at = raw.rindex(b"PK\x01\x02")
    if damage == "name":
        raw[30] ^= 1
    elif damage == "method":
        raw[at + 10] = 99
    elif damage == "offset":
        raw[at + 42 : at + 46] = struct.pack("<I", 0xFFFFFFF0)
    else:
        raw[at + 28 : at + 30] = b"\0\0"
    path.write_bytes(raw)
    with pytest.raises(UnreadableFile, match=r"a\.zip"):
        list(registry.read(of_path(path)))


def test_a_pipe_is_refused_because_it_can_be_read_only_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = os.open(tmp_path / "pipe", os.O_RDWR)
    try:
        os.write(writer, b'{"text": "a"}\n')
        with pytest.raises(UnreadableFile, match="a pipe or a device"):
            of_path(tmp_path / "pipe")
    finally:
        os.close(writer)


def test_nothing_but_what_may_be_a_format_is_read_of_an_archive(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.zip", ("photo.jpg", b"x"), ("_chat.txt", b"1/13/25, 6:02 PM - Ann: hi\n"), ("Notes.txt", b"milk")
    )
    source = of_path(path)
    assert [part.name for part in source.parts] == ["Notes.txt", "_chat.txt"]
    assert registry.detect(source) == "whatsapp"
    assert [one.found.text for one in registry.read(source) if isinstance(one.found, Utterance)] == ["hi"]
    with pytest.raises(UnreadableFile, match="nothing in it"):
        registry.detect(of_path(archive(tmp_path / "b.zip", ("photo.jpg", b"x"))))
    several = archive(tmp_path / "c.zip", ("a.txt", b"Ann: hi"), ("b.jsonl", b'{"text": "x"}'))
    with pytest.raises(UnreadableFile, match="several formats: jsonl, transcript"):
        registry.detect(of_path(several))


def test_a_link_out_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("[]")
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "x.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(UnsafeArchive, match="leads out of the folder"):
        of_path(folder)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abi.", max_size=3), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(JSON, max_size=5))
def test_elements_are_those_of_the_json_library(values: list[object]) -> None:
    source = of_bytes("x", json.dumps(values).encode())
    assert list(elements(source, source.parts[0])) == values


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1, max_size=2), st.lists(JSON, max_size=3), max_size=4))
def test_a_walk_finds_the_elements_of_every_list_it_is_asked_for(value: dict[str, list[object]]) -> None:
    source = of_bytes("x", json.dumps(value).encode())
    found = list(walk(source, source.parts[0], [f"{name}.item" for name in value]))
    assert found == [(f"{name}.item", one) for name, listed in value.items() for one in listed]


def test_what_is_nested_too_deep_or_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for raw in (b"[" * 500_000, b'{"a":' * 500_000, b"[1," + b"[" * 65 + b"]" * 65 + b"]"):
        source = of_bytes("x", raw)
        with pytest.raises(UnreadableFile, match="65 levels, the limit is 64"):
            list(walk(source, source.parts[0], ("item", "a.item")))
    monkeypatch.setattr(documents, "MAX_VALUE_BYTES", 100_000)
    source = of_bytes("x", json.dumps(["x" * 1000] * 500).encode())
    assert len(list(elements(source, source.parts[0]))) == 500
    source = of_bytes("x", json.dumps([["x" * 1000] * 500]).encode())
    with pytest.raises(UnreadableFile, match="the limit is 100000"):
        list(elements(source, source.parts[0]))


@pytest.mark.parametrize("form", ["jsonl", "slack", "transcript", "csv"])
def test_a_large_file_is_never_in_memory_as_a_whole(tmp_path: Path, form: registry.Format) -> None:
    """8 MB of file; the reader holds no more than a fraction of it."""
    path, count = tmp_path / "large", 4000
    text = "x" * 2000
    with path.open("w") as file:
        if form == "slack":
            file.write(
                "[" + ",".join(f'{{"type": "message", "ts": "{n}", "text": "{text}"}}' for n in range(count)) + "]"
            )
        elif form == "jsonl":
            file.writelines(f'{{"text": "{text} {n}"}}\n' for n in range(count))
        elif form == "csv":
            file.writelines(["text\n", *(f"{text} {n}\n" for n in range(count))])
        else:
            file.writelines(f"[2025-01-11 18:02] Ann: {text} {n}\n" for n in range(count))
    source = of_path(path)
    tracemalloc.start()
    try:
        read = sum(isinstance(one.found, Utterance) for one in registry.read(source, form))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read == count
    assert source.position == source.total
    assert peak < 4 << 20


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"PK\x03\x04", b"SQLite format 3\0", b"\xff\xfe", b'{"chats":[', b"[{"]),
)
def test_any_file_is_read_or_refused_by_name(tmp_path_factory: pytest.TempPathFactory, raw: bytes, head: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(head + raw)
    try:
        for one in registry.read(of_path(path)):
            assert isinstance(one.found, Utterance) or one.found.reason
    except InvalidInput as error:
        assert str(error)  # noqa: PT017  (either outcome is right)
