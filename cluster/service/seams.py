"""What the door asks of others: who somebody is, whether he may ask again already, which keys were used."""

from __future__ import annotations

from typing import Protocol

from quantum_memory.cluster.service.principals import Principal, Role


class Authenticator(Protocol):
    """Who a request is from."""

    async def principal(self, authorization: str | None, client: str | None, forwarded: bool) -> Principal:
        """Whoever a credential stands for.

        Args:
            authorization: the header of this name.
            client: the address that the request came from.
            forwarded: whether somebody else passed it on, so that ``client`` is not where it began.

        Raises: Unauthenticated; Unavailable.
        """
        ...


class Limiter(Protocol):
    """How often somebody may ask."""

    async def admit(self, who: Principal, role: Role) -> None:
        """Let one request of his through, to something that takes this role. Raises: RateLimited."""
        ...


class Ledger(Protocol):
    """Which idempotency keys were used, by whom, and for what."""

    async def claim(self, session: str, key: str, digest: str) -> None:
        """Note that a session used a key for the request of this digest; for the same one again it is harmless.

        Raises: KeyReused if it was another request; Unavailable, StorageFailure.
        """
        ...


class Denials(Protocol):
    """Who wants to know of what was denied."""

    async def __call__(self, who: Principal | None, action: str, agent: str | None, request_id: str) -> None:
        """Somebody, known or not, was not let do something, by the name of the operation, to an agent, if to one."""
        ...
