"""Where arrays live: numpy on the host, or CuPy on a GPU through the same calls. Computes nothing itself.

Every array of a state comes from one module, called ``xp`` throughout. Only ``host`` brings an array back.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantum_memory.errors import InvalidValue, MissingDependency, NoDevice

Array = Any
"""An array of either module; numpy and CuPy share the calls but no static type."""
INSTALL_GPU = "pip install 'quantum-memory[gpu-cu12]'"


def choose(name: str = "auto") -> Any:
    """The array module of that name: "numpy", "cupy", or "auto", which is CuPy where it finds a GPU.

    Raises: InvalidValue for another name; MissingDependency for "cupy" without CuPy; NoDevice for "cupy" without GPU.
    """
    if name not in {"auto", "numpy", "cupy"}:
        raise InvalidValue("backend", repr(name), "'auto', 'numpy' or 'cupy'")
    if name == "numpy":
        return np
    if importlib.util.find_spec("cupy") is None:
        if name == "auto":
            return np
        raise MissingDependency("cupy", "the mood on a GPU", INSTALL_GPU)
    cupy = importlib.import_module("cupy")
    # CuPy imports without a GPU and fails at the first call, so the import alone proves nothing.
    if cupy.cuda.is_available():
        return cupy
    if name == "auto":
        return np
    raise NoDevice("cupy")


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
