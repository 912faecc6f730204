"""Many agents in few calls: which orchestrator is asked for what, in which pieces, and what became of each agent.

Owns the first branches of agents that were named before; they never change. Does no work on any agent itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from quantum_memory.actors.directory import Directory
from quantum_memory.actors.handle import AgentHandle
from quantum_memory.actors.operations import Call
from quantum_memory.actors.pieces import ManyCall, Piece, Plan
from quantum_memory.actors.requests import (
    RecallRequest,
    RememberRequest,
    Where,
    check_question,
    check_utterances,
    deadline_of,
    query_of,
    utterances,
)
from quantum_memory.actors.transactions import standing
from quantum_memory.checks import visible, whole, within
from quantum_memory.errors import AgentNotFound, InvalidValue, QuantumMemoryError
from quantum_memory.memory.held import Held
from quantum_memory.memory.library.shelves import agent_named
from quantum_memory.settings import Settings
from quantum_memory.types import AgentName, Branch, Filters, Hits, MemoryId, Mood

T = TypeVar("T")
KNOWN = 100_000
"""Agents whose first branch is kept."""
MOST_OP = 64
"""Characters of an operation's name: the branch's id follows it."""


class Many:
    """The face that many agents have together, for one driver.

    Args:
        directory: where the orchestrators are.
        settings: the cluster's.
    """

    def __init__(self, directory: Directory, settings: Settings) -> None:
        self._directory, self._settings = directory, settings
        self._roots: Held[AgentName, Branch] = Held(KNOWN)

    def open(self, names: Iterable[AgentName], *, create: bool) -> dict[AgentName, AgentHandle]:
        """Agents by name, on their first branches. Raises: SomeFailed, AgentNotFound; InvalidInput."""
        if isinstance(names, str) or not isinstance(names, Iterable):
            raise InvalidValue("open", repr(names), "several names")
        asked = tuple(dict.fromkeys(agent_named(name) for name in names))
        found = self._branches(asked, create=create)
        failed = {number: one for number, one in enumerate(found) if isinstance(one, QuantumMemoryError)}
        handles = {number: self.handle(one) for number, one in enumerate(found) if isinstance(one, Branch)}
        return Plan("open", asked, failed).together(handles)

    def handle(self, branch: Branch) -> AgentHandle:
        """A handle whose operations are this driver's."""
        return AgentHandle(branch, self._directory)

    def remember(
        self, what: Mapping[Any, Any], op: str | None, deadline_s: float | None = None
    ) -> ManyCall[list[MemoryId]]:
        """See ``MemoryCluster.remember``. Raises: InvalidInput before anything is sent."""
        given = [(key, utterances(one)) for key, one in _pairs("remember", what)]
        for _, told in given:
            check_utterances(told, self._settings)
        name = self._directory.new_op() if op is None else within("op", visible("op", op), MOST_OP)
        due_s = deadline_of(deadline_s)

        def request(branch: Branch, told: Any) -> RememberRequest:
            return RememberRequest(branch, told, f"{name}:{branch.id}", due_s)

        asked = [(key, len(told), told) for key, told in given]
        return self._call("remember", asked, request, create=True, op=name, deadline_s=due_s)

    def recall(
        self, questions: Mapping[Any, Any], k: object, filters: Filters, as_of: Where, deadline_s: float | None = None
    ) -> ManyCall[Hits]:
        """See ``MemoryCluster.recall``. Raises: InvalidInput before anything is sent."""
        most, due_s = whole("k", k, 0, math.inf), deadline_of(deadline_s)
        given = [(key, 1, query_of(query)) for key, query in _pairs("recall", questions)]
        for _, _, query in given:
            check_question(query, most, self._settings)

        def request(branch: Branch, query: Any) -> RecallRequest:
            return RecallRequest(branch, query, most, filters, as_of, deadline_s=due_s)

        return self._call("recall", given, request, create=False, deadline_s=due_s)

    def mood(self, agents: Iterable[Any], as_of: Where) -> ManyCall[Mood]:
        """See ``MemoryCluster.mood``. Raises: InvalidInput before anything is sent."""
        asked = _each("mood", agents)
        return self._call("mood", asked, lambda branch, _: (branch, as_of), create=False)

    def warm_up(self, agents: Iterable[Any]) -> ManyCall[int]:
        """See ``MemoryCluster.warm_up``. Raises: InvalidInput before anything is sent."""
        asked = _each("warm_up", agents)
        return self._call("warm_up", asked, lambda branch, _: branch, create=False)

    def _call(
        self,
        what: str,
        asked: Sequence[tuple[Any, int, T]],
        request: Callable[[Branch, T], Any],
        *,
        create: bool,
        op: str | None = None,
        deadline_s: float | None = None,
    ) -> ManyCall[Any]:
        """The call for these keys, each with how much it is to do and what is asked of it."""
        keys = tuple(key for key, _, _ in asked)
        branches = self._on(what, keys, create=create)
        failed = {number: one for number, one in enumerate(branches) if isinstance(one, QuantumMemoryError)}
        ready = [(number, one) for number, one in enumerate(branches) if isinstance(one, Branch)]
        seen: dict[str, Any] = {}
        for number, branch in ready:
            if branch.id in seen:
                raise InvalidValue(what, f"{seen[branch.id]!r} and {keys[number]!r}", "each branch once")
            seen[branch.id] = keys[number]
        todo = [
            (number, branch.lineage, asked[number][1], request(branch, asked[number][2])) for number, branch in ready
        ]
        pieces = list(self._pieces(f"{what}_each", todo, deadline_s))
        return ManyCall(Plan(what, keys, failed, op), pieces, self._directory)

    def _on(self, what: str, keys: Sequence[Any], *, create: bool) -> list[Branch | QuantumMemoryError]:
        """The branch that each key means: that of a handle, or the first one of a named agent."""
        for key in keys:
            if not isinstance(key, str | AgentHandle):
                raise InvalidValue(what, type(key).__name__, "agents' names or handles")
        names = tuple(dict.fromkeys(agent_named(key) for key in keys if isinstance(key, str)))
        roots = dict(zip(names, self._branches(names, create=create), strict=True))
        found = [roots[key] if isinstance(key, str) else key.info for key in keys]
        return [standing(one) if isinstance(one, Branch) else one for one in found]

    def _branches(self, names: Sequence[AgentName], *, create: bool) -> list[Branch | QuantumMemoryError]:
        """The first branch of each agent; those that are not known here are asked for, many in one call."""
        roots = {name: self._roots.get(name) for name in names}
        unknown = [name for name, root in roots.items() if root is None]
        most = self._settings.limits.batch
        for start in range(0, len(unknown), most):
            some = unknown[start : start + most]
            for name, root in zip(some, self._asked(some, create=create), strict=True):
                roots[name] = root
                if root is not None:
                    self._roots.put(name, root)
        return [AgentNotFound(name) if root is None else root for name, root in roots.items()]

    def _asked(self, names: Sequence[AgentName], *, create: bool) -> list[Branch | None]:
        """Whoever answers, the vault decides, so that two drivers that come at once make no agent twice."""
        directory = self._directory
        if not create:
            there: list[Branch | None] = directory.call("vault", 0, "find_agents", (names,)).result()
            return there
        made: list[AgentHandle] = directory.ask_owner(names[0], "open", names, True, directory.session).result()
        return [handle.info for handle in made]

    def _pieces(
        self, method: str, todo: Sequence[tuple[int, str, int, Any]], deadline_s: float | None
    ) -> Iterator[Piece]:
        """The calls, none much larger than ``limits.batch``, those to one orchestrator in turns with the others'."""
        directory, most = self._directory, self._settings.limits.batch
        shares: dict[int, list[list[tuple[int, int, Any]]]] = {}
        room: dict[int, int] = {}
        for number, lineage, size, request in todo:
            owner = directory.owner(lineage)
            if owner not in room or size > room[owner]:
                shares.setdefault(owner, []).append([])
                room[owner] = most
            shares[owner][-1].append((number, size, request))
            room[owner] -= size
        for turn in range(max(map(len, shares.values()), default=0)):
            for owner, pieces in shares.items():
                if turn < len(pieces):
                    numbers, sizes, requests = zip(*pieces[turn], strict=True)
                    due_s = deadline_s or directory.deadline_s + sum(sizes) * directory.per_text_s
                    asked = "agents", owner, method, (list(requests),)
                    call: Call[list[Any]] = directory.call(*asked, deadline_s=due_s)
                    yield Piece(call, numbers, due_s, owner)


def _each(name: str, agents: Iterable[Any]) -> list[tuple[Any, int, None]]:
    """Each agent once, of which nothing more is asked. Raises: InvalidValue."""
    if isinstance(agents, str | AgentHandle) or not isinstance(agents, Iterable):
        raise InvalidValue(name, repr(agents), "several agents")
    return [(key, 1, None) for key in dict.fromkeys(agents)]


def _pairs(name: str, given: Mapping[Any, T]) -> Iterable[tuple[Any, T]]:
    """What is asked of each agent. Raises: InvalidValue."""
    if not isinstance(given, Mapping):
        raise InvalidValue(name, type(given).__name__, "a mapping from agents' names or handles")
    return given.items()
