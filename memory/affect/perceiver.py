"""Perception: texts to percepts, in batches, with a cache. Owns the models of one process; stores nothing it was told.

``MiniLMPerceiver`` gives embedding and feeling in one forward pass; ``hashing.HashingPerceiver`` needs no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import blake3
import numpy as np

from quantum_memory.checks import bounded
from quantum_memory.errors import InvalidValue
from quantum_memory.memory.affect.doubt import doubted
from quantum_memory.memory.affect.feeling import Feeling, FeelingReader, ImageReader
from quantum_memory.memory.affect.fusion import fuse
from quantum_memory.memory.affect.preparation import Prepared, prepare
from quantum_memory.memory.held import Held
from quantum_memory.types import Percept, Vector

if TYPE_CHECKING:
    from torch import Tensor

    from quantum_memory.memory.affect.engines.engine import EngineName
    from quantum_memory.memory.affect.second import SecondReader

T = TypeVar("T")
MAX_CACHE = 10_000_000
SLICE = 1024
"""Texts that are read at once, some 14 kB each while they are."""


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

    def perceive(
        self,
        texts: Sequence[str],
        speakers: Sequence[str | None] | None = None,
        images: Sequence[bytes | None] | None = None,
    ) -> list[Percept]:
        """One percept per text, said by its speaker if ``speakers`` names one there; no speakers is None for each.

        An image beside a text, the bytes of a file, has its part in the feeling, and none in the embedding.

        Raises: InvalidValue if ``texts`` is not a sequence of texts, ``speakers`` not one of as many texts or None, or
            ``images`` not one of as many bytes or None; also for an image where nothing reads images.
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
    return _beside("speakers", speakers, count, str, ("one text", "a sequence of texts or None", "a text or None"))


def images_of(images: Sequence[bytes | None] | None, count: int) -> list[bytes | None]:
    """The images beside so many texts as a list. Raises: InvalidValue."""
    return _beside("images", images, count, bytes, ("one image", "a sequence of bytes or None", "bytes or None"))


def _beside(
    name: str, given: Sequence[T | None] | None, count: int, kind: type[T], words: tuple[str, str, str]
) -> list[T | None]:
    """What stands beside so many texts. ``words``: what a bare one is called, what all of it and each should be."""
    if given is None:
        return [None] * count
    bare, all_of_it, each = words
    whole: object = given
    if isinstance(whole, kind):
        raise InvalidValue(name, bare, all_of_it)
    found = list(given)
    if len(found) != count:
        raise InvalidValue(name, str(len(found)), f"one for each of {count} texts")
    for index, one in enumerate(found):
        if one is not None and not isinstance(one, kind):
            raise InvalidValue(f"{name}[{index}]", type(one).__name__, each)
    return found


def content_key(text: str, speaker: str | None = None, image: bytes | None = None) -> bytes:
    """A name for the very content of a text, for who says it and what is shown; halves of surrogate pairs count.

    Text, speaker and image are hashed apart, so that no other two meet by standing together: 32 bytes for a text
    alone, 64 with a speaker, 97 with an image, whose place is kept where nobody is named.
    """
    key = blake3.blake3(text.encode(errors="surrogatepass")).digest()
    if speaker is not None:
        key = content_key(speaker) + key
    return key if image is None else b"\x00" * (97 - 32 - len(key)) + blake3.blake3(image).digest() + key


class Seen(NamedTuple):
    """What is perceived at once: a text, who says it, and what is shown with it."""

    text: str
    speaker: str | None
    image: bytes | None


