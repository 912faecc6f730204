"""Which keys the signatures of tokens are verified by: public keys for EdDSA and RS256 out of PEM, JWK or JWKS.

A key has one algorithm, and no token can choose another for it. Reads no file.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError

from quantum_memory.errors import InvalidValue

Algorithm = Literal["EdDSA", "RS256"]
PublicKey: TypeAlias = Ed25519PublicKey | RSAPublicKey
MOST_KEYS = 64
LEAST_RSA_BITS = 2048
WANT = "public keys for EdDSA (Ed25519) or RS256 (RSA of 2048 bits or more) as PEM, JWK or JWKS"
UNFIT = (ValueError, TypeError, KeyError, AttributeError, RecursionError, PyJWTError, UnsupportedAlgorithm)
"""What comes of reading something that is no key."""
logger = logging.getLogger(__name__)
_PEM = re.compile(rb"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key, the one algorithm that it is for, and its name where it has one."""

    id: str | None
    algorithm: Algorithm
    key: PublicKey

    def fits(self, kid: str | None) -> bool:
        """Whether a token that names this key, or none, may have been signed for it."""
        return kid is None or self.id is None or self.id == kid


def verifying_keys(where: str, data: bytes) -> tuple[VerifyingKey, ...]:
    """The keys in a file's content.

    What is for something else (encryption, other algorithms) is left out, and so is with a warning what a set of keys
    has that is too weak or damaged: it is in the way of no other. Private and shared keys are refused: they have no
    business here.

    Raises: InvalidValue, which tells nothing of the content.
    """
    try:
        found = _of_pem(where, data) if b"-----BEGIN" in data else _of_json(where, data)
    except UNFIT as error:
        if isinstance(error, InvalidValue):
            raise
        raise InvalidValue(where, f"something else ({type(error).__name__})", WANT) from None
    if not 1 <= len(found) <= MOST_KEYS:
        raise InvalidValue(where, f"{len(found)} such keys", f"1 to {MOST_KEYS} {WANT}")
    return found


def _of_pem(where: str, data: bytes) -> tuple[VerifyingKey, ...]:
    found = []
    for block in _PEM.finditer(data):
        if b"PRIVATE" in block.group(1):
            raise InvalidValue(where, "a private key", WANT)
        found.append(_known(where, None, load_pem_public_key(block.group(0))))
    return tuple(found)


def _of_json(where: str, data: bytes) -> tuple[VerifyingKey, ...]:
    tree = json.loads(data)
    listed: Sequence[Mapping[str, Any]] = tree.get("keys", [tree])
    found = []
    for number, jwk in enumerate(listed, 1):
        if isinstance(jwk, dict) and ("d" in jwk or jwk.get("kty") == "oct"):
            raise InvalidValue(where, "a private or shared key", WANT)
        try:
            key = _of_jwk(f"{where}, key {number}", jwk)
        except InvalidValue as error:
            logger.warning("left out: %s", error)
        except UNFIT as error:
            logger.warning("left out: %s, key %d: %s", where, number, type(error).__name__)
        else:
            found += [] if key is None else [key]
    return tuple(found)


def _of_jwk(where: str, jwk: Mapping[str, Any]) -> VerifyingKey | None:
    """The key, if it is one for signatures that are taken here."""
    algorithm: Algorithm | None = None
    if jwk["kty"] == "RSA":
        algorithm = "RS256"
    elif jwk["kty"] == "OKP" and jwk.get("crv") == "Ed25519":
        algorithm = "EdDSA"
    elsewhere = jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"])
    if algorithm is None or elsewhere or jwk.get("alg", algorithm) not in (algorithm, "Ed25519"):
        return None
    made = RSAAlgorithm.from_jwk(dict(jwk)) if algorithm == "RS256" else OKPAlgorithm.from_jwk(dict(jwk))
    kid = jwk.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise InvalidValue(where, "a kid that is no text", WANT)
    return _known(where, kid, made)


def _known(where: str, kid: str | None, key: object) -> VerifyingKey:
    """Raises: InvalidValue for keys of another kind, or too short ones."""
    if isinstance(key, Ed25519PublicKey):
        return VerifyingKey(kid, "EdDSA", key)
    if isinstance(key, RSAPublicKey) and key.key_size >= LEAST_RSA_BITS:
        return VerifyingKey(kid, "RS256", key)
    bits = getattr(key, "key_size", None)
    raise InvalidValue(where, f"a {type(key).__name__.strip('_')}" + (f" of {bits} bits" if bits else ""), WANT)
