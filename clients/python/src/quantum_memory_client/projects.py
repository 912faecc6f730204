"""A project of the library: its rules, documents and references, each with methods of its own.

    apollo = memory.project("apollo")
    landing = apollo.documents.create("Landing", "The legs unfold at 200 m.", tier="open")
    apollo.documents.update(landing["id"], landing["version"], tags=["flight"])
    apollo.search("when do the legs unfold?")["hits"]

What a method sends is built once; whether it blocks or is awaited is the client's manner.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import wraps
from typing import Any, Concatenate, Generic, Literal, ParamSpec, TypeVar, overload

from quantum_memory_client import _operations, types
from quantum_memory_client.calls import UNSET, Call, Page, Unset
from quantum_memory_client.methods import AsyncPages, Awaiting, Blocking, Pages

P = ParamSpec("P")
T = TypeVar("T")
Kind = Literal["rule", "document", "reference"]
Tier = Literal["open", "internal", "restricted"]


class _Of:
    """What belongs to a project."""

    def __init__(self, client: Any, project: str) -> None:
        self._client, self.project = client, project


class _Blocking(_Of, Blocking):
    def perform(self, call: Call[T]) -> T:
        """As the client does it."""
        answer: T = self._client.perform(call)
        return answer


class _Awaiting(_Of, Awaiting):
    async def perform(self, call: Call[T]) -> T:
        """As the client does it."""
        answer: T = await self._client.perform(call)
        return answer


class Inside(Generic[P, T]):
    """A method that performs what a function builds for a project."""

    def __init__(self, build: Callable[Concatenate[str, P], Call[T]]) -> None:
        self.build = build

    @overload
    def __get__(self, instance: _Blocking, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: _Awaiting, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Any: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self

        @wraps(self.build)
        def bound(*args: P.args, **kwargs: P.kwargs) -> Any:
            return instance.perform(self.build(instance.project, *args, **kwargs))

        return bound


class Listed(Generic[P, T]):
    """A method that gives the pages of what a function builds for a project."""

    def __init__(self, build: Callable[Concatenate[str, P], Call[Page[T]]]) -> None:
        self.build = build

    @overload
    def __get__(self, instance: _Blocking, owner: type) -> Callable[P, Pages[T]]: ...
    @overload
    def __get__(self, instance: _Awaiting, owner: type) -> Callable[P, AsyncPages[T]]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Any: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        kind: Callable[[Any, Any], Any] = Pages if isinstance(instance, Blocking) else AsyncPages

        @wraps(self.build)
        def bound(*args: P.args, **kwargs: P.kwargs) -> Any:
            return kind(instance, self.build(instance.project, *args, **kwargs))

        return bound


def _update(
    project: str,
    entry: str,
    version: int,
    *,
    title: str | Unset = UNSET,
    text: str | Unset = UNSET,
    uri: str | Unset | None = UNSET,
    tags: Sequence[str] | Unset = UNSET,
    priority: int | Unset = UNSET,
    enabled: bool | Unset = UNSET,
    tier: Tier | Unset = UNSET,
    to: str | Unset = UNSET,
    idempotency_key: str | None = None,
) -> Call[types.EntryTold]:
    """Change one, or move it to another tier or project. Raises: Conflict if it is not of that version any more."""
    return _operations.update_entry(
        project,
        entry,
        version=version,
        title=title,
        text=text,
        uri=uri,
        tags=tags,
        priority=priority,
        enabled=enabled,
        tier=tier,
        to=to,
        idempotency_key=idempotency_key,
    )


def _delete(project: str, entry: str, version: int | None = None, *, idempotency_key: str | None = None) -> Call[None]:
    """Take one away, if it is of that version."""
    return _operations.delete_entry(project, entry, version=version, idempotency_key=idempotency_key)


def _listed(kind: Kind) -> Callable[..., Call[Page[types.EntryTold]]]:
    def entries(
        project: str,
        *,
        tags: Sequence[str] | None = None,
        tier: Tier | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Call[Page[types.EntryTold]]:
        """All of them without their texts, by when they were made."""
        return _operations.list_entries(project, kind=kind, tag=tags, tier=tier, limit=limit, cursor=cursor)

    return entries


def _rule(
    project: str,
    title: str,
    text: str,
    *,
    priority: int | None = None,
    enabled: bool | None = None,
    tags: Sequence[str] | None = None,
    tier: Tier | None = None,
    id: str | None = None,  # noqa: A002 - the door's name
    idempotency_key: str | None = None,
) -> Call[types.EntryTold]:
    """Keep a rule; the one with the greater priority is told first."""
    far: dict[str, Any] = {"tags": tags, "tier": tier, "id": id, "idempotency_key": idempotency_key}
    return _operations.add_entry(project, "rule", title, text=text, priority=priority, enabled=enabled, **far)


def _document(
    project: str,
    title: str,
    text: str,
    *,
    uri: str | None = None,
    tags: Sequence[str] | None = None,
    tier: Tier | None = None,
    id: str | None = None,  # noqa: A002 - the door's name
    idempotency_key: str | None = None,
) -> Call[types.EntryTold]:
    """Keep a document, and in ``uri`` where it comes from."""
    far: dict[str, Any] = {"tags": tags, "tier": tier, "id": id, "idempotency_key": idempotency_key}
    return _operations.add_entry(project, "document", title, text=text, uri=uri, **far)


def _reference(
    project: str,
    title: str,
    uri: str,
    text: str | None = None,
    *,
    tags: Sequence[str] | None = None,
    tier: Tier | None = None,
    id: str | None = None,  # noqa: A002 - the door's name
    idempotency_key: str | None = None,
) -> Call[types.EntryTold]:
    """Keep a reference: a URL or DOI, and as its text an abstract or a note."""
    far: dict[str, Any] = {"tags": tags, "tier": tier, "id": id, "idempotency_key": idempotency_key}
    return _operations.add_entry(project, "reference", title, text=text, uri=uri, **far)


def _search(
    project: str,
    query: str,
    *,
    k: int | None = None,
    kinds: Sequence[Kind] | None = None,
    tags: Sequence[str] | None = None,
    tiers: Sequence[Tier] | None = None,
    passages: int | None = None,
) -> Call[types.FoundEntries]:
    """What the project has on this, best first, with the passages that were found and the parts of their scores."""
    narrow: dict[str, Any] = {"kinds": kinds, "tags": tags, "tiers": tiers, "passages": passages}
    return _operations.search_library(query, k=k, projects=[project], **narrow)


class _Entries:
    get = Inside(_operations.read_entry)
    update = Inside(_update)
    delete = Inside(_delete)


class _Rules(_Entries):
    create, list = Inside(_rule), Listed(_listed("rule"))


class _Documents(_Entries):
    create, list = Inside(_document), Listed(_listed("document"))


class _References(_Entries):
    create, list = Inside(_reference), Listed(_listed("reference"))


class Rules(_Rules, _Blocking):
    """What is to be kept to."""


class Documents(_Documents, _Blocking):
    """Texts."""


class References(_References, _Blocking):
    """What is elsewhere."""


class AsyncRules(_Rules, _Awaiting):
    """What is to be kept to."""


class AsyncDocuments(_Documents, _Awaiting):
    """Texts."""


class AsyncReferences(_References, _Awaiting):
    """What is elsewhere."""


class Project(_Blocking):
    """A project, for threads."""

    search = Inside(_search)

    def __init__(self, client: Blocking, project: str) -> None:
        super().__init__(client, project)
        self.rules, self.documents = Rules(client, project), Documents(client, project)
        self.references = References(client, project)


class AsyncProject(_Awaiting):
    """A project, for coroutines."""

    search = Inside(_search)

    def __init__(self, client: Awaiting, project: str) -> None:
        super().__init__(client, project)
        self.rules, self.documents = AsyncRules(client, project), AsyncDocuments(client, project)
        self.references = AsyncReferences(client, project)
