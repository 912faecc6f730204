"""English verbs and their forms: a closed list, inflected by rule. Decides nothing about a sentence."""

from __future__ import annotations

from typing import Literal, NamedTuple

Part = Literal["base", "third", "past", "participle", "ing"]


class Form(NamedTuple):
    """What a form can be: of which verb, and which of its parts."""

    base: str
    parts: frozenset[Part]


_REGULAR = """
accept achieve act add adhere admire admit adopt affect align allow analyze answer appear apply appreciate approach
arrange arrive ask attach attend attract bake base battle bond book borrow bother brainstorm browse brush camp cancel
capture care carry carve cause celebrate challenge change chase chat check cheer cherish chill claim clean climb close
coach code collaborate collect combine commit compare compete complete compose confirm connect consider contact
continue contribute convince cook cover craft crash create cross cry cure cycle damage dance deal decide declare
decorate dedicate defend deliver depend describe deserve design desire destroy develop die direct disappear discover
discuss display dive divorce donate doubt draft drag dream dress drop dry earn edit educate embrace enable encounter
encourage end engage enhance enjoy enroll ensure enter establish exchange exercise exhibit expand expect experience
experiment explain explore express face fail fear feature figure fill film finance finish fish fix follow force form
foster found fry fulfill gain gather graduate greet grill guess guide handle happen harvest hate head heal help hike
hire honor hook hop hope host hug hunt hurry ignore imagine implement impress improve include increase inherit injure
inspire install interview introduce invent invest invite involve jam jog join journal juggle jump kayak kick kill kiss
knit lack land last laugh launch lead learn lift like limit link list listen live load loan lock look love maintain
manage march marinate mark marry master match matter mention mentor mess miss mix motivate mourn move name need
nominate note notice nurture observe obtain offer open operate order organize overcome own pack paint park participate
partner pass perform persuade photograph pick place plan plant play point post pour power practice praise pray prefer
prepare present press print process produce program promise promote propose protect prove publish pull purchase pursue
push question race raise rank reach react realize reassure receive recommend reconnect record recover reduce reflect
refuse register relate relax release rely remain remember remind remodel renovate rent repair replace report represent
rescue research respect respond rest restore retire retreat return review roast rule rush sail save scan schedule
score search seem select serve settle sew shape share shop shout show sign skate sketch ski skip smell smile smoke
snap solve sort sound spark sponsor sprain stain stare start stay step stitch stock stop store stream stress stretch
struggle study suffer suggest supply support surf surprise surround survive sustain swap switch symbolize tackle talk
taste team test text thank tie tour trade train transfer transform translate travel treat trust try tune turn tutor
twist upgrade upload use visit volunteer vote wait walk want warn wash watch water welcome whisper wish witness wonder
work worry wrap yell
"""
_IRREGULAR = """
be was been | bear bore born | beat beat beaten | become became become | begin began begun | bend bent bent | bet bet
bet | bite bit bitten | bleed bled bled | blow blew blown | break broke broken | bring brought brought | build built
built | burn burned burned | buy bought bought | catch caught caught | choose chose chosen | come came come | cost
cost cost | cut cut cut | dig dug dug | do did done | draw drew drawn | drink drank drunk | drive drove driven | eat
ate eaten | fall fell fallen | feed fed fed | feel felt felt | fight fought fought | find found found | fly flew flown
| forget forgot forgotten | forgive forgave forgiven | freeze froze frozen | get got gotten | give gave given | go
went gone | grow grew grown | hang hung hung | have had had | hear heard heard | hide hid hidden | hit hit hit | hold
held held | hurt hurt hurt | keep kept kept | know knew known | lay laid laid | leave left left | lend lent lent | let
let let | lie lied lied | light lit lit | lose lost lost | make made made | mean meant meant | meet met met | pay paid
paid | put put put | quit quit quit | read read read | ride rode ridden | ring rang rung | rise rose risen | run ran
run | say said said | see saw seen | seek sought sought | sell sold sold | send sent sent | set set set | shake shook
shaken | shine shone shone | shoot shot shot | shut shut shut | sing sang sung | sit sat sat | sleep slept slept |
speak spoke spoken | spend spent spent | split split split | spread spread spread | stand stood stood | steal stole
stolen | stick stuck stuck | sweep swept swept | swim swam swum | take took taken | teach taught taught | tell told
told | think thought thought | throw threw thrown | understand understood understood | wake woke woken | wear wore
worn | win won won | write wrote written
"""
_DOUBLE = """
admit bet chat commit cut dig drag drop get grab hit hop hug jam jog knit let plan prefer put quit run set shop shut sit
skip snap split stop swap swim transfer win wrap begin forget step
"""
_DOUBLED = frozenset(_DOUBLE.split())
_VOWELS = "aeiou"
_THIRD = {"be": "is", "have": "has", "do": "does", "go": "goes"}


def third(base: str) -> str:
    """The third person singular: ``lives``, ``studies``."""
    if base in _THIRD:
        return _THIRD[base]
    if base.endswith(("s", "x", "z", "ch", "sh", "o")):
        return base + "es"
    return base[:-1] + "ies" if _consonant_y(base) else base + "s"


def past(base: str) -> str:
    """The past tense: ``lived``, ``went``."""
    return _PASTS[base][0] if base in _PASTS else _regular_past(base)


def participle(base: str) -> str:
    """The past participle: ``lived``, ``gone``."""
    return _PASTS[base][1] if base in _PASTS else _regular_past(base)


def ing(base: str) -> str:
    """The present participle: ``living``, ``going``."""
    if base.endswith("ie"):
        return base[:-2] + "ying"
    if base.endswith("e") and not base.endswith(("ee", "oe", "ye", "be")):
        return base[:-1] + "ing"
    return (base + base[-1] if base in _DOUBLED else base) + "ing"


def _regular_past(base: str) -> str:
    if base.endswith("e"):
        return base + "d"
    if _consonant_y(base):
        return base[:-1] + "ied"
    return (base + base[-1] if base in _DOUBLED else base) + "ed"


def _consonant_y(base: str) -> bool:
    return len(base) > 1 and base[-1] == "y" and base[-2] not in _VOWELS


def _pasts() -> dict[str, tuple[str, str]]:
    rows = (row.split() for row in _IRREGULAR.split("|"))
    return {base: (was, been) for base, was, been in rows} | {"lead": ("led", "led")}


def _forms() -> dict[str, Form]:
    """Every form of every verb. Where two verbs share a form, the irregular one has it: "found" is of "find"."""
    parts: dict[str, tuple[str, set[Part]]] = {}
    for base in (*_PASTS, *_REGULAR.split()):
        own: tuple[tuple[Part, str], ...] = (
            ("base", base),
            ("third", third(base)),
            ("past", past(base)),
            ("participle", participle(base)),
            ("ing", ing(base)),
        )
        for part, form in own:
            verb, found = parts.setdefault(form, (base, set()))
            if verb == base:
                found.add(part)
    return {form: Form(base, frozenset(found)) for form, (base, found) in parts.items()}


_PASTS = _pasts()
FORMS = _forms()
"""By form in lower case. Forms of "be" other than "is", "was", "been" and "being" are left to who reads auxiliaries."""
