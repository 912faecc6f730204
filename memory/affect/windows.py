"""Texts to windows of tokens: the speaker's name is marked, long texts are cut. Runs no model.

A text over the limit of tokens is cut into windows that follow one another without overlap. The name of a speaker
stands at the beginning of the first window only and is not repeated in the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


def spoken(text: str, speaker: str | None) -> str:
    """What is read where a speaker says a text: ``Ilka: text``; the text as it is where nobody is named."""
    return text if speaker is None else _prefix(speaker) + text


def _prefix(speaker: str) -> str:
    return f"{speaker}: "


class Window(NamedTuple):
    """A stretch of tokens that a model reads at once.

    Attributes:
        ids: the tokens, with a mark before and one after them.
        text: number of the text that they are of.
        out: places of the tokens that name the speaker, and do not count as what is said.
    """

    ids: list[int]
    text: int
    out: Sequence[int]


class Windows:
    """Cuts texts for one model.

    Args:
        tokenizer: of the ``tokenizers`` library. It is this object's from now on: how it cuts is set here.
        limit: tokens in one window, its two marks included.
    """

    def __init__(self, tokenizer: Any, limit: int) -> None:
        self._tokenizer = tokenizer
        self._tokenizer.enable_truncation(limit)
        self._tokenizer.no_padding()
        self.limit = limit

    def of(self, texts: Sequence[str], speakers: Sequence[str | None]) -> list[Window]:
        """The windows of all texts, in their order, one or more for each."""
        # The tokenizer refuses halves of surrogate pairs, which a text cut in the middle of an emoji can end with.
        # Each becomes one question mark, so that places in the text stay what they were.
        clean = [
            spoken(text, speaker).encode(errors="replace").decode()
            for text, speaker in zip(texts, speakers, strict=True)
        ]
        names = [0 if speaker is None else len(_prefix(speaker)) for speaker in speakers]
        # Places in the text are counted only where they are needed.
        encode = self._tokenizer.encode_batch if any(names) else self._tokenizer.encode_batch_fast
        return [
            Window(part.ids, number, _within(part.offsets, names[number]) if names[number] else ())
            for number, found in enumerate(encode(clean))
            for part in (found, *found.overflowing)
        ]


def _within(places: Sequence[tuple[int, int]], end: int) -> list[int]:
    """The numbers of the places that reach into the first ``end`` characters. A mark has none, so it never does."""
    return [number for number, (first, last) in enumerate(places) if first < end and last > 0]
