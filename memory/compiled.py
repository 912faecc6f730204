"""Functions as machine code, made by numba behind the calls: whoever asks gets them once they are there, or none.

Owns when they are made. What they compute is the business of the modules that are named here, each of which has a twin
in plain Python that gives the same; so without numba, or until it is done, only time is lost. A process that ends
meanwhile waits for nothing, and one that is forked meanwhile goes on in plain Python.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import threading
from typing import Any

MODULES = {
    "digests": "quantum_memory.memory.episodic.digests",
    "graph": "quantum_memory.memory.semantic.walking",
    "matching": "quantum_memory.memory.episodic.matching",
    "memories": "quantum_memory.memory.episodic.columns",
}
"""By name what imports numba and has a function ``rehearse``, after which all of its functions are machine code.

They are made in this order: what a module takes of another one is there before it."""

logger = logging.getLogger(__name__)
_made: dict[str, Any] = {}


class _Work:
    """Who makes it in this process, and whether anybody can."""

    def __init__(self, *, lost: bool = False) -> None:
        self.making, self.asked, self.lost = threading.Lock(), False, lost


_work = [_Work()]


def available() -> bool:
    """Whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


def ready(name: str) -> Any:
    """The module of that name once it is machine code, else ``None``. Costs nothing and begins nothing."""
    return _made.get(name)


def make() -> bool:
    """Make all of it here and now, unless that was done: seconds the first time on a machine, then a part of one.

    Returns whether it could be made.
    """
    work = _work[0]
    if available() and not work.lost:
        with work.making:
            for name, module in MODULES.items():
                if name not in _made:
                    loaded = importlib.import_module(module)
                    loaded.rehearse()
                    _made[name] = loaded
    return len(_made) == len(MODULES)


def begin() -> None:
    """Have all of it made behind the calls, once in a process."""
    work = _work[0]
    if available() and not work.asked:
        work.asked = True
        threading.Thread(target=_try, name="compiled", daemon=True).start()


def _try() -> None:
    """Make it, and tell why it could not be made: an installed numba need not suit what else is installed."""
    try:
        make()
    except Exception:  # whatever a compiler stumbles over, plain Python answers
        logger.warning("no machine code: plain Python goes on answering", exc_info=True)


def _forked() -> None:
    """Begin anew in a child. What was being made at the fork nobody can make there any more.

    The thread that made it is not there, but the locks that it held are: the one here, the compiler's own, and those of
    the modules that it was importing.
    """
    before = _work[0]
    _work[0] = _Work(lost=before.lost or before.making.locked())


os.register_at_fork(after_in_child=_forked)
