"""What is said on the stream, in both directions. Values that check themselves; ``schema`` is their JSON Schema.

Every message is one JSON object in one text frame, whose ``type`` says which it is.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from quantum_memory.cluster.service.principals import Channel

VERSIONS = (1,)
"""Versions of this protocol that are spoken here."""
FEATURES = ("snapshots", "presence")
"""What is said only to a client that asks for it in ``hello``: ``snapshot``, and ``presence``."""
MOST_AGENTS = 256
NAMES = 16
"""Agents that a subscription names for the cost of one request."""
MAX_NAME = 128
ALL = "*"
"""In a subscription: every agent that may be seen, also those that come to be."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
Position = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class FromClient(msgspec.Struct, tag_field="type", frozen=True, forbid_unknown_fields=True):
    """What a client says."""


class Hello(FromClient, tag="hello", frozen=True):
    """The first message: which versions the client speaks, which features of ``welcome`` it makes use of, and its
    credential where the request that opened the connection brought none.
    """

    versions: Annotated[tuple[int, ...], msgspec.Meta(min_length=1, max_length=16)] = VERSIONS
    features: Annotated[tuple[str, ...], msgspec.Meta(max_length=16)] = ()
    token: Annotated[str, msgspec.Meta(max_length=8192)] | None = None


class Subscribe(FromClient, tag="subscribe", frozen=True):
    """Be told of agents from here on, or from a position on. The same ``id`` again takes the place of the first.

    With ``all_moods`` also of every mood as it is now, whether something was felt after that position or not.
    """

    id: Name
    agents: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=MOST_AGENTS)]
    channels: Annotated[tuple[Channel, ...], msgspec.Meta(min_length=1, max_length=3)]
    branch: Name | None = None
    after: Position | None = None
    all_moods: bool = False


class Unsubscribe(FromClient, tag="unsubscribe", frozen=True):
    """Be told no more of a subscription."""

    id: Name


class Ping(FromClient, tag="ping", frozen=True):
    """Ask whether the other side is there."""

    nonce: Annotated[str, msgspec.Meta(max_length=64)] = ""


class Ack(FromClient, tag="ack", frozen=True):
    """So many messages were received and taken, of those that are to be acknowledged, since the connection began.

    All but ``welcome``, ``heartbeat`` and ``closing`` are. Where ``credit`` of them are owed, nothing more is told.
    """

    received: Position


class FromServer(msgspec.Struct, tag_field="type", frozen=True, omit_defaults=True):
    """What the server says."""


class Welcome(FromServer, tag="welcome", frozen=True):
    """The answer to ``hello``: the version that is spoken from here on, and where the vault stands."""

    version: int
    features: tuple[str, ...]
    position: int
    heartbeat_s: float
    credit: int


class Subscribed(FromServer, tag="subscribed", frozen=True):
    """A subscription is in force from after ``position`` on."""

    id: str
    position: int


class Unsubscribed(FromServer, tag="unsubscribed", frozen=True):
    """A subscription is no longer in force."""

    id: str


class Change(FromServer, frozen=True):
    """What every change of an agent is told with. ``position`` is where to resume after it."""

    subscription: str
    position: int
    at: str
    agent: str
    branch: str | None


class MemoryOperation(Change, tag="memory_operation", frozen=True):
    """Memories were added, revised, forgotten, used, merged in, or taken back; relations or skills changed.

    ``operation`` is the kind of the event, ``told`` what it brought. Where that is large, it is ``brief``: of memories
    their ids alone are told, and where these are too many, numbers in the place of lists.
    """

    operation: str
    told: dict[str, Any]
    brief: bool = False


class EncodedOperation(Change, tag="memory_operation", frozen=True):
    """A ``MemoryOperation`` that was encoded as far as all are told the same."""

    operation: str
    told: msgspec.Raw
    brief: bool = False


class History(Change, tag="history", frozen=True):
    """A commit, branch or tag was made, moved or deleted, branches were merged, or one was rolled back."""

    operation: str
    told: dict[str, Any]


class EquationEvolution(Change, tag="equation_evolution", frozen=True):
    """The equation of an agent's feelings was kept anew; ``memory`` is the memory that holds it."""

    memory: str


