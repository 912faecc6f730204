"""Tokens: those that an issuer signed for us are taken while they hold, and nothing else is."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as elliptic
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.cluster.service.access.authenticator import TEXT, Admitted, Authenticator
from quantum_memory.cluster.service.access.caller import Caller
from quantum_memory.cluster.service.access.entry import admitted
from quantum_memory.cluster.service.access.ledger import Ledger
from quantum_memory.cluster.service.access.refused import whose
from quantum_memory.cluster.service.access.signatures import MOST_KEYS, verifying_keys
from quantum_memory.cluster.service.access.signers import MOST_BYTES, RETRY_S, Signers
from quantum_memory.cluster.service.access.tokens import MOST_CHARS, Tokens
from quantum_memory.cluster.service.limits.host import RateLimitsHost
from quantum_memory.cluster.service.limits.limiter import Limiter
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.errors import Forbidden, InvalidSettings, InvalidValue, RateLimited, Unauthenticated, Unavailable
from quantum_memory.settings import AccessSettings, JwtSettings, RateSettings, RatesSettings, load
from tests.unit.door_served import Direct
from tests.unit.front import Front
from tests.unit.scribe import START, Clock

ED, OTHER, RSA = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate(), rsa(65537, 2048)
NOW_S = int(START.timestamp())
SAYS: dict[str, Any] = {
    "iss": "https://issuer.example",
    "aud": "quantum-memory",
    "sub": "ann",
    "exp": NOW_S + 600,
    "tenant": "acme",
    "role": "writer",
}
JWT: dict[str, Any] = {"keys": "keys.json", "issuer": SAYS["iss"], "audience": SAYS["aud"]}


async def who_is(gate: Authenticator, caller: Caller) -> Principal:
    """Who a caller is."""
    found = await gate.admit(caller)
    await gate.use(found)
    return found.principal


def pem(key: Ed25519PrivateKey | RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(ser.Encoding.PEM, ser.PublicFormat.SubjectPublicKeyInfo)


def jwk(key: Any, kid: str | None = None, **more: Any) -> dict[str, Any]:
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, RSAPrivateKey) else jwt.algorithms.OKPAlgorithm
    told: dict[str, Any] = algorithm.to_jwk(key.public_key(), as_dict=True)
    return told | ({} if kid is None else {"kid": kid}) | more


def jwks(*keys: Mapping[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


KNOWN = jwks(jwk(ED, "ed"), jwk(RSA, "rsa"))


def signed(key: Any = ED, alg: str = "EdDSA", headers: dict[str, Any] | None = None, **changes: Any) -> str:
    says = {name: value for name, value in (SAYS | changes).items() if value is not None}
    return jwt.encode(says, key, alg, headers={"kid": "ed"} if headers is None else headers)


def raw(header: Mapping[str, Any] | bytes, claims: Mapping[str, Any] | bytes, sign: Callable[[bytes], bytes]) -> str:
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    said = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    return (said + b"." + base64.urlsafe_b64encode(sign(said)).rstrip(b"=")).decode()


class Source:
    """What a file or a URL would give, how often it was read, and whether it is away."""

    def __init__(self, data: bytes = KNOWN) -> None:
        self.data, self.read, self.away = data, 0, False
        self.seconds = 0.0

    async def __call__(self, _: str) -> bytes:
        self.read += 1
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("it is away")
        return self.data

    def now(self) -> float:
        return self.seconds


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    made = Front(tmp_path_factory.mktemp("front"))
    yield made
    made.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def gate_of(front: Front, source: Source | None = None, clock: Clock | None = None, **fields: Any) -> Authenticator:
    source, clock = source or Source(), clock or Clock()
    wanted = JwtSettings(**(JWT | fields))
    signers = Signers("keys.json", wanted.refresh_s, source, source.now)
    ledger = Ledger(front.memory)
    return Authenticator(ledger, AccessSettings(), now=clock, tokens=Tokens(wanted, signers, ledger, clock))


def principal(gate: Authenticator, token: str) -> Principal:
    return asyncio.run(who_is(gate, Caller(f"Bearer {token}", "10.0.0.1", direct=False)))


def refused(gate: Authenticator, token: str) -> str:
    with pytest.raises(Unauthenticated) as caught:
        principal(gate, token)
    assert str(caught.value) == TEXT
    (why,) = caught.value.__notes__
    return why


@pytest.mark.parametrize(("key", "alg", "kid"), [(ED, "EdDSA", "ed"), (RSA, "RS256", "rsa")])
def test_a_token_says_who_it_is(front: Front, key: Any, alg: str, kid: str) -> None:
    gate = gate_of(front)
    for headers in ({"kid": kid}, {}):
        token = signed(key, alg, headers, agents=["team-*"], channels=["mood"])
        assert principal(gate, token) == Principal("token:ann", "acme", "writer", ("team-*",), ("mood",))
    assert principal(gate, signed(key, alg, {"kid": kid})).agents == ("*",)


def test_claims_have_the_names_that_the_settings_give_them(front: Front) -> None:
    names = {name: f"https://acme.example/{name}" for name in ("tenant", "role", "agents", "channels")}
    says: dict[str, Any] = {names["tenant"]: "acme", names["role"]: "admin", names["agents"]: ["a"]}
    token = signed(tenant=None, role=None, **says)
    assert principal(gate_of(front, claims=names), token).role == "admin"
    refused(gate_of(front), token)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "someone-else"},
        {"aud": None},
        {"aud": []},
        {"aud": ""},
        {"aud": {"quantum-memory": 1}},
        {"iss": "https://issuer.example.attacker.example"},
        {"iss": "https://issuer.example/"},
        {"iss": None},
        {"iss": ["https://issuer.example"]},
        {"exp": None},
        {"exp": NOW_S - 31},
        {"exp": str(NOW_S + 600)},
        {"exp": True},
        {"exp": 1e300},
        {"exp": -1},
        {"exp": [NOW_S + 600]},
        {"nbf": NOW_S + 31},
        {"nbf": "now"},
        {"iat": NOW_S + 31},
        {"sub": None},
        {"sub": ""},
        {"sub": "s" * 300},
        {"sub": "a\nb"},
        {"sub": "a\x1b[2J"},
        {"sub": "a\u2028b"},
        {"sub": 7},
        {"sub": {"a": 1}},
        {"tenant": None},
        {"tenant": "Acme"},
        {"tenant": "acme:alice"},
        {"tenant": ["acme"]},
        {"role": None},
        {"role": "owner"},
        {"role": ["admin"]},
        {"role": {"admin": True}},
        {"agents": "*"},
        {"agents": []},
        {"agents": [""]},
        {"agents": [1]},
        {"agents": ["a"] * 65},
        {"channels": ["all"]},
        {"channels": "mood"},
        {"channels": {"mood": 1}},
    ],
)
def test_a_token_that_does_not_say_what_it_should_is_refused(front: Front, changes: dict[str, Any]) -> None:
    says = {name: value for name, value in (SAYS | changes).items() if value is not None}
    token = raw({"alg": "EdDSA", "kid": "ed"}, says, ED.sign)  # a library would not write some of these
    refused(gate_of(front), token)


def test_a_claim_that_is_no_number_is_refused(front: Front) -> None:
    for exp in ("NaN", "Infinity", "1e999", "[" * 900 + "]" * 900):
        says = json.dumps(SAYS).replace(str(SAYS["exp"]), exp).encode()
        refused(gate_of(front), raw({"alg": "EdDSA", "kid": "ed"}, says, ED.sign))


def test_clocks_may_be_apart_a_little(front: Front, clock: Clock) -> None:
    gate = gate_of(front, clock=clock, leeway_s=30)
    principal(gate, signed(exp=NOW_S - 29, nbf=NOW_S + 30, iat=NOW_S + 30))
    token = signed(exp=NOW_S + 10)

    async def admit() -> Any:
        return await gate.admit(Caller(f"Bearer {token}", None, direct=False))

    admitted = asyncio.run(admit())
    clock.tick(39.9)
    assert asyncio.run(gate.stands(admitted))
    clock.tick(0.1)
    assert not asyncio.run(gate.stands(admitted)), "who came in with it goes when it is over"
    refused(gate, token)


def test_nbf_is_asked_for_where_the_settings_say_so(front: Front) -> None:
    gate = gate_of(front, require_nbf=True)
    refused(gate, signed())
    assert principal(gate, signed(nbf=NOW_S)).subject == "token:ann"


def test_forged_tokens_are_refused(front: Front) -> None:
    gate, good = gate_of(front), signed()
    head, says, signature = good.split(".")
    for key in (pem(ED), pem(RSA), json.dumps(jwk(ED, "ed")).encode(), b"", ED.public_key().public_bytes_raw()):

        def shared(said: bytes, key: bytes = key) -> bytes:
            return hmac.new(key, said, hashlib.sha256).digest()

        for kid in ("ed", "rsa"):
            why = refused(gate, raw({"alg": "HS256", "kid": kid, "typ": "JWT"}, SAYS, shared))
            assert why == "a token of another kind"
            refused(gate, raw({"alg": "EdDSA", "kid": kid}, SAYS, shared))
            refused(gate, raw({"alg": "RS256", "kid": kid}, SAYS, shared))
    for alg in (
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "HS384",
        "HS512",
        "ES256",
        "PS256",
        "RS384",
        "RS512",
        None,
        7,
        ["EdDSA"],
    ):
        refused(gate, raw({"alg": alg, "kid": "ed"}, SAYS, lambda _: b""))
        refused(gate, raw({"alg": alg, "kid": "ed"}, SAYS, ED.sign))
    refused(gate, raw({"kid": "ed"}, SAYS, ED.sign))
    refused(gate, signed(OTHER))
    refused(gate, signed(OTHER, headers={}))
    refused(gate, signed(OTHER, headers={"kid": "other"}))
    refused(gate, signed(RSA, "RS256", {"kid": "ed"}))
    refused(gate, f"{head}.{says}.")
    refused(gate, f"{head}.{says}")
    refused(gate, f"{head}.{says}.{signature}.{signature}")
    refused(gate, f"{head}..{signature}")
    refused(gate, good[:-4])
    refused(
        gate, f"{head}.{base64.urlsafe_b64encode(json.dumps(SAYS | {'role': 'admin'}).encode()).decode()}.{signature}"
    )
    assert principal(gate, good).role == "writer"


@pytest.mark.parametrize(
    "more",
    [
        {"crit": ["exp"]},
        {"b64": False, "crit": ["b64"]},
        {"b64": False},
        {"jwk": jwk(OTHER)},
        {"jku": "https://attacker.example/jwks"},
        {"x5u": "https://attacker.example/cert"},
        {"kid": 7},
        {"kid": {"a": 1}},
        {"kid": "../../etc/passwd"},
        {"kid": "ed' OR 1=1"},
    ],
)
def test_nothing_in_a_header_brings_another_key(front: Front, more: dict[str, Any]) -> None:
    source = Source()
    gate = gate_of(front, source)
    refused(gate, raw({"alg": "EdDSA", "kid": "ed"} | more, SAYS, OTHER.sign))
    assert source.read <= 1


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "...", "a.b.c", "e30.e30.e30", "bnVsbA.bnVsbA.", "W10.W10.W10", "ey\x00", "a" * (MOST_CHARS + 1)],
)
def test_what_is_no_token_is_refused(front: Front, token: str) -> None:
    refused(gate_of(front), token)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10_000), st.sampled_from("AZaz09-_.=+/ \n\x00é"))
def test_no_change_of_a_character_makes_another_token(place: int, char: str) -> None:
    """What may change without harm are the last bits of a signature, which encode nothing."""
    good, source = signed(), Source()
    at = place % len(good)
    changed = good[:at] + char + good[at + 1 :]

    async def ask() -> Principal:
        ledger = Ledger(None)  # type: ignore[arg-type]  # no token here is for one use
        tokens = Tokens(JwtSettings(**JWT), Signers("k", 60, source, source.now), ledger, Clock())
        return await who_is(
            Authenticator(ledger, AccessSettings(), tokens=tokens), Caller(f"Bearer {changed}", None, direct=False)
        )

    if changed == good or at == len(good) - 1:
        return
    with pytest.raises(Unauthenticated):
        asyncio.run(ask())


def test_a_token_nested_very_deeply_is_refused(front: Front) -> None:
    deep = b'{"alg":"EdDSA","kid":' + b"[" * 2900 + b"]" * 2900 + b"}"
    refused(gate_of(front), raw(deep, b"{}", ED.sign)[:MOST_CHARS])
    refused(gate_of(front), raw({"alg": "EdDSA", "kid": "ed"}, b'{"iss":' + b"[" * 2900 + b"]" * 2900 + b"}", ED.sign))


def test_whose_a_token_is_that_is_not_taken_is_known_where_its_issuer_signed_it_for_us(
    front: Front, clock: Clock
) -> None:
    def owner(gate: Authenticator, token: str) -> Principal | None:
        with pytest.raises(Unauthenticated) as caught:
            principal(gate, token)
        return whose(caught.value)

    here, there = (gate_of(front, clock=clock, one_use=True) for _ in range(2))
    used = signed(jti="whose")
    ann = principal(here, used)
    assert owner(here, used) == owner(there, used) == ann, "where it was used, and where only the catalog knows"
    for over in ({"exp": NOW_S - 600}, {"nbf": NOW_S + 600}, {"jti": None}):
        assert owner(here, signed(**({"jti": "over"} | over))) == ann
    for changes in ({"aud": "another"}, {"iss": "another"}, {"tenant": None}, {"role": "owner"}):
        assert owner(here, signed(jti="other", **changes)) is None
    assert owner(here, signed(OTHER, jti="forged", exp=NOW_S - 600)) is None


def test_a_token_for_one_use_is_taken_once_by_all_replicas(front: Front, clock: Clock) -> None:
    gates = [gate_of(front, clock=clock, one_use=True) for _ in range(3)]
    token = signed(jti="a1")
    assert principal(gates[0], token).subject == "token:ann"
    for gate in gates:
        assert "used before" in refused(gate, token)
    refused(gates[0], signed(jti="a1", exp=NOW_S + 500))
    assert principal(gates[1], signed(jti="a2")).subject == "token:ann"
    for jti in (None, "", 7, "j" * 257):
        refused(gates[0], raw({"alg": "EdDSA", "kid": "ed"}, SAYS | {"jti": jti}, ED.sign))

    async def race() -> list[object]:
        again = signed(jti="a3")
        asked: list[Awaitable[Principal]] = [
            who_is(gate_of(front, one_use=True), Caller(f"Bearer {again}", None, direct=False)) for _ in range(8)
        ]
        return await asyncio.gather(*asked, return_exceptions=True)

    assert sum(isinstance(one, Principal) for one in asyncio.run(race())) == 1
    clock.tick(86_400)
    for gate in gates:
        assert "over" in refused(gate, token)
    several = gate_of(front, one_use=False)
    for _ in range(2):
        assert principal(several, signed(jti="a4")).tenant == "acme"


def test_a_refused_token_does_not_use_its_name_up(front: Front) -> None:
    gate = gate_of(front, one_use=True)
    refused(gate, signed(OTHER, jti="b1"))
    refused(gate, signed(jti="b1", role="owner"))
    assert principal(gate, signed(jti="b1")).role == "writer"


def test_a_token_that_a_rate_or_a_role_refused_opens_the_door_later_and_then_once(front: Front) -> None:
    """The real gate behind the real rates: verified, let in, and only then used up, by one of those who try at once."""
    gates = [gate_of(front, one_use=True) for _ in range(2)]
    limits = RatesSettings(key=RateSettings(per_s=1.0, burst=2.0))
    token = Caller(f"Bearer {signed(jti='c1')}", "10.0.0.1", direct=False)
    at_s = [1_000.0]

    def never(_: Principal) -> None:
        raise Forbidden("this", "not his")

    def limiting() -> Limiter:
        leases = Direct(front)
        leases.host = RateLimitsHost(front.settings, clock=lambda: at_s[0])
        return Limiter(limits, leases, clock=lambda: at_s[0])

    async def play() -> None:
        limiter = limiting()
        for number in range(2):
            other = Caller(f"Bearer {signed(jti=f'c-{number}')}", "10.0.0.1", direct=False)
            await admitted(gates[0], limiter, other, "1")
        with pytest.raises(RateLimited) as refused:
            await admitted(gates[0], limiter, token, "1")
        at_s[0] += refused.value.retry_after_s
        with pytest.raises(Forbidden):
            await admitted(gates[0], limiter, token, "1", never)
        found = await asyncio.gather(*(admitted(gate, None, token, "1") for gate in gates * 4), return_exceptions=True)
        assert sum(isinstance(one, Admitted) for one in found) == 1
        assert sum(isinstance(one, Unauthenticated) for one in found) == 7
        limiter = limiting()
        for _ in range(5):
            with pytest.raises(Unauthenticated):
                await admitted(gates[0], limiter, token, "1")
        await admitted(gates[0], limiter, Caller(f"Bearer {signed(jti='c2')}", "10.0.0.1", direct=False), "1")

    asyncio.run(play())


@pytest.mark.parametrize("one_use", [False, True])
def test_a_flood_of_bad_tokens_costs_no_more_signatures_than_its_address_may_try(
    front: Front, clock: Clock, monkeypatch: pytest.MonkeyPatch, *, one_use: bool
) -> None:
    """And nobody whom the replica knows is in its way, at the same address."""
    looked, real = 0, Tokens._decoded

    def counted(self: Tokens, token: str, key: Any) -> Any:
        nonlocal looked
        looked += 1
        return real(self, token, key)

    monkeypatch.setattr(Tokens, "_decoded", counted)
    gate, at_s, numbers = gate_of(front, clock=clock, one_use=one_use), 1_000.0, count()
    limits = RatesSettings(key=None, connection=None, everyone=None, unknown=RateSettings(per_s=1.0, burst=20.0))
    limiter = Limiter(limits, Direct(front), clock=lambda: at_s)

    async def asks(token: str) -> str:
        try:
            await admitted(gate, limiter, Caller(f"Bearer {token}", "10.0.0.1", direct=False), str(next(numbers)))
        except (RateLimited, Unauthenticated) as error:
            return getattr(error, "scope", "nobody")
        return "in"

    async def play() -> None:
        nonlocal at_s, looked
        good = [signed(jti=f"d{number}") for number in range(30)]
        assert [await asks(one) for one in good] == ["in"] * 30, "what a good token pays comes back"
        looked = 0
        flood = [await asks(signed(OTHER, jti=f"e{number}")) for number in range(200)]
        assert (flood.count("nobody"), flood.count("address")) == (20, 180)
        assert looked == (200 if one_use else 20)
        new = signed(jti="f")
        if one_use:
            assert await asks(new) == "in"
        else:
            assert [await asks(one) for one in good] == ["in"] * 30
            assert await asks(new) == "address"
            at_s += 1.0
            assert [await asks(new) for _ in range(3)] == ["in"] * 3
            at_s += 86_400.0
            clock.tick(86_400)
            looked = 0
            for one in good + good:
                assert await asks(one) in ("nobody", "address")
            assert looked == 30, "a token that is over is known no more"

    asyncio.run(play())


def test_a_token_is_in_no_log(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    gate, token = gate_of(front), signed(aud="else", sub="somebody-secret")
    why = refused(gate, token)
    assert token.split(".")[2] not in caplog.text + why
    assert "somebody-secret" not in caplog.text + why


def test_no_token_is_taken_where_none_is_asked_for(front: Front) -> None:
    gate = Authenticator(Ledger(front.memory), AccessSettings())
    assert refused(gate, signed()) == "a token where none are taken"


def test_a_tokens_subject_is_never_that_of_a_key(front: Front) -> None:
    assert principal(gate_of(front), signed(sub="key:4f1c")).subject == "token:key:4f1c"


@pytest.mark.parametrize(
    ("jwt_", "told"),
    [
        ({"keys": "k.pem"}, "issuer and the audience"),
        ({"keys": "k.pem", "issuer": "i"}, "issuer and the audience"),
        (JWT | {"keys": "http://issuer.example/jwks"}, "https"),
        (JWT | {"keys": "http://127.0.0.1.attacker.example/jwks"}, "https"),
        (JWT | {"leeway_s": 301}, "leeway_s"),
        (JWT | {"claims": {"role": ""}}, "role"),
        (JWT | {"algorithms": ["none"]}, "unknown key"),
    ],
)
def test_settings_that_would_let_in_too_many_are_refused(jwt_: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidSettings, match=told):
        load({"service": {"access": {"jwt": jwt_}}})
    for keys in ("https://issuer.example/jwks", "http://127.0.0.1:1/jwks", "/etc/keys.pem"):
        assert load({"service": {"access": {"jwt": JWT | {"keys": keys}}}}).service.access.jwt.keys == keys


# The keys of the issuer


def test_keys_are_read_from_pem_jwk_and_jwks() -> None:
    both = verifying_keys("k", pem(ED) + b"\n" + pem(RSA))
    assert [(key.id, key.algorithm) for key in both] == [(None, "EdDSA"), (None, "RS256")]
    (one,) = verifying_keys("k", json.dumps(jwk(ED, "a")).encode())
    assert (one.id, one.algorithm) == ("a", "EdDSA")
    curve = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(elliptic(SECP256R1()).public_key()))
    mixed = jwks(jwk(ED, "a", use="sig"), jwk(RSA, "b", use="enc"), jwk(RSA, "c", alg="RS512"), curve, jwk(RSA, "d"))
    assert [key.id for key in verifying_keys("k", mixed)] == ["a", "d"]


def test_a_key_of_a_set_that_is_unfit_is_in_the_way_of_no_other(caplog: pytest.LogCaptureFixture) -> None:
    weak = jwk(rsa(65537, 1024), "weak")  # noqa: S505  (it is left out)
    damaged = {"kty": "RSA", "n": "!", "e": "AQAB"}
    found = verifying_keys("k", jwks(jwk(ED, "a"), weak, damaged, {"kid": "no kty"}, jwk(OTHER, "new")))
    assert [key.id for key in found] == ["a", "new"]
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [one.split(":")[1] for one in told] == [" k, key 2", " k, key 3", " k, key 4"]
    assert "RSAPublicKey of 1024 bits" in told[0]


SECRET = ED.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"keys": 7}',
        b'{"keys": []}',
        b'{"keys": [7]}',
        b"[" * 100_000,
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        SECRET,
        pem(ED) + SECRET,
        pem(rsa(65537, 1024)),  # noqa: S505  (it is refused)
        json.dumps(json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(ED))).encode(),
        json.dumps({"kty": "oct", "k": "c2VjcmV0"}).encode(),
        jwks(jwk(ED), {"kty": "oct", "k": "c2VjcmV0"}),
        jwks({"kty": "RSA", "n": "!", "e": "AQAB"}),
        jwks({"kty": "OKP", "crv": "Ed25519", "x": "AA"}),
        jwks(jwk(ED, kid="a") | {"kid": 7}),
        jwks(*[jwk(ED)] * (MOST_KEYS + 1)),
    ],
)
def test_what_holds_no_fit_keys_is_refused_without_a_word_of_it(data: bytes) -> None:
    with pytest.raises(InvalidValue) as caught:
        verifying_keys("the file", data)
    assert "the file: expected " in str(caught.value)
    assert "public keys for EdDSA" in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)
    assert "MC4CAQ" not in str(caught.value)


def test_a_key_that_is_new_at_the_issuer_is_found_and_none_is_asked_for_too_often(front: Front) -> None:
    source = Source(jwks(jwk(ED, "ed")))
    gate = gate_of(front, source)
    assert principal(gate, signed()).tenant == "acme"
    source.data = jwks(jwk(OTHER, "new"))
    refused(gate, signed(OTHER, headers={"kid": "new"}))
    assert source.read == 1, "it was read just now"
    source.seconds = RETRY_S
    assert principal(gate, signed(OTHER, headers={"kid": "new"})).tenant == "acme"
    assert source.read == 2
    refused(gate, signed(headers={"kid": "ed"}))
    for number in range(100):
        refused(gate, signed(OTHER, headers={"kid": f"k{number}"}))
    assert source.read == 2, "whatever names come"


def test_a_key_that_was_withdrawn_while_nobody_came_opens_nothing(front: Front) -> None:
    source, token = Source(), signed()
    gate = gate_of(front, source, refresh_s=60)

    async def play() -> None:
        await who_is(gate, Caller(f"Bearer {token}", None, direct=False))
        source.data, source.seconds = jwks(jwk(OTHER, "new")), 120.0
        together = [who_is(gate, Caller(f"Bearer {token}", None, direct=False)) for _ in range(3)]
        for told in await asyncio.gather(*together, return_exceptions=True):
            assert isinstance(told, Unauthenticated)
        assert source.read == 2

    asyncio.run(play())


def test_keys_are_kept_while_their_source_is_away(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    source, token = Source(), signed()
    gate = gate_of(front, source, refresh_s=60)

    async def play() -> None:
        await who_is(gate, Caller(f"Bearer {token}", None, direct=False))
        source.away, source.seconds = True, 61.0
        for _ in range(20):
            await who_is(gate, Caller(f"Bearer {token}", None, direct=False))
        await asyncio.sleep(0.01)
        assert source.read == 2
        source.seconds += RETRY_S
        await who_is(gate, Caller(f"Bearer {token}", None, direct=False))
        await asyncio.sleep(0.01)
        assert source.read == 3
        source.away, source.data, source.seconds = False, jwks(jwk(OTHER, "new")), source.seconds + RETRY_S
        await who_is(gate, Caller(f"Bearer {token}", None, direct=False))
        await asyncio.sleep(0.01)
        with pytest.raises(Unauthenticated):
            await who_is(gate, Caller(f"Bearer {token}", None, direct=False))

    asyncio.run(play())
    assert "those of before are kept" in caplog.text


def test_before_the_keys_could_be_read_nobody_is_called_a_liar(front: Front) -> None:
    source = Source()
    source.away = True
    gate = gate_of(front, source)
    for _ in range(3):
        with pytest.raises(Unavailable, match="cannot be had now"):
            principal(gate, signed())
    assert source.read == 1
    source.away, source.seconds = False, RETRY_S
    assert principal(gate, signed()).tenant == "acme"


def test_keys_come_from_a_file(front: Front, tmp_path: Path) -> None:
    file = tmp_path / "keys.pem"
    file.write_bytes(pem(ED))
    ledger = Ledger(front.memory)
    access = load({"service": {"access": {"jwt": JWT | {"keys": str(file)}}}}).service.access
    gate = Authenticator(ledger, access, now=Clock())
    assert principal(gate, signed()).tenant == "acme"
    file.write_bytes(b"x" * (MOST_BYTES + 1))
    for where in (str(file), str(tmp_path / "missing.pem")):
        with pytest.raises(Unavailable):
            asyncio.run(Signers(where, 60).keys("EdDSA", None))


class Issuer(BaseHTTPRequestHandler):
    """Serves keys, too much, and a way elsewhere."""

    def do_GET(self) -> None:
        self.send_response({"/keys": 200, "/more": 200, "/moved": 302}.get(self.path, 404))
        self.send_header("Location", "/keys")
        self.end_headers()
        self.wfile.write(b"x" * (MOST_BYTES + 1) if self.path == "/more" else KNOWN)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def issuer() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Issuer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_keys_come_from_a_url_and_nothing_else_does(issuer: str) -> None:
    (key,) = asyncio.run(Signers(f"{issuer}/keys", 60).keys("EdDSA", "ed"))
    assert key.id == "ed"
    for where in ("/more", "/moved", "/none"):
        with pytest.raises(Unavailable):
            asyncio.run(Signers(f"{issuer}{where}", 60).keys("EdDSA", "ed"))
    with pytest.raises(Unavailable):
        asyncio.run(Signers("http://127.0.0.1:1/keys", 60).keys("EdDSA", "ed"))
