"""Projects as their users see them: what one keeps, by kind.

Owns how rules, documents and references are given and named. What is done with them is the library's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from quantum_memory.actors.operations import Call, operation
from quantum_memory.memory.library.entries import KINDS, Content, Entry, EntryHits, Kind, tags_of
from quantum_memory.memory.library.shelves import DEFAULT_TIER, Tier
from quantum_memory.types import Vector

if TYPE_CHECKING:
    from quantum_memory.actors.library import Library, Page


class Entries:
    """The entries of one kind in a project."""

    kind: Kind

    def __init__(self, library: Library, project: str) -> None:
        self._library, self._project = library, project

    @operation
    def get(self, id: str) -> Call[Entry]:  # noqa: A002
        """One of them, whole. Raises: EntryNotFound."""
        return self._library.entry.call(self._project, id, self.kind)

    @operation
    def list(
        self,
        *,
        tags: Iterable[str] = (),
        tiers: Iterable[Tier] | None = None,
        limit: int = 100,
        after: tuple[datetime, str] | None = None,
    ) -> Call[Page]:
        """Some of them without their texts, in the order in which they were made; see ``Library.entries``."""
        return self._library.entries.call(self._project, self.kind, tags=tags, tiers=tiers, limit=limit, after=after)

    @operation
    def update(
        self,
        id: str,  # noqa: A002
        version: int,
        /,
        *,
        tier: Tier | None = None,
        to: str | None = None,
        **changes: Any,
    ) -> Call[Entry]:
        """Change one (``title=``, ``text=``, ...), or move it; see ``Library.update``."""
        return self._library.update.call(self._project, id, version, changes, tier=tier, to=to, kind=self.kind)

    @operation
    def delete(self, id: str, version: int | None = None) -> Call[None]:  # noqa: A002
        """Take one away. Raises: EntryNotFound; VersionConflict."""
        return self._library.delete.call(self._project, id, version, kind=self.kind)

    def _add(self, content: Content, tier: Tier, id_: str | None) -> Call[Entry]:
        return self._library.add.call(self._project, content, tier, id=id_)


class Rules(Entries):
    """What is to be kept to."""

    kind = "rule"

    @operation
    def add(
        self,
        title: str,
        text: str,
        *,
        priority: int = 0,
        enabled: bool = True,
        tags: Iterable[str] = (),
        tier: Tier = DEFAULT_TIER,
        id: str | None = None,  # noqa: A002
    ) -> Call[Entry]:
        """Keep a rule; of two that hold, the one with the greater priority is told first."""
        made = Content("rule", title, text, None, tags_of(tags), priority, enabled)
        return self._add(made, tier, id)


class Documents(Entries):
    """Texts of any length, up to a million characters."""

    kind = "document"

    @operation
    def add(
        self,
        title: str,
        text: str,
        *,
        uri: str | None = None,
        tags: Iterable[str] = (),
        tier: Tier = DEFAULT_TIER,
        id: str | None = None,  # noqa: A002
    ) -> Call[Entry]:
        """Keep a document, and in ``uri`` where it comes from."""
        return self._add(Content("document", title, text, uri, tags_of(tags)), tier, id)


class References(Entries):
    """What is elsewhere, and what is to be known of it."""

    kind = "reference"

    @operation
    def add(
        self,
        title: str,
        uri: str,
        text: str = "",
        *,
        tags: Iterable[str] = (),
        tier: Tier = DEFAULT_TIER,
        id: str | None = None,  # noqa: A002
    ) -> Call[Entry]:
        """Keep a reference: its URL or DOI, and as its text an abstract or a note."""
        return self._add(Content("reference", title, text, uri, tags_of(tags)), tier, id)


class Project:
    """One project of the library. Get one from ``MemoryCluster.project``.

    Attributes:
        name: its name.
        rules, documents, references: its entries by kind.
    """

    def __init__(self, library: Library, name: str) -> None:
        self._library, self.name = library, name
        self.rules, self.documents, self.references = (
            Rules(library, name),
            Documents(library, name),
            References(library, name),
        )

    def __repr__(self) -> str:
        return f"<Project {self.name}>"

    @operation
    def search(
        self,
        query: str | Vector | Sequence[float],
        k: int = 10,
        *,
        kinds: Iterable[Kind] = KINDS,
        tags: Iterable[str] = (),
        tiers: Iterable[Tier] | None = None,
        passages: int = 3,
    ) -> Call[EntryHits]:
        """What the project has on this, best first; see ``Library.search``."""
        return self._library.search.call(
            query, k, projects=[self.name], kinds=kinds, tags=tags, tiers=tiers, passages=passages
        )
