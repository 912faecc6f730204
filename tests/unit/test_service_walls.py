"""Tenants, keys, roles and agents as a whole, against a plain model: nobody finds a way across.

Callers come with credentials, good ones and wrong ones, at two replicas in front of one vault; what each of them gets
is what the model says, in every order of making and revoking keys, waiting, and asking.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, TypeVar

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from quantum_memory.cluster.service.access.authenticator import TEXT, Authenticator
from quantum_memory.cluster.service.access.caller import Caller
from quantum_memory.cluster.service.access.denials import Denials
from quantum_memory.cluster.service.access.keys import mint
from quantum_memory.cluster.service.access.ledger import Ledger
from quantum_memory.cluster.service.access.refused import whose
from quantum_memory.cluster.service.access.signatures import VerifyingKey
from quantum_memory.cluster.service.access.signers import Signers
from quantum_memory.cluster.service.access.tokens import Tokens
from quantum_memory.cluster.service.backend import Backend
from quantum_memory.cluster.service.principals import ROLES, Principal, Role
from quantum_memory.errors import (
    AgentNotFound,
    Denied,
    EntryNotFound,
    Forbidden,
    InvalidValue,
    QuantumMemoryError,
    Unauthenticated,
)
from quantum_memory.memory.library.entries import Content
from quantum_memory.memory.library.shelves import TIERS, Tier
from quantum_memory.memory.vault import judge_admission as judged
from quantum_memory.memory.vault.admission import RevokeKey
from quantum_memory.memory.vault.writes import OpenSession
from quantum_memory.settings import AccessSettings, JwtSettings
from tests.unit.front import Front
from tests.unit.orchestra import ready
from tests.unit.scribe import START

R = TypeVar("R")
FRESH_S = 5.0
MOST_DENIALS = 7
TENANTS = ("default", "acme", "acme-2")
PROJECTS = ("apollo", "gemini")
PROJECT_PATTERNS: tuple[tuple[str, ...], ...] = ((), ("*",), ("apollo",), ("gem*", "x"))
DEFAULTS: dict[Role, Tier] = {"reader": "open", "writer": "internal", "admin": "restricted"}
NAMES = ("alice", "team-a", "team-b")
SHELVES = (":acme:apollo:open", ":default:apollo:restricted")
PATTERNS = (("*",), ("team-*",), ("alice", "team-b"), ("nobody",), ("acme:*", "default:*"))
ISSUER, STRANGER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
HMAC_KEY = ISSUER.public_key().public_bytes_raw()
JWT = JwtSettings(keys="issuer", issuer="issuer", audience="memory", one_use=True)


async def who_is(gate: Authenticator, caller: Caller) -> Principal:
    """Who a caller is."""
    found = await gate.admit(caller)
    await gate.use(found)
    return found.principal


@dataclass
class Held:
    """A credential, and what the model knows of it."""

    text: str
    tenant: str
    role: Role
    agents: tuple[str, ...]
    id: str | None = None
    expires: datetime | None = None
    revoked_at_s: float | None = None
    used: bool = False
    clearance: Tier | None = None
    projects: tuple[str, ...] | None = None
    looked_at_s: dict[int, float] = field(default_factory=dict)

    def sees(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.agents)

    @property
    def highest(self) -> Tier:
        return self.clearance or DEFAULTS[self.role]

    def reads(self, tenant: str, project: str, tier: Tier) -> bool:
        """Whether a shelf is one of his: whoever is bound to agents and to no projects has none."""
        mine = self.projects if self.projects is not None else ("*",) if "*" in self.agents else ()
        return (
            tenant == self.tenant
            and TIERS.index(tier) <= TIERS.index(self.highest)
            and any(fnmatchcase(project, pattern) for pattern in mine)
        )


def mixed(one: str, other: str) -> str:
    """The name or the words of one credential with the secret or the signature of another."""
    if one == other or ("." in one) != ("." in other):
        return one[1:]
    between = "." if "." in one else "_"
    return one.rpartition(between)[0] + between + other.rpartition(between)[2]


class Issuer(Signers):
    """An issuer whose key is known."""

    def __init__(self) -> None:
        super().__init__("issuer", 60.0)

    async def keys(self, algorithm: str, kid: str | None) -> list[VerifyingKey]:  # noqa: ARG002  (it has one)
        key = VerifyingKey(None, "EdDSA", ISSUER.public_key())
        return [key] if algorithm == "EdDSA" else []


class Walls(RuleBasedStateMachine):
    """Two replicas, one vault."""

    credentials: Bundle[Held] = Bundle("credentials")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.front = Front(self.folder.name)
        self.loop = asyncio.new_event_loop()
        self.seconds, self.numbers = 0.0, 0
        self.denied: dict[int, tuple[str | None, str | None]] = {}
        self.before = judged.MOST_DENIALS, judged.LOOKED_OVER_EVERY
        judged.MOST_DENIALS, judged.LOOKED_OVER_EVERY = MOST_DENIALS, 1
        self.told: dict[tuple[str, str], list[str]] = {}
        self.kept: dict[str, tuple[str, str, Tier]] = {}
        self.ledger = Ledger(self.front.memory)
        self.gates = [self._gate() for _ in range(2)]
        self.backends = [Backend(self.front.memory) for _ in range(2)]
        self.denials = Denials(self.ledger, self.now, every_s=0.0)

    def _gate(self) -> Authenticator:
        tokens = Tokens(JWT, Issuer(), self.ledger, self.now)
        access = AccessSettings(fresh_s=FRESH_S)
        return Authenticator(self.ledger, access, now=self.now, seconds=lambda: self.seconds, tokens=tokens)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def wait(self, work: Coroutine[Any, Any, R]) -> R:
        return self.loop.run_until_complete(work)

    def did(self, begin: Callable[[], Awaitable[R]]) -> R:
        async def work() -> R:
            return await begin()

        return self.wait(work())

    def teardown(self) -> None:
        self.wait(self.denials.close())
        judged.MOST_DENIALS, judged.LOOKED_OVER_EVERY = self.before
        self.front.close()
        self.loop.close()
        self.folder.cleanup()

    def _number(self) -> int:
        self.numbers += 1
        return self.numbers

    @initialize(target=credentials)
    def an_admin(self) -> Held:
        return self._made("acme", "admin", ("*",), None)

    @rule(
        target=credentials,
        tenant=st.sampled_from(TENANTS),
        role=st.sampled_from(ROLES),
        agents=st.sampled_from(PATTERNS),
        lives_s=st.none() | st.sampled_from([1, 10]),
        clearance=st.none() | st.sampled_from(TIERS),
        projects=st.none() | st.sampled_from(PROJECT_PATTERNS),
    )
    def make_key(
        self,
        tenant: str,
        role: Role,
        agents: tuple[str, ...],
        lives_s: int | None,
        clearance: Tier | None,
        projects: tuple[str, ...] | None,
    ) -> Held:
        return self._made(tenant, role, agents, lives_s, clearance, projects)

    def _made(
        self,
        tenant: str,
        role: Role,
        agents: tuple[str, ...],
        lives_s: int | None,
        clearance: Tier | None = None,
        projects: tuple[str, ...] | None = None,
    ) -> Held:
        expires = None if lives_s is None else self.now() + timedelta(seconds=lives_s)
        far: dict[str, Any] = {"clearance": clearance, "projects": projects}
        minted = mint("0123456789ab", tenant, "k", role, agents, expires=expires, **far, now=self.now())
        self.wait(self.ledger.write(OpenSession("0123456789ab", "tester"), minted.write))
        return Held(minted.text, tenant, role, agents, id=minted.write.id, expires=expires, **far)

    @rule(
        target=credentials,
        tenant=st.sampled_from(TENANTS),
        role=st.sampled_from(ROLES),
        agents=st.sampled_from(PATTERNS),
        clearance=st.none() | st.sampled_from(TIERS),
        projects=st.none() | st.sampled_from(PROJECT_PATTERNS),
    )
    def sign_token(
        self,
        tenant: str,
        role: Role,
        agents: tuple[str, ...],
        clearance: Tier | None,
        projects: tuple[str, ...] | None,
    ) -> Held:
        expires = self.now() + timedelta(seconds=10)
        says = self._says(tenant, role, agents, expires)
        says |= {} if clearance is None else {"clearance": clearance}
        says |= {} if projects is None else {"projects": list(projects)}
        token = jwt.encode(says, ISSUER, "EdDSA")
        until = expires + timedelta(seconds=JWT.leeway_s)
        return Held(token, tenant, role, agents, expires=until, clearance=clearance, projects=projects)

    def _says(self, tenant: str, role: str, agents: tuple[str, ...], expires: datetime) -> dict[str, Any]:
        says: dict[str, Any] = {"iss": "issuer", "aud": "memory", "sub": f"s{self._number()}", "exp": expires}
        return says | {"jti": f"j{self._number()}", "tenant": tenant, "role": role, "agents": list(agents)}

    @rule(held=credentials)
    def revoke(self, held: Held) -> None:
        if held.id is not None:
            self.wait(self.ledger.write(RevokeKey(held.id, held.tenant, f"0123456789ab.{self._number()}")))
            held.revoked_at_s = self.seconds if held.revoked_at_s is None else held.revoked_at_s

    @rule(by_s=st.sampled_from([0.5, 5.0, 45.0]))
    def time_goes_by(self, by_s: float) -> None:
        self.seconds += by_s

    def _come(self, held: Held, replica: int) -> Principal | None:
        """Somebody comes with a credential; the model knows whether he may."""
        may: bool | None = held.expires is None or self.now() < held.expires
        if held.id is None:
            may = bool(may) and not held.used
            held.used = held.used or may
        elif held.revoked_at_s is not None:
            looked = held.looked_at_s.get(replica)
            stale = looked is not None and looked <= held.revoked_at_s and self.seconds - looked < FRESH_S
            assert not stale or self.seconds - held.revoked_at_s < FRESH_S
            may = None if stale else False  # for this moment it may be either
        self._looks(held, replica)
        who = self._let_in(replica, held.text, held.tenant)
        if who is None:
            assert not may, "a good credential was refused"
            return None
        assert may is not False, "a credential that is over, revoked or used was taken"
        assert (who.tenant, who.role, who.agents) == (held.tenant, held.role, held.agents)
        return who

    def _let_in(self, replica: int, credential: str, tenant: str | None) -> Principal | None:
        """Who comes with it. A refusal has the words that every refusal has, and is noted as what its tenant's caller
        was denied whose it is, if somebody's.
        """
        try:
            return self.wait(who_is(self.gates[replica], Caller(f"Bearer {credential}", "127.0.0.1", direct=True)))
        except Unauthenticated as error:
            refusal = error
        assert str(refusal) == TEXT
        owner = whose(refusal)
        assert (None if owner is None else owner.tenant) == tenant
        self._denied(refusal, owner)
        return None

    def _denied(self, error: Denied, who: Principal | None, agent: str | None = None) -> None:
        async def note() -> None:
            self.denials.note(error, "test", who=who, address="10.0.0.1", agent=agent, request=f"r{self._number()}")
            await self.denials.flush()

        self.wait(note())
        owner = (None, None) if who is None else (who.tenant, who.subject)
        self.denied[max(self.denied, default=0) + 1] = owner
        theirs = [number for number, (tenant, _) in self.denied.items() if tenant == owner[0]]
        if len(theirs) > MOST_DENIALS:
            del self.denied[max(theirs, key=lambda number: (self._later(number), -number))]

    def _later(self, number: int) -> int:
        """How many are later of what the same caller was denied."""
        return sum(number < other and owner == self.denied[number] for other, owner in self.denied.items())

    @rule(
        held=credentials,
        replica=st.integers(0, 1),
        name=st.sampled_from((*NAMES, *SHELVES, "acme:alice", "acme-2:team-a", "default:alice", "*", "team-")),
        does=st.sampled_from(["remember", "remember", "recall", "list"]),
    )
    def ask(self, held: Held, replica: int, name: str, does: str) -> None:
        who = self._come(held, replica)
        if who is None:
            return
        if does == "list":
            own = sorted(known for tenant, known in self.told if tenant == held.tenant and held.sees(known))
            assert self.wait(self.backends[replica].agents_page(who, None, 10_000)) == own
            return
        writes = does == "remember"
        try:
            who.require("writer" if writes else "reader", does)
            alice = self.wait(self.backends[replica].agent(who, name, create=writes))
        except (Forbidden, AgentNotFound, InvalidValue) as error:
            self._rightly(error, held, who, name, writes=writes)
            return
        assert held.sees(name)
        assert ":" not in name
        known = self.told.get((held.tenant, name), [])
        if writes:
            text = f"{held.tenant} {name} {self._number()}"
            self.did(lambda: alice.remember.begin(ready(self._number(), text=text)))
            self.told.setdefault((held.tenant, name), []).append(text)
        else:
            assert known, "it answered for an agent that nobody made"
            hits = self.did(lambda: alice.recall.begin("acme", 50))
            assert {hit.memory.text for hit in hits} <= set(known)

    def _rightly(self, error: QuantumMemoryError, held: Held, who: Principal, name: str, *, writes: bool) -> None:
        """It was for a reason that the model knows, and says nothing of others."""
        if isinstance(error, Forbidden):
            assert not held.sees(name) or (writes and held.role == "reader")
            self._denied(error, who, name)
        elif isinstance(error, AgentNotFound):
            assert (held.tenant, name) not in self.told
            assert error.agent == name, "it does not say how the agent would be called in the cluster"
        else:
            assert ":" in name

    @rule(
        held=credentials,
        replica=st.integers(0, 1),
        project=st.sampled_from(PROJECTS),
        tier=st.sampled_from(TIERS),
        does=st.sampled_from(["keep", "keep", "move", "delete"]),
        which=st.integers(0, 7),
    )
    def change_the_library(self, held: Held, replica: int, project: str, tier: Tier, does: str, which: int) -> None:
        who = self._come(held, replica)
        if who is None:
            return
        ids = sorted(self.kept)
        id_ = f"e{self._number()}" if does == "keep" or not ids else ids[which % len(ids)]
        at = self.kept.get(id_, (held.tenant, project, tier))
        library = self.wait(self.backends[replica].library(who))
        try:
            who.require("writer", does)
            if does == "keep":
                content = Content("rule", f"{held.tenant} {project} {tier}", f"{id_} of acme")
                self.did(lambda: library.add.begin(project, content, tier, id=id_))
            elif does == "delete":
                self.did(lambda: library.delete.begin(at[1], id_))
            else:
                seen = self.did(lambda: library.entry.begin(at[1], id_)).version
                self.did(lambda: library.update.begin(at[1], id_, seen, tier=tier, to=project))
        except Forbidden as error:
            goal = (held.tenant, at[1], TIERS[0]) if does == "delete" else (held.tenant, project, tier)
            may = held.reads(held.tenant, at[1], TIERS[0]) and held.reads(*goal)
            assert held.role == "reader" or not may, "it refused what is his"
            self._denied(error, who)
            return
        except EntryNotFound:
            assert id_ not in self.kept or not held.reads(*at), "it denied what is his"
            return
        assert held.role != "reader"
        if does == "delete":
            assert held.reads(*self.kept.pop(id_))
            return
        assert held.reads(held.tenant, project, tier)
        assert does == "keep" or held.reads(*self.kept[id_])
        self.kept[id_] = (held.tenant, project, tier)

    @rule(held=credentials, replica=st.integers(0, 1))
    def look_into_the_library(self, held: Held, replica: int) -> None:
        """By every way that tells of entries, and of agents."""
        who = self._come(held, replica)
        if who is None:
            return
        library = self.wait(self.backends[replica].library(who))
        mine = {id_: at for id_, at in self.kept.items() if held.reads(*at)}
        hits = self.did(lambda: library.search.begin("acme", 100))
        assert {one.entry.id: (held.tenant, one.entry.project, one.entry.tier) for one in hits} == mine
        seen = self.did(library.projects.begin)
        assert {project for _, project, _ in mine.values()} <= set(seen)
        listed: list[str] = []
        for project in seen:
            page = self.did(partial(library.entries.begin, project))
            listed += [one.id for one in page.entries]
        assert sorted(listed) == sorted(mine)
        assert not any(":" in name for name in self.wait(self.backends[replica].agents_page(who, None, 10_000)))
        for id_, (_, project, _) in self.kept.items():
            try:
                found = self.did(partial(library.entry.begin, project, id_))
            except (EntryNotFound, Forbidden):
                assert id_ not in mine
            else:
                assert id_ in mine
                assert found.text == f"{id_} of acme"

    def _looks(self, held: Held, replica: int) -> None:
        """A replica looks a key up, and believes what it finds for a while."""
        looked = held.looked_at_s.get(replica)
        if held.id is not None and (looked is None or self.seconds - looked >= FRESH_S):
            held.looked_at_s[replica] = self.seconds

    @rule(held=credentials, other=credentials, replica=st.integers(0, 1), how=st.integers(0, 8))
    def come_with_something_wrong(self, held: Held, other: Held, replica: int, how: int) -> None:
        says = self._says(held.tenant, "admin", ("*",), self.now() + timedelta(seconds=60))
        early = says | {"exp": self.now() - timedelta(seconds=60)}
        wrong = [
            held.text[:-1],
            f"{held.text}, Bearer {other.text}",
            f"{held.text}\r\nAuthorization: Bearer {other.text}",
            mixed(held.text, other.text),
            jwt.encode(says, "", "none"),
            jwt.encode(says, HMAC_KEY, "HS256"),
            jwt.encode(says, STRANGER, "EdDSA"),
            jwt.encode(says | {"aud": "another"} if how % 2 else says | {"iss": "another"}, ISSUER, "EdDSA"),
            jwt.encode(early, ISSUER, "EdDSA"),
        ][how]
        if how == 3:
            self._looks(held, replica)  # by the part that everybody may know
        assert self._let_in(replica, wrong, held.tenant if how == 8 else None) is None

    @invariant()
    def denials_are_there_and_bounded(self) -> None:
        """The last of each tenant, and of those whom nobody knew: none washes another's away, and no caller what others
        of his tenant were denied.
        """
        kept = self.wait(self.ledger.denials(None, 100))
        assert {one.number: (one.tenant, one.who) for one in kept} == self.denied
        assert [one.number for one in kept] == sorted(self.denied, reverse=True)

    @invariant()
    def the_cluster_has_what_was_told_and_under_whose_name(self) -> None:
        own = {name if tenant == "default" else f"{tenant}:{name}" for tenant, name in self.told}
        assert set(self.front.memory.agents()) == own


Walls.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestWalls = Walls.TestCase
