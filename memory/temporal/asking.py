"""Whether a question asks for a time. Knows no calendar: what a text tells of times is the business of ``reading``."""

from __future__ import annotations

import re

from quantum_memory.errors import InvalidValue

MAX_CHARS = 4000
"""How much of a question is looked at, from its beginning."""

_VERB = (
    r"(?:did|does|do|was|were|is|are|am|has|have|had|will|would|shall|should|can|could|might|may|must"
    r"|didn't|wasn't|weren't|isn't|aren't|hasn't|haven't|won't)\b"
)
_ASKED = re.compile(
    # "When did ...": a verb right after it makes it a question; "When John left, what ..." is none.
    rf"(?:^|[.?!,;:]|\band|\bor|\bbut|\bso)\s*(?:(?:since|until|till|by|from|and)\s+)?when(?:'s|'d|'ll|\s+{_VERB})"
    # "When Evan get back?": without a comma there is nothing else to ask for.
    r"|^\W*(?:since |until )?when\b[^,]*$"
    # "Do you know when ...", but not "What did he say when ...".
    r"|^(?!\W*(?:what|who|whom|whose|where|why|how|which)\b).*\b(?:know|knows|remember|remembers|recall|tell me|told"
    r"|say|said|see|wonder|wondering|sure|idea|find out|ask|asked|mention|mentioned|mentions)\s+(?:exactly\s+)?when\b"
    r"|\b(?:what|which|what's the|what is the|what was the|on what|in what|in which|on which|exact)\s+"
    r"(?:exact\s+)?(?:day|date|dates|month|year|week|weekend|season|time|decade|century)\b"
    r"|\bhow\s+(?:long|many\s+(?:days|weeks|months|years|hours))\s+ago\b"
    r"|\bhow\s+recently\b",
    re.IGNORECASE | re.DOTALL,
)


def asks_when(question: str) -> bool:
    """Whether the answer is a time: *When did ...*, *which month*, *how long ago*, *do you know when ...*.

    Not how long something took, nor *when* that only says under what circumstances. English only.
    Raises: InvalidValue if it is no text.
    """
    if not isinstance(question, str):
        raise InvalidValue("question", type(question).__name__, "a text")
    return _ASKED.search(question[:MAX_CHARS].strip()) is not None
