"""Which projects and tiers somebody may use. Knows nobody's name and no credential."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from quantum_memory.errors import Forbidden
from quantum_memory.memory.library.shelves import OWN, TIERS, Shelf, Tier, tier_named, up_to


@dataclass(frozen=True, slots=True)
class Reach:
    """How far somebody's hand goes in the library.

    Attributes:
        scope: whose projects.
        clearance: the highest tier that he may read, or write to.
        projects: patterns of the names of those that he may use, as ``fnmatch`` reads them.

    Raises: InvalidValue.
    """

    scope: str = OWN
    clearance: Tier = TIERS[-1]
    projects: tuple[str, ...] = ("*",)

    def __post_init__(self) -> None:
        tier_named(self.clearance)

    def sees(self, project: str) -> bool:
        """Whether a project is one of his."""
        return any(fnmatchcase(project, pattern) for pattern in self.projects)

    def require(self, project: str, action: str) -> None:
        """Let through who may use a project. Raises: Forbidden, whether there is such a project or not."""
        if not self.sees(project):
            raise Forbidden(action, f"the project {project!r} is not among those that may be used")

    def require_tier(self, tier: Tier, action: str) -> None:
        """Let through whose clearance is high enough. Raises: Forbidden."""
        if tier not in up_to(self.clearance):
            raise Forbidden(action, f"the tier {tier!r} is above a clearance for {self.clearance!r}")

    def shelves(self, project: str, tiers: Iterable[Tier] = TIERS) -> list[Shelf]:
        """The shelves of a project that he may use, of these tiers."""
        mine = up_to(self.clearance)
        return [Shelf(self.scope, project, tier) for tier in TIERS if tier in tiers and tier in mine]

    def reaches(self, shelf: Shelf) -> bool:
        """Whether he may use a shelf."""
        return shelf.scope == self.scope and shelf.tier in up_to(self.clearance) and self.sees(shelf.project)
