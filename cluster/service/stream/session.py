"""One connection of the stream: what it has subscribed to, how far it was told, and how much it has yet to take.

Owns no socket: what is to be said goes through ``send``, what was heard comes through ``heard``. Of what was told and
not acknowledged there is never more than ``CREDIT`` messages, or ``CREDIT_BYTES``; what comes after waits in the vault,
where it is anyway.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TypeVar

from quantum_memory.cluster.service.principals import Principal
from quantum_memory.cluster.service.problems import problem_of
from quantum_memory.cluster.service.stream.arrears import Counted
from quantum_memory.cluster.service.stream.audience import Follower
from quantum_memory.cluster.service.stream.away import MOST, Away
from quantum_memory.cluster.service.stream.encoding import Encoder, counts
from quantum_memory.cluster.service.stream.hub import FELT, Hub, Page
from quantum_memory.cluster.service.stream.lanes import Watched
from quantum_memory.cluster.service.stream.messages import (
    ALL,
    FEATURES,
    Ack,
    Closing,
    EmotionalUpdate,
    EncodedOperation,
    EquationEvolution,
    Feeling,
    FromClient,
    FromServer,
    Heartbeat,
    Hello,
    History,
    Lagging,
    PhaseTransition,
    Ping,
    Pong,
    Presence,
    Refused,
    Snapshot,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
    written,
)
from quantum_memory.cluster.service.stream.moods import weight_of
from quantum_memory.cluster.service.stream.presence import Onlooker
from quantum_memory.cluster.service.stream.readings import Seen
from quantum_memory.cluster.service.tenants import NAMING, inside, outside
from quantum_memory.errors import (
    Denied,
    OutOfRange,
    QuantumMemoryError,
    RateLimited,
    StorageFailure,
    TooLong,
    Unavailable,
)
from quantum_memory.memory.vault.feed import FeedEntry
from quantum_memory.types import AgentName, Mood

CREDIT = 1024
"""Messages that may be on their way to a client that has not acknowledged them."""
CREDIT_BYTES = 16 << 20
"""Their bytes, beyond which nothing more is told either."""
SLOW_S = 5.0
"""A reader that owes ``CREDIT`` for so long is told of what is then, and no more of what was."""
MOST_SUBSCRIPTIONS = 64
MOST_NAMED = 1024
"""Agents that the subscriptions of one connection name, all together: each takes about a kilobyte. ``*`` takes none."""
HEARTBEAT_S = 15.0
SILENT_S = 120.0
"""A client that owes acknowledgements and says nothing for so long is gone."""
COME_BACK_S = 1.0
AGAIN_S = 1.0
"""How soon the vault is asked again for what somebody was not told, when it did not answer."""
IN_ONE_GO = 16
"""Messages that one connection is told before all others have their turn: sending waits for nobody who keeps up."""
SNAPSHOTS, PRESENCE = FEATURES
FIRST = "main"
"""The branch that is told of at once where a subscription names none."""
NAMED, DIGITS = 5, 4
TOLD = 4
"""Moods, for each agent that a subscription counts for, of which it is known how they were told last."""
MEMORIES = frozenset(
    {"remembered", "revised", "forgotten", "merged", "picked", "rolled_back", "used", "related", "unrelated", "unified"}
    | {"skill_learned", "skill_used"}
)
HISTORY = frozenset(
    {"agent_created", "branch_created", "branch_deleted", "commit_created", "tag_put", "tag_moved", "tag_dropped"}
    | {"merged", "rolled_back", "imported", "transaction_committed"}
)

T = TypeVar("T")
Send = Callable[[bytes], Awaitable[None]]


@dataclass(eq=False, kw_only=True)
class Subscription(Follower):
    """What somebody wants to be told of, and how far he was.

    Attributes:
        restored: how often the vault had been restored when it was told of last.
        upto: everything up to it was told, changes and moods, when that was looked at last.
        begun: the position of the change that he was told of last, whole or as far as he had credit.
        said: how many messages he was told of that.
        likeliest: of each mood that he was told, the likeliest emotion then; those told longest ago go.
        away: what he missed of moods, until they are read.
        missed: where that was felt, until he is told.
        omitted: how many moods were not read for him when he was told of it last.
        unlisted: whether he is to be told of every mood that there is, and nobody knows yet which there are.
    """

    id: str
    channels: frozenset[str]
    restored: int
    upto: int
    begun: int = 0
    said: int = 0
    likeliest: dict[Watched, str] = field(default_factory=dict)
    away: Away | None = None
    missed: dict[Watched, int] = field(default_factory=dict)
    omitted: int = 0
    unlisted: bool = False

    def whom(self) -> Collection[AgentName | None]:
        """Whom it covers: nothing stands for all that he may see."""
        return (None,) if self.agents is None else self.agents

    def watches(self) -> Collection[AgentName | None]:
        """Whose moods are to be read for it."""
        return self.whom() if self.moods else ()

    def named(self) -> list[AgentName]:
        """Whose moods it wants to know, whatever happens."""
        return sorted(self.agents or ()) if self.moods else []

    def doubt(self, upto: int) -> None:
        """Nobody knows which moods he believes: he is to be told of every one, and positions stay where they are."""
        self.unlisted, self.upto = True, max(0, min(self.upto, upto))
        self.away, self.missed, self.actions = None, {}, _told_of(self.channels)


class Overdrawn(Exception):
    """A client asks and asks, and takes none of the answers."""


class Session:
    """A connection whose caller is known.

    Args:
        hub: what happens.
        encoder: of what is told to all sessions of the replica.
        who: who it is.
        stands: whether his credential is still valid.
        send: says something; it returns when that was handed on, and does not take for ever.
        denied: told of what he may not do.
        counted: counts what he asks of the vault; it raises RateLimited where that is too much.
        features: what he asked for, of ``FEATURES``.
    """

    def __init__(
        self,
        hub: Hub,
        encoder: Encoder,
        who: Principal,
        stands: Callable[[], Awaitable[bool]],
        send: Send,
        denied: Callable[[Denied], None],
        counted: Counted,
        features: frozenset[str] = frozenset(),
    ) -> None:
        self._encoder = encoder
        self._hub, self._who, self._stands, self._send, self._denied = hub, who, stands, send, denied
        self._counted, self._features = counted, features
        self._subscriptions: dict[str, Subscription] = {}
        self._sent = self._acknowledged = self._owed_bytes = 0
        self._owed: deque[int] = deque()
        self._beat = False
        self._blocked_s: float | None = None
        self._again_s = math.inf
        self._heard_s = asyncio.get_running_loop().time()
        self._own, self._saying = asyncio.Event(), asyncio.Lock()
        self._onlooker = Onlooker(who, self._own.set) if PRESENCE in features else None

    async def heard(self, message: FromClient) -> None:
        """Do what the client asks for, or say why not.

        Raises: Overdrawn for a client that owes twice the credit, and goes on asking.
        """
        self._heard_s = asyncio.get_running_loop().time()
        if not isinstance(message, Ack):
            self._require_credit()
        try:
            match message:
                case Subscribe():
                    await self._subscribe(message)
                case Unsubscribe(id=name):
                    self._drop(name)
                    await self._say(Unsubscribed(name))
                case Ping(nonce=nonce):
                    await self._say(Pong(nonce))
                case Ack(received=received):
                    self._acknowledge(received)
                case Hello():
                    await self._say(Refused("protocol", "hello comes first, and once"))
        except QuantumMemoryError as error:
            if isinstance(error, Denied):
                self._denied(error)
            await self._say(refusal(error, self._who.tenant, getattr(message, "id", None)))

    def is_due(self, message: FromClient) -> bool:
        """Whether it acknowledges what was not yet: no rate counts that, since there is no more of it than was told."""
        return isinstance(message, Ack) and self._acknowledged < message.received <= self._sent

    async def refuse(self, refusal: Refused) -> None:
        """Say why something was not obeyed that could not even be read. Raises: Overdrawn, as ``heard``."""
        self._heard_s = asyncio.get_running_loop().time()
        self._require_credit()
        await self._say(refusal)

    async def run(self) -> Closing:
        """Tell what happens until the connection is to be closed; the last message, which the caller sends.

        Raises: what ``send`` raises.
        """
        telling, staying = asyncio.create_task(self._telling()), asyncio.create_task(self._staying())
        try:
            await asyncio.wait((telling, staying), return_when=asyncio.FIRST_COMPLETED)
            return self.closing((telling if telling.done() else staying).result())
        finally:
            for task in (telling, staying):
                task.cancel()
            await asyncio.gather(telling, staying, return_exceptions=True)

    async def _telling(self) -> str:
        """Tell what happens until the replica stops; why it is the end. Raises: what ``send`` raises."""
        loop = asyncio.get_running_loop()
        with self._hub.present(self._own):
            while not self._hub.closing.is_set():
                self._own.clear()
                if loop.time() >= self._again_s:
                    self._again_s = math.inf
                await self._tell()
                if self._beat:
                    self._beat = False
                    async with self._saying:
                        await self._send(written(Heartbeat(self._told_upto())))
                await _rung(self._own, self._again_s - loop.time())
        return "shutdown"

    async def _staying(self) -> str:
        """Look with every heartbeat whether the client may stay, whatever he takes or not; why he may not."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            if self._sent > self._acknowledged and loop.time() - self._heard_s > SILENT_S:
                return "idle"
            if not await self._stays():
                return "revoked"
            self._beat = True
            self._own.set()

    async def _stays(self) -> bool:
        """Whether the caller may stay. As long as nobody can say he may."""
        try:
            return await self._stands()
        except (Unavailable, StorageFailure):
            return True

    def end(self) -> None:
        """Watch nothing any more: one subscription after the other, and whatever else happens has its turn between."""
        for name in islice(self._subscriptions, 1):
            self._drop(name)
            asyncio.get_running_loop().call_soon(self.end)

    def closing(self, reason: str) -> Closing:
        """The last message: why it is the end, and up to where everything was told."""
        return Closing(reason, self._told_upto(), COME_BACK_S)  # type: ignore[arg-type]

    def _told_upto(self) -> int:
        """Everything up to here was told, to every subscription."""
        unread = self._hub.moods.unread(self._who)
        first = min(unread.values(), default=self._hub.position + 1)
        return min((self._upto(one, unread, first) for one in self._subscriptions.values()), default=self._hub.position)

    def _upto(self, one: Subscription, unread: Mapping[Watched, int], first: int) -> int:
        """Everything up to here was told to a subscription: changes, and every mood that was felt."""
        upto = self._hub.upto(one)
        if not one.moods:
            return upto
        # Without credit little was told since, and all that was not would be gone through.
        if self._blocked_s is None and not one.unlisted:
            one.upto = max(one.upto, min(upto, self._untold(one, unread, first) - 1))
        return one.upto

    def _untold(self, one: Subscription, unread: Mapping[Watched, int], first: int) -> int:
        """The smallest position of a mood that a subscription was not told, or that is not read yet."""
        seen = self._hub.moods.seen
        fresh = seen.since(one.heard, self._who.tenant, one.agents) if one.felt > one.heard else ()
        unsaid = {who: seen.position for who, seen in fresh if self._seen(one, *who) is not None}
        missed = [at for who, at in one.missed.items() if who in unsaid or who in unread]
        away = () if one.away is None else one.away.touched.values()
        untold: list[int] = [first, *unsaid.values(), *missed, *away]
        return min(untold)

    async def _subscribe(self, wanted: Subscribe) -> None:
        """Raises: Forbidden, InvalidValue, TooLong, OutOfRange, RateLimited."""
        who = self._who
        for channel in wanted.channels:
            who.require_channel(channel, "subscribe")
        names = frozenset(wanted.agents)
        agents = None if ALL in names else frozenset(inside(who.tenant, name) for name in names)
        for name in names - {ALL}:
            who.require_agent(name, "subscribe")
        if wanted.id not in self._subscriptions and len(self._subscriptions) >= MOST_SUBSCRIPTIONS:
            raise TooLong("subscriptions", len(self._subscriptions) + 1, MOST_SUBSCRIPTIONS, "of one connection")
        others = sum(len(one.agents or ()) for one in self._subscriptions.values() if one.id != wanted.id)
        if others + len(agents or ()) > MOST_NAMED:
            raise TooLong("agents", others + len(agents or ()), MOST_NAMED, "of all subscriptions of one connection")
        times = len(self._hub.ends)
        start = self._hub.position if wanted.after is None else await self._hub.end(wanted.after)
        made = self._made(wanted, agents, start, times)
        there = await self._watched(made)
        if (before := self._subscriptions.get(wanted.id)) is not None:  # what he was not told then, he is now
            made.upto, made.restored = min(made.upto, before.upto), min(made.restored, before.restored)
            if before.unlisted and made.moods:
                made.doubt(before.upto)
        self._drop(wanted.id)
        self._hub.watchers.come(who, made.whom(), self._onlooker)
        self._subscriptions[wanted.id] = made
        self._hub.join(made)
        made.omitted, made.felt = self._hub.moods.omitted(who), self._hub.moods.number
        self._hub.moods.wanted(who, there, start)
        beyond = wanted.after is not None and start < wanted.after
        lagging = (Lagging(wanted.id, wanted.after or 0, start),) if beyond else ()
        await self._say(Subscribed(wanted.id, start), *lagging)
        self._own.set()

    async def _watched(self, one: Subscription) -> list[Watched]:
        """Watch for a subscription; the moods that it names, of agents that there are. Of others nothing is read.

        Raises: RateLimited; Unavailable, StorageFailure.
        """
        before = self._subscriptions.get(one.id)
        self._hub.moods.watch(self._who, *one.watches(), instead=0 if before is None else weight_of(before.watches()))
        try:
            named = one.named()
            there = await self._hub.moods.there(named) if named else ()
        except BaseException:
            self._unwatch(one)
            raise
        return [Watched(agent, one.branch or FIRST) for agent in there]

    def _unwatch(self, one: Subscription) -> None:
        self._hub.moods.unwatch(self._who, *one.watches())

    def _made(self, wanted: Subscribe, agents: frozenset[AgentName] | None, start: int, restored: int) -> Subscription:
        channels = frozenset(wanted.channels)
        moods = "mood" in channels
        back = moods and wanted.after is not None
        made = Subscription(
            id=wanted.id,
            who=self._who,
            agents=agents,
            channels=channels,
            actions=_told_of(channels) | FELT if back else _told_of(channels),
            moods=moods,
            branch=wanted.branch,
            position=start,
            bell=self._own,
            restored=restored,
            upto=start,
            away=Away(self._hub.position) if back else None,
        )
        if moods and (wanted.all_moods or (wanted.after is not None and start < wanted.after)):
            made.doubt(start - 1)
        return made

    def _drop(self, name: str) -> None:
        gone = self._subscriptions.pop(name, None)
        if gone is not None:
            self._hub.leave(gone)
            self._unwatch(gone)
            self._hub.watchers.go(self._who, gone.whom(), self._onlooker)

    def _acknowledge(self, received: int) -> None:
        """Raises: OutOfRange for more than was sent, or less than was acknowledged."""
        if not self._acknowledged <= received <= self._sent:
            raise OutOfRange("received", received, self._acknowledged, self._sent)
        while self._acknowledged < received:
            self._acknowledged += 1
            self._owed_bytes -= self._owed.popleft()
        if self._blocked_s is not None and self._has_room():
            self._own.set()

    def _has_room(self) -> bool:
        """Whether so much was acknowledged that telling goes on."""
        return self._sent - self._acknowledged <= CREDIT // 2 and self._owed_bytes <= CREDIT_BYTES // 2

    def _owing(self) -> bool:
        """Whether nothing more is told until some is acknowledged."""
        return self._blocked_s is not None

    def _owes(self, times: int) -> bool:
        """Whether the client owes his credit so many times."""
        return self._sent - self._acknowledged >= times * CREDIT or self._owed_bytes >= times * CREDIT_BYTES

    def _require_credit(self) -> None:
        """Raises: Overdrawn."""
        if self._owes(2):
            raise Overdrawn

    async def _tell(self) -> None:
        """What is new, to each subscription, as long as there is credit."""
        if self._blocked_s is not None:
            if not self._has_room():
                return
            slow = asyncio.get_running_loop().time() - self._blocked_s > SLOW_S
            self._blocked_s = None
            for one in list(self._subscriptions.values()) if slow else ():
                await self._skip(one)
        for one in list(self._subscriptions.values()):
            if await self._tell_changes(one):
                await self._tell_moods(one)
            if self._owing():
                return
        await self._tell_presence()

    async def _tell_presence(self) -> None:
        """Who else is there, where that changed, as long as there is credit."""
        news = self._onlooker.news(self._hub.watchers) if self._onlooker is not None else ()
        for times, (whom, number) in enumerate(news, 1):
            if number is not None:
                await self._say(Presence(ALL if whom is None else outside(self._who.tenant, whom) or "", number))
            elif times % IN_ONE_GO == 0:
                await asyncio.sleep(0)
            if self._blocked_s is not None:
                return

    async def _skip(self, one: Subscription) -> None:
        """Tell a subscription no more of what was."""
        if one.due and one.position < self._hub.position:
            left, one.position, one.due = one.position, self._hub.position, False
            if one.away is not None and one.away.lasts(left):
                one.away.complete = False
            await self._say_to(one, Lagging(one.id, left, one.position))

    async def _tell_changes(self, one: Subscription) -> bool:
        """A page of what happened since; whether that was all that can be told now, and credit is left."""
        await self._go_back(one)
        if one.unlisted:
            await self._list_moods(one)
        if not one.due:
            return self._blocked_s is None
        page = await self._page(one)
        return page is None or await self._tell_page(one, page)

    async def _page(self, one: Subscription) -> Page | None:
        """What happened since. Nothing where the vault has to be asked, and that is for later."""
        asking = partial(self._hub.page, one, self._counted)
        return await (asking() if self._hub.at_hand(one) else self._asked(asking))

    async def _asked(self, asking: Callable[[], Awaitable[T]]) -> T | None:
        """What the vault answers. Nothing where it does not, or may not be asked yet, and that is for later."""
        if self._again_s < math.inf:
            return None
        try:
            return await asking()
        except QuantumMemoryError as error:
            again_s = error.retry_after_s if isinstance(error, RateLimited) else AGAIN_S
            self._again_s = asyncio.get_running_loop().time() + again_s
            return None

    async def _tell_page(self, one: Subscription, page: Page) -> bool:
        """Tell a page; whether that was all that there is."""
        for entry in page.entries:
            if self._hub.closing.is_set() or not await self._tell_change(one, entry):
                return False
            one.position = entry.position
            if self._blocked_s is not None:
                return False
        one.position = max(one.position, page.upto)
        if one.position < self._hub.position:
            self._own.set()  # there is more: in the next turn
            return False
        one.due = False
        return True

    async def _go_back(self, one: Subscription) -> None:
        """Tell a subscription that is beyond the end of a restored vault, and begin there with it again."""
        ends = self._hub.ends[one.restored :]
        if not ends:
            return
        one.restored += len(ends)
        end = min(ends)
        if one.begun > end:
            one.begun = 0
        if one.moods:  # also what was read since, and told him before he hears of it
            one.doubt(end - 1)
            one.likeliest.clear()
            one.heard, one.felt = 0, self._hub.moods.number
        if one.position > end:
            left, one.position, one.due = one.position, end, True
            await self._say_to(one, Lagging(one.id, left, end))

    async def _list_moods(self, one: Subscription) -> None:
        """Have a subscription told of every mood that there is, as soon as it is known which there are."""
        listed = await self._asked(partial(self._hub.followed, one, self._counted, MOST))
        if listed is None or not self._holds(one):
            return
        found, complete = listed
        one.unlisted, one.missed = False, dict.fromkeys(found, one.upto + 1)
        self._hub.moods.wanted(self._who, one.missed, one.upto + 1)
        if SNAPSHOTS in self._features:
            await self._say_to(one, Snapshot(one.id, one.position, len(found), complete))

    async def _tell_change(self, one: Subscription, entry: FeedEntry) -> bool:
        """Tell what one change brought, or go on with it, as long as there is credit; whether all of it was told."""
        agent = self._seen(one, entry.agent, entry.name)
        if agent is None:
            return self._holds(one)
        if one.away is not None and entry.action in FELT:
            one.away.note(entry)
        if one.begun != entry.position:
            one.begun, one.said = entry.position, 0
        for message in islice(self._brought(one, entry, agent), one.said, None):
            if self._blocked_s is not None or not self._holds(one):
                return False
            await self._say(message)
            one.said += 1
        return self._holds(one)

    def _brought(self, one: Subscription, entry: FeedEntry, agent: str) -> Iterator[FromServer]:
        """What is said of a change: the same, in the same order, whenever it is asked."""
        told = (one.id, entry.position, entry.at.isoformat(), agent, entry.name)
        if "memories" in one.channels and entry.action in MEMORIES:
            brought = self._encoder.encoded(entry)
            yield EncodedOperation(*told, entry.action, brought.told, brought.brief)
            for memory in brought.equations:
                yield EquationEvolution(*told, memory)
        if "history" in one.channels and entry.action in HISTORY:
            yield History(*told, entry.action, {} if entry.action in NAMING else counts(entry.told))

    async def _tell_moods(self, one: Subscription) -> None:
        if one.moods:
            await self._tell_missed(one)
        if not (one.moods and one.felt > one.heard):
            return
        upto = one.felt  # what is read from here on is told in the next turn
        for who, seen in self._hub.moods.seen.since(one.heard, self._who.tenant, one.agents):
            agent = self._seen(one, who.agent, who.branch)
            if agent is None or await self._tell_mood(one, who, agent, seen):
                one.heard = seen.number
            if self._blocked_s is not None or not self._holds(one):
                return
        one.heard = max(one.heard, upto)

    async def _tell_missed(self, one: Subscription) -> None:
        """Have those moods told that changed while somebody was away, and say so; or that not all are."""
        moods, back = self._hub.moods, one.away
        if back is not None and not (one.due and back.lasts(one.position)):
            one.away, one.missed = None, back.touched
            one.actions = _told_of(one.channels)
            for who, position in sorted(back.touched.items()):
                moods.wanted(self._who, [who], position)
        omitted, came_back = moods.omitted(self._who), back is not None and one.away is None
        complete = omitted <= one.omitted and not one.lost and (back is None or not came_back or back.complete)
        one.omitted, one.lost = omitted, False
        if SNAPSHOTS in self._features and (came_back or not complete):
            branches = len(back.touched) if back is not None and came_back else 0
            await self._say_to(one, Snapshot(one.id, one.position, branches, complete))

    async def _tell_mood(self, one: Subscription, who: Watched, agent: str, seen: Seen) -> bool:
        """Tell a mood, and from what it turned; whether credit was left for both."""
        mood = feeling(seen.mood)
        before, likeliest = one.likeliest.pop(who, ""), next(iter(mood.emotions), "")
        one.likeliest[who] = likeliest  # behind all others
        if len(one.likeliest) > TOLD * weight_of(one.watches()):
            del one.likeliest[next(iter(one.likeliest))]
        await self._say_to(one, EmotionalUpdate(one.id, seen.position, agent, who.branch, mood))
        one.missed.pop(who, None)
        if not before or before == likeliest:
            return True
        if self._blocked_s is not None:  # with credit again: the mood as it is then, and from what it turned
            one.likeliest[who] = before
            return False
        await self._say_to(one, PhaseTransition(one.id, seen.position, agent, who.branch, before, likeliest))
        return True

    def _seen(self, one: Subscription, agent: AgentName | None, branch: str | None) -> str | None:
        """What the caller calls an agent, if he is to be told of it and of this branch."""
        if agent is None or not one.follows(agent, branch):
            return None
        own = outside(self._who.tenant, agent)
        return own if own is not None and self._who.sees(own) else None

    def _holds(self, one: Subscription) -> bool:
        """Whether a subscription is in force still; another may have taken its place while something was said."""
        return self._subscriptions.get(one.id) is one

    async def _say_to(self, one: Subscription, message: FromServer) -> None:
        """Say something of a subscription, if it is in force still."""
        if self._holds(one):
            await self._say(message)

    async def _say(self, *messages: FromServer) -> None:
        """Say something that is to be acknowledged, with nothing else between. Beyond the credit nothing more is told
        until some of it is.
        """
        async with self._saying:
            for text in map(written, messages):
                self._sent += 1
                self._owed.append(len(text))
                self._owed_bytes += len(text)
                await self._send(text)
        if self._owes(1) and self._blocked_s is None:
            self._blocked_s = asyncio.get_running_loop().time()
        if self._sent % IN_ONE_GO == 0:
            await asyncio.sleep(0)


