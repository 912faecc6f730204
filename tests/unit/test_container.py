"""Containers: what goes in comes out, equal content is equal bytes, and no damaged or forged file gets far."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quantum_memory.errors import CorruptRecord, InvalidInput, InvalidValue, NewerSchema, NotFinite, OutOfRange, TooLong
from quantum_memory.memory.vault import container
from quantum_memory.memory.vault.container import HEADER_BYTES, Value, pack, unpack

KINDS = ["<f2", "<f4", "<f8", ">f4", "<c8", "<c16", "i1", "<i8", "u1", "<u4", "bool"]
NAMES = st.from_regex(r"\A[a-z][a-z0-9_]{0,8}(/[a-z0-9_.]{1,5}x)?\Z")
ARRAYS = st.sampled_from(KINDS).flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6))
)
VALUES = ARRAYS | st.binary(max_size=60)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FEW = settings(deadline=None, max_examples=60)


def apart(arrays: dict[str, Value]) -> dict[str, Value]:
    """Without a name that is also a group."""
    groups = {name.split("/")[0] for name in arrays if "/" in name}
    return {name: value for name, value in arrays.items() if name not in groups}


def same(left: Value, right: Value) -> bool:
    if isinstance(left, bytes) or isinstance(right, bytes):
        return type(left) is type(right) and left == right
    return left.shape == right.shape and left.dtype == right.dtype and left.tobytes() == right.tobytes()


@FEW
@given(
    st.dictionaries(NAMES, VALUES, max_size=5).map(apart),
    st.dictionaries(NAMES.filter(lambda name: "/" not in name), PLAIN, max_size=3),
)
def test_what_goes_in_comes_out_bit_for_bit(arrays: dict[str, Value], attributes: dict[str, Any]) -> None:
    data = pack(arrays, attributes, 3)
    contents = unpack(data, "it")
    assert contents.attributes == attributes
    assert contents.arrays.keys() == arrays.keys()
    for name, value in arrays.items():
        want = value if isinstance(value, bytes) else np.asarray(value, value.dtype.newbyteorder("<"))
        assert same(contents.arrays[name], want), name
    shuffled = dict(reversed(arrays.items()))
    assert pack(shuffled, dict(reversed(attributes.items())), 3) == data, "order is nothing"


BIG: dict[str, Value] = {
    "vectors": np.arange(3000 * 96, dtype=np.float32).reshape(3000, 96) / 7,
    "wide": np.arange(2 * 200_000, dtype=np.float64).reshape(2, 200_000),
    "deep/cube": np.arange(70**3, dtype=np.complex64).reshape(70, 70, 70).transpose(2, 0, 1),
    "text": b"all the same " * 50_000,
}


def test_large_arrays_are_chunked_compressed_and_checksummed(tmp_path: Path) -> None:
    data = pack(BIG, {"format": "x", "version": 1}, 3)
    contents = unpack(data, "it")
    for name, value in BIG.items():
        assert same(contents.arrays[name], np.ascontiguousarray(value) if not isinstance(value, bytes) else value)
    assert len(data) < sum(len(value) if isinstance(value, bytes) else value.nbytes for value in BIG.values()) / 2
    (tmp_path / "it.h5").write_bytes(data)
    with h5py.File(tmp_path / "it.h5") as file:
        assert file.userblock_size == HEADER_BYTES, "any HDF5 reader opens it as it is"
        assert file.attrs["format"] == b'"x"'
        for name, value in BIG.items():
            assert file[name].fletcher32
            assert math.prod(file[name].chunks) * file[name].dtype.itemsize <= container.CHUNK_BYTES
            assert file[name].shuffle == (not isinstance(value, bytes))
        np.testing.assert_array_equal(file["vectors"][:], BIG["vectors"])


def test_the_same_content_is_the_same_bytes_later_and_in_another_process() -> None:
    code = "import numpy as np; from blake3 import blake3; from quantum_memory.memory.vault.container import pack;"
    code += "print(blake3(pack({'g/a': np.arange(9000.0), 'b': b'x' * 9000}, {'k': [1]}, 5)).hexdigest())"
    runs = [subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)]
    time.sleep(1.1)  # HDF5 stamps objects with whole seconds unless it is told not to
    runs.append(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True))
    assert runs[0].stdout == runs[1].stdout != ""


SMALL = pack({"a": np.arange(2000.0), "g/b": b"bytes"}, {"format": "x", "version": 1}, 3)


@settings(deadline=None, max_examples=300)
@given(st.integers(0, len(SMALL) - 1), st.integers(1, 255))
def test_any_changed_byte_is_found(at: int, change: int) -> None:
    damaged = bytearray(SMALL)
    damaged[at] ^= change
    with pytest.raises((CorruptRecord, NewerSchema), match="the file"):
        unpack(bytes(damaged), "the file")


@settings(deadline=None, max_examples=60)
@given(st.integers(0, len(SMALL) - 1))
def test_a_container_cut_short_or_drawn_out_is_found(keep: int) -> None:
    for damaged in (SMALL[:keep], SMALL + b"\x00"):
        with pytest.raises(CorruptRecord):
            unpack(damaged, "the file")


def forged(make: Callable[[h5py.File], object]) -> bytes:
    """A container with a good hash around whatever HDF5 can hold."""
    file = h5py.File(container._new_file())
    make(file)
    file.flush()
    image = file.id.get_file_image()
    file.close()
    sealed: bytes = container._header(1, image) + image
    return sealed


def recursive(file: h5py.File) -> None:
    file["inner"] = file


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda file: file.create_dataset("a", shape=(2**40,), dtype="f8", chunks=(1024,)), "larger than it may hold"),
        (lambda file: file.create_dataset("a", shape=(2**62, 2**62), dtype="f8", chunks=(1, 1)), "HDF5|larger"),
        (lambda file: file.create_dataset("a", shape=(1,), maxshape=(None,), dtype="f8", chunks=(2**26,)), "larger"),
        (lambda file: file.create_dataset("a", data=["text"]), "holds object"),
        (lambda file: file.create_dataset("a", data=np.array([(1, 2)], [("x", "i4"), ("y", "i4")])), "holds"),
        (lambda file: file.create_dataset("a", data=h5py.Empty("f4")), "no values of its own"),
        (lambda file: file.create_dataset("a", data=np.zeros(9000), compression="gzip"), "filters"),
        (
            lambda file: file.create_dataset("a", shape=(8,), dtype="f8", external=[("/etc/passwd", 0, 64)]),
            "of its own",
        ),
        (lambda file: file.__setitem__("a", h5py.ExternalLink("/etc/hostname", "/x")), "link to elsewhere"),
        (lambda file: file.__setitem__("a", h5py.SoftLink("/a")), "link to elsewhere"),
        (recursive, "nested deeper"),
        (lambda file: file.attrs.__setitem__("a", np.bytes_(b"{")), "no JSON"),
        (lambda file: file.attrs.__setitem__("a", np.arange(3)), "no JSON"),
        (lambda file: file.__setitem__("a", np.dtype("f8")), "neither a group nor a dataset"),
    ],
)
def test_what_we_would_never_write_is_refused_before_anything_is_allocated(
    make: Callable[[h5py.File], object], told: str
) -> None:
    with pytest.raises(CorruptRecord, match=told):
        unpack(forged(make), "the file", limit=2**28)


def test_a_virtual_dataset_is_not_followed() -> None:
    def make(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((4,), "f8")
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
        file.create_virtual_dataset("a", layout)

    with pytest.raises(CorruptRecord, match="of its own"):
        unpack(forged(make), "the file")


def test_the_limit_is_on_all_arrays_together() -> None:
    data = pack({"a": np.zeros(1000), "b": np.zeros(1000)}, {}, 3)
    assert len(unpack(data, "it", limit=16_000).arrays) == 2
    with pytest.raises(CorruptRecord, match="larger than it may hold"):
        unpack(data, "it", limit=15_999)


def test_a_newer_container_or_form_says_so() -> None:
    image = SMALL[HEADER_BYTES:]
    with pytest.raises(NewerSchema, match="version 2"):
        unpack(container._header(2, image) + image, "the file")
    contents = unpack(SMALL, "the file")
    assert contents.expect("the file", "x", 3) == 1
    with pytest.raises(CorruptRecord, match="its format is 'x'"):
        contents.expect("the file", "y", 1)
    newer = unpack(pack({}, {"format": "x", "version": 4}, 3), "the file")
    with pytest.raises(NewerSchema, match="version 4"):
        newer.expect("the file", "x", 3)
    for version in (0, True, "1", None):
        odd = unpack(pack({}, {"format": "x", "version": version}, 3), "the file")
        with pytest.raises(CorruptRecord, match="its version is"):
            odd.expect("the file", "x", 3)


@pytest.mark.parametrize(
    ("arrays", "attributes", "compression", "error"),
    [
        ({"../a": b""}, {}, 3, InvalidValue),
        ({"/a": b""}, {}, 3, InvalidValue),
        ({"a//b": b""}, {}, 3, InvalidValue),
        ({"a/./b": b""}, {}, 3, InvalidValue),
        ({"a": np.array(["text"])}, {}, 3, InvalidValue),
        ({"a": np.array([None])}, {}, 3, InvalidValue),
        ({"a": [1, 2]}, {}, 3, InvalidValue),
        ({"a": np.zeros(3, np.longdouble)}, {}, 3, InvalidValue),
        ({}, {"a/b": 1}, 3, InvalidValue),
        ({}, {"a": {1, 2}}, 3, InvalidValue),
        ({}, {"a": float("nan")}, 3, NotFinite),
        ({}, {"a": "x" * 40_000}, 3, TooLong),
        ({}, {}, 0, OutOfRange),
        ({}, {}, 23, OutOfRange),
    ],
)
def test_what_could_not_be_read_again_is_not_packed(
    arrays: Any, attributes: Any, compression: int, error: type[InvalidInput]
) -> None:
    with pytest.raises(error):
        pack(arrays, attributes, compression)


def test_what_is_asked_of_the_contents_is_checked() -> None:
    contents = unpack(pack({"a": np.zeros((2, 3)), "b": b"x"}, {}, 3), "it")
    assert contents.numbers("it", "a", "f", (None, 3)).shape == (2, 3)
    assert contents.raw("it", "b") == b"x"
    for kinds, shape in (("i", (2, 3)), ("f", (3, 3)), ("f", (6,))):
        with pytest.raises(CorruptRecord, match="shape"):
            contents.numbers("it", "a", kinds, shape)
    for ask in (lambda: contents.numbers("it", "b", "f", (1,)), lambda: contents.raw("it", "a")):
        with pytest.raises(CorruptRecord, match="it has no"):
            ask()
