"""Whether a text is in no language: binary data, encoded data, or code. Knows no language and reads no feeling.

Told by what most of the text is made of, so that a commit's hash, a URL or a formula in a message changes nothing, and
neither does a number alone. Law: the answer is a function of the first 4,096 characters, and any text gets one.
"""

from __future__ import annotations

import re
import unicodedata

SAMPLE_CHARS = 4096
BINARY, ENCODED, CODE = "binary data", "encoded data", "code"

_UNPRINTABLE = {"Cc", "Cn", "Co", "Cs"}
"""Control, unassigned, private and half characters."""
_LEAST_UNPRINTABLE, _UNPRINTABLE_SHARE = 3, 0.1
_RUN = re.compile(r"(?<!\S)(?=\S*\d)(?=\S*[A-Za-z])[A-Za-z0-9+/=_-]{24,}(?!\S)")
_MIXED = re.compile(r"[a-z][A-Z]|[A-Za-z][0-9]|[0-9][A-Za-z]")
_LEAST_CHANGES = 1.0 / 12.0
"""Changes between small and capital letters and digits, per character of a run: names in code have fewer."""
_HEX = re.compile(r"(?:0x)?[0-9A-Fa-f]{2,16}:?")
_LEAST_HEX, _HEX_SHARE = 8, 0.6
_ENCODED_SHARE, _LEAST_ENCODED = 0.8, 64
"""A hash or an identifier alone is a name of something, and no data."""
_CODE_LINE = re.compile(
    r"\s*(?:(?:async )?def \w+\(|class \w+[:({]|import [\w.]+;?$|from [\w.]+ import |#include\b|#!/|@\w+(?:\(|$)"
    r"|(?:if|for|while|switch|catch) ?\(.*\)|(?:else|try|finally|do)\b *[:{]|(?:if|for|while|with|elif)\b.*:$"
    r"|return\b.*[;()]|return [\w.\[\]]+ [-+*/%<>=]"
    r"|(?:const|let|var|int|float|double|char|auto|static|public|private)\b.*[;={(]"
    r"|function\b.*[({]|(?:SELECT|INSERT|UPDATE|DELETE|CREATE)\b.*(?:FROM|INTO|SET|TABLE|WHERE)\b"
    r"|</?\w[\w-]*(?: [\w-]+=[\"'].*)?/?>.*|[\w.\[\]\"']+ ?[-+*/|&]?= ?\S+.*|[\w.]+\(.*\);?$"
    r"|[\"'][\w-]+[\"'] ?: .*|[\w-]+ ?: [\[{].*|.*[{}]$|.*[)\]\"'+-];$|\w+;$|[\])}]+[,;)]*$|[\[{]$)"
)
_MARKS = frozenset("{}()[];=<>/\\|&*_$#@+\"':")
_CODE_SHARE, _MARK_SHARE = 0.6, 0.08


def no_language(text: str) -> str | None:
    """What the text is instead of words: ``BINARY``, ``ENCODED`` or ``CODE``; None if it may be in a language."""
    sample = text[:SAMPLE_CHARS]
    if not (sample.isascii() and sample.isprintable()) and _binary(sample):
        return BINARY
    if len(sample) >= _LEAST_HEX and _encoded(sample):
        return ENCODED
    return CODE if _code(sample) else None


def _binary(sample: str) -> bool:
    strange = sum(
        char == "\ufffd" or (char not in "\t\n\r\f" and unicodedata.category(char) in _UNPRINTABLE) for char in sample
    )
    return strange >= _LEAST_UNPRINTABLE and strange >= _UNPRINTABLE_SHARE * len(sample)


def _encoded(sample: str) -> bool:
    """Base64, hashes and the like make most of it, or a dump in hexadecimal digits does."""
    runs = [run for run in _RUN.findall(sample) if len(_MIXED.findall(run)) >= _LEAST_CHANGES * len(run)]
    visible = sum(not char.isspace() for char in sample) if runs else 0
    if sum(map(len, runs)) >= max(_LEAST_ENCODED, _ENCODED_SHARE * visible):
        return True
    if not any(char.isdigit() for char in sample):
        return False
    words = sample.split()
    hexes = [word for word in words if _HEX.fullmatch(word)]
    lettered = [word for word in hexes if not word.rstrip(":").isdigit() and any(char.isdigit() for char in word)]
    return len(hexes) >= max(_LEAST_HEX, _HEX_SHARE * len(words)) and 8 * len(lettered) >= len(hexes)


def _code(sample: str) -> bool:
    """Most lines are written like code, and there are as many marks as in code."""
    marks = sum(char in _MARKS for char in sample)
    if marks < 3 or marks < _MARK_SHARE * len(sample):
        return False
    lines = [line.rstrip() for line in sample.split("\n") if line.strip()]
    like_code = sum(len(line) for line in lines if _CODE_LINE.match(line))
    return like_code >= _CODE_SHARE * sum(map(len, lines))
