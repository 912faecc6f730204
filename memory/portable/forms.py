"""The forms of a state: JSON, MessagePack, npz and base64 text. Reading checks everything and never unpickles.

* ``json``: one object; numbers are decimal text, a complex one is two of them.
* ``msgpack``: a map of ``format``, ``version``, ``checksum`` and ``body``, which is a MessagePack map of texts and
  arrays packed by zlib.
* ``npz``: one .npy file for each array, one for the texts (MessagePack) and one for the checksum, in a zip file.
* ``base64``: the MessagePack form as text.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
import zipfile
import zlib
from typing import Annotated, Any, Literal, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import CorruptRecord, InvalidValue, NewerSchema, TooLong
from quantum_memory.memory.portable.sheet import (
    DTYPES,
    FORMAT,
    VERSION,
    Arrays,
    Sheet,
    Texts,
    put_together,
    taken_apart,
)
from quantum_memory.memory.portable.state import AgentState

Form = Literal["json", "msgpack", "npz", "base64"]
FORMS: tuple[Form, ...] = get_args(Form)
SUFFIXES: dict[Form, str] = {"json": ".json", "msgpack": ".msgpack", "npz": ".npz", "base64": ".b64"}
MAX_BYTES = 1 << 31
"""Of a file, and of what it unpacks to."""
MAX_ARRAYS, MAX_DIMENSIONS = 256, 4
ZLIB_LEVEL = 6
_EPOCH = (1980, 1, 1, 0, 0, 0)
_TEXTS, _CHECKSUM, _NPY = "texts", "checksum", ".npy"
Dimensions = Annotated[tuple[Annotated[int, msgspec.Meta(ge=0)], ...], msgspec.Meta(max_length=MAX_DIMENSIONS)]


class _Numbers(msgspec.Struct, forbid_unknown_fields=True):
    """An array as decimal numbers."""

    dtype: str
    shape: Dimensions
    values: list[float | int]


class _Packed(msgspec.Struct, forbid_unknown_fields=True):
    """An array as its bytes."""

    dtype: str
    shape: Dimensions
    data: bytes


class _Json(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    version: int
    checksum: str
    texts: Texts
    arrays: dict[str, _Numbers]


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    version: int
    checksum: bytes
    body: bytes


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    texts: Texts
    arrays: dict[str, _Packed]


class _Stamp(msgspec.Struct):
    """What is looked at first, whatever else a version may hold."""

    format: str
    version: int


def write_state(state: AgentState, form: Form) -> bytes:
    """The state in a form. The same state gives the same bytes. Raises: InvalidValue."""
    sheet = taken_apart(state)
    match _known(form):
        case "json":
            arrays = {name: _decimal(array) for name, array in sheet.arrays.items()}
            return msgspec.json.encode(_Json(FORMAT, VERSION, sheet.checksum().hex(), sheet.texts, arrays))
        case "msgpack":
            return _write_msgpack(sheet)
        case "npz":
            return _write_npz(sheet)
        case _:
            return base64.b64encode(_write_msgpack(sheet))


def read_state(data: bytes, form: Form | None = None, what: str = "state", *, max_bytes: int = MAX_BYTES) -> AgentState:
    """The state that was written.

    Args:
        data: the bytes of a file.
        form: its form; found out when left out.
        what: its name, for messages.
        max_bytes: how large it may be, packed or unpacked.

    Raises: CorruptRecord for anything that ``write_state`` did not write; NewerSchema; TooLong; InvalidValue.
    """
    if len(data) > max_bytes:
        raise TooLong(what, len(data), max_bytes, "bytes")
    try:
        match _known(form or form_of(data)):
            case "json":
                sheet, checksum = _read_json(data, what)
            case "msgpack":
                sheet, checksum = _read_msgpack(data, what, max_bytes)
            case "npz":
                sheet, checksum = _read_npz(data, what, max_bytes)
            case _:
                sheet, checksum = _read_msgpack(base64.b64decode(data.strip(), validate=True), what, max_bytes)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, binascii.Error, zlib.error) as error:
        raise CorruptRecord(what, str(error)) from error
    return put_together(sheet, checksum, what)


def form_of(data: bytes) -> Form:
    """The form that bytes seem to have."""
    if data.lstrip()[:1] == b"{":
        return "json"
    if data[:2] == b"PK":
        return "npz"
    return "msgpack" if data[:1] >= b"\x80" else "base64"


def _known(form: str) -> str:
    if form not in FORMS:
        raise InvalidValue("form", repr(form), f"one of {', '.join(FORMS)}")
    return form


def _read_json(data: bytes, what: str) -> tuple[Sheet, bytes]:
    _check_stamp(msgspec.json.decode(data, type=_Stamp), what)
    found = msgspec.json.decode(data, type=_Json)
    arrays = {name: _from_decimal(numbers, f"{what}: {name}") for name, numbers in found.arrays.items()}
    try:
        return Sheet(found.texts, arrays), bytes.fromhex(found.checksum)
    except ValueError as error:
        raise CorruptRecord(what, f"checksum: {error}") from error


def _write_msgpack(sheet: Sheet) -> bytes:
    arrays = {
        name: _Packed(array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes())
        for name, array in sheet.arrays.items()
    }
    body = zlib.compress(msgspec.msgpack.encode(_Body(sheet.texts, arrays)), ZLIB_LEVEL)
    return msgspec.msgpack.encode(_Envelope(FORMAT, VERSION, sheet.checksum(), body))


def _read_msgpack(data: bytes, what: str, max_bytes: int) -> tuple[Sheet, bytes]:
    _check_stamp(msgspec.msgpack.decode(data, type=_Stamp), what)
    envelope = msgspec.msgpack.decode(data, type=_Envelope)
    unpacker = zlib.decompressobj()
    body = unpacker.decompress(envelope.body, max_bytes)
    if not unpacker.eof or unpacker.unused_data:
        raise CorruptRecord(what, f"it unpacks to more than {max_bytes} bytes, or is cut off")
    found = msgspec.msgpack.decode(body, type=_Body)
    arrays = {
        name: _from_bytes(packed.dtype, packed.shape, packed.data, f"{what}: {name}")
        for name, packed in found.arrays.items()
    }
    return Sheet(found.texts, arrays), envelope.checksum


def _write_npz(sheet: Sheet) -> bytes:
    stamped = msgspec.msgpack.encode({"format": FORMAT, "version": VERSION, "texts": sheet.texts})
    members: dict[str, NDArray[Any]] = {
        _TEXTS: np.frombuffer(stamped, np.uint8),
        _CHECKSUM: np.frombuffer(sheet.checksum(), np.uint8),
        **sheet.arrays,
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=ZLIB_LEVEL) as file:
        for name, array in members.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            # A fixed date, so that the same state gives the same bytes.
            info = zipfile.ZipInfo(name + _NPY, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, member.getvalue())
    return out.getvalue()


class _Stamped(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    version: int
    texts: Texts


def _read_npz(data: bytes, what: str, max_bytes: int) -> tuple[Sheet, bytes]:
    members: dict[str, NDArray[Any]] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            infos = file.infolist()
            if len(infos) > MAX_ARRAYS or sum(info.file_size for info in infos) > max_bytes:
                raise CorruptRecord(what, f"more than {MAX_ARRAYS} arrays or {max_bytes} bytes")
            for info in infos:
                name = info.filename.removesuffix(_NPY)
                if name in members or name == info.filename:
                    raise CorruptRecord(what, f"a member {info.filename!r}")
                with file.open(info) as member:
                    members[name] = _npy(member.read(info.file_size + 1), f"{what}: {name}")
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, RuntimeError, OSError) as error:
        if isinstance(error, CorruptRecord):
            raise
        raise CorruptRecord(what, str(error)) from error
    if not {_TEXTS, _CHECKSUM} <= set(members):
        raise CorruptRecord(what, "it has no texts or no checksum")
    texts = members.pop(_TEXTS).tobytes()
    _check_stamp(msgspec.msgpack.decode(texts, type=_Stamp), what)
    checksum = members.pop(_CHECKSUM).tobytes()
    return Sheet(msgspec.msgpack.decode(texts, type=_Stamped).texts, members), checksum


def _npy(data: bytes, what: str) -> NDArray[Any]:
    """The array of a .npy file, whose header must agree with how long it is."""
    file = io.BytesIO(data)
    if np.lib.format.read_magic(file) != (1, 0):
        raise CorruptRecord(what, "another version of the format .npy")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if fortran and len(shape) > 1:
        raise CorruptRecord(what, "an array in Fortran's order")
    return _from_bytes(dtype.str, shape, data[file.tell() :], what)


def _check_stamp(stamp: _Stamp, what: str) -> None:
    if stamp.format != FORMAT:
        raise CorruptRecord(what, f"its format is {stamp.format!r}, not {FORMAT!r}")
    if stamp.version > VERSION:
        raise NewerSchema(what, stamp.version, VERSION)
    if stamp.version != VERSION:
        raise CorruptRecord(what, f"version {stamp.version}")


def _decimal(array: NDArray[Any]) -> _Numbers:
    flat = np.ascontiguousarray(array).reshape(-1)
    numbers = flat.view(flat.real.dtype) if np.iscomplexobj(flat) else flat
    return _Numbers(array.dtype.str, array.shape, numbers.tolist())


def _from_decimal(numbers: _Numbers, what: str) -> NDArray[Any]:
    dtype = _dtype(numbers.dtype, what)
    pairs = 2 if dtype.kind == "c" else 1
    if math.prod(numbers.shape) * pairs != len(numbers.values):
        raise CorruptRecord(what, f"{len(numbers.values)} numbers for the shape {numbers.shape}")
    part = np.dtype(f"<f{dtype.itemsize // 2}") if pairs == 2 else dtype
    try:
        with np.errstate(over="raise"):
            flat = np.array(numbers.values, np.float64 if part.kind == "f" else np.int64)
            exact = flat.astype(part)
    except (OverflowError, ValueError, FloatingPointError) as error:
        raise CorruptRecord(what, str(error)) from error
    if (exact != flat).any() or (part.kind != "f" and not all(isinstance(one, int) for one in numbers.values)):
        raise CorruptRecord(what, f"numbers that no {dtype} is")
    return exact.view(dtype).reshape(numbers.shape)


def _from_bytes(dtype: str, shape: tuple[int, ...], data: bytes, what: str) -> NDArray[Any]:
    kind = _dtype(dtype, what)
    if len(shape) > MAX_DIMENSIONS or math.prod(shape) * kind.itemsize != len(data):
        raise CorruptRecord(what, f"{len(data)} bytes for {kind} of shape {shape}")
    return np.frombuffer(data, kind).reshape(shape)


def _dtype(name: str, what: str) -> np.dtype[Any]:
    if name not in DTYPES:
        raise CorruptRecord(what, f"its type is {name!r}, not one of {', '.join(DTYPES)}")
    return np.dtype(name)


__all__ = ["FORMS", "SUFFIXES", "Arrays", "Form", "form_of", "read_state", "write_state"]
