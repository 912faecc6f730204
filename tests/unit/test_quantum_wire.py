"""The bytes of a state: there and back, and every kind of damage."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import CorruptRecord
from quantum_memory.memory.quantum import Grid, Packet, QuantumState, wire
from quantum_memory.memory.quantum.backend import host, module_of

GRID = Grid((3, 2, 2))
STATE = QuantumState.from_packets(
    GRID, [Packet((0.2, -0.4, 0.6), (0.5,) * 3, (1.0, 0.5, 0.0)), Packet((-0.6, 0.1, 0.0), (0.6,) * 3)]
)
DATA = STATE.to_bytes()
PADDED = QuantumState.from_packet(Grid((4, 3, 3), padding=1), Packet((0.2, -0.4, 0.6), (0.5,) * 3))
PADDED_DATA = PADDED.to_bytes()
CORES_AT = wire.HEADER.size + 4 * (GRID.sites + 1)


def signed(body: bytes) -> bytes:
    """The body with a fitting checksum: what only somebody who means harm, or a newer writer, would make."""
    return body + hashlib.blake2b(body, digest_size=16).digest()


def padded_with(offset: int, value: bytes) -> bytes:
    return signed(PADDED_DATA[:offset] + value + PADDED_DATA[offset + len(value) : -16])


def patched(offset: int, value: bytes) -> bytes:
    return signed(DATA[:offset] + value + DATA[offset + len(value) : -16])


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_bytes_come_back_as_the_same_state(xp: Any, dtype: Any) -> None:
    state = STATE.astype(dtype).on(xp)
    back = QuantumState.from_bytes(state.to_bytes(), xp=xp)
    assert all(module_of(core) is xp for core in back.cores)
    assert back.grid == state.grid
    assert back.dtype == state.dtype
    assert all(np.array_equal(host(a), host(b)) for a, b in zip(back.cores, state.cores, strict=True))
    assert back.to_bytes() == state.to_bytes()


def test_the_layout_is_the_documented_one() -> None:
    assert DATA[:10] == b"QMPS" + struct.pack("<HB3B", 1, 8, 3, 2, 2)
    assert struct.unpack_from("<8I", DATA, 10) == (1, *STATE.bonds, 1)
    real, imaginary = struct.unpack_from("<2f", DATA, CORES_AT)
    assert complex(real, imaginary) == complex(STATE.cores[0][0, 0, 0])
    assert len(DATA) == CORES_AT + STATE.nbytes + 16


def test_a_padded_state_has_a_version_and_a_byte_of_its_own(xp: Any) -> None:
    assert PADDED_DATA[:11] == b"QMPS" + struct.pack("<HB3BB", 2, 8, 4, 3, 3, 1)
    assert struct.unpack_from("<11I", PADDED_DATA, 11) == (1, *PADDED.bonds, 1)
    back = QuantumState.from_bytes(PADDED_DATA, xp=xp)
    assert back.grid == PADDED.grid
    assert all(np.array_equal(host(a), host(b)) for a, b in zip(back.cores, PADDED.cores, strict=True))
    assert back.to_bytes() == PADDED_DATA


def test_the_bytes_of_version_1_have_not_changed() -> None:
    state = QuantumState(Grid((2, 2, 2)), tuple(np.full((1, 2, 1), 1.0 + 0.5j, dtype=np.complex64) for _ in range(6)))
    body = b"QMPS" + struct.pack("<HB3B7I", 1, 8, 2, 2, 2, *[1] * 7) + struct.pack("<2f", 1.0, 0.5) * 12
    assert state.to_bytes() == signed(body)


@settings(deadline=None, max_examples=100)
@given(st.integers(0, len(PADDED_DATA) * 8 - 1))
def test_one_flipped_bit_of_a_padded_state_is_noticed(bit: int) -> None:
    damaged = bytearray(PADDED_DATA)
    damaged[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(CorruptRecord):
        QuantumState.from_bytes(bytes(damaged))


def test_bytes_do_not_depend_on_how_the_cores_lie_in_memory() -> None:
    turned = QuantumState(GRID, tuple(np.asfortranarray(core.copy()) for core in STATE.cores))
    assert turned.to_bytes() == DATA


@settings(deadline=None, max_examples=150)
@given(st.integers(0, len(DATA) * 8 - 1))
def test_one_flipped_bit_is_noticed(bit: int) -> None:
    damaged = bytearray(DATA)
    damaged[bit // 8] ^= 1 << (bit % 8)
    with pytest.raises(CorruptRecord):
        QuantumState.from_bytes(bytes(damaged))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, len(DATA) - 1), st.binary(max_size=40))
def test_a_cut_or_longer_record_is_noticed(length: int, more: bytes) -> None:
    with pytest.raises(CorruptRecord):
        QuantumState.from_bytes(DATA[:length])
    if more:
        with pytest.raises(CorruptRecord):
            QuantumState.from_bytes(DATA + more)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200))
def test_noise_is_noticed(noise: bytes) -> None:
    for data in (
        noise,
        signed(noise),
        b"QMPS" + noise,
        signed(b"QMPS\x01\x00" + noise),
        signed(b"QMPS\x02\x00" + noise),
    ):
        with pytest.raises(CorruptRecord):
            QuantumState.from_bytes(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "too few"),
        (patched(0, b"HDF5"), "begins with"),
        (patched(4, struct.pack("<H", 3)), "version 3"),
        (patched(4, struct.pack("<H", 2)), "bits of arousal"),
        (padded_with(10, b"\x00"), "padding 0"),
        (padded_with(10, b"\x02"), "bits of arousal"),
        (padded_with(10, b"\x03"), "padding"),
        (padded_with(4, struct.pack("<H", 1)), "bond dimensions"),
        (padded_with(15, struct.pack("<I", 2**32 - 1)), "the bonds ask for"),
        (signed(PADDED_DATA[:11]), "too few"),
        (signed(PADDED_DATA[:10]), "padding|too few"),
        (patched(6, b"\x04"), "numbers of 4"),
        (patched(7, b"\x00"), "bits of pleasure"),
        (patched(7, b"\xff"), "bits of pleasure"),
        (patched(7, b"\x0c\x0c\x0c"), "bytes of cores|bond dimensions|too few"),
        (patched(10, struct.pack("<I", 2)), "bond dimensions"),
        (patched(14, struct.pack("<I", 0)), "bond dimensions"),
        (patched(14, struct.pack("<I", 2**32 - 1)), "the bonds ask for"),
        (patched(CORES_AT, struct.pack("<f", float("nan"))), "not finite"),
        (patched(CORES_AT, struct.pack("<f", float("inf"))), "not finite"),
        (signed(DATA[:20]), "too few"),
        (DATA[:-16] + bytes(16), "checksum"),
        ("QMPS", "expected bytes"),
    ],
)
def test_each_kind_of_damage_is_named(data: Any, words: str) -> None:
    with pytest.raises(CorruptRecord, match=words):
        QuantumState.from_bytes(data)
