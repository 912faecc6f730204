"""The English words that speak of time, and the cheap look that tells whether a text has any."""

from __future__ import annotations

import re

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        1,
    )
    for name in names.split()
}
PLAIN_MONTHS = frozenset({"january", "february", "july", "september", "october", "november", "december"})
"""Months that are nothing else: no verb, no name of a person, no short form."""
AMBIGUOUS_MONTHS = frozenset({"march", "april", "may", "june", "august"})
"""Months that are names of persons or verbs as well, by their full names."""
WEEKDAYS = {
    name: number
    for number, names in enumerate(
        (
            "monday mon",
            "tuesday tue tues",
            "wednesday wed",
            "thursday thu thurs",
            "friday fri",
            "saturday sat",
            "sunday sun",
        )
    )
    for name in names.split()
}
PLAIN_WEEKDAYS = frozenset({"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"})
UNITS = {
    name + ending: name
    for name in (
        *("second", "minute", "hour", "day", "week", "weekend", "fortnight", "month", "quarter", "year", "decade"),
    )
    for ending in ("", "s")
} | {"mins": "minute", "min": "minute", "hrs": "hour", "nights": "day"}
SEASONS = {"spring": "spring", "summer": "summer", "autumn": "fall", "fall": "fall", "winter": "winter"}
PARTS = frozenset({"morning", "noon", "afternoon", "evening", "night"})
NAMED_DAYS = {"yesterday": -1, "today": 0, "tonight": 0, "tomorrow": 1}
FEASTS = frozenset({"christmas", "xmas", "halloween", "thanksgiving", "easter", "valentine"})
"""Feasts of one word; the new year is the other one."""
_CARDINALS = """
    one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen twenty
    """.split()  # noqa: SIM905 - a list with a quoted word each would fill a page
NUMBERS = {name: number for number, name in enumerate(_CARDINALS, 1)} | {
    "a": 1,
    "an": 1,
    "couple": 2,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
}
VAGUE_NUMBERS = {"few": (2, 5), "several": (3, 7), "some": (2, 6), "many": (5, 20)}
"""Counts that are not exact, as the least and the most they are read as."""
_ORDINALS = """
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth
    sixteenth seventeenth eighteenth nineteenth twentieth
    """.split()  # noqa: SIM905 - as above
ORDINALS = {name: number for number, name in enumerate(_ORDINALS, 1)} | {"thirtieth": 30}
LAST = frozenset({"last", "past", "previous"})
NEXT = frozenset({"next", "coming", "upcoming"})
EARLY = {
    **dict.fromkeys(("early", "beginning", "start"), 0),
    **dict.fromkeys(("mid", "middle"), 1),
    **dict.fromkeys(("late", "end"), 2),
}
"""Words for a third of a stretch."""
WITHIN = frozenset({"in", "on", "at", "during", "over", "around", "about", "throughout", "for", "within", "of"})
AHEAD = re.compile(
    r"\b(?:will|gonna|going to|plan|plans|planning|upcoming|tomorrow|next|looking forward|can't wait|about to)\b|'ll\b"
    r"|\b(?:am|are|is) \w+ (?:doing|going|having|meeting|seeing|leaving|visiting)\b",
    re.IGNORECASE,
)
"""What shows that a sentence speaks of what is to come."""

TIMES = frozenset(
    {
        *MONTHS,
        *WEEKDAYS,
        *UNITS,
        *SEASONS,
        *PARTS,
        *NAMED_DAYS,
        *FEASTS,
        *NUMBERS,
        *VAGUE_NUMBERS,
        *ORDINALS,
        *LAST,
        *NEXT,
        *EARLY,
        *("this", "other", "new"),
    }
)
"""Every word that a time can begin with, but for *the*."""
STARTS = TIMES - {unit for unit, name in UNITS.items() if unit == name} | {
    *WITHIN,
    *("the", "second", "between", "from", "before", "prior", "until", "till", "up", "by", "since", "after"),
    *("following", "as", "starting"),
}
"""Every word that a phrase of time can begin with."""
# What a time can begin with or hangs on. A text without any of them speaks of no time, so this alone is looked for.
_CLUES = frozenset(
    {
        *MONTHS,
        *WEEKDAYS,
        *(unit for unit in UNITS if unit != "second"),
        *SEASONS,
        *PARTS,
        *NAMED_DAYS,
        *FEASTS,
        "ago",
    }
)
_CLUE = re.compile(r"[a-z]+|(?:19|20)\d\d|\d{4}-\d|\d+[/.]\d+[/.]\d+|\d\d?(?:st|nd|rd|th)")


def clued(text: str) -> bool:
    """Whether anything in a text could speak of a time. False is certain; true is worth a reading."""
    found = _CLUE.findall(text.lower())
    return not _CLUES.isdisjoint(found) or any(clue[0].isdigit() for clue in found)
