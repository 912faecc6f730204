"""Perception: texts to percepts, in batches, with a cache. Owns the models of one process; stores nothing it was told.

``MiniLMPerceiver`` gives embedding and feeling in one forward pass; ``hashing.HashingPerceiver`` needs no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import blake3
import numpy as np

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.held import Held
from quantum_memory.types import PAD, Percept, Vector

MAX_CACHE = 10_000_000


class Perceiver(Protocol):
    """What makes percepts of texts.

    Law: a text gets the same percept on every call and in any batch, to 1e-5 in each number; n texts get n percepts
        in their order, none get none. Any text will do, also an empty or a broken one. Where a speaker is named, the
        embedding tells it; the feeling is of the text, and a name should move it little.

    Attributes:
        dim: length of every embedding, which is of unit length.
    """

    @property
    def dim(self) -> int: ...

    def perceive(self, texts: Sequence[str], speakers: Sequence[str | None] | None = None) -> list[Percept]:
        """One percept per text, said by its speaker if ``speakers`` names one there; no speakers is None for each.

        Raises: InvalidValue if ``texts`` is not a sequence of texts, or ``speakers`` not one of as many texts or None.
        """
        ...


def texts_of(texts: Sequence[str]) -> list[str]:
    """The texts as a list. Raises: InvalidValue for a bare text, which would be read letter by letter."""
    if isinstance(texts, str):
        raise InvalidValue("texts", "one text", "a sequence of texts")
    found = list(texts)
    for index, text in enumerate(found):
        if not isinstance(text, str):
            raise InvalidValue(f"texts[{index}]", type(text).__name__, "a text")
    return found


def speakers_of(speakers: Sequence[str | None] | None, count: int) -> list[str | None]:
    """The speakers of so many texts as a list. Raises: InvalidValue."""
    if speakers is None:
        return [None] * count
    if isinstance(speakers, str):
        raise InvalidValue("speakers", "one text", "a sequence of texts or None")
    found = list(speakers)
    if len(found) != count:
        raise InvalidValue("speakers", str(len(found)), f"one for each of {count} texts")
    for index, speaker in enumerate(found):
        if speaker is not None and not isinstance(speaker, str):
            raise InvalidValue(f"speakers[{index}]", type(speaker).__name__, "a text or None")
    return found


def content_key(text: str, speaker: str | None = None) -> bytes:
    """A name for the very content of a text and for who says it; halves of surrogate pairs count as they are.

    32 bytes, or 64 with a speaker: speaker and text are hashed apart, so that no other two meet by standing together.
    """
    key = blake3.blake3(text.encode(errors="surrogatepass")).digest()
    return key if speaker is None else content_key(speaker) + key


class MiniLMPerceiver:
    """Embedding and feeling of a text from one forward pass of all-MiniLM-L6-v2.

    The embedding is the one that sentence-transformers gives; the feeling comes from a head on all hidden layers that
    was trained on EmoBank (``weights/MODEL_CARD.md`` says how well it reads). Where Ilka is named as the speaker, the
    model reads "Ilka: text", which makes a better key for recall: the embedding is the mean over all tokens of that,
    while the head gets means without the tokens of "Ilka:". Texts over 256 tokens are read in windows and averaged,
    where sentence-transformers would leave out what is over; the name stands at the beginning of the first window only.
    Nothing is ever downloaded.

    Args:
        device: "cpu", "cuda" or "auto".
        batch_size: windows in one forward pass, sorted by length; 8 on a CPU and 64 on CUDA if not given.
        threads: threads of torch on the CPU, for the whole process.
        cache_size: percepts that are kept, some 2 kB each; 0 keeps none.
        model: the folder of another model of the same shape, else the one in its package.
        head: the weights of another head, trained for that model by ``training/train_pad_head.py``.

    Raises: MissingDependency if the package of the model is not installed; InvalidValue, also if the head was not
        trained on this model; OutOfRange; CorruptRecord. One owner calls it; it is not thread-safe.
    """

    def __init__(
        self,
        device: str = "cpu",
        batch_size: int | None = None,
        *,
        threads: int = 1,
        cache_size: int = 4096,
        model: str | None = None,
        head: str | None = None,
    ) -> None:
        from quantum_memory.memory.affect.encoder import Encoder, packaged_model
        from quantum_memory.memory.affect.head import load, packaged_head

        self._cache: Held[bytes, Percept] = Held(int(bounded("cache_size", cache_size, 0, MAX_CACHE)))
        folder = packaged_model() if model is None else Path(model)
        self._encoder = Encoder(folder, device, batch_size, threads)
        self._head = load(packaged_head() if head is None else Path(head), str(self._encoder.device))
        self._head.check_fits(self._encoder.layers, self._encoder.width, self._encoder.fingerprint)

    @property
    def dim(self) -> int:
        """384 for MiniLM."""
        return self._encoder.width

    def perceive(self, texts: Sequence[str], speakers: Sequence[str | None] | None = None) -> list[Percept]:
        """One percept per text; what is equal, also in its speaker, is read once. Raises: InvalidValue."""
        said = texts_of(texts)
        by = speakers_of(speakers, len(said))
        keys = [content_key(text, speaker) for text, speaker in zip(said, by, strict=True)]
        known = {key: self._cache.get(key) for key in keys}
        new = {key: index for index, key in enumerate(keys) if known[key] is None}
        percepts = self._read([said[index] for index in new.values()], [by[index] for index in new.values()])
        read = dict(zip(new, percepts, strict=True))
        for key, percept in read.items():
            self._cache.put(key, percept)
        return [known[key] or read[key] for key in keys]

    def _read(self, texts: list[str], speakers: list[str | None]) -> list[Percept]:
        import torch
        from torch.nn.functional import normalize

        if not texts:
            return []
        reading = self._encoder.read(texts, speakers)
        with torch.inference_mode():
            embeddings = normalize(reading.whole, dim=-1).cpu().numpy()
            pads, confidences = self._head(reading.layers)
        return [
            Percept(_own(embedding), PAD(*pad), confidence)
            for embedding, pad, confidence in zip(embeddings, pads.tolist(), confidences.tolist(), strict=True)
        ]


def _own(row: Vector) -> Vector:
    """The row apart from its batch, and read-only, because the cache hands the same array out again."""
    own = np.array(row, dtype=np.float32)
    own.setflags(write=False)
    return own
