"""Closed lists of English words that extraction leans on. Data alone; decides nothing."""

from __future__ import annotations


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SMALL_NUMBERS = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
_FUNCTION_WORDS = """
i me my myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it
its itself they them their theirs themselves what which who whom whose this that these those am is are was were be
been being have has had having do does did doing done would should could ought can will shall may might must a an the
and but if or because as until while of at by for with about against between into through during before after above
below to from up down in out on off over under again further then once here there when where why how all any both each
few more most other some such no nor not only own same so than too very just now also ever never always often
sometimes still yet already even though although however whether either neither else within without upon across
around along among toward towards since till via per onto cannot
ain aren couldn didn doesn don hadn hasn haven isn mustn needn shan shouldn wasn weren won wouldn ca wo sha
im ive id ill youre youve dont didnt cant wont isnt thats whats lets y'all gonna wanna gotta
"""
"""The English stop words of the Snowball project (M. F. Porter, BSD licence), which made the stemmer used here, with
what is left of contractions and a few function words that it lacks. scikit-learn's list was left alone: it takes away
"fire", "bill", "system", "interest", "detail" and "cry", which people do talk about, and needs a second to import."""

_TALK = """
mr mrs ms dr prof miss sir
yeah yes yep yup nope ok okay oh ah aw aww wow hey hi hello bye goodbye hmm mm mmm uh um umm huh haha hah lol omg
thanks thank please sorry well really actually basically literally totally definitely absolutely sure maybe perhaps
probably quite pretty rather almost much many lot lots bit kind sort thing things something anything everything
nothing someone anyone everyone everybody somebody anybody nobody stuff way ways get gets got getting gotten go goes
going gone went come comes came coming make makes made making take takes took taken taking know knows knew known
think thinks thought say says said saying tell tells told see sees saw seen seem seems look looks looked looking want
wants wanted need needs needed let give gives gave given put keep keeps kept try tries tried trying feel feels felt
feeling like likes liked mean means meant use used using good great nice cool awesome amazing glad happy new old big
little first last next one ones another back away today tonight yesterday tomorrow soon later ago recently lately
day days time times year years month months week weeks etc
"""
"""Words that carry talk along and name nothing: each would tie most memories of a conversation together. Days that
are counted from now are here too, because a graph that outlives the day must not join them."""

FUNCTION_WORDS = _set(_FUNCTION_WORDS)
STOP_WORDS = FUNCTION_WORDS | _set(_TALK)

NAME_ADJECTIVES = _set("new old big little great good grand happy first one")
"""Stop words that names begin with: "New York", "Big Ben"."""

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
        start=1,
    )
    for name in names.split()
}
AMBIGUOUS_MONTHS = frozenset(("may", "march", "mar", "jan", "jun", "dec", "sep", "nov"))
"""Names of months that are also words or given names: alone they are dates only after a word such as "in"."""

WEEKDAYS = _set("monday tuesday wednesday thursday friday saturday sunday")

DATE_LEADS = _set("in since until till by last next this of during before after late early mid")

NUMBER_WORDS = {word: number for number, word in enumerate(_SMALL_NUMBERS.split(), start=2)} | {
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
    "dozen": 12,
}

TITLES = _set("mr mrs ms miss dr prof professor sir madam lady lord uncle aunt auntie grandpa grandma")
"""They stand before a person's name, and a full stop after one ends no sentence."""

PERSON_LEADS = _set(
    "friend buddy colleague coworker neighbor neighbour brother sister cousin nephew niece husband wife partner "
    "boyfriend girlfriend fiance fiancee son daughter mother father mom mum dad boss teacher named called meet met "
    "dear"
)
"""A capitalised word right after one of these is taken for a person."""

NAME_LINKS = _set("of the de del della di da van von der den la le du al el bin ibn y &")
"""They may stand inside a name, between two capitalised words."""
