"""How many tokens a text has. Owns tokenizers that count; makes no text shorter and cuts none off.

Marks that a model wants around a whole input ([CLS], <s>) are not counted: a block is a part of somebody's prompt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from quantum_memory.checks import whole
from quantum_memory.errors import CorruptRecord, InvalidValue, MissingModel

FILE = "tokenizer.json"
MAX_COUNT = 2**53
KEPT, KEPT_CHARS = 32_768, 400
"""How many counts are kept, of texts of at most so many characters: marks, days, and lines that come again."""
_SPLITS_AT_SPACES = frozenset({"BertPreTokenizer", "Whitespace", "WhitespaceSplit", "ByteLevel", "Metaspace"})
_WORD = re.compile(r"[0-9A-Za-z]\S*")


class TokenCounter(Protocol):
    """What counts tokens.

    Laws: a text counts the same whenever it is counted; ``least`` is never more than ``count``. A longer text should
    not count less: where it does, a block is still within its budget, and may be less full than it could be.
    """

    def count(self, text: str) -> int:
        """How many tokens."""
        ...

    def least(self, text: str) -> int:
        """At least so many; quickly. 0 where nothing can be said without counting."""
        ...


class TokenizerFile:
    """Counts by a ``tokenizer.json`` of the Hugging Face library ``tokenizers``; also callable as a function.

    Args:
        path: the file, or the folder of a model that holds it.

    Raises: MissingModel if there is none; CorruptRecord if it is no tokenizer. Any thread may ask.
    """

    def __init__(self, path: str | Path) -> None:
        from tokenizers import Tokenizer

        given = Path(path).expanduser()
        self.path = given / FILE if given.is_dir() else given
        try:
            read = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise MissingModel(str(path), reason, f"name a folder that holds a {FILE}, or such a file") from None
        try:
            self._tokenizer: Any = Tokenizer.from_str(read)
        except Exception as error:  # noqa: BLE001 - the library raises bare Exception
            raise CorruptRecord(str(self.path), f"is no tokenizer: {error}") from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._parts_words = _parts_words(json.loads(read))
        self._kept = lru_cache(maxsize=KEPT)(self._counted)

    def count(self, text: str) -> int:
        return self._kept(text) if len(text) <= KEPT_CHARS else self._counted(text)

    def _counted(self, text: str) -> int:
        return len(self._tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids)

    def least(self, text: str) -> int:
        """Each word has a token of its own, where the tokenizer parts words at spaces before anything else."""
        return len(_WORD.findall(text)) if self._parts_words else 0

    __call__ = count


def _parts_words(tree: dict[str, Any]) -> bool:
    before = tree.get("pre_tokenizer") or {}
    every = before.get("pretokenizers", [before])
    # Metaspace and ByteLevel may be told to leave the text whole.
    kinds = {one.get("type") for one in every if one.get("split", True) and one.get("use_regex", True)}
    wide = any(" " in token.get("content", "") for token in tree.get("added_tokens", ()))
    return bool(kinds & _SPLITS_AT_SPACES) and not wide


class CallableCounter:
    """Counts by a function of a text. Raises, on counting: InvalidValue, OutOfRange if it gives no count."""

    def __init__(self, function: Callable[[str], int]) -> None:
        if not callable(function):
            raise InvalidValue("tokenizer", repr(function), "a function of a text that gives its number of tokens")
        self._function = function

    def count(self, text: str) -> int:
        return whole("tokenizer's count", self._function(text), 0, MAX_COUNT)

    def least(self, text: str) -> int:  # noqa: ARG002 - nothing is known of a function
        return 0


@lru_cache(maxsize=8)
def counter_of(tokenizer: str | None) -> TokenCounter:
    """The counter that the settings name; without a name that of the packaged MiniLM.

    Raises: MissingModel, CorruptRecord, MissingDependency.
    """
    if tokenizer is not None:
        return TokenizerFile(tokenizer)
    from quantum_memory.memory.affect.encoder import packaged_model

    return TokenizerFile(packaged_model())
