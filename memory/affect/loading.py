"""Models of transformers from a folder or the Hugging Face hub: where they are, how they are loaded. Reads no text.

Three things hold for each: the weights are safetensors, because unpickling a checkpoint runs what it says; no code that
lies beside a model is ever run; and nothing is downloaded unless ``download`` says so. Weights that a checkpoint lacks
are refused: transformers would fill them with random numbers.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import blake3

from quantum_memory.errors import CorruptRecord, DeviceMemoryExceeded, InvalidValue, MissingDependency, MissingModel
from quantum_memory.memory.affect.placement import Placement

WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
POOLER = "pooler."
"""How the names of a pooler's weights begin. None is ever asked, so they may be missing."""


@dataclass(frozen=True)
class Source:
    """Which model.

    Attributes:
        model: a folder, or a name of the hub as in ``owner/name``. A folder goes before a name.
        revision: the commit, tag or branch on the hub; a commit pins it.
        download: whether what is not in the hub's cache may be fetched from the network.
    """

    model: str
    revision: str | None = None
    download: bool = False

    @property
    def folder(self) -> Path | None:
        """The model's folder, if it is one."""
        path = Path(self.model).expanduser()
        if path.is_dir():
            return path
        looks_like_one = path.is_absolute() or self.model.startswith((".", "~")) or self.model.count("/") > 1
        if looks_like_one:
            raise MissingModel(self.model, "there is no such folder", "save the model there, or name another")
        return None


def load_config(source: Source) -> Any:
    """The configuration alone, which is quick. Raises: MissingModel, CorruptRecord, InvalidValue, MissingDependency."""
    from transformers import AutoConfig

    folder = source.folder
    if folder is not None:
        _check_folder(folder)
    with _told(source):
        config = AutoConfig.from_pretrained(_where(source), **_common(source))
    if config.model_type == "timm_wrapper" and config.model_args:
        # What timm 1.0 saves repeats the number of labels here, and transformers 5.23 then fails over having it twice.
        config.model_args = {name: value for name, value in config.model_args.items() if name != "num_classes"}
    return config


def load_tokenizer(source: Source) -> Any:
    """The tokenizer beside a model.

    Raises: as ``load_config``; InvalidValue for one that cannot fill up a batch; CorruptRecord where there is none.
    """
    from transformers import AutoTokenizer

    with _told(source), quiet():
        tokenizer = AutoTokenizer.from_pretrained(_where(source), **_common(source))
    if len(tokenizer) <= len(set(tokenizer.all_special_ids)):
        # Transformers makes an empty one where the files are missing, and all words are unknown to it.
        raise CorruptRecord(source.model, "cannot be loaded: it has no tokenizer, or one without any word")
    if tokenizer.pad_token_id is None:
        raise InvalidValue("model", f"{source.model}, whose tokenizer has no padding token", "one that has")
    return tokenizer


def load_image_processor(source: Source) -> Any:
    """Pillow's, which every machine has, so that all read an image alike. Raises: as ``load_config``."""
    from transformers import AutoImageProcessor

    with _told(source), quiet():
        auto: Any = AutoImageProcessor  # its from_pretrained has no annotations
        return auto.from_pretrained(_where(source), backend="pil", **_common(source))


def load_model(auto: Any, source: Source, placement: Placement, config: Any, unused: str = "") -> Any:
    """A model by one of transformers' auto classes, ready to be asked.

    Weights whose names begin with ``unused`` are never asked for, and may be missing.

    Raises: as ``load_config``; CorruptRecord if weights are missing or of another shape.
    """
    import torch

    arguments = placement.arguments(torch.cuda.is_available())
    with _told(source), in_memory(source.model), quiet():
        model, found = auto.from_pretrained(
            _where(source),
            config=config,
            use_safetensors=True,
            output_loading_info=True,
            **arguments,
            **_common(source),
        )
    check_whole(found, source.model, unused)
    return model.eval()


def check_whole(found: Mapping[str, Any], model: str, unused: str = "") -> None:
    """Let through what transformers found, if only weights named from ``unused`` on are missing.

    Raises: CorruptRecord, because any other that is missing would be random.
    """
    missing = sorted(name for name in found["missing_keys"] if not (unused and name.startswith(unused)))
    if missing:
        raise CorruptRecord(model, f"lacks {len(missing)} weights, the first is {missing[0]}")


