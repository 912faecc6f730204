"""Emoji and emoticons as words, because MiniLM knows words: "😂" is one unknown token to it. Reads no feeling.

An emoji becomes its English name in the Unicode CLDR, as the library ``emoji`` has it, but for some that are used in
another sense than their name. An emoticon becomes what Unicode calls the same face. Each is named once in a text,
where it first stands, and at most 16 of them: three tears of joy say "much", and 200 would drown the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import emoji

MOST_NAMES = 16
_LONGEST = max(map(len, emoji.EMOJI_DATA))
_MEANT = {
    "🙏": "folded hands, please and thank you",
    "🔥": "fire, amazing",
    "💯": "hundred points, perfect",
    "🤣": "rolling on the floor laughing with joy",
    "😂": "laughing with tears of joy",
    "🥳": "happy partying face, celebration",
    "🎉": "party popper, celebration",
    "🤩": "star-struck face, amazed and delighted",
    "😘": "face blowing a kiss, love",
    "👍": "thumbs up, good",
    "👎": "thumbs down, bad",
    "👌": "OK hand, good",
    "🙌": "raising hands, hooray",
    "💪": "flexed biceps, strong",
    "👏": "clapping hands, well done",
    "🖕": "middle finger, angry insult",
    "🤬": "cursing angry face",
    "🤦": "person facepalming, embarrassed",
    "😒": "unamused, annoyed face",
    "😔": "sad pensive face",
    "😤": "angry face with steam from nose",
    "🥺": "pleading face with sad eyes",
    "🤝": "handshake, agreement",
    "😉": "winking face, playful",
    "😜": "winking face with tongue, playful joke",
    "🙈": "monkey covering its eyes, shy and playful",
    "🙊": "monkey covering its mouth, shy and playful",
    "❤": "red heart, love",
    "♥": "red heart, love",
    "💕": "two hearts, love",
    "💖": "sparkling heart, love",
    "💗": "growing heart, love",
    "💙": "blue heart, love",
    "💜": "purple heart, love",
    "💚": "green heart, love",
    "💛": "yellow heart, love",
}
"""Where the name of an emoji says what is drawn, and people mean something else: name and, of the keywords that the
CLDR gives it, the one for that. The Emoji Sentiment Ranking of Kralj Novak et al. (2015) tells which sign is right."""
_FACES = {
    "slightly smiling face": ":) :-) :] :-] =) =] (: (-: :o) :^) ^^ ^_^ ^-^ ^.^ (^_^) (^^) (^-^)",
    "grinning face": ":D :-D =D",
    "grinning squinting face, laughing": "XD xD X-D",
    "winking face": ";) ;-) ;] ;D ;-D",
    "squinting face with tongue": ":P :-P :p :-p =P =p ;P ;p",
    "frowning sad face": ":( :-( :[ :-[ =( =[ ): )-:",
    "crying face": ":'( :'-( ='( T_T T.T ;_; ;-; Q_Q",
    "tears of joy": ":') :'-) :'D",
    "angry face": ">:( >:-( >:[ >=(",
    "smiling face with horns": ">:) >:D >:-)",
    "confused face": ":/ :-/ :\\ :-\\ =/ =\\ :S :-S",
    "neutral face": ":| :-| =|",
    "expressionless face": "-_- -__- -.- ._.",
    "astonished face": ":O :-O :o :-o O_O o_o O_o o_O O.O o.O O.o =O",
    "anguished face": "D: D-: D=",
    "persevering face": ">_< >.< >< >:/",
    "kissing face": ":* :-* :-x ;* =*",
    "smiling face with sunglasses": "B-) 8-)",
    "smiling cat face": ":3 =3",
    "red heart, love": "<3",
    "broken heart": "</3 <\\3",
    "person raising both arms, hooray": "\\o/",
    "person shrugging": "¯\\_(ツ)_/¯ ¯\\(ツ)/¯",
    "angry person flipping a table": "(╯°□°)╯︵ (╯°□°）╯︵",
}
"""Western emoticons and a few Japanese ones, after the list of emoticons in Wikipedia, and the faces of Unicode."""
_BESIDE_SPACES = "^^ >< :3 =3 :S :-S :* :[ =[ :] =] (: (-: ): )-: D: D= D-: -.-"
"""Emoticons that are much else too, as in ratios, lists, quotations and code: told only between spaces."""
_REPEATED = ")(]D3P/"
"""What an emoticon may end with more often than once, as in :)))."""
_HINT = re.compile(r"[:;=<>^_¯╯\\]|[xX]-?D|[BD8]-|[-.oOT]\.")
"""Something of it is in every emoticon; most texts have none, and need no closer look."""
_SIGNS = "\u2600"
"""Single signs before it, as © and ™, are emoji to Unicode and signs to people; they are left alone."""
_TONES = re.compile("[\U0001f3fb-\U0001f3ff]")
_TONE_NAMES = re.compile(r",? ?\b(?:medium-)?(?:light|medium|dark) skin tone\b")


class Written(NamedTuple):
    """A text with its emoji and emoticons in words, and how many different ones beyond the 16th were left out."""

    text: str
    left_out: int


class _Found(NamedTuple):
    begin: int
    end: int
    name: str


def in_words(text: str) -> Written:
    """The text with emoji and emoticons named. One without any comes back as it is, and so does what came back."""
    names: set[str] = set()
    left_out: set[str] = set()
    # An emoticon may stand alone only when its neighbour is written out. Every round leaves fewer signs.
    while found := sorted([*_emoji_in(text), *_emoticons_in(text)]):
        parts: list[str] = []
        done = 0
        for begin, end, name in found:
            if begin < done:
                continue
            parts.append(text[done:begin])
            new = name not in names and len(names) < MOST_NAMES
            (names if new else left_out).add(name)
            parts.append(_apart(name if new else "", "".join(parts[-2:])[-1:], text[end : end + 1]))
            done = end
        text = "".join([*parts, text[done:]])
    return Written(text, len(left_out - names))


def _apart(name: str, before: str, after: str) -> str:
    """The name with a space wherever it would run into its neighbour; without a name, one space if it parted any."""
    left = " " if before and not before.isspace() else ""
    right = " " if after and not after.isspace() and after not in ".,;:!?)" else ""
    return left + name + right if name else left and right


def _emoji_in(text: str) -> Iterator[_Found]:
    if text.isascii():
        return
    begins, at = _begins(), 0
    while match := begins.search(text, at):
        begin = match.start()
        at = begin + 1
        for size in range(_LONGEST, 0, -1):
            sign = text[begin : begin + size]
            if sign in emoji.EMOJI_DATA and (len(sign) > 1 or sign >= _SIGNS):
                at = begin + len(sign)
                yield _Found(begin, at, emoji_name(sign))
                break


def emoji_name(sign: str) -> str:
    """What an emoji says, in words; the tone of a skin is not told. Raises: KeyError if it is none."""
    plain = _TONES.sub("", sign)
    known = plain if plain in emoji.EMOJI_DATA else sign
    name = emoji.EMOJI_DATA[known]["en"].strip(":").replace("_", " ")
    return _MEANT.get(known.removesuffix("\ufe0f")) or _TONE_NAMES.sub("", name).strip() or name


def _emoticons_in(text: str) -> Iterator[_Found]:
    if not _HINT.search(text):
        return
    pattern, names = _emoticons()
    longest = max(map(len, names))
    for match in pattern.finditer(text):
        face = match[0][:longest]  # of thousands of closing brackets a few tell which face it is
        while face not in names:
            face = face[:-1]
        yield _Found(match.start(), match.end(), names[face])


@cache
def _begins() -> re.Pattern[str]:
    """What an emoji can begin with. The digits of keycaps are left out: they are read as digits."""
    return re.compile("[" + "".join(sorted({sign[0] for sign in emoji.EMOJI_DATA if not sign[0].isascii()})) + "]")


@cache
def _emoticons() -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern for all emoticons, the longest first, and the name of each."""
    names = {face: name for name, faces in _FACES.items() for face in faces.split()}
    lonely = _BESIDE_SPACES.split()
    free: list[str] = []
    apart: list[str] = []
    for face in sorted(names, key=len, reverse=True):
        written = re.escape(face) + (re.escape(face[-1]) + "*" if face[-1] in _REPEATED else "")
        (apart if face in lonely else free).append(written)
    either = rf"(?<!\w)(?:{'|'.join(free)})(?!\w)|(?<!\S)(?:{'|'.join(apart)})(?!\S)"
    return re.compile(either), names
