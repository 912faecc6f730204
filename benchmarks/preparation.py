"""What the preparation of texts does to real ones: false alarms, its cost, and what emoji and quotations are worth.

    python benchmarks/preparation.py --locomo locomo_dev5.json --goemotions goemotions_dev.tsv goemotions_test.tsv \
        --emobank emobank_train_dev.csv --split dev

Every file is optional. ``benchmarks/foreign.tsv`` holds eight short texts in English and in 18 other languages, written
for this count. Nothing is fetched.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from quantum_memory.memory.affect.encoder import Encoder, packaged_model
from quantum_memory.memory.affect.feeling import Feeling
from quantum_memory.memory.affect.head import load, packaged_head
from quantum_memory.memory.affect.preparation import prepare
from quantum_memory.memory.affect.quotes import Span, outside

PLEASANT = frozenset({0, 1, 4, 5, 8, 13, 15, 17, 18, 20, 21, 23})
"""Of the 28 labels of GoEmotions, after its paper (Demszky et al., 2020, figure 2); surprise, say, is neither."""
UNPLEASANT = frozenset({2, 3, 9, 10, 11, 12, 14, 16, 19, 24, 25})
_SAYING = r"\b(?:said|says|told \w+|wrote|asked|shouted|yelled|whispered|replied|answered|cried|was like)\b"
_QUOTED = r"(?:\"[^\"]{2,}\"|“[^”]{2,}”|(?<!\w)'[^']{2,}'(?!\w)|‘[^’]{2,}’(?!\w))"
INLINE = {
    "any between quotation marks": re.compile(f"({_QUOTED})"),
    "after a reporting clause": re.compile(rf"{_SAYING}\s*[:,]?\s*({_QUOTED})", re.IGNORECASE),
    "after one with a colon or a comma": re.compile(rf"{_SAYING}\s*[:,]\s*({_QUOTED})", re.IGNORECASE),
}
Read = Callable[[Sequence[str]], list[Feeling]]
_WORD = re.compile(r"\w")


def reader() -> tuple[Encoder, Read]:
    """MiniLM and its head, without preparation."""
    encoder, head = Encoder(packaged_model()), load(packaged_head())

    def read(texts: Sequence[str]) -> list[Feeling]:
        found: list[Feeling] = []
        for at in range(0, len(texts), 256):
            found += head.feelings(encoder.read(texts[at : at + 256]).layers)
        return found

    return encoder, read


def locomo(path: Path) -> list[str]:
    """The turns of all conversations."""
    talks = (sample["conversation"] for sample in json.loads(path.read_text(encoding="utf-8")))
    sessions = (talk[key] for talk in talks for key in talk if re.fullmatch(r"session_\d+", key))
    return [turn["text"] for session in sessions for turn in session]


def goemotions(paths: Sequence[Path]) -> list[tuple[str, int]]:
    """Comments, and 1 if all that is felt is pleasant, -1 if unpleasant, else 0."""
    rows = [line.split("\t") for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    found = []
    for text, labels, _ in rows:
        felt = {int(label) for label in labels.split(",")}
        good, bad = bool(felt & PLEASANT), bool(felt & UNPLEASANT)
        found.append((text, good - bad))
    return found


def emobank(path: Path, split: str) -> tuple[list[str], np.ndarray]:
    """Texts, and their ratings (n, 3) in units of PAD."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    return [row["text"] for row in rows], np.array([[(float(row[axis]) - 3.0) / 2.0 for axis in "VAD"] for row in rows])


def print_alarms(name: str, texts: Sequence[str], encoder: Encoder) -> None:
    """How many texts are touched, and what that costs beside the encoder, both as CPU time of one thread."""
    prepare("Das ist nun einmal geladen.")
    begun = time.process_time()
    ready = [prepare(text) for text in texts]
    each = (time.process_time() - begun) / len(texts)
    sample = texts[: min(len(texts), 512)]
    begun = time.process_time()
    encoder.read(sample)
    encoding = (time.process_time() - begun) / len(sample)
    foreign = sum(any(note.startswith("not English") for note in one.notes) for one in ready)
    wordless = sum(any(note.startswith("in no language") for note in one.notes) for one in ready)
    written = sum(one.text != text for one, text in zip(ready, texts, strict=True))
    quoting = sum(bool(one.quoted) for one in ready)
    print(
        f"{name:10} {len(texts):6} texts: {foreign} called foreign, {wordless} in no language, {quoting} quoting, "
        f"{written} with signs; {each * 1e6:.0f} us a text, {each / encoding:.1%} of the encoder"
    )