def fingerprint(model: Any) -> str:
    """A name for a model's very weights: BLAKE3 over them, whatever file they came in. A pooler is not counted."""
    hasher = blake3.blake3()
    for name, weights in sorted(model.named_parameters()):
        if not name.startswith(POOLER):
            hasher.update(name.encode())
            hasher.update(weights.detach().float().cpu().contiguous().numpy().tobytes())
    return hasher.hexdigest()


@contextmanager
def quiet() -> Iterator[None]:
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


def _where(source: Source) -> str:
    return str(source.folder or source.model)


def _common(source: Source) -> dict[str, Any]:
    return {"revision": source.revision, "local_files_only": not source.download, "trust_remote_code": False}


def _check_folder(folder: Path) -> None:
    """Let through a folder that holds a configuration, and weights that need no unpickling."""
    if not (folder / "config.json").is_file():
        raise InvalidValue("model", repr(str(folder)), "a folder that holds a model (no config.json in it)")
    if any(any(folder.glob(pattern)) for pattern in WEIGHTS):
        return
    pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.pkl") for path in folder.glob(pattern))
    if pickled:
        raise InvalidValue(
            "model",
            f"{folder}, which holds {pickled[0]}",
            "weights as safetensors, because unpickling runs what a file says (transformers' save_pretrained "
            "writes them)",
        )
    raise InvalidValue("model", repr(str(folder)), "a folder that holds weights (no *.safetensors in it)")


@contextmanager
def _told(source: Source) -> Iterator[None]:
    """Turn what transformers raises into the errors of this package."""
    from safetensors import SafetensorError

    try:
        yield
    except ImportError as error:
        needed = _line(error)
        raise MissingDependency("a package", f"the model {source.model!r}", needed) from error
    except OSError as error:
        if source.folder is None:
            raise MissingModel(source.model, _line(error), _advice(source)) from error
        raise CorruptRecord(source.model, f"cannot be loaded: {_line(error)}") from error
    except (ValueError, KeyError, RuntimeError, TypeError, SafetensorError, json.JSONDecodeError) as error:
        if "trust_remote_code" in str(error):
            want = "a model that transformers knows, because code that lies beside a model is never run"
            raise InvalidValue("model", f"{source.model}, which brings code of its own", want) from error
        raise CorruptRecord(source.model, f"cannot be loaded: {_line(error)}") from error


def _advice(source: Source) -> str:
    if source.download:
        return "is the name right, and can the hub be reached? A folder with the model needs no network"
    return "fetch it once with `hf download " + source.model + "`, name its folder, or allow download: true"


def _line(error: Exception) -> str:
    """The first line of what an error says, without the rest that transformers adds."""
    text = " ".join(str(error).strip().split("\n")[0].split())
    return text or type(error).__name__


def token_limit(model: Any, tokenizer: Any) -> int | None:
    """Tokens that the model has positions for and the tokenizer allows, marks included; nothing if neither says."""
    limits = [int(tokenizer.model_max_length)] if 0 < tokenizer.model_max_length < 1_000_000 else []
    positions = getattr(model.config, "max_position_embeddings", None)
    if isinstance(positions, int) and positions > 0:
        limits.append(positions - _positions_lost(model))
    return min(limits, default=None)


def _positions_lost(model: Any) -> int:
    """Positions that stand before the first token: RoBERTa and its kin count from the padding's number on."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return int(module.padding_idx) + 1
    return 0


@contextmanager
def in_memory(model: str) -> Iterator[None]:
    """Tell by name that a GPU's memory is too small. Raises: DeviceMemoryExceeded."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise DeviceMemoryExceeded(model, 0, _line(error)) from error


def check_fits(model: Any, tokenizer: Any, source: Source) -> None:
    """Let through a tokenizer whose words the model has. Raises: CorruptRecord."""
    known = int(model.get_input_embeddings().num_embeddings)
    # Added tokens are among these, and not in ``vocab_size``.
    needed = 1 + max(tokenizer.get_vocab().values())
    if needed > known:
        raise CorruptRecord(source.model, f"its tokenizer has {needed} words, the model {known}")


def whereabouts(source: Source) -> str:
    """Where the weights are, without loading them. Raises: MissingModel if they are not and may not be fetched."""
    from huggingface_hub import try_to_load_from_cache

    if source.folder is not None:
        return f"in {source.folder}"
    for name in ("model.safetensors", "model.safetensors.index.json"):
        found = try_to_load_from_cache(source.model, name, revision=source.revision)
        if isinstance(found, str):
            return f"in {Path(found).parent}"
    if source.download:
        return "not here, will be fetched"
    raise MissingModel(source.model, "its safetensors are not in the hub's cache", _advice(source))
