"""Who a request is from: a principal, or ``Unauthenticated`` in the same words whatever is wrong."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from quantum_memory.cluster.service.access.caller import Caller, is_loopback
from quantum_memory.cluster.service.access.keys import PREFIX, holder, matches, presented
from quantum_memory.cluster.service.access.ledger import Ledger
from quantum_memory.cluster.service.access.refused import Refused
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.tenants import DEFAULT
from quantum_memory.errors import InvalidInput, Unauthenticated
from quantum_memory.memory.held import Held
from quantum_memory.memory.vault.admission import ApiKey
from quantum_memory.settings import AccessSettings

if TYPE_CHECKING:
    from quantum_memory.cluster.service.access.tokens import Tokens

logger = logging.getLogger(__name__)
TEXT = "a valid API key or token is needed, as 'Authorization: Bearer ...'"
MOST_KNOWN, MOST_UNKNOWN = 10_000, 1_000
"""Keys, and ids that are none, that are held for a moment."""
_BEARER = re.compile(r"bearer +([!-+\--~]+)", re.IGNORECASE)
"""One word of visible ASCII without a comma: what two headers joined to one have."""


class Admitted(NamedTuple):
    """Somebody who came in.

    Attributes:
        principal: who it is.
        key: the id of the API key that he came with.
        until: when what he came with is over; ``None`` for never.
        once: the name of the token that he came with, where each is for one use.
    """

    principal: Principal
    key: str | None = None
    until: datetime | None = None
    once: str | None = None


def _free() -> None:
    """What it costs to look somebody up where nobody counts that."""


class _Looked(NamedTuple):
    """What the catalog said of a key, and when it was asked."""

    at_s: float
    key: ApiKey | None


class Authenticator:
    """Says who a request is from. Used on one event loop.

    Args:
        ledger: the catalog.
        settings: who may come in.
        now: the clock.
        seconds: a clock in seconds that never goes back.
        tokens: what verifies tokens; made from the settings when left out.

    What the catalog said of a key is believed for ``settings.fresh_s``, counted from when it was asked: a key that was
    revoked opens nothing after that.
    """

    def __init__(
        self,
        ledger: Ledger,
        settings: AccessSettings,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        seconds: Callable[[], float] = time.monotonic,
        tokens: Tokens | None = None,
    ) -> None:
        self._ledger, self._settings, self._now, self._seconds = ledger, settings, now, seconds
        self._tokens = tokens or _tokens(settings, ledger, now)
        self._known: Held[str, _Looked] = Held(MOST_KNOWN)
        self._unknown: Held[str, _Looked] = Held(MOST_UNKNOWN)
        self._asking: dict[str, asyncio.Task[_Looked]] = {}

    async def admit(self, caller: Caller, pay: Callable[[], None] = _free) -> Admitted:
        """Know a caller who may come in; a token for one use is not used up by that.

        Args:
            caller: what is known of him.
            pay: called before the catalog is asked about a key of which nothing here says that it is his, and before
                the signature of a token that is new here is looked at; may raise.

        Raises: Unauthenticated, with the same text whatever is wrong; what it was is a note of the error's, for the log
            and the catalog, and ``whose`` tells of whom the credential was. Unavailable and StorageFailure where it
            cannot be told now.
        """
        try:
            return await self._admitted(caller, pay)
        except Refused as refused:
            raise _unauthenticated(caller.address, refused) from None

    async def use(self, admitted: Admitted) -> None:
        """Use up what somebody came with, where that is for one use.

        Raises: Unauthenticated, also for all but one of those who do so at the same time; Unavailable, StorageFailure.
        """
        if admitted.once is None or admitted.until is None or self._tokens is None:
            return
        try:
            await self._tokens.use(admitted.once, admitted.until)
        except Refused as refused:
            refused.whose = admitted.principal
            raise _unauthenticated(None, refused) from None

    async def stands(self, admitted: Admitted) -> bool:
        """Whether somebody who came in before, and is still here, may stay. Raises: as ``admit``."""
        if admitted.until is not None and self._now() >= admitted.until:
            return False
        if admitted.key is None:
            return True
        key = await self._key(admitted.key)
        return key is not None and self._closed(key) is None

    async def _admitted(self, caller: Caller, pay: Callable[[], None]) -> Admitted:
        if caller.authorization is None:
            return self._anonymous(caller)
        found = _BEARER.fullmatch(caller.authorization)
        if found is None:
            raise Refused("a header that is no bearer credential")
        credential = found.group(1)
        if credential.startswith(PREFIX):
            return await self._by_key(credential, pay)
        if self._tokens is None:
            raise Refused("a token where none are taken")
        principal, until, once = await self._tokens.verify(credential, pay)
        return Admitted(principal, until=until, once=once)

    def _anonymous(self, caller: Caller) -> Admitted:
        role = self._settings.anonymous
        if role == "off":
            raise Refused("no credential")
        if not (caller.direct and is_loopback(caller.address)):
            raise Refused("no credential, and not straight from this machine")
        return Admitted(Principal("anonymous", DEFAULT, role))

    async def _by_key(self, credential: str, pay: Callable[[], None]) -> Admitted:
        shown = presented(credential)
        if shown is None:
            raise Refused("a key that is none")
        looked = self._held(shown.id)
        if not self._fresh(looked) and (looked is None or not matches(shown, looked.key)):
            pay()
        key = await self._key(shown.id)
        if not matches(shown, key) or key is None:
            raise Refused("an unknown key" if key is None else f"another secret than that of the key {key.id}")
        try:
            who = holder(key)
        except InvalidInput as error:
            raise Refused(f"the key {key.id}, which opens nothing: {error}") from None
        closed = self._closed(key)
        if closed is not None:
            raise Refused(f"the key {key.id}, which {closed}", who)
        return Admitted(who, key.id, key.expires)

    def _closed(self, key: ApiKey) -> str | None:
        """Why a key opens nothing."""
        if key.revoked is not None:
            return "was revoked"
        return "is over" if key.expires is not None and self._now() >= key.expires else None

    async def _key(self, id_: str) -> ApiKey | None:
        """What the catalog says of a key, or said a moment ago."""
        looked = self._held(id_)
        if looked is not None and self._fresh(looked):
            return looked.key
        asking = self._asking.get(id_)
        if asking is None:
            asking = self._asking[id_] = asyncio.create_task(self._look(id_))
            asking.add_done_callback(lambda done: self._looked(id_, done))
        return (await asyncio.shield(asking)).key

    def _held(self, id_: str) -> _Looked | None:
        """What the catalog said last of a key, as far as that is held."""
        return self._known.get(id_) or self._unknown.get(id_)

    def _fresh(self, looked: _Looked | None) -> bool:
        return looked is not None and self._seconds() - looked.at_s < self._settings.fresh_s

    async def _look(self, id_: str) -> _Looked:
        return _Looked(self._seconds(), await self._ledger.key(id_))

    def _looked(self, id_: str, done: asyncio.Task[_Looked]) -> None:
        """Hold the answer. An error is that of whoever waits, and what was said before stays: it tells whose key it is.

        It opens nothing by that: it is as old as it was.
        """
        self._asking.pop(id_, None)
        if not done.cancelled() and done.exception() is None:
            looked = done.result()
            self._known.drop(id_)
            self._unknown.drop(id_)
            (self._known if looked.key is not None else self._unknown).put(id_, looked)


def _unauthenticated(address: str | None, refused: Refused) -> Unauthenticated:
    logger.info("a caller at %s was not let in: %s", address, refused)
    error = Unauthenticated(TEXT)
    error.add_note(str(refused))
    return error


def _tokens(settings: AccessSettings, ledger: Ledger, now: Callable[[], datetime]) -> Tokens | None:
    if settings.jwt.keys is None:
        return None
    from quantum_memory.cluster.service.access.signers import Signers
    from quantum_memory.cluster.service.access.tokens import Tokens

    return Tokens(settings.jwt, Signers(settings.jwt.keys, settings.jwt.refresh_s), ledger, now)
