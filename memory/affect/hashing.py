"""Perception without a model: words hashed to a vector. Finds texts by shared words; knows no meaning and no feeling.

For simulations of many processes, where a model in each would not fit into memory, and for tests. Feature hashing as in
Weinberger et al. (2009): every stem, and at a lower weight every pair of neighbouring stems, adds to one of the numbers
of the vector with a sign of its own, so that collisions cancel on average. Counts enter as square roots, so that a word
said ten times does not drown the others. The stems of a speaker's name count like those of the text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

import blake3
import numpy as np
import Stemmer

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.affect.encoder import spoken
from quantum_memory.memory.affect.perceiver import images_of, speakers_of, texts_of
from quantum_memory.types import NEUTRAL, Floats, Percept, Vector

PAIR_WEIGHT = 0.5
MAX_DIM = 65_536

_WORD = re.compile(r"[^\W_]+")


class HashingPerceiver:
    """Percepts by feature hashing of stems; the feeling is neutral with confidence 0.

    The same on every machine and in every process. A text without any stem, such as an emoji, is hashed by its
    characters; an empty one has a vector of its own.

    Args:
        dim: length of the vectors; the shorter, the more words share a number.
        language: of the stems, as the Snowball stemmers name it.

    Raises: InvalidValue, OutOfRange. One owner calls it; it is not thread-safe.
    """

    def __init__(self, dim: int = 384, language: str = "english") -> None:
        self._dim = int(bounded("dim", dim, 1, MAX_DIM))
        try:
            self._stemmer = Stemmer.Stemmer(language)
        except KeyError:
            raise InvalidValue("language", repr(language), "one of " + ", ".join(Stemmer.algorithms())) from None

    @property
    def dim(self) -> int:
        return self._dim

    def perceive(
        self,
        texts: Sequence[str],
        speakers: Sequence[str | None] | None = None,
        images: Sequence[bytes | None] | None = None,
    ) -> list[Percept]:
        """One percept per text. Raises: InvalidValue, also for an image, which nothing reads here."""
        said = texts_of(texts)
        if any(image is not None for image in images_of(images, len(said))):
            raise InvalidValue("image", "an image", "none, because the model hashing reads no images")
        by = speakers_of(speakers, len(said))
        return [Percept(self._vector(text, speaker), NEUTRAL, 0.0) for text, speaker in zip(said, by, strict=True)]

    def _vector(self, text: str, speaker: str | None) -> Vector:
        counts = Counter(self._features(text))
        if speaker is not None:
            counts.update(self._features(speaker))
        total: Floats = np.zeros(self._dim)
        for feature, count in counts.items():
            index, sign = self._place(feature)
            weight = PAIR_WEIGHT if feature.startswith("pair ") else 1.0
            total[index] += sign * weight * np.sqrt(count)
        norm = float(np.linalg.norm(total))
        if norm == 0.0:
            # Opposite signs met in one number and cancelled: the text as a whole still has a place.
            total[self._place("whole " + spoken(text, speaker))[0]] = norm = 1.0
        vector: Vector = (total / norm).astype(np.float32)
        vector.setflags(write=False)
        return vector

    def _features(self, text: str) -> Iterator[str]:
        """What is counted, each with its kind before it so that kinds do not meet."""
        # The stemmer refuses halves of surrogate pairs; as words they could only be noise.
        words = _WORD.findall(text.encode(errors="replace").decode().lower())
        stems = self._stemmer.stemWords(words)
        if not stems:
            yield from ("char " + char for char in text if not char.isspace())
        yield from ("stem " + stem for stem in stems)
        yield from (f"pair {left} {right}" for left, right in pairwise(stems))

    def _place(self, feature: str) -> tuple[int, float]:
        """The index and the sign of a feature, by BLAKE3 and so the same everywhere."""
        digest = blake3.blake3(feature.encode(errors="surrogatepass")).digest(length=9)
        return int.from_bytes(digest[:8], "little") % self._dim, 1.0 if digest[8] & 1 else -1.0
