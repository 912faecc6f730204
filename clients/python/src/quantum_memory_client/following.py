"""What a reader of the stream knows: how far it was told, what it owes, and when to come back. Owns no connection.

A connection that breaks between two messages of one change is resumed before that change, and what was handed on of it
is left out: nothing is missed, and nothing comes twice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from quantum_memory_client.errors import (
    ClientError,
    Denied,
    Forbidden,
    InvalidInput,
    NoAnswer,
    NotFound,
    RateLimited,
    Revoked,
    Unauthenticated,
    Unavailable,
)
from quantum_memory_client.retries import Retries
from quantum_memory_client.types import Event

SUBPROTOCOL: Final = "quantum-memory.v1"
PATH: Final = "/v1/stream"
NAME: Final = "events"
CHANGES = frozenset({"memory_operation", "history", "equation_evolution"})
"""What has its place in the order of changes; moods are states."""
HANDED_ON = CHANGES | {"emotional_update", "phase_transition", "lagging", "presence", "snapshot"}
UNCOUNTED = frozenset({"welcome", "heartbeat", "closing"})
UNFIT = (
    "InvalidInput EmptyText TooLong ShapeMismatch NotFinite OutOfRange InvalidValue ZeroMass UnknownLabels "
    "InvalidSettings UnreadableLine UnreadableEntry UnreadableFile UnsafeArchive KeysNotKept "
    "UnsupportedVersion InvalidMessage protocol"
)
ABSENT = (
    "NotFound AgentNotFound PlaceNotFound BranchDeleted MemoryNotFound SkillNotFound EntryNotFound KeyNotFound "
    "BlockMissing RelationNotFound BackupNotFound"
)
REFUSALS: dict[str, type[ClientError]] = {
    "Denied": Denied,
    "Unauthenticated": Unauthenticated,
    "Forbidden": Forbidden,
    "RateLimited": RateLimited,
    **dict.fromkeys(UNFIT.split(), InvalidInput),
    **dict.fromkeys(ABSENT.split(), NotFound),
}
"""By the name of the error; the server is not ready where it names another."""
MOODS = 4096
"""Moods of which it is known how they were told last; one of another is told again after a break, as it is."""
Channel = Literal["mood", "memories", "history"]


@dataclass
class _Connection:
    """What is so of one connection alone."""

    received: int = 0
    acknowledged: int = 0
    credit: int = 1024
    position: int = -1
    heard: int = 0
    begun: bool = False
    beat: bool = False


class Following:
    """One subscription, over as many connections as it takes.

    Args:
        agents: names, or "*".
        channels: what is to be told.
        branch: of which branch; of all when left out.
        after: the position to go on from; from now on when left out.
        retries: how to come back; its deadline is for being let in, and not for how long a subscription lasts.
        clock: in seconds.
        presence: whether it is to be told how many subscriptions cover each agent that is named.

    Attributes:
        silence_s: how long a connection that lives may say nothing.
    """

    def __init__(
        self,
        agents: Sequence[str],
        channels: Sequence[Channel],
        branch: str | None,
        after: int | None,
        retries: Retries,
        clock: Callable[[], float],
        *,
        presence: bool = False,
    ) -> None:
        self._features = ["snapshots", "presence"] if presence else ["snapshots"]
        self._wanted = {"agents": list(agents), "channels": list(channels), "branch": branch}
        self._after, self._retries, self._clock = after, retries, clock
        self._upto, self._feels = after, "mood" in channels
        self._restored_at: int | None = None
        self._at: int | None = None
        self._told = 0
        self._moods: dict[tuple[str, str], tuple[Any, _Connection]] = {}
        self._connection = _Connection()
        self._was_begun = False
        self._attempt = 0
        self._away_since_s: float | None = clock()
        self._come_back_s: float | None = None
        self.silence_s = 60.0

    @property
    def begun(self) -> bool:
        """Whether this connection's subscription is in force."""
        return self._connection.begun

    @property
    def position(self) -> int | None:
        """Everything up to it was told, moods too where they are: after it a subscription goes on. None at first."""
        return self._upto if self._feels else self._after

    def opened(self) -> list[str]:
        """A connection is open: what is to be said first."""
        self._connection = _Connection()
        begin: dict[str, Any] = {} if self.position is None else {"after": self.position}
        if self._restored_at is not None:
            begin["all_moods"] = True
        subscribe = {"type": "subscribe", "id": NAME, **self._wanted, **begin}
        return [json.dumps({"type": "hello", "versions": [1], "features": self._features}), json.dumps(subscribe)]

    def heard(self, text: str | bytes) -> Event | None:
        """A message came: the event that is to be handed on, if it is one. Raises: ClientError where it is the end."""
        message: dict[str, Any] = json.loads(text)
        kind, here = message["type"], self._connection
        here.received += kind not in UNCOUNTED
        if kind in HANDED_ON:
            return cast("Event", message) if self._is_new(message) else None
        match kind:
            case "welcome":
                here.credit = int(message["credit"])
                self.silence_s = 3.0 * float(message["heartbeat_s"])
            case "subscribed":
                self._subscribed(int(message["position"]))
            case "heartbeat" if here.begun:
                here.beat = True
                self._complete(int(message["position"]))
            case "refused":
                self._refused(message)
            case "closing":
                self._closing(message)
        return None

    def owed(self) -> str | None:
        """The acknowledgement of what was handed on, when it is time for one."""
        here = self._connection
        if here.received - here.acknowledged < (1 if here.beat else max(1, here.credit // 8)):
            return None
        here.acknowledged, here.beat = here.received, False
        return json.dumps({"type": "ack", "received": here.received})

    def lost(self, error: Exception) -> float:
        """A connection broke, or none was had: in how many seconds to come back.

        Raises: ClientError where it is of no use, or was tried for as long as the deadline has it.
        """
        refusal = error if isinstance(error, ClientError) else NoAnswer(f"the stream broke: {error}")
        now_s = self._clock()
        if self._away_since_s is None:
            self._away_since_s, self._attempt = now_s, 0
        patience_s = math.inf if self._was_begun else self._retries.deadline_s
        told_s = refusal.retry_after_s if refusal.retry_after_s is not None else self._come_back_s
        pause_s = self._retries.pause_s(self._attempt, told_s)
        if not isinstance(refusal, Unavailable) or now_s + pause_s - self._away_since_s > patience_s:
            raise refusal
        self._attempt += 1
        self._come_back_s = None
        return pause_s

    def _is_new(self, message: dict[str, Any]) -> bool:
        """Whether this was not handed on before; from here on it was."""
        if message["type"] == "lagging":
            self._lagging(int(message["after"]), int(message["upto"]))
            return True
        if message["type"] == "emotional_update":
            return self._is_new_mood(message)
        if message["type"] == "snapshot":
            return not message["complete"]  # else nothing was left out, and nobody need know
        return message["type"] not in CHANGES or self._is_new_change(int(message["position"]))

    def _lagging(self, after: int, upto: int) -> None:
        """What lies between is not told; with ``upto`` before ``after`` the vault was restored, and goes on there."""
        if upto < after:
            self._after, self._upto = upto, min(upto, upto if self._upto is None else self._upto)
            self._restored_at = upto
            self._at, self._told, self._connection.position = None, 0, -1
            self._moods.clear()
        else:
            self._pass(upto)  # moods of before are told after this

    def _is_new_change(self, position: int) -> bool:
        here = self._connection
        here.heard = here.heard + 1 if position == here.position else 1
        here.position = position
        if position <= (-1 if self._after is None else self._after) or (self._at is not None and position < self._at):
            return False
        if position == self._at:
            new = here.heard > self._told
            self._told = max(self._told, here.heard)
            return new
        if self._at is not None:
            self._after = self._at
        self._at, self._told = position, 1
        return True

    def _is_new_mood(self, message: dict[str, Any]) -> bool:
        """A mood that is told first on a connection may be the one that was told last on the one before."""
        whose = message["agent"], message["branch"]
        known, told_on = self._moods.pop(whose, (None, None))
        self._moods[whose] = message["mood"], self._connection
        if len(self._moods) > MOODS:
            del self._moods[next(iter(self._moods))]
        return told_on is self._connection or known != message["mood"]

    def _complete(self, position: int) -> None:
        """Everything up to here was told, moods too: changes beyond it may have been told before those."""
        self._upto = position if self._upto is None else max(self._upto, position)
        if self._restored_at is not None and position >= self._restored_at:
            self._restored_at = None  # every mood was told as it is since
        self._pass(position)

    def _pass(self, position: int) -> None:
        """No change up to here is handed on any more."""
        self._after = position if self._after is None else max(self._after, position)
        if self._at is not None and self._at <= position:
            self._at, self._told = None, 0

    def _subscribed(self, position: int) -> None:
        if self._after is None:
            self._after = self._upto = position
        self._connection.begun = self._was_begun = True
        self._away_since_s, self._attempt = None, 0

    def _refused(self, message: dict[str, Any]) -> None:
        """Raises: what the refusal stands for."""
        name = str(message["error"])
        kind = REFUSALS.get(name, Unavailable)
        raise kind(str(message["detail"]), kind=name, retry_after_s=message.get("retry_after_s"))

    def _closing(self, message: dict[str, Any]) -> None:
        """Raises: Revoked; NoAnswer for all else, which is to be come back from."""
        self._come_back_s = float(message["reconnect_after_s"])
        if self._connection.begun:
            self._complete(int(message["position"]))
        if message["reason"] == "revoked":
            raise Revoked("the credential is not valid any more", kind="revoked")
        raise NoAnswer(f"the server closed the stream: {message['reason']}")
