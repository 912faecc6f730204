"""Tokens (JWT): whether one is signed by whom it should be, is for us, and holds now; and who comes with it.

Takes EdDSA and RS256 and nothing else. Follows nothing that a token's header points to.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, NamedTuple, get_args
from uuid import uuid4

import jwt

from quantum_memory.checks import visible
from quantum_memory.cluster.service.access.ledger import Ledger
from quantum_memory.cluster.service.access.refused import Refused
from quantum_memory.cluster.service.access.signatures import Algorithm, VerifyingKey
from quantum_memory.cluster.service.access.signers import Signers
from quantum_memory.cluster.service.principals import CHANNELS, Principal
from quantum_memory.errors import QuantumMemoryError
from quantum_memory.memory.held import Held
from quantum_memory.settings import JwtSettings

ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
MOST_CHARS = 8192
MOST_JTI_CHARS = 256
MOST_USED = 10_000
"""Tokens of which it is held here that they were used; of all others the catalog is asked."""
MOST_KNOWN = 10_000
"""Tokens of which it is held here that they held before."""
USED = "a token for one use that was used before"
NOT_TAKEN = frozenset({"crit", "b64"})
"""Header fields that change what a signature is of, or that must be understood: none is."""
LAST_S = datetime.max.replace(tzinfo=UTC).timestamp() - 86_400


class Verified(NamedTuple):
    """Who comes with a token, until when he may, and what the token is called where each is for one use."""

    principal: Principal
    until: datetime
    once: str | None


class Tokens:
    """Verifies tokens of one issuer.

    Args:
        settings: whose tokens, and what they say under which names.
        signers: the issuer's keys.
        ledger: where it stands which tokens for one use were used.
        now: the clock.
    """

    def __init__(self, settings: JwtSettings, signers: Signers, ledger: Ledger, now: Callable[[], datetime]) -> None:
        self._settings, self._signers, self._ledger, self._now = settings, signers, ledger, now
        self._used: Held[str, bool] = Held(MOST_USED)
        self._known: Held[bytes, bool] = Held(MOST_KNOWN)

    async def verify(self, token: str, pay: Callable[[], None] = lambda: None) -> Verified:
        """Who comes with a token, which is not used by that.

        ``pay`` is called before a signature is looked at that was not found good here before; may raise. Not where each
        token is for one use: there none was, and who comes with a good one would pay for the others of his address.

        Raises: Refused; Unavailable where it cannot be told; what ``pay`` raises.
        """
        settings, digest = self._settings, blake2b(token.encode(), digest_size=32).digest()
        try:
            claims = await self._signed(token, settings.one_use or self._known.get(digest) is not None, pay)
            who = self._held(claims, _principal(claims, settings))
        except Refused:
            self._known.drop(digest)
            raise
        self._known.put(digest, True)
        return who

    async def use(self, once: str, until: datetime) -> None:
        """Use a token that was verified. Raises: Refused, for all but the first; Unavailable, StorageFailure."""
        first = await self._ledger.first_use(once, uuid4().hex, until)
        self._used.put(once, True)
        if not first:
            raise Refused(USED)

    def _held(self, claims: Mapping[str, Any], who: Principal) -> Verified:
        """Who comes with a token that says this. Raises: Refused, which tells whose it is."""
        try:
            return Verified(who, self._valid(claims), self._once(claims) if self._settings.one_use else None)
        except Refused as refused:
            refused.whose = who
            raise

    def _once(self, claims: Mapping[str, Any]) -> str:
        """What a token for one use is called. Raises: Refused, also where it is held here that it was used."""
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 1 <= len(jti) <= MOST_JTI_CHARS:
            raise Refused("a token without a jti where each is for one use")
        told = f"{self._settings.issuer}\n{jti}".encode(errors="surrogatepass")
        once = blake2b(told, digest_size=32).hexdigest()
        if self._used.get(once):
            raise Refused(USED)
        return once

    async def _signed(self, token: str, known: bool, pay: Callable[[], None]) -> Mapping[str, Any]:
        """What a token says, if the issuer signed it for us. Raises: Refused, Unavailable, what ``pay`` raises."""
        if len(token) > MOST_CHARS:
            raise Refused("a token that is too long")
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise Refused("no token") from None
        if header.get("alg") not in ALGORITHMS or NOT_TAKEN & set(header):
            raise Refused("a token of another kind")
        if not known:
            pay()
        for key in await self._signers.keys(header["alg"], header.get("kid")):
            try:
                return self._decoded(token, key)
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
                raise Refused(f"a token with something wrong: {type(error).__name__}") from None
        raise Refused("a token that no known key signed")

    def _decoded(self, token: str, key: VerifyingKey) -> Mapping[str, Any]:
        """The claims of a token that this key signed; times are looked at elsewhere, by our own clock."""
        required = ["exp", "iss", "aud", "sub"] + ["nbf"] * self._settings.require_nbf
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=[key.algorithm],
            issuer=self._settings.issuer,
            audience=self._settings.audience,
            options={"require": required, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
        return claims

    def _valid(self, claims: Mapping[str, Any]) -> datetime:
        """Until when a token holds that holds now. Raises: Refused."""
        now_s, leeway_s = self._now().timestamp(), self._settings.leeway_s
        exp = _seconds(claims, "exp")
        if exp is None or now_s >= exp + leeway_s:
            raise Refused("a token that is over")
        for name in ("nbf", "iat"):
            begins = _seconds(claims, name)
            if begins is not None and begins > now_s + leeway_s:
                raise Refused("a token that does not hold yet")
        return datetime.fromtimestamp(exp, UTC) + timedelta(seconds=leeway_s)


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    """A time as seconds since the epoch. Raises: Refused."""
    at = claims.get(name)
    if at is None:
        return None
    if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at <= LAST_S or not math.isfinite(at):
        raise Refused(f"a token whose {name} is no time")
    return float(at)


def _principal(claims: Mapping[str, Any], settings: JwtSettings) -> Principal:
    """Who a token says that he is. Raises: Refused."""
    names = settings.claims
    try:
        return Principal(
            subject=f"token:{visible('sub', claims['sub'])}",
            tenant=claims.get(names.tenant),  # type: ignore[arg-type]  # checked there
            role=claims.get(names.role),  # type: ignore[arg-type]  # checked there
            agents=_listed(claims, names.agents, ("*",)),
            channels=_listed(claims, names.channels, CHANNELS),  # type: ignore[arg-type]  # checked there
            clearance=claims.get(names.clearance),
            projects=None if claims.get(names.projects) is None else _listed(claims, names.projects, ()),
        )
    except (QuantumMemoryError, TypeError) as error:
        raise Refused(f"a token that opens nothing: {type(error).__name__}") from None


def _listed(claims: Mapping[str, Any], name: str, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    """A list of texts. Raises: Refused."""
    found = claims.get(name)
    if found is None:
        return otherwise
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Refused(f"a token whose {name} is no list of texts")
    return tuple(found)
