"""In what language a text is, and whether it is in one at all. Reads no feeling.

Everything is measured against English, because that is what MiniLM and the heads on it were trained on. A text is
called foreign only where that is clear: short exclamations, names, codes and numbers are left alone, since a chat is
full of them and no detector can tell them. Law: the answer is a function of the text alone, and any text gets one.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

SAMPLE_CHARS = 600
"""Characters from the beginning that a language is told by; more change nothing but the time it takes."""
LEAST_WORDS = 3
"""Fewer words in Latin letters may be a name, a loanword or an exclamation: they are never called foreign."""
LEAST_MARGIN = 8.0
"""Nats by which another language must be likelier than English, by the naive Bayes of py3langid."""
ENGLISH_SHARE = 1.0 / 3.0
"""A text with such a share of words that are English and hardly anything else is English, without more ado."""
_LANGUAGES = (
    "en de fr es it pt nl sv da no fi is pl cs sk sl hr hu ro bg ru uk be sr mk el tr az ar fa he ur hi bn ta te ml kn "
    "mr gu pa ne si th lo km my vi id ms tl zh ja ko ka hy am sw af ca gl eu ga cy lt lv et sq"
)
"""Of the 139 languages of py3langid those with many speakers or many texts. The rest would be guessed from chat."""
_ENGLISH = (
    "the of and that this with you your you're you've you'll i'm i've i'll i'd it's that's there's he's she's we're "
    "they're don't didn't doesn't isn't wasn't aren't can't couldn't won't wouldn't shouldn't for not are but they "
    "their them there was were what when where which who why how would could should have has had been being from "
    "about just like really thanks thank because into some only other then than these those think know want got get "
    "getting going gonna yeah yes wow hey oh lol haha omg great love hate good bad happy sorry hope feel right well "
    "still never always much very too my mine our his her him she he we is it if out up over again back been did does "
    "every anything something nothing someone everyone people"
)
"""Frequent words of English chat. Some are words elsewhere ("not", "her"), so that one alone decides nothing."""
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+|[@#]\w+|\[[A-Z]+\]")
_ADDRESS_MARKS = ("@", "#", "[", "www.", "://")
"""One of them is in every match of ``_ADDRESS``, and in few texts."""


class Language(NamedTuple):
    """What was found.

    Attributes:
        code: ISO 639-1, None where nothing can be said.
        foreign: whether it is clear that it is not English; ``code`` may be unknown even so.
    """

    code: str | None
    foreign: bool


UNKNOWN = Language(None, foreign=False)


def language_of(text: str) -> Language:
    """The language of a text, by its first 600 characters. The first text that needs a model loads it: 0.8 s, 80 MB."""
    sample = text[:SAMPLE_CHARS]
    if not sample.isascii():
        # Latin letters in disguise, as 𝓵𝓸𝓿𝓮 and ｌｏｖｅ, become what they are. NFKC never fails.
        sample = unicodedata.normalize("NFKC", sample)
    if any(mark in sample for mark in _ADDRESS_MARKS):
        sample = _ADDRESS.sub(" ", sample)
    words = _WORD.findall(sample)
    if not words:
        return UNKNOWN
    frequent = _frequent()
    english = sum(word.lower().replace("’", "'") in frequent for word in words)
    if english > 1 and english >= ENGLISH_SHARE * len(words):
        return Language("en", foreign=False)
    if not sample.isascii() and _other_script(words):
        return Language(_likeliest(words)[0], foreign=True)
    told = [word for word in words if len(word) > 1]
    if len(told) < LEAST_WORDS or all(word[0].isupper() for word in told):
        return UNKNOWN
    code, margin = _likeliest(words)
    if code == "en":
        return Language("en", foreign=False)
    return Language(code, foreign=True) if margin > LEAST_MARGIN else UNKNOWN


def _other_script(words: list[str]) -> bool:
    """Whether more than half of the letters are of another alphabet than the Latin one."""
    letters = "".join(words)
    return 2 * sum(not _latin(letter) for letter in letters) > len(letters)


def _latin(letter: str) -> bool:
    """Basic Latin to the IPA and modifiers, combining marks, and Latin Extended Additional, which Vietnamese needs."""
    return letter < "\u0370" or "\u1e00" <= letter <= "\u1eff"


def _likeliest(words: list[str]) -> tuple[str, float]:
    """The likeliest language, and by how many nats it is likelier than English."""
    ranks = _identifier().rank(" ".join(words))
    code, score = ranks[0]
    return str(code), float(score) - float(dict(ranks)["en"])


@cache
def _frequent() -> frozenset[str]:
    return frozenset(_ENGLISH.split())


@cache
def _identifier() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(_LANGUAGES.split())
    return identifier
