"""From an agent to the picture that was asked for: which values are read, which figure is drawn, what it is called.

Owns the four kinds of pictures by name. What is read is ``affect_readings``'s, how it is drawn that of its figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from quantum_memory.cluster.affect_branches import compare_figure
from quantum_memory.cluster.affect_pictures import time_figure
from quantum_memory.cluster.affect_radar import MOST_MOODS, radar_figure
from quantum_memory.cluster.affect_readings import Life, chances, compared, life
from quantum_memory.cluster.affect_space import space_figure
from quantum_memory.cluster.pictures import save
from quantum_memory.errors import InvalidValue

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from quantum_memory.actors.handle import AgentHandle, PlaceLike

Kind = Literal["time", "space", "radar", "compare"]
OTHERS = {"time": (0, 0), "space": (0, 0), "radar": (0, MOST_MOODS - 1), "compare": (1, 1)}
"""How many other branches a kind of picture takes: at least and at most."""


@dataclass(frozen=True)
class Wanted:
    """What is to be drawn.

    Attributes:
        kind: of picture.
        against: other branches in it.
        last: how many of the last memories.
    """

    kind: Kind
    against: tuple[str, ...] = ()
    last: int = 2_000

    def problem(self, *, at_a_place: bool = False) -> str | None:
        """What is wrong with this wish, in words; None if nothing is."""
        least, most = OTHERS[self.kind]
        if not least <= len(self.against) <= most:
            wanted = "no --against" if not most else f"--against {least} time" if least == most else f"at most {most}"
            return f"a picture of the kind {self.kind} takes {wanted}, {len(self.against)} given"
        if at_a_place and self.against:
            return "--as-of is for a picture of one branch"
        return None


def drawn(wanted: Wanted, handle: AgentHandle, others: Sequence[AgentHandle], as_of: PlaceLike, output: Path) -> Path:
    """The picture, written as PNG. Raises: InvalidValue; what the handles raise; OSError."""
    problem = wanted.problem(at_a_place=as_of is not None)
    if problem is not None:
        raise InvalidValue("picture", wanted.kind, problem)
    return save(figure_of(wanted, handle, others, as_of), output)


def figure_of(wanted: Wanted, handle: AgentHandle, others: Sequence[AgentHandle], as_of: PlaceLike) -> Figure:
    """The figure of a wish in which nothing is wrong."""
    if wanted.kind == "compare":
        both = compared(handle, others[0])
        parted = f"parted at {both.parted}" if both.parted else "no common past"
        title = f"{_called(handle)} and {_called(others[0])}: {parted}, fidelity of the moods {both.fidelity:.3f}"
        return compare_figure(both, title)
    if wanted.kind == "radar":
        every = [handle, *others]
        one_agent = len({one.name for one in every}) == 1
        names = [one.branch if one_agent else _called(one) for one in every]
        at_rest = [", at rest" if one.mood(as_of).at is None else "" for one in every]
        moods = {f"{name}{rest}": chances(one, as_of) for name, rest, one in zip(names, at_rest, every, strict=True)}
        if len(moods) < len(every):
            raise InvalidValue("against", ", ".join(wanted.against), "other branches, each once")
        return radar_figure(moods, f"{handle.name if one_agent else 'Agents'}: named emotions in the mood")
    lived = life(handle, wanted.last, as_of)
    if wanted.kind == "time":
        return time_figure(lived, f"{_called(handle)}: what was felt, and the mood{_share(lived)}")
    return space_figure(lived, f"{_called(handle)}: the mood's path through the PAD space{_share(lived)}")


def _called(handle: AgentHandle) -> str:
    return f"{handle.name}@{handle.branch}"


def _share(lived: Life) -> str:
    """How much of all is drawn, where it is not all."""
    return "" if len(lived.felt) == lived.memories else f" ({len(lived.felt):,} of {lived.memories:,} memories)"
