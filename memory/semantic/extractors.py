"""What any extraction of concepts and statements must be able to do, and the one by rules that needs nothing else.

Opens no connection and loads no model: the optional ones are in ``spacy_extractor`` and ``endpoint_extractor``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, runtime_checkable

from quantum_memory.memory.semantic.extract import Concept, extract
from quantum_memory.memory.semantic.triples import Triple, triples


@runtime_checkable
class Extractor(Protocol):
    """What a text speaks of, and what it says.

    Laws:
        * Equal input gives equal results wherever ``deterministic`` is true. Results of any other extractor must be
          journalled, and never computed again when a view is rebuilt.
        * Every triple's span lies in the text, its texts are visible, and its confidence is in (0, 1].
        * Each concept comes once, by key. Arguments are never changed, and no state of a call can be seen in the next.
        * No network, unless the class says in its first line that it has one.
        * It may be slow: it is asked behind acknowledged writes, never on the way to one. What the graph folds from the
          journal is ``extract`` alone.

    Attributes:
        name: what made the results, for people: "rules", "spacy:en_core_web_sm", ...
        deterministic: whether the first law holds across processes and time.
    """

    @property
    def name(self) -> str: ...

    @property
    def deterministic(self) -> bool: ...

    def concepts(self, text: str, speaker: str | None = None) -> tuple[Concept, ...]:
        """The concepts of a text. Raises: Unavailable where a model cannot be reached."""
        ...

    def triples(self, text: str, speaker: str | None = None, at: datetime | None = None) -> tuple[Triple, ...]:
        """The statements of a text that was said at a time, in order. Raises: Unavailable."""
        ...


class RuleExtractor:
    """Extraction by closed lists and plain rules: no download, no network, the same everywhere. An ``Extractor``."""

    name = "rules"
    deterministic = True

    def concepts(self, text: str, speaker: str | None = None) -> tuple[Concept, ...]:
        """See ``extract``."""
        return extract(text, speaker)

    def triples(self, text: str, speaker: str | None = None, at: datetime | None = None) -> tuple[Triple, ...]:
        """See ``triples``: English statements; nothing for other languages."""
        return triples(text, speaker, at)
