"""What is made when it is first needed, so that a failure reaches whoever asks instead of ending the actor.

Ray reports an error in an actor's constructor as the death of the actor, without the error itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Deferred(Generic[T]):
    """Something made once, by the first caller. If making it fails, the error is raised and the next caller tries.

    Thread-safe.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._making = threading.Lock()
        self._made: list[T] = []

    def __call__(self) -> T:
        """The thing. Raises: what making it raises."""
        if not self._made:
            with self._making:
                if not self._made:
                    self._made.append(self._make())
        return self._made[0]

    def made(self) -> T | None:
        """The thing if it was made, else nothing; makes nothing."""
        return self._made[0] if self._made else None
