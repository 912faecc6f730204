"""Steps that say the contrary of each other in nearly the same words, as in "turn the gas on" and "turn the gas off".

Embeddings put such steps close together (a cosine of .89 for these two with the default encoder), so words decide.
English only: steps in another language are told apart by meaning alone.
"""

from __future__ import annotations

import re
import unicodedata

_PAIRS = """
accept reject, activate deactivate, add remove, after before, allow deny, allow forbid, always never, append delete,
approve reject, attach detach, buy sell, close open, connect disconnect, create delete, create destroy, disable enable,
down up, download upload, empty fill, encrypt decrypt, enter leave, expand shrink, export import, fasten loosen,
first last, forward backward, grant revoke, hide show, high low, in out, increase decrease, insert remove,
install uninstall, inside outside, left right, load unload, lock unlock, login logout, loosen tighten, lower raise,
maximum minimum, mount unmount, off on, over under, pack unpack, pause resume, pull push, read write, receive send,
slow fast, start stop, subscribe unsubscribe, with without, wrap unwrap
"""
_CONTRARY: dict[str, frozenset[str]] = {}
for _one, _other in (_pair.split() for _pair in _PAIRS.split(",")):
    _CONTRARY[_one] = _CONTRARY.get(_one, frozenset()) | {_other}
    _CONTRARY[_other] = _CONTRARY.get(_other, frozenset()) | {_one}
_NEGATIONS = frozenset(["no", "not", "never", "without", "cannot"])
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_ENDINGS = ("", "s", "es", "d", "ed", "ing")


def contrary(one: str, other: str) -> bool:
    """Whether one text has a word in the place of which the other has its opposite, or only one of them says "not"."""
    ours, theirs = _words(one), _words(other)
    if _negated(ours) != _negated(theirs):
        return True
    mine, yours = _known(ours - theirs), _known(theirs - ours)
    return any(not yours.isdisjoint(_CONTRARY[word]) for word in mine)


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(unicodedata.normalize("NFKC", text).replace("\u2019", "'").casefold()))


def _negated(words: frozenset[str]) -> bool:
    return not words.isdisjoint(_NEGATIONS) or any(word.endswith("n't") for word in words)


def _known(words: frozenset[str]) -> frozenset[str]:
    """Those of the words that have an opposite, in their plain form."""
    return frozenset(plain for word in words for plain in _plain(word) if plain in _CONTRARY)


def _plain(word: str) -> tuple[str, ...]:
    """What a word may be a form of: "closed" of "clos" and of "close", "stopped" of "stopp" and of "stop"."""
    stems = [word[: len(word) - len(end)] for end in _ENDINGS if word.endswith(end)]
    return tuple(
        {form for stem in stems for form in (stem, f"{stem}e", stem[:-1] if stem[-1:] == stem[-2:-1] else stem)}
    )
