"""Who a request is from, by API key or as somebody on this machine; what is refused, and in which words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.cluster.service.access.authenticator import MOST_UNKNOWN, TEXT, Authenticator
from quantum_memory.cluster.service.access.caller import Caller, caller_of, is_loopback
from quantum_memory.cluster.service.access.denials import Denials, storable
from quantum_memory.cluster.service.access.keys import Minted, matches, mint, presented
from quantum_memory.cluster.service.access.ledger import Ledger, digest_of
from quantum_memory.cluster.service.access.scraping import Scrapers
from quantum_memory.cluster.service.backend import session_of
from quantum_memory.cluster.service.principals import Principal
from quantum_memory.errors import (
    Forbidden,
    InvalidInput,
    InvalidSettings,
    KeyReused,
    RateLimited,
    Unauthenticated,
    Unavailable,
    VaultUnavailable,
)
from quantum_memory.memory.vault.admission import MAX_TOLD_CHARS, ApiKey, MakeKey, NoteDenial, RevokeKey
from quantum_memory.settings import AccessSettings, Settings, load
from tests.unit.front import Front
from tests.unit.scribe import START, Clock

R = TypeVar("R")
HERE = "127.0.0.1"
OFF = AccessSettings()


async def who_is(gate: Authenticator, caller: Caller) -> Principal:
    """Who a caller is."""
    found = await gate.admit(caller)
    await gate.use(found)
    return found.principal


class Seconds:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


class Counting(Ledger):
    """Counts how often the catalog is asked, and is away when it is told."""

    def __init__(self, front: Front) -> None:
        super().__init__(front.memory)
        self.asked, self.away = 0, False

    async def key(self, id_: str) -> ApiKey | None:
        self.asked += 1
        if self.away:
            raise VaultUnavailable("vault", "it is away")
        return await super().key(id_)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    made = Front(tmp_path_factory.mktemp("front"))
    yield made
    made.close()


@pytest.fixture
def ledger(front: Front) -> Counting:
    return Counting(front)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def made(front: Front, tenant: str = "acme", expires: datetime | None = None, **fields: Any) -> Minted:
    minted = mint("0123456789ab", tenant, "laptop", fields.pop("role", "writer"), expires=expires, now=START, **fields)
    (answer,) = front.vault.write([minted.write])
    assert not isinstance(answer, Exception)
    return minted


def bearer(text: str) -> str:
    return f"Bearer {text}"


def refused(ask: Awaitable[object]) -> str:
    """Why it was refused. The words that the caller hears are always the same."""

    async def run() -> str:
        with pytest.raises(Unauthenticated) as caught:
            await ask
        assert str(caught.value) == TEXT
        assert caught.value.__cause__ is None
        (note,) = caught.value.__notes__
        return note

    return asyncio.run(run())


def done(work: Awaitable[R]) -> R:
    async def run() -> R:
        return await work

    return asyncio.run(run())


def test_a_key_says_whose_it_is_and_what_it_opens(front: Front, ledger: Ledger) -> None:
    minted = made(front, agents=("team-*",), channels=("mood",), role="admin")
    who = done(who_is(Authenticator(ledger, OFF), Caller(bearer(minted.text), "10.0.0.1", direct=False)))
    assert who == Principal(f"key:{minted.write.id}", "acme", "admin", ("team-*",), ("mood",))


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_the_scheme_is_read_as_http_says(front: Front, ledger: Ledger, scheme: str) -> None:
    assert (
        done(who_is(Authenticator(ledger, OFF), Caller(f"{scheme} {made(front).text}", None, direct=False))).tenant
        == "acme"
    )


def test_whatever_is_wrong_with_a_key_sounds_the_same(front: Front, ledger: Ledger) -> None:
    good = made(front).text
    other = made(front).text
    gate = Authenticator(ledger, OFF)
    wrong = [
        None,
        "",
        "Bearer",
        "Bearer ",
        good,
        f"Basic {good}",
        f"Bearer {good} ",
        f"Bearer {good}\n",
        f"Bearer {good}\r\nX-Tenant: acme",
        f"Bearer {good}, Bearer {good}",
        f"Bearer {good},{good}",
        f"Bearer\t{good}",
        f" Bearer {good}",
        bearer(good[:-1]),
        bearer(good + "0"),
        bearer(good.upper()),
        bearer(good.replace("qm_", "qn_")),
        bearer(good[:20] + other[20:]),
        bearer("qm_" + "0" * 16 + "_" + "0" * 64),
        bearer("qm_" + "0" * 16 + "_" + "٠" * 64),
        bearer("qm_%_%"),
        bearer("qm_" + "a" * 100_000),
        "Bearer \x00",
        "Bearer " + "\N{FULLWIDTH DIGIT ONE}" * 64,
    ]
    for header in wrong:
        why = refused(who_is(gate, Caller(header, HERE, direct=True)))
        assert good[20:] not in why
        assert other[20:] not in why
    assert done(who_is(gate, Caller(bearer(good), None, direct=False))).tenant == "acme", "and the right one still does"


@given(st.text(max_size=200))
def test_no_text_is_a_key_unless_it_reads_as_one(text: str) -> None:
    shown = presented(text)
    assert shown is None or text == f"qm_{shown.id}_{shown.secret}"


def test_a_secret_is_nowhere_but_in_the_key(front: Front, ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    minted = made(front)
    shown = presented(minted.text)
    assert shown is not None
    key = front.vault.api_key(shown.id)
    assert key is not None
    gate = Authenticator(ledger, OFF)
    done(who_is(gate, Caller(bearer(minted.text), None, direct=False)))
    refused(who_is(gate, Caller(bearer(f"{minted.text}0"), None, direct=False)))
    refused(who_is(gate, Caller(f"Basic {minted.text}", None, direct=False)))
    caller = Caller(bearer(minted.text), HERE, direct=True)
    for told in (repr(minted), repr(shown), repr(key), repr(minted.write), repr(caller), caplog.text):
        assert shown.secret not in told
        assert key.hash.hex() not in told
        assert repr(key.hash) not in told
    assert shown.secret.encode() not in key.hash
    assert key.hash != made(front).write.hash
    files = [path.read_bytes() for path in Path(front.settings.storage).rglob("*") if path.is_file()]
    assert not any(shown.secret.encode() in data for data in files)
    assert not any(bytes.fromhex(shown.secret) in data for data in files)


def test_the_same_secret_under_another_salt_has_another_hash(front: Front) -> None:
    one = made(front)
    shown = presented(one.text)
    assert shown is not None
    key = front.vault.api_key(shown.id)
    assert key is not None
    assert matches(shown, key)
    assert not matches(shown, replace(key, salt=b"another salt 16B"))
    assert not matches(shown, None)


def test_a_key_that_is_over_opens_nothing(front: Front, ledger: Ledger, clock: Clock) -> None:
    minted = made(front, expires=START + timedelta(seconds=10))
    gate = Authenticator(ledger, OFF, now=clock)
    admitted = done(gate.admit(Caller(bearer(minted.text), None, direct=False)))
    assert done(gate.stands(admitted))
    clock.tick(10)
    assert "is over" in refused(who_is(gate, Caller(bearer(minted.text), None, direct=False)))
    assert not done(gate.stands(admitted))


def test_what_the_catalog_said_is_believed_for_a_moment_only(front: Front, ledger: Counting) -> None:
    minted, seconds = made(front), Seconds()
    gate = Authenticator(ledger, AccessSettings(fresh_s=2.0), seconds=seconds)

    async def play() -> None:
        admitted = await gate.admit(Caller(bearer(minted.text), None, direct=False))
        await asyncio.gather(*(who_is(gate, Caller(bearer(minted.text), None, direct=False)) for _ in range(20)))
        assert ledger.asked == 1
        front.vault.write([RevokeKey(minted.write.id, None, "0123456789ab.r")])
        seconds.time = 1.9
        assert await gate.stands(admitted)
        seconds.time = 2.0
        assert not await gate.stands(admitted)
        with pytest.raises(Unauthenticated):
            await who_is(gate, Caller(bearer(minted.text), None, direct=False))
        assert ledger.asked == 2

    asyncio.run(play())


def test_a_revocation_holds_in_every_replica_within_five_seconds(front: Front, ledger: Ledger) -> None:
    with pytest.raises(InvalidSettings, match=r"fresh_s.*less than or equal to 5"):
        load({"service": {"access": {"fresh_s": 5.1}}})
    minted, seconds = made(front), Seconds()
    gates = [Authenticator(Ledger(front.memory), AccessSettings(fresh_s=5.0), seconds=seconds) for _ in range(3)]

    async def play() -> None:
        for gate in gates:
            await who_is(gate, Caller(bearer(minted.text), None, direct=False))
        front.vault.write([RevokeKey(minted.write.id, None, "0123456789ab.r2")])
        seconds.time = 5.0
        for gate in gates:
            with pytest.raises(Unauthenticated):
                await who_is(gate, Caller(bearer(minted.text), None, direct=False))

    asyncio.run(play())


def test_many_at_once_ask_the_catalog_once(front: Front, ledger: Counting) -> None:
    gate, minted = Authenticator(ledger, AccessSettings(fresh_s=0)), made(front)

    async def play() -> None:
        first = asyncio.create_task(who_is(gate, Caller(bearer(minted.text), None, direct=False)))
        others = [asyncio.create_task(who_is(gate, Caller(bearer(minted.text), None, direct=False))) for _ in range(50)]
        await asyncio.sleep(0)
        first.cancel()  # whoever asked first leaves: the others have their answer all the same
        assert {who.tenant for who in await asyncio.gather(*others)} == {"acme"}
        assert ledger.asked == 1

    asyncio.run(play())


def test_unknown_keys_are_not_held_without_bound(front: Front, ledger: Counting) -> None:
    gate, good = Authenticator(ledger, AccessSettings(fresh_s=5.0), seconds=Seconds()), made(front).text

    async def play() -> None:
        await who_is(gate, Caller(bearer(good), None, direct=False))
        for number in range(MOST_UNKNOWN + 50):
            with pytest.raises(Unauthenticated):
                await who_is(gate, Caller(bearer(f"qm_{number:016x}_{'0' * 64}"), None, direct=False))
        assert len(gate._unknown) == MOST_UNKNOWN
        assert not gate._asking
        asked = ledger.asked
        await who_is(gate, Caller(bearer(good), None, direct=False))
        assert ledger.asked == asked, "and they drive no known key out"

    asyncio.run(play())


def test_whose_key_was_known_pays_for_no_stranger_after_the_catalog_was_away(front: Front, ledger: Counting) -> None:
    minted, seconds = made(front), Seconds()
    gate = Authenticator(ledger, AccessSettings(fresh_s=2.0), seconds=seconds)
    caller = Caller(bearer(minted.text), None, direct=False)

    def pay() -> None:
        raise RateLimited("address", 1.0)

    async def play() -> None:
        await gate.admit(caller)
        ledger.away, seconds.time = True, 2.0
        for _ in range(2):
            with pytest.raises(Unavailable):
                await gate.admit(caller, pay)
        ledger.away = False
        assert (await gate.admit(caller, pay)).key == minted.write.id

    asyncio.run(play())


def test_a_catalog_that_is_away_is_no_wrong_credential(front: Front, ledger: Counting) -> None:
    minted, seconds = made(front), Seconds()
    gate = Authenticator(ledger, OFF, seconds=seconds)

    async def play() -> None:
        await who_is(gate, Caller(bearer(minted.text), None, direct=False))
        ledger.away, seconds.time = True, 10.0
        with pytest.raises(Unavailable):
            await who_is(gate, Caller(bearer(minted.text), None, direct=False))
        ledger.away = False
        await who_is(gate, Caller(bearer(minted.text), None, direct=False))

    asyncio.run(play())


def test_a_key_that_a_later_version_wrote_opens_nothing(front: Front, ledger: Ledger) -> None:
    minted = mint("0123456789ab", "acme", "laptop", "writer", now=START)
    front.vault.write([replace(minted.write, role="owner")])
    assert "opens nothing" in refused(
        who_is(Authenticator(ledger, OFF), Caller(bearer(minted.text), None, direct=False))
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"tenant": "Acme"},
        {"tenant": "a:b"},
        {"role": "root"},
        {"agents": ()},
        {"agents": ("a",) * 65},
        {"channels": ("all",)},
        {"name": " "},
        {"name": "a\nb"},
        {"expires": START},
    ],
)
def test_keys_that_make_no_sense_are_not_made(fields: dict[str, Any]) -> None:
    good: dict[str, Any] = {"session": "0123456789ab", "tenant": "acme", "name": "laptop", "role": "reader"}
    with pytest.raises(InvalidInput):
        mint(**(good | fields), now=START)


# Without a credential


def test_nobody_comes_in_without_a_credential_unless_the_settings_say_so(ledger: Ledger) -> None:
    assert Settings().service.access.anonymous == "off"
    assert load({"service": {"access": {"anonymous": False}}}).service.access.anonymous == "off", "YAML's off"
    refused(who_is(Authenticator(ledger, OFF), Caller(None, HERE, direct=True)))


def test_who_says_nothing_comes_in_from_this_machine_alone(front: Front, ledger: Ledger) -> None:
    gate = Authenticator(ledger, AccessSettings(anonymous="writer"))
    for address in (HERE, "127.8.9.1", "::1", "::ffff:127.0.0.1"):
        assert done(who_is(gate, Caller(None, address, direct=True))) == Principal("anonymous", "default", "writer")
    for away in (None, "", "10.0.0.1", "::ffff:10.0.0.1", "localhost", "127.0.0.1.example.org", "0.0.0.0"):  # noqa: S104
        refused(who_is(gate, Caller(None, away, direct=True)))
    refused(who_is(gate, Caller(None, HERE, direct=False)))
    refused(who_is(gate, Caller("", HERE, direct=True)))
    refused(who_is(gate, Caller("Bearer qm_wrong", HERE, direct=True)))


def scope(*headers: tuple[str, str], client: tuple[str, int] | None = (HERE, 50_000)) -> dict[str, Any]:
    return {"headers": [(name.encode(), value.encode("latin-1")) for name, value in headers], "client": client}


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:8000", "[::1]:8000"])
def test_a_caller_from_here_is_known_as_one(host: str) -> None:
    assert caller_of(scope(("host", host))) == Caller(None, HERE, direct=True)
    origin = ("origin", f"http://{host}")
    assert caller_of(scope(("host", host), origin, ("authorization", "Bearer x"))) == ("Bearer x", HERE, True)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("host", "attacker.example")],
        [("host", "localhost"), ("host", "attacker.example")],
        [("host", "localhost.attacker.example")],
        [("host", "localhost@attacker.example")],
        [("host", "[::1")],
        [("host", "localhost"), ("origin", "https://attacker.example")],
        [("host", "localhost"), ("origin", "null")],
        [("host", "localhost:8000"), ("origin", "http://localhost:3000")],
        [("host", "127.0.0.1:8000"), ("origin", "http://localhost:8000")],
        [("host", "localhost"), ("origin", "http://[localhost")],
        [("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://attacker.example")],
        [("host", "localhost"), ("Forwarded", "for=127.0.0.1")],
        [("host", "localhost"), ("X-Forwarded-For", "127.0.0.1")],
        [("host", "localhost"), ("x-forwarded-host", "localhost")],
        [("host", "localhost"), ("x-forwarded-for", "")],
        [("host", "localhost"), ("x-real-ip", "127.0.0.1")],
        [("host", "localhost"), ("via", "1.1 proxy")],
        [("host", "localhost"), ("sec-fetch-site", "cross-site")],
        [("host", "localhost"), ("sec-fetch-site", "same-site")],
    ],
)
def test_what_was_passed_on_or_sent_by_a_page_elsewhere_is_not_straight_from_here(
    headers: list[tuple[str, str]],
) -> None:
    assert not caller_of(scope(*headers)).direct


def test_a_proxy_that_was_told_nothing_is_known_by_its_old_protocol() -> None:
    here = scope(("host", "127.0.0.1:8000"), ("sec-fetch-site", "same-origin"))
    assert caller_of(here | {"http_version": "1.1"}).direct
    assert not caller_of(here | {"http_version": "1.0"}).direct


def test_a_scraper_is_known_by_its_token_or_by_being_here(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("scrape-me-if-you-can\n")
    here, away = Caller(None, HERE, direct=True), Caller(None, "10.0.0.1", direct=False)
    token = away._replace(authorization="Bearer scrape-me-if-you-can")
    told = AccessSettings(metrics_token=str(file))
    assert [Scrapers(told).know(one) for one in (here, away, token)] == [False, False, True]
    assert not Scrapers(told).know(token._replace(authorization="Bearer scrape-me-if-you-can't"))
    local = Scrapers(AccessSettings(metrics="loopback"))
    assert [local.know(one) for one in (here, away, token, here._replace(direct=False))] == [True, False, False, False]
    for wrong in ("", "short", "with a space in it, at least"):
        file.write_text(wrong)
        with pytest.raises(InvalidSettings):
            Scrapers(told)
    with pytest.raises(InvalidSettings):
        Scrapers(AccessSettings(metrics_token=str(tmp_path / "nowhere")))


def test_two_credentials_are_none(front: Front, ledger: Ledger) -> None:
    text = bearer(made(front).text)
    twice = caller_of(scope(("host", "localhost"), ("authorization", text), ("Authorization", text)))
    gate = Authenticator(ledger, AccessSettings(anonymous="admin"))
    refused(gate.admit(twice))
    refused(gate.admit(caller_of(scope(("host", "localhost"), ("authorization", ""), ("authorization", "")))))
    assert caller_of(scope(("host", "localhost"), client=None)).address is None


@given(st.text(max_size=40))
def test_no_text_but_an_address_is_loopback(text: str) -> None:
    assert not is_loopback(text) or text.startswith(("127.", "::"))


# What was denied


def test_denials_are_written_down_with_what_was_wrong(front: Front, ledger: Ledger, clock: Clock) -> None:
    who = Principal("key:1", "denied", "reader")

    async def play() -> None:
        denials = Denials(ledger, clock, every_s=0.01)
        nobody = Unauthenticated(TEXT)
        nobody.add_note("an unknown key")
        denials.note(nobody, "GET /v1/agents", address="10.0.0.1", request="r-1")
        denials.note(Forbidden("remember", "no"), "remember", who=who, agent="al\x00ice\ud800", request="r-2")
        assert denials._writing is not None
        await denials._writing
        await denials.close()

    asyncio.run(play())
    forbidden, unknown = done(ledger.denials(None, 2))
    assert (unknown.at, unknown.who, unknown.address, unknown.request) == (START, None, "10.0.0.1", "r-1")
    assert unknown.reason == f"{TEXT}; an unknown key"
    assert (forbidden.tenant, forbidden.who, forbidden.agent) == ("denied", "key:1", "al\N{REPLACEMENT CHARACTER}ice?")
    assert done(ledger.denials("denied")) == [forbidden]
    assert done(ledger.denials(None, 1, forbidden.number)) == [unknown]


class Flaky(Ledger):
    """Fails as often as it is told, also where it wrote."""

    def __init__(self, front: Front, failures: int) -> None:
        super().__init__(front.memory)
        self.failures, self.calls = failures, 0

    async def write(self, *writes: Any) -> Any:
        self.calls += 1
        answers = await super().write(*writes)
        if self.calls <= self.failures:
            raise Unavailable("the answer was lost")
        return answers


def test_denials_that_could_not_be_written_are_once_and_very_many_are_counted_for_their_tenant(front: Front) -> None:
    ledger = Flaky(front, 2)
    who = Principal("key:2", "flood", "reader")

    async def play() -> None:
        denials = Denials(ledger, every_s=0.01, most=50)
        for number in range(1_000):
            denials.note(Forbidden("remember", "no"), "remember", who=who, request=f"r-{number}")
        assert len(denials._waiting) == 5, "a tenth"
        assert denials._writing is not None
        await denials._writing
        assert ledger.calls == 3

    asyncio.run(play())
    many, *others = done(ledger.denials("flood"))
    assert [one.request for one in others] == [f"r-{number}" for number in (4, 3, 2, 1, 0)]
    assert (many.action, many.who, many.reason) == ("many", None, "995 more were denied in a short time")


def test_what_is_counted_is_told_to_those_whom_it_concerns(ledger: Ledger) -> None:
    async def play() -> None:
        denials = Denials(ledger, every_s=60.0, most=20)
        for tenant, count in (("loud", 7), ("quiet", 2)):
            for _ in range(count):
                denials.note(Forbidden("x", "no"), "x", who=Principal("key:5", tenant, "reader"))
        for _ in range(5):
            denials.note(Unauthenticated("no"), "x")
        await denials.flush()
        for _ in range(2):
            denials.note(Forbidden("x", "no"), "again", who=Principal("key:5", "loud", "reader"))
        assert len(denials._waiting) == 2, "what was written has room again"
        await denials.close()

    asyncio.run(play())
    told = {who: [one.reason for one in done(ledger.denials(who)) if one.action == "many"] for who in ("loud", "quiet")}
    assert told == {"loud": ["5 more were denied in a short time"], "quiet": []}
    strangers = [one for one in done(ledger.denials(None)) if one.tenant is None and one.action == "many"]
    assert strangers[0].reason == "3 more were denied in a short time"


def test_nobody_takes_the_room_of_others(ledger: Ledger) -> None:
    """Not those of his tenant, and not of another."""

    async def play() -> None:
        denials = Denials(ledger, every_s=60.0, most=100)
        for who in ("key:6", "key:7"):
            for _ in range(500):
                denials.note(Forbidden("x", "no"), who, who=Principal(who, "shared", "reader"))
        for tenant in ("shared", "beside"):
            denials.note(Forbidden("x", "no"), "mine", who=Principal("key:8", tenant, "reader"))
        await denials.close()

    asyncio.run(play())
    assert [one.action for one in done(ledger.denials("beside"))] == ["mine"]
    many, mine, *others = done(ledger.denials("shared"))
    assert (mine.who, mine.action) == ("key:8", "mine")
    assert [one.who for one in others] == ["key:7"] * 10 + ["key:6"] * 10
    assert many.reason == "980 more were denied in a short time"


def test_no_tenant_takes_all_of_the_room_however_many_callers_it_has(ledger: Ledger) -> None:
    async def play() -> None:
        denials = Denials(ledger, every_s=60.0, most=100)
        for number in range(1_000):
            who = Principal(f"key:m-{number % 20}", "crowd", "reader")
            denials.note(Forbidden("x", "no"), "flood", who=who)
        assert len(denials._waiting) == 75, "three quarters"
        denials.note(Forbidden("x", "no"), "mine", who=Principal("key:8", "aside", "reader"))
        await denials.flush()
        denials.note(Forbidden("x", "no"), "again", who=Principal("key:m-1", "crowd", "reader"))
        await denials.close()

    asyncio.run(play())
    assert [one.action for one in done(ledger.denials("aside"))] == ["mine"]
    again, many, *others = done(ledger.denials("crowd"))
    assert (again.action, many.reason) == ("again", "925 more were denied in a short time")
    assert len(others) == 75


def test_very_many_who_are_unknown_leave_room_for_who_is_known(ledger: Ledger) -> None:
    async def play() -> None:
        denials = Denials(ledger, every_s=60.0, most=20)
        for _ in range(2):
            for number in range(1_000):
                denials.note(Unauthenticated("no"), "GET /v1/agents", address="10.0.0.1", request=f"s-{number}")
            assert len(denials._waiting) == 2, "a tenth"
            denials.note(Forbidden("remember", "no"), "washed", who=Principal("key:4", "washed", "reader"))
            await denials.flush()
        await denials.close()

    asyncio.run(play())
    assert [one.action for one in done(ledger.denials("washed"))] == ["washed", "washed"]


def test_what_waits_is_written_at_the_end(front: Front, ledger: Ledger) -> None:
    async def play() -> None:
        denials = Denials(ledger, every_s=60.0)
        denials.note(Forbidden("x", "no"), "the end", who=Principal("key:3", "end", "reader"))
        await denials.close()

    asyncio.run(play())
    assert [one.action for one in done(ledger.denials("end"))] == ["the end"]


@given(st.text(max_size=600))
def test_whatever_a_caller_says_can_be_written_down(text: str) -> None:
    told = storable(text)
    assert NoteDenial("d", START, told, told, agent=told).agent == told
    assert len(told) <= MAX_TOLD_CHARS
    assert told.isprintable()


# Requests


def test_an_idempotency_key_names_one_request_in_every_replica(front: Front) -> None:
    ann, bob = (session_of(Principal(f"key:{name}", "acme", "writer")).id for name in ("ann", "bob"))
    one, other = digest_of("POST", "/v1/a", b"{}"), digest_of("POST", "/v1/a", b"{ }")

    async def play() -> None:
        first, second = Ledger(front.memory), Ledger(front.memory)
        assert not await first.claim(ann, "k", one)
        assert await second.claim(ann, "k", one)
        assert not await second.claim(bob, "k", other)
        with pytest.raises(KeyReused):
            await second.claim(ann, "k", other)

    asyncio.run(play())


def test_requests_that_differ_have_different_digests() -> None:
    parts = [("POST", "/a", b"b"), ("POST", "/ab", b""), ("POST/", "a", b"b"), ("PUT", "/a", b"b"), ("POST", "/a", b"")]
    assert len({digest_of(*part) for part in parts}) == len(parts)


def test_a_session_is_that_of_a_tenant_and_a_subject() -> None:
    told = {session_of(Principal(subject, tenant, "reader")).id for subject in ("a", "b") for tenant in ("a", "b")}
    assert len(told) == 4


def test_a_key_that_is_made_through_the_ledger_is_listed(front: Front, ledger: Ledger) -> None:
    minted = mint("0123456789ab", "listed", "x", "admin", now=START)

    async def play() -> list[ApiKey]:
        await ledger.write(minted.write, RevokeKey(minted.write.id, "listed", "0123456789ab.x"))
        return await ledger.keys("listed")

    (key,) = asyncio.run(play())
    assert key.revoked is not None
    assert isinstance(minted.write, MakeKey)