class MiniLMPerceiver:
    """Embedding and feeling of a text from one forward pass of all-MiniLM-L6-v2.

    Both are of the text as ``preparation.prepare`` makes it ready: emoji are read as words, and most texts as they are.
    The embedding is the one that sentence-transformers gives; the feeling comes from a head on all hidden layers that
    was trained on EmoBank (``weights/MODEL_CARD.md`` says how well it reads). Where Ilka is named as the speaker, the
    model reads "Ilka: text", which makes a better key for recall: the embedding is the mean over all tokens of that,
    while the head gets means without the tokens of "Ilka:". What she quotes helps to find the text again, and is not
    what she feels: for the head her own words are read once more without it. A feeling that is read from another
    language, or from what is in none, keeps little of its confidence, and its spread grows as that asks
    (``doubt.doubted``). Texts over 256 tokens are read in windows and averaged, where sentence-transformers would leave
    out what is over; the name stands at the beginning of the first window only. Nothing is ever downloaded.

    Args:
        device: "cpu", "cuda" or "auto".
        batch_size: windows in one forward pass at most, sorted by length; as the engine runs best if not given.
        threads: threads of torch on the CPU, for the whole process.
        cache_size: percepts that are kept, some 2 kB each; 0 keeps none.
        model: the folder of another model of the same shape, else the one in its package.
        head: the weights of another head, trained for that model by ``training/train_pad_head.py``.
        reader: reads the feelings instead of the head, as a larger classifier does, from the prepared texts without
            what is quoted; the embedding stays MiniLM's.
        images: reads the feelings of images; without it an image is refused.
        engine: how the encoder is run; see ``engines.engine.EngineName``.
        accurate: a second, fine-tuned encoder reads the feelings too, for another pass over each text; see ``second``.
            It is there for the packaged model alone.

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
        reader: FeelingReader | None = None,
        images: ImageReader | None = None,
        engine: EngineName = "auto",
        accurate: bool = False,
    ) -> None:
        from quantum_memory.memory.affect.encoder import Encoder, packaged_model
        from quantum_memory.memory.affect.head import load, packaged_head
        from quantum_memory.memory.affect.second import SecondReader, packaged_second
        from quantum_memory.memory.affect.second import load as load_second

        self._cache: Held[bytes, Percept] = Held(int(bounded("cache_size", cache_size, 0, MAX_CACHE)))
        folder = packaged_model() if model is None else Path(model)
        self._encoder = Encoder(folder, device, batch_size, threads, engine)
        self._reader, self._images = reader, images
        on = str(self._encoder.device)
        self._head = load(packaged_head() if head is None else Path(head), on)
        self._head.check_fits(self._encoder.layers, self._encoder.width, self._encoder.fingerprint)
        self._second: SecondReader | None = None
        if accurate:
            weights = load_second(packaged_second(), on)
            self._second = SecondReader(weights, Encoder(folder, device, batch_size, threads, engine, weights))

    @property
    def dim(self) -> int:
        """384 for MiniLM."""
        return self._encoder.width

    def perceive(
        self,
        texts: Sequence[str],
        speakers: Sequence[str | None] | None = None,
        images: Sequence[bytes | None] | None = None,
    ) -> list[Percept]:
        """One percept per text; what is equal, also in speaker and image, is read once. Raises: InvalidValue."""
        said = texts_of(texts)
        by = speakers_of(speakers, len(said))
        shown = images_of(images, len(said))
        self._check_images(shown)
        keys = [content_key(*one) for one in zip(said, by, shown, strict=True)]
        known = {key: self._cache.get(key) for key in keys}
        new = {key: index for index, key in enumerate(keys) if known[key] is None}
        seen = [Seen(said[index], by[index], shown[index]) for index in new.values()]
        # In slices, because all layers of all texts would be held at once.
        slices = (seen[start : start + SLICE] for start in range(0, len(seen), SLICE))
        read = dict(zip(new, (percept for part in slices for percept in self._read(part)), strict=True))
        for key, percept in read.items():
            self._cache.put(key, percept)
        return [known[key] or read[key] for key in keys]

    def _check_images(self, images: Sequence[bytes | None]) -> None:
        if self._images is None and any(image is not None for image in images):
            raise InvalidValue("image", "an image", "none, because perception.image names no model that reads images")

    def _read(self, seen: list[Seen]) -> list[Percept]:
        import torch
        from torch.nn.functional import normalize

        texts = [prepare(one.text, one.speaker) for one in seen]
        # Attention lets a quotation colour the words beside it: the own words of a quoting text are read once more.
        quoting = [index for index, text in enumerate(texts) if text.quoted]
        reading = self._encoder.read(
            [*(text.text for text in texts), *(texts[index].own for index in quoting)],
            [*(one.speaker for one in seen), *(seen[index].speaker for index in quoting)],
        )
        with torch.inference_mode():
            embeddings = normalize(reading.whole[: len(texts)], dim=-1).cpu().numpy()
            layers = reading.layers[: len(texts)]
            layers[quoting] = reading.layers[len(texts) :]
        feelings = self._with_images(seen, self._feelings(texts, layers))
        return [
            Percept(
                embedding=_own(embedding),
                pad=feeling.pad,
                confidence=feeling.confidence,
                spread=feeling.spread,
                language=text.language,
                notes=text.notes if windows == 1 else (*text.notes, f"read in {windows} windows"),
            )
            for embedding, feeling, text, windows in zip(embeddings, feelings, texts, reading.windows, strict=False)
        ]

    def _feelings(self, texts: list[Prepared], layers: Tensor) -> list[Feeling]:
        """What is felt in the speakers' own words, of which ``layers`` are."""
        own = [text.own for text in texts]
        if self._reader is not None:
            feelings = self._reader.read(own)
        elif self._second is not None:
            feelings = self._second.feelings(*self._head.expectations(layers), own)
        else:
            feelings = self._head.feelings(layers)
        return [doubted(feeling, text.certainty) for feeling, text in zip(feelings, texts, strict=True)]

    def _with_images(self, seen: list[Seen], feelings: list[Feeling]) -> list[Feeling]:
        """The feelings, each fused with that of the image beside its text."""
        with_image = [index for index, one in enumerate(seen) if one.image is not None]
        if self._images is None or not with_image:
            return feelings
        read = self._images.read([seen[index].image or b"" for index in with_image])
        fused = list(feelings)
        for index, feeling in zip(with_image, read, strict=True):
            fused[index] = fuse([feelings[index], feeling])
        return fused


def _own(row: Vector) -> Vector:
    """The row apart from its batch, and read-only, because the cache hands the same array out again."""
    own = np.array(row, dtype=np.float32)
    own.setflags(write=False)
    return own