class Feeling(msgspec.Struct, frozen=True):
    """A mood: the expected PAD, the standard deviation of each axis, and the likeliest named emotions."""

    pad: tuple[float, float, float]
    spread: tuple[float, float, float]
    emotions: dict[str, float]
    at: str | None


class EmotionalUpdate(FromServer, tag="emotional_update", frozen=True):
    """A mood as it is now. Of several changes within a tenth of a second the last is told."""

    subscription: str
    position: int
    agent: str
    branch: str
    mood: Feeling


class PhaseTransition(FromServer, tag="phase_transition", frozen=True):
    """The likeliest named emotion of a mood is another one than when it was last told."""

    subscription: str
    position: int
    agent: str
    branch: str
    before: str
    after: str


class Heartbeat(FromServer, tag="heartbeat", frozen=True):
    """The connection lives, and everything up to ``position`` was told: where to resume after it."""

    position: int


class Presence(FromServer, tag="presence", frozen=True):
    """How many subscriptions on this replica cover an agent, by its name or with all; of ``*``, how many are to all.

    Told, with the feature ``presence``, of an agent to whoever names it, and of ``*`` to whoever watches all: at once,
    and within a second or two after it changed.
    """

    agent: str
    watching: int


class Lagging(FromServer, tag="lagging", frozen=True):
    """The reader was too slow: it is not told of what lies between two positions. Moods come as they are now.

    With ``subscribe`` and ``after`` the rest can be had later. Where ``upto`` is smaller than ``after``, the vault was
    restored as it was at an earlier time: what was told after ``upto`` never was, and telling goes on from there.
    """

    subscription: str
    after: int
    upto: int


class Snapshot(FromServer, tag="snapshot", frozen=True):
    """All up to ``position`` was told. So many branches felt something meanwhile: their moods come, as they are now.

    Told with the feature ``snapshots``: once to whoever subscribes to moods with ``after``, and whenever it is not
    ``complete``: more moods changed than are told, which are told when they change the next time. After a restore, and
    with ``all_moods``, ``branches`` are all that there are.
    """

    subscription: str
    position: int
    branches: int
    complete: bool


class Pong(FromServer, tag="pong", frozen=True):
    """The answer to ``ping``."""

    nonce: str


class Refused(FromServer, tag="refused", frozen=True):
    """A message was not obeyed: ``error`` is the kind of error, ``id`` the subscription that it was about."""

    error: str
    detail: str
    id: str | None = None
    retry_after_s: float | None = None


class Closing(FromServer, tag="closing", frozen=True):
    """The server closes the connection. Come back in ``reconnect_after_s``, and resume after ``position``."""

    reason: Literal["shutdown", "idle", "revoked", "protocol"]
    position: int
    reconnect_after_s: float


CLIENT: tuple[type[FromClient], ...] = (Hello, Subscribe, Unsubscribe, Ping, Ack)
SERVER: tuple[type[FromServer], ...] = (
    Welcome,
    Subscribed,
    Unsubscribed,
    MemoryOperation,
    History,
    EquationEvolution,
    EmotionalUpdate,
    PhaseTransition,
    Heartbeat,
    Presence,
    Lagging,
    Snapshot,
    Pong,
    Refused,
    Closing,
)
_DECODER = msgspec.json.Decoder(Hello | Subscribe | Unsubscribe | Ping | Ack)
_ENCODER = msgspec.json.Encoder()


def read(text: str | bytes) -> Hello | Subscribe | Unsubscribe | Ping | Ack:
    """A client's message. Raises: msgspec.MsgspecError, UnicodeError, RecursionError."""
    message: Hello | Subscribe | Unsubscribe | Ping | Ack = _DECODER.decode(text)
    return message


def cost_of(message: FromClient) -> float:
    """How many requests a message counts for: the more agents it names, the more."""
    return max(1.0, len(message.agents) / NAMES) if isinstance(message, Subscribe) else 1.0


def written(message: FromServer) -> bytes:
    """A server's message as the UTF-8 of a text frame."""
    return _ENCODER.encode(message)


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of every message, by name in ``$defs``; which of them either side says."""
    references, components = msgspec.json.schema_components([*CLIENT, *SERVER], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "/v1/stream/schema",
        "title": "quantum_memory stream, version 1",
        "$defs": components,
        "properties": {
            "client": {"anyOf": list(references[: len(CLIENT)])},
            "server": {"anyOf": list(references[len(CLIENT) :])},
        },
    }
