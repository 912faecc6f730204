"""Values as they go over the wire, for all subjects: what comes in is strict, what goes out is whole.

Owns their form; every rule of the domain is the domain's, which is asked when a value is made of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from quantum_memory.checks import utc
from quantum_memory.cluster.service.cursors import LONGEST
from quantum_memory.errors import InvalidValue
from quantum_memory.types import PAD

T = TypeVar("T")


class Given(BaseModel):
    """What comes in: no member that is not known, and nothing is turned into another kind of value."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Told(BaseModel):
    """What goes out: every member is always there."""

    model_config = ConfigDict(extra="forbid", from_attributes=True, json_schema_serialization_defaults_required=True)


def _moment(value: object) -> object:
    """A time as RFC 3339 writes it; in UTC where it names no zone."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError("a time as in '2025-01-11T18:02:00Z' is expected")  # noqa: TRY004 - pydantic takes this one
    try:
        return utc("time", datetime.fromisoformat(value))
    except (ValueError, InvalidValue):
        raise ValueError("a time as in '2025-01-11T18:02:00Z' is expected") from None


When = Annotated[datetime, BeforeValidator(_moment)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Vector = Annotated[list[Number], Field(min_length=1, max_length=65_536)]
Where = Annotated[
    str,
    Field(
        description="A place in history: a checkpoint's id or message, a tag, a branch, a time, or `:12` for event 12.",
        examples=["before the move"],
    ),
]
AgentPath = Annotated[str, Path(description="The agent's name.", min_length=1, max_length=128, examples=["alice"])]
BranchQuery = Annotated[
    str | None,
    Query(
        description="The agent's branch; its first one when left out.", min_length=1, max_length=128, examples=["main"]
    ),
]
AsOf = Annotated[
    str | None,
    Query(
        description="As it was at a place in history: a checkpoint, a tag, a branch, a time, or `:12` for event 12.",
        min_length=1,
        examples=["2025-01-11T18:02:00Z"],
    ),
]
Cursor = Annotated[str | None, Query(description="`next` of the page before.", min_length=1, max_length=LONGEST)]
Limit = Annotated[int, Query(description="The most that a page holds; the server may hold less.", ge=1, le=10_000)]


class Feeling(Given):
    """Pleasure, arousal and dominance, each from -1 to 1."""

    pleasure: Annotated[float, Field(ge=-1, le=1, examples=[0.6])]
    arousal: Annotated[float, Field(ge=-1, le=1, examples=[0.2])]
    dominance: Annotated[float, Field(ge=-1, le=1, examples=[0.1])]

    def pad(self) -> PAD:
        """As the domain has it. Raises: InvalidInput."""
        return PAD(self.pleasure, self.arousal, self.dominance)


class FeelingTold(Told):
    """Pleasure, arousal and dominance, each from -1 to 1."""

    pleasure: float
    arousal: float
    dominance: float


class PlaceTold(Told):
    """A point in history: right after event `seq` of a branch, by the branch's id."""

    branch: str
    seq: int


class Page(Told, Generic[T]):
    """Some of a list."""

    items: list[T]
    next: str | None = Field(description="The `cursor` of the next page; nothing after the last.")


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Those values that were given."""
    return {name: value for name, value in values.items() if value is not None}
