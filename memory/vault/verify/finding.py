"""What verification finds, as values. Looks for nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from quantum_memory.types import BranchId

Remedy = Literal["rebuild", "restore_block", "quarantine", "drop", "none"]
"""What ``repair`` would do: derive it anew from the journal; fetch the block from a backup, or else put it aside; take
away what names nothing; nothing, because a person must look."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        kind: what sort of thing it is: "database", "branch", "entry", "segment", "merge", "commit", "tag", "snapshot",
            "index", "block", "key".
        where: which one.
        what: what is wrong with it, in words.
        remedy: what ``repair`` would do about it.
        lost: whether something that was acknowledged cannot be read because of it.
        branch, seq, block: of what, for those who mend it.
    """

    kind: str
    where: str
    what: str
    remedy: Remedy
    lost: bool = False
    branch: BranchId = ""
    seq: int = 0
    block: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.where}: {self.what}"


@dataclass(slots=True)
class Report:
    """What was looked at, and what was found."""

    findings: list[Finding] = field(default_factory=list)
    looked_at: dict[str, int] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def add(
        self,
        kind: str,
        where: str,
        what: str,
        remedy: Remedy,
        *,
        lost: bool = False,
        branch: BranchId = "",
        seq: int = 0,
        block: str = "",
    ) -> None:
        """Note something that is wrong."""
        self.findings.append(Finding(kind, where, what, remedy, lost, branch, seq, block))

    def count(self, kind: str, number: int = 1) -> None:
        """Note that something was looked at."""
        self.looked_at[kind] = self.looked_at.get(kind, 0) + number
