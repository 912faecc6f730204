"""Rules, documents and references as values: what is given of one, what it is, and what was found of it.

Owns what each kind may hold. Knows no shelf's memories and nobody's rights.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple, get_args
from urllib.parse import urlsplit

from quantum_memory.checks import visible, whole, within
from quantum_memory.errors import InvalidValue, TooLong
from quantum_memory.memory.library.shelves import Tier

Kind = Literal["rule", "document", "reference"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MAX_TITLE_CHARS, MAX_URI_CHARS = 300, 2048
MAX_TEXT_CHARS: Mapping[Kind, int] = {"rule": 8192, "document": 1_000_000, "reference": 32_768}
MAX_BLANK_CHARS = 8192
"""White space in a row: it stays with the passage before it."""
MAX_TAGS, MAX_TAG_CHARS = 32, 64
MAX_PRIORITY = 1000
MARK = ":"
"""What tags begin with that no caller gives."""
SCHEMES = ("doi", "file", "ftp", "http", "https", "s3", "urn")
"""Of what an entry may lie under: none that a browser would run."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DOI = re.compile(r"(?:doi:)?10\.\d{4,9}/\S+", re.IGNORECASE)
_BLANK = re.compile(rf"(?<!\s)\s{{{MAX_BLANK_CHARS + 1}}}")
"""Looked for where white space begins, and nowhere in it: else looking takes the square of the time."""


def kind_named(name: object) -> Kind:
    """The kind of this name. Raises: InvalidValue."""
    for kind in KINDS:
        if kind == name:
            return kind
    raise InvalidValue("kind", repr(name), f"one of {', '.join(KINDS)}")


def entry_id(name: object) -> str:
    """The id of an entry, if it is fit for one. Raises: InvalidValue."""
    if not isinstance(name, str) or _ID.fullmatch(name) is None:
        want = "1 to 64 letters, digits, '.', '_' and '-', beginning with a letter or digit"
        raise InvalidValue("id", repr(name), want)
    return name


