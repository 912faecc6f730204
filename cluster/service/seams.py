"""The protocols that letting a request in depends on: who somebody is, how often he may ask, which idempotency keys
were used, who hears of denials. ``access``, ``limits`` and ``ongoing`` fulfil them, and fakes in tests.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

from quantum_memory.cluster.service.access.caller import Caller
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.errors import Denied

if TYPE_CHECKING:
    from quantum_memory.cluster.service.access.authenticator import Admitted


class Authenticator(Protocol):
    """Who a request is from."""

    async def admit(self, caller: Caller, pay: Callable[[], None] = ...) -> Admitted:
        """Whoever a credential stands for; ``pay`` is called before others are asked about one who may be nobody.

        Raises: Unauthenticated; Unavailable, StorageFailure; what ``pay`` raises.
        """
        ...

    async def use(self, admitted: Admitted) -> None:
        """Use up what he came with, where that is for one use. Raises: as ``admit``."""
        ...


class Stranger(Protocol):
    """A caller before it is known who he is; see ``limits.limiter.Stranger``."""

    def pay(self) -> None:
        """Count him for his address, once. Raises: RateLimited."""
        ...

    def unknown(self) -> None:
        """Nobody knows him: he pays, if he has not, and for good. Raises: RateLimited."""
        ...

    def known(self) -> None:
        """He is known after all: what he paid comes back."""
        ...


class Limiter(Protocol):
    """How often somebody may ask."""

    def stranger(self, address: str | None) -> Stranger:
        """Somebody at an address."""
        ...

    def over(self, connection: str | None) -> AbstractAsyncContextManager[None]:
        """Count a request over a connection, if over one, unless another rate refuses it. Raises: RateLimited."""
        ...

    async def admit_caller(self, principal: Principal, cost: float = 1.0) -> None:
        """Count a request of somebody, and for all together. Raises: RateLimited."""
        ...

    @property
    def beside(self) -> float:
        """The most that a request can cost besides."""
        ...

    async def charge(self, principal: Principal, cost: float) -> None:
        """Count what a request of his that was let in costs besides. Raises: RateLimited."""
        ...


class Ledger(Protocol):
    """Which idempotency keys were used, by whom, and for what."""

    async def claim(self, session: str, key: str, digest: str) -> bool:
        """Note that a session used a key for the request of this digest; whether it did before.

        Raises: KeyReused if it was another request; Unavailable, StorageFailure.
        """
        ...

    async def free(self, session: str, key: str, digest: str) -> None:
        """A key that was claimed for this request names none any more: it changed nothing."""
        ...

    async def first_told(self, session: str, name: str, told: str) -> str:
        """What was told first under a name of a session's: this, unless there is something already."""
        ...


class Denials(Protocol):
    """Who wants to know of what was denied."""

    def note(
        self,
        error: Denied,
        action: str,
        *,
        who: Principal | None = None,
        address: str | None = None,
        agent: str | None = None,
        request: str | None = None,
    ) -> None:
        """Somebody, known or not, was not let do something, by the name of the operation, to an agent, if to one."""
        ...