def refusal(error: QuantumMemoryError, tenant: str, subscription: str | None = None) -> Refused:
    """An error as far as it is meant for a tenant's callers."""
    told = problem_of(error, None, tenant)
    return Refused(type(error).__name__, str(told["detail"]), subscription, told.get("retry_after_s"))


def feeling(mood: Mood) -> Feeling:
    """A mood as it is told."""
    mean, spread = mood.mean, mood.spread
    pad = round(mean.pleasure, DIGITS), round(mean.arousal, DIGITS), round(mean.dominance, DIGITS)
    emotions = {name: round(chance, DIGITS) for name, chance in mood.emotions[:NAMED]}
    at = None if mood.at is None else mood.at.isoformat()
    return Feeling(pad, (round(spread[0], DIGITS), round(spread[1], DIGITS), round(spread[2], DIGITS)), emotions, at)


def _told_of(channels: frozenset[str]) -> frozenset[str]:
    """The kinds of changes that are told on channels."""
    kinds = {"memories": MEMORIES, "history": HISTORY}
    return frozenset[str]().union(*(kinds[channel] for channel in channels & kinds.keys()))


async def _rung(bell: asyncio.Event, within_s: float) -> None:
    """Wait until a bell is rung, or the time is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s if within_s < math.inf else None):
            await bell.wait()