def tags_of(given: object) -> tuple[str, ...]:
    """Tags, each once, in order. Raises: InvalidInput."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InvalidValue("tags", repr(given), "a list of texts")
    tags = tuple(dict.fromkeys(within("tag", visible("tag", one), MAX_TAG_CHARS) for one in given))
    if len(tags) > MAX_TAGS:
        raise TooLong("tags", len(tags), MAX_TAGS, "tags")
    if any(tag.startswith(MARK) for tag in tags):
        raise InvalidValue("tags", repr(tags), f"tags that do not begin with {MARK!r}")
    return tags


@dataclass(frozen=True, slots=True)
class Content:
    """What somebody gives of an entry.

    Attributes:
        title: one line; of a rule its name.
        text: of a rule what is to be kept to, of a document all of it, of a reference its abstract or a note.
        uri: where it is, where it is somewhere: a URL or DOI. A reference has one.
        tags: to find it by.
        priority: of a rule: the greater, the earlier it is told.
        enabled: of a rule: whether it holds.

    Args:
        kept: a ``uri`` that stands on a shelf already. It was taken when it was given, and may stay.

    Raises: InvalidInput.
    """

    kind: Kind
    title: str
    text: str = ""
    uri: str | None = None
    tags: tuple[str, ...] = ()
    priority: int = 0
    enabled: bool = True
    kept: InitVar[str | None] = None

    def __post_init__(self, kept: str | None) -> None:
        kind_named(self.kind)
        if within("title", visible("title", self.title), MAX_TITLE_CHARS).splitlines() != [self.title]:
            raise InvalidValue("title", repr(self.title), "one line")
        _check_text(self.kind, self.text)
        object.__setattr__(self, "tags", tags_of(self.tags))
        if self.uri is not None and self.uri != kept:
            _check_uri(self.uri)
        if self.kind == "reference" and self.uri is None:
            raise InvalidValue("uri", "None", "the URL or DOI of what a reference points to")
        if self.kind == "rule" and self.uri is not None:
            raise InvalidValue("uri", repr(self.uri), "none of a rule")
        whole("priority", self.priority, -MAX_PRIORITY, MAX_PRIORITY)
        if not isinstance(self.enabled, bool):
            raise InvalidValue("enabled", repr(self.enabled), "true or false")
        if self.kind != "rule" and (self.priority, self.enabled) != (0, True):
            raise InvalidValue("priority, enabled", f"{self.priority}, {self.enabled}", "none but of a rule")

    def with_changes(self, changes: Mapping[str, Any]) -> Content:
        """The same with other values for some. Raises: InvalidInput."""
        unknown = sorted(set(changes) - {"title", "text", "uri", "tags", "priority", "enabled"})
        if unknown:
            raise InvalidValue("changes", repr(unknown), "some of title, text, uri, tags, priority, enabled")
        return replace(self, kept=self.uri, **changes)


def _check_text(kind: Kind, text: object) -> None:
    """Raises: InvalidInput."""
    if kind == "reference" and text == "":
        return
    told = within("text", visible("text", text), MAX_TEXT_CHARS[kind])
    if _BLANK.search(told) is not None:
        raise InvalidValue("text", "a longer stretch", f"at most {MAX_BLANK_CHARS} characters of white space in a row")


def _check_uri(uri: object) -> None:
    """Raises: InvalidInput."""
    told = within("uri", visible("uri", uri), MAX_URI_CHARS)
    want = f"a URL ({', '.join(SCHEMES)}), or a DOI as in '10.1000/182'"
    try:
        absolute = urlsplit(told).scheme in SCHEMES or _DOI.fullmatch(told) is not None
    except ValueError:
        absolute = False
    if not absolute or any(char.isspace() or not char.isprintable() for char in told):
        raise InvalidValue("uri", repr(told), want)


class Origin(NamedTuple):
    """From which shelf an entry was moved, which version stood there, and the operation that takes it away there.

    Once that operation is done, the entry has been moved; until then it has not, and what was written where it goes
    does not count. ``branch`` is that shelf's own: one of the same name that was made since, where an archive brought
    the entry, knows nothing of the move.
    """

    project: str
    tier: Tier
    version: int
    op: str
    branch: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule, a document or a reference, as it stands on its shelf.

    Attributes:
        text: all of it; ``None`` where a list leaves it out.
        version: 1 at first, and one more with every change. Whoever changes it says which one he has seen.
        passages: in how many its text is.
        birth: unlike that of any other entry, also of one with the same id; it stays when the entry moves.
        origin: the last shelf that it was, or is to be, moved from.
    """

    id: str
    project: str
    tier: Tier
    kind: Kind
    title: str
    text: str | None
    uri: str | None
    tags: tuple[str, ...]
    priority: int
    enabled: bool
    created: datetime
    updated: datetime
    version: int
    passages: int
    birth: str = field(default="", repr=False)
    origin: Origin | None = field(default=None, repr=False)

    @property
    def content(self) -> Content:
        """What it holds, as somebody gave it."""
        told = self.kind, self.title, self.text or "", self.uri, self.tags, self.priority, self.enabled
        return Content(*told, kept=self.uri)

    @property
    def order(self) -> tuple[datetime, str]:
        """Its place in a list: by when it was made."""
        return self.created, self.id

    @property
    def line(self) -> tuple[str, str]:
        """What this copy and its later versions on the same shelf have in common, and no other copy of any entry."""
        return self.birth, "" if self.origin is None else self.origin.op


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of an entry's text that was found.

    Attributes:
        number: from 0 among its passages; -1 is the title.
        score: how well it fits.
        why: the parts of the score by name, which add up to it.
    """

    number: int
    text: str
    score: float
    why: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class EntryHit:
    """An entry that was found, without its text, and what was found of it, best first; its score is the best one's."""

    entry: Entry
    passages: tuple[Passage, ...]

    @property
    def score(self) -> float:
        """How well it fits."""
        return self.passages[0].score

    @property
    def why(self) -> Mapping[str, float]:
        """The parts of the score by name, which add up to it."""
        return self.passages[0].why


class EntryHits(list[EntryHit]):
    """Entries that were found, best first, and what they were found without: see ``Hits``."""

    def __init__(self, hits: Iterable[EntryHit] = (), missing: Iterable[str] = ()) -> None:
        super().__init__(hits)
        self.missing: tuple[str, ...] = tuple(missing)
