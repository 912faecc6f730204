"""Who decides where a merge finds that both sides changed the same thing. Knows conflicts as values, and no branch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, get_args

from quantum_memory.errors import InvalidValue
from quantum_memory.types import MergeConflict

Side = Literal["ours", "theirs"]
MergeRule = Literal["union", "ours", "theirs", "newest"]
Decide: TypeAlias = Callable[[MergeConflict], Any]
"""Answers "ours", "theirs", or the value to store. Where one side took away what the other edited: only a side."""
Choice: TypeAlias = MergeRule | Decide
MergePolicyLike: TypeAlias = Choice | Mapping[str, Choice] | None

FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "memories": (
            "text",
            "pad",
            "at",
            "importance",
            "speaker",
            "kind",
            "session",
            "tags",
            "metadata",
            "forgotten",
        ),
        "skills": ("steps", "when"),
        "graph": ("weight", "memory", "unrelated"),
        "mood": (),
    }
)
"""What can be decided, by part. "forgotten" and "unrelated" are edits against deletions."""
DEFAULT: Mapping[str, Choice] = MappingProxyType(
    {
        "memories": "ours",
        "memories.forgotten": "newest",
        "skills": "ours",
        "graph": "ours",
        "graph.unrelated": "newest",
        "mood": "union",
    }
)
"""What holds where nobody says otherwise: ours is kept, the later of an edit and a deletion wins, moods superpose."""
_KEYS = (*FIELDS, *(f"{part}.{name}" for part, names in FIELDS.items() for name in names))
_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MergePolicy:
    """A choice for each part, and for a field where that is to be decided otherwise.

    * "ours", "theirs": that side. What only the other side changed is taken over all the same.
    * "newest": the side that changed last; a tie goes to ours. An edit loses only to a later deletion.
    * "union": nothing is given up that can be kept: tags and the keys of metadata join, the larger importance and
      weight win, an edit outlives a deletion, moods superpose; of two texts the newest stays and the other is reported.
    * a function of the conflict.

    Attributes:
        choices: by part ("memories") or field ("memories.tags"); what is not here is as in ``DEFAULT``.
    """

    choices: Mapping[str, Choice] = field(default_factory=dict)

    @classmethod
    def of(cls, given: MergePolicyLike | MergePolicy) -> MergePolicy:
        """A policy from a rule, a function, a mapping of either, or nothing. Raises: InvalidValue."""
        if isinstance(given, MergePolicy):
            return given
        if given is None:
            return cls()
        if isinstance(given, Mapping):
            for key in given:
                if key not in _KEYS:
                    raise InvalidValue("policy", repr(key), f"some of {', '.join(_KEYS)}")
            return cls({key: _choice(f"policy[{key!r}]", one) for key, one in given.items()})
        one = _choice("policy", given)
        return cls(dict.fromkeys(FIELDS, one))

    def choice(self, part: str, name: str = "") -> Choice:
        """What decides about a field of a part."""
        for choices in (self.choices, DEFAULT):
            for key in (f"{part}.{name}", part):
                if key in choices:
                    return choices[key]
        raise InvalidValue("part", repr(part), f"one of {', '.join(FIELDS)}")

    @property
    def asks(self) -> bool:
        """Whether a function has to be asked."""
        return any(callable(one) for one in self.choices.values())


def _choice(name: str, given: object) -> Choice:
    if isinstance(given, str) and given in get_args(MergeRule):
        return given  # type: ignore[return-value]  # one of the literals, as was just seen
    if callable(given):
        return given
    raise InvalidValue(name, repr(given), f"{', '.join(get_args(MergeRule))} or a function of a conflict")


def winner(rule: MergeRule, ours_at: datetime | None, theirs_at: datetime | None) -> Side:
    """The side whose version is kept. An undated version counts as oldest, and a tie goes to ours.

    "union" decides as "newest" does, where two values cannot be joined.
    Raises: InvalidValue for a rule that does not exist.
    """
    if rule not in get_args(MergeRule):
        raise InvalidValue("merge rule", repr(rule), ", ".join(get_args(MergeRule)))
    if rule in ("ours", "theirs"):
        return rule
    return "theirs" if (theirs_at or _EARLIEST) > (ours_at or _EARLIEST) else "ours"


def ask(decide: Decide, conflict: MergeConflict) -> MergeConflict:
    """The conflict as a function decided it: ``value`` is what it gave where that is no side, still unchecked.

    The function sees copies: the values of the conflict are the views' own, and it may edit what it is given.
    Raises: InvalidValue if the function fails.
    """
    values = {name: deepcopy(getattr(conflict, name)) for name in ("base", "ours", "theirs")}
    try:
        answer = decide(replace(conflict, **values))
    except Exception as error:
        about = f"an answer about {conflict.part}.{conflict.field} of {conflict.key!r}"
        raise InvalidValue("policy", f"{type(error).__name__}: {error}", about) from error
    if isinstance(answer, str) and answer in get_args(Side):
        return settled(conflict, "ours" if answer == "ours" else "theirs", "the policy's function")
    return replace(conflict, kept="given", value=answer, reason="the policy's function gave a value")


def settled(conflict: MergeConflict, side: Side, by: str) -> MergeConflict:
    """The conflict with one side kept; ``by`` says who decided so."""
    value = conflict.ours if side == "ours" else conflict.theirs
    return replace(conflict, kept=side, value=value, reason=f"{by} kept {side}")