def print_signs(rows: Sequence[tuple[str, int]], read: Read) -> None:
    """How well pleasure parts pleasant from unpleasant comments with signs, raw and in words."""
    felt = [(text, sign) for text, sign in rows if sign and prepare(text).text != text]
    signs = np.array([sign for _, sign in felt])
    for name, texts in (("raw", [text for text, _ in felt]), ("in words", [prepare(text).text for text, _ in felt])):
        pleasure = np.array([feeling.pad.pleasure for feeling in read(texts)])
        ranks = rankdata(pleasure)
        up, down = int((signs > 0).sum()), int((signs < 0).sum())
        area = (ranks[signs > 0].sum() - up * (up + 1) / 2) / (up * down)
        print(f"signs {name:9} {len(texts)} texts: area under the curve {area:.3f}")


def print_quotations(texts: Sequence[str], ratings: np.ndarray, read: Read) -> None:
    """Pearson r with what people rated, all words read, and without what stands between quotation marks."""
    felt = read(texts)
    print(f"quoted {'nothing':34} r {_r(felt, ratings)}")
    variants = {"by form, as prepared": [prepare(text).own for text in texts]}
    for name, pattern in INLINE.items():
        variants[name] = [_without(text, (match.span(1) for match in pattern.finditer(text))) for text in texts]
    for name, own in variants.items():
        fewer = [index for index, text in enumerate(texts) if own[index] != text]
        again = dict(zip(fewer, read([own[index] for index in fewer]), strict=True))
        r = _r([again.get(index, feeling) for index, feeling in enumerate(felt)], ratings)
        print(f"quoted {name:34} r {r} ({len(fewer)} texts)")


def _without(text: str, spans: Iterable[Span]) -> str:
    """The text without the parts; all of it where no word would be left."""
    left = outside(text, tuple(spans))
    return left if _WORD.search(left) else text


def _r(feelings: Sequence[Feeling], ratings: np.ndarray) -> str:
    points = np.array([np.asarray(feeling.pad) for feeling in feelings])
    return " / ".join(f"{np.corrcoef(points[:, axis], ratings[:, axis])[0, 1]:.4f}" for axis in range(3))


def print_foreign(path: Path, read: Read) -> None:
    """Whether a reading of another language is nearer to the reading of the English original than neutral is."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    originals = read(rows[0][1:]) * (len(rows) - 1)
    texts = [text for row in rows[1:] for text in row[1:]]
    readings = read(texts)
    ours, theirs = (np.array([np.asarray(one.pad) for one in each]) for each in (readings, originals))
    spread = np.array([one.spread for one in readings])
    nearer = np.linalg.norm((ours - theirs) / spread, axis=1) < np.linalg.norm(theirs / spread, axis=1)
    claimed = np.mean([(1.0 + one.confidence) / 2.0 for one in readings])
    r = " / ".join(f"{np.corrcoef(ours[:, axis], theirs[:, axis])[0, 1]:.2f}" for axis in range(3))
    told = [prepare(text).language for text in texts]
    right = sum(code == row[0] for row, code in zip((row for row in rows[1:] for _ in row[1:]), told, strict=True))
    doubted = sum(prepare(text).certainty < 1.0 for text in texts)
    print(
        f"foreign {len(texts)} texts: nearer to the original's reading than neutral {nearer.mean():.2f}, claimed "
        f"{claimed:.2f}; r {r}; {doubted} called foreign, {right} with the right language"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--locomo", type=Path)
    parser.add_argument("--goemotions", type=Path, nargs="+")
    parser.add_argument("--emobank", type=Path)
    parser.add_argument("--split", default="dev")
    asked = parser.parse_args()
    encoder, read = reader()
    print_foreign(Path(__file__).with_name("foreign.tsv"), read)
    if asked.locomo:
        print_alarms("LoCoMo", locomo(asked.locomo), encoder)
    if asked.goemotions:
        comments = goemotions(asked.goemotions)
        print_alarms("GoEmotions", [text for text, _ in comments], encoder)
        print_signs(comments, read)
    if asked.emobank:
        texts, ratings = emobank(asked.emobank, asked.split)
        print_alarms("EmoBank", texts, encoder)
        print_quotations(texts, ratings, read)


if __name__ == "__main__":
    main()
