"""How functions become machine code that reads columns where they lie: the one way in which this package uses numba.

Importing it imports numba, so nobody does before ``compiled`` is asked to. A column is given by its address and how
wide its numbers are, because columns of one kind differ in width, and of a function there is to be one form alone. Who
gives an address holds the column as long.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue

numba: Any = importlib.import_module("numba")
_types: Any = importlib.import_module("numba.core.types")
_ir: Any = importlib.import_module("llvmlite.ir")
_insert: Any = importlib.import_module("numba.core.cgutils").get_or_insert_function
_intrinsic: Any = importlib.import_module("numba.extending").intrinsic
signed: Any = np.int64
"""Makes a number one of 64 bits with a sign, as machine code counts."""
F = TypeVar("F", bound=Callable[..., Any])


def machine(function: F) -> F:
    """The function as machine code, made when it is first called and kept on disk where there is a place for it.

    It holds no interpreter lock and checks no bounds.
    """
    wanted, before = {"nogil": True, "error_model": "numpy"}, numba.config.CACHE_DIR
    # numba looks at the function's own file alone: where columns are said to lie elsewhere, another folder is taken.
    numba.config.CACHE_DIR = str(_folder(Path(function.__code__.co_filename), before))
    try:
        made: F = numba.njit(cache=True, **wanted)(function)
    except RuntimeError:  # numba finds no folder that it may write to
        made = numba.njit(**wanted)(function)
    finally:
        numba.config.CACHE_DIR = before
    return made


def _folder(file: Path, chosen: str) -> Path:
    """Where the machine code of a file is kept: by what stands in all files of which it is made."""
    digest = blake2b(digest_size=12)
    for one in (Path(__file__), file.parent / "heads.py", file):
        digest.update(one.read_bytes())
    return (Path(chosen) if chosen else file.parent / "__pycache__") / f"machine-{digest.hexdigest()}"


def inside(function: F) -> F:
    """A function that others of the same file call: it becomes a part of them."""
    made: Any = numba.njit(nogil=True, error_model="numpy")(function)
    typed = made.get_call_template

    def once(args: Any, named: Any) -> Any:
        """Numba would make it anew for each constant that it is called with, which takes twice as long in all."""
        return typed(tuple(map(_types.unliteral, args)), named)

    made.get_call_template = once
    found: F = made
    return found


def _reader(kind: Any) -> Any:
    """What reads one number of a kind at an address."""

    @_intrinsic  # type: ignore[untyped-decorator]  # numba is untyped
    def read(_typing: Any, address: Any) -> Any:  # noqa: ARG001 - numba hands on its type
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], context.get_value_type(kind).as_pointer())
            return builder.load(pointer, align=1)  # fields of records lie anywhere

        return kind(_types.int64), generate

    return read


read_u8, read_u16, read_u32 = _reader(_types.uint8), _reader(_types.uint16), _reader(_types.uint32)
read_i32 = _reader(_types.int32)
read_u64, read_f32 = _reader(_types.uint64), _reader(_types.float32)
WIDTHS = {"u1": 1, "u2": 2, "i4": 4, "i8": 8, "i1": -1, "i2": -2, "u4": -4, "u8": -8}
"""By the kind of numbers in a column what ``whole`` is told; below 0 where it is not the usual kind of that width."""


@_intrinsic  # type: ignore[untyped-decorator]  # numba is untyped
def whole(_typing: Any, address: Any, width: Any) -> Any:  # noqa: ARG001 - numba hands on their types
    """The whole number at an address, by a function of its own: it is used too often to be written out each time."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = _ir.IntType(64)
        function = _insert(builder.module, _ir.FunctionType(word, [word, word]), "quantum_memory_whole")
        if function.is_declaration:
            function.linkage = "linkonce_odr"
            function.attributes.add("noinline")
            _write_whole(function, word)
        return builder.call(function, arguments)

    return _types.int64(_types.int64, _types.int64), generate


def _write_whole(function: Any, word: Any) -> None:
    """A switch over the widths, each of which loads and widens."""
    begin = function.append_basic_block()
    cases = {width: (function.append_basic_block(), kind) for kind, width in WIDTHS.items()}
    builder = _ir.IRBuilder(begin)
    switch = builder.switch(function.args[1], cases[WIDTHS["i8"]][0])
    for width, (block, kind) in cases.items():
        if kind != "i8":
            switch.add_case(_ir.Constant(word, width), block)
        builder = _ir.IRBuilder(block)
        own = _ir.IntType(8 * int(kind[1]))
        loaded = builder.load(builder.inttoptr(function.args[0], own.as_pointer()), align=1)
        builder.ret(loaded if own == word else (builder.zext if kind[0] == "u" else builder.sext)(loaded, word))


@inside
def whole_at(address: int, width: int, place: int) -> Any:
    """The whole number at a place of a column in one piece."""
    return whole(address + abs(width) * place, width)


@inside
def first_not_below(address: int, count: int, wanted: np.uint64) -> Any:
    """The place of the first of ``count`` numbers of 64 bits, which ascend, that is not below one; else ``count``."""
    low, high = 0, count
    while low < high:
        middle = (low + high) >> 1
        if read_u64(address + 8 * middle) < wanted:
            low = middle + 1
        else:
            high = middle
    return low


@inside
def found_at(address: int, count: int, wanted: np.uint64) -> Any:
    """Where a number stands among numbers that ascend, or -1."""
    at = first_not_below(address, count, wanted)
    return at if at < count and read_u64(address + 8 * at) == wanted else -1


def address_of(column: NDArray[Any]) -> int:
    """Where a column begins; 0 if there is nothing in it."""
    if not column.size:
        return 0
    if not column.flags.c_contiguous:
        raise InvalidValue("column", f"strides {column.strides}", "a column in one piece")
    found: int = column.__array_interface__["data"][0]
    return found


def place_of(column: NDArray[np.integer[Any]]) -> tuple[int, int]:
    """Where a column of whole numbers begins, and how wide they are, as ``whole_at`` takes it."""
    return address_of(column), WIDTHS[column.dtype.str[1:]]


def field_of(column: NDArray[np.integer[Any]]) -> tuple[int, int, int]:
    """The same of a field of records: where the first is, how far the next, and how wide."""
    first: int = column.__array_interface__["data"][0] if column.size else 0
    return first, column.strides[0], WIDTHS[column.dtype.str[1:]]
