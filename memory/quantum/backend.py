"""Where arrays live: numpy on the host, or CuPy on a GPU through the same calls. Computes nothing itself.

Every array of a state comes from one module, called ``xp`` throughout. Only ``host`` brings an array back.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import logging
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, MissingDependency, NoDevice

Array = Any
"""An array of either module; numpy and CuPy share the calls but no static type."""
BackendName = Literal["numpy", "cupy", "cuquantum"]
BACKENDS: tuple[BackendName, ...] = ("numpy", "cupy", "cuquantum")
INSTALL_GPU = "pip install 'quantum-memory[gpu-cu12]'"
_log = logging.getLogger(__name__)


def resolve(name: str = "auto") -> tuple[BackendName, Any]:
    """The backend that the name means here, and its array module.

    "auto" is "cupy" where CuPy finds a GPU, else "numpy"; never "cuquantum", which has to be asked for by name. What
    "auto" came to is logged once per process, with the reason.

    Raises: InvalidValue for another name; MissingDependency where a backend that was asked for is not installed;
        NoDevice where it finds no GPU.
    """
    if name != "auto" and name not in BACKENDS:
        raise InvalidValue("backend", repr(name), "'auto', 'numpy', 'cupy' or 'cuquantum'")
    if name == "numpy":
        return "numpy", np
    if importlib.util.find_spec("cupy") is None:
        if name == "auto":
            return _automatic("numpy", "CuPy is not installed"), np
        raise MissingDependency("cupy", "arrays on a GPU", INSTALL_GPU)
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:  # the package is there, a library of CUDA that it links is not
        if name == "auto":
            return _automatic("numpy", f"CuPy cannot be imported: {error}"), np
        raise MissingDependency("cupy", "arrays on a GPU", INSTALL_GPU) from error
    # CuPy imports without a GPU and fails at the first call, so the import alone proves nothing.
    usable = bool(cupy.cuda.is_available())
    if name == "auto":
        return (_automatic("cupy", "CuPy finds a GPU"), cupy) if usable else (_automatic("numpy", "no usable GPU"), np)
    if name == "cuquantum" and importlib.util.find_spec("cuquantum") is None:
        raise MissingDependency("cuquantum-python", "contraction by cuQuantum", INSTALL_GPU)
    if not usable:
        raise NoDevice("cupy")
    return ("cuquantum" if name == "cuquantum" else "cupy"), cupy


def choose(name: str = "auto") -> Any:
    """The array module of that backend: numpy, or CuPy for "cupy" and "cuquantum"; "auto" is CuPy if it finds a GPU.

    Raises: InvalidValue for another name; MissingDependency for what is asked for and not installed; NoDevice for a
        GPU backend without GPU.
    """
    return resolve(name)[1]


def module_of(array: Array) -> Any:
    """The module that made the array. Raises: InvalidValue if that is neither numpy nor CuPy."""
    if isinstance(array, np.ndarray):
        return np
    if type(array).__module__.partition(".")[0] == "cupy":
        return importlib.import_module("cupy")
    raise InvalidValue("array", type(array).__name__, "an array of numpy or CuPy")


def host(array: Array) -> NDArray[Any]:
    """The array in host memory: itself if it is there already."""
    return array if isinstance(array, np.ndarray) else module_of(array).asnumpy(array)


def _automatic(chosen: BackendName, reason: str) -> BackendName:
    _log_choice(chosen, reason)
    return chosen


@functools.cache
def _log_choice(chosen: BackendName, reason: str) -> None:
    _log.info("backend auto: %s, because %s", chosen, reason)
