"""From settings to the perceiver that they name: which models are loaded, and where. Perceives nothing itself."""

from __future__ import annotations

from pathlib import Path

from quantum_memory.errors import InvalidSettings
from quantum_memory.memory.affect.classifier import SETTING as CLASSIFIER_LABELS
from quantum_memory.memory.affect.classifier import TextClassifier
from quantum_memory.memory.affect.feeling import FeelingReader, ImageReader
from quantum_memory.memory.affect.hashing import HashingPerceiver
from quantum_memory.memory.affect.image_reader import SETTING as IMAGE_LABELS
from quantum_memory.memory.affect.image_reader import Backbone, ImageClassifier, ImageHeadReader, load_head
from quantum_memory.memory.affect.loading import Source, load_config, whereabouts
from quantum_memory.memory.affect.perceiver import MiniLMPerceiver, Perceiver
from quantum_memory.memory.affect.placement import Placement
from quantum_memory.memory.affect.readout import Reading, Readout
from quantum_memory.memory.affect.second import load as load_second
from quantum_memory.memory.affect.second import packaged_second
from quantum_memory.settings import PerceptionSettings, ReaderSettings, Settings


def make_perceiver(settings: Settings) -> Perceiver:
    """The perceiver that the settings name.

    Raises: MissingDependency, MissingModel, CorruptRecord, UnknownLabels, InvalidValue for models that cannot be used;
        InvalidSettings if its vectors do not fit.
    """
    wanted = settings.perception
    if wanted.model == "hashing":
        return HashingPerceiver(dim=wanted.dim)
    perceiver = MiniLMPerceiver(
        model=None if wanted.model == "minilm" else wanted.model,
        device=wanted.device,
        batch_size=wanted.batch_size,
        cache_size=wanted.cache,
        threads=settings.blas_threads,
        engine=wanted.engine,
        reader=text_reader(wanted),
        images=image_reader(settings),
        accurate=wanted.reader == "accurate",
    )
    if perceiver.dim != wanted.dim:
        problem = f"perception.dim: {wanted.model} makes vectors of {perceiver.dim}, settings say {wanted.dim}"
        raise InvalidSettings("settings", [problem])
    return perceiver


def text_reader(wanted: PerceptionSettings) -> FeelingReader | None:
    """The classifier that reads the feelings of texts; nothing where the head does. Raises: as ``make_perceiver``."""
    chosen = wanted.classifier
    if wanted.reader != "classifier" or chosen.model is None:
        return None
    return TextClassifier(
        source_of(chosen, chosen.model),
        Placement(wanted.device, chosen.dtype, chosen.quantization),
        reading_of(chosen),
        batch_size=chosen.batch_size,
        window=chosen.window,
    )


def image_reader(settings: Settings) -> ImageReader | None:
    """What reads images, if anything does. Raises: as ``make_perceiver``."""
    chosen, limits = settings.perception.image, settings.limits
    if chosen.model is None:
        return None
    source, placement = source_of(chosen, chosen.model), Placement(settings.perception.device, chosen.dtype)
    bounds = {
        "batch_size": chosen.batch_size,
        "max_bytes": limits.image_bytes,
        "max_pixels": limits.image_pixels,
    }
    if chosen.head is not None:
        return ImageHeadReader(Backbone(source, placement, **bounds), Path(chosen.head).expanduser())
    return ImageClassifier(source, placement, reading_of(chosen), **bounds)


def text_reader_told(wanted: PerceptionSettings) -> str:
    """Who reads the feelings of texts, in words; looks at configurations and loads no weights.

    Raises: what loading it would, as far as that can be seen.
    """
    if wanted.model == "hashing":
        return "nobody: hashing feels nothing"
    if wanted.reader == "accurate":
        weights = packaged_second()
        load_second(weights)
        return f"head on the perception model, and the second encoder of {weights.stat().st_size / 1e6:.1f} MB"
    if wanted.reader == "head" or wanted.classifier.model is None:
        return "head on the perception model"
    chosen = wanted.classifier
    told = _told(chosen, wanted.classifier.model, CLASSIFIER_LABELS)
    return f"{told}, {_placed(Placement(wanted.device, chosen.dtype, chosen.quantization))}"


def image_reader_told(wanted: PerceptionSettings) -> str:
    """What reads images, in words; as ``text_reader_told``."""
    chosen = wanted.image
    if chosen.model is None:
        return "off: images are refused"
    placed = _placed(Placement(wanted.device, chosen.dtype))
    if chosen.head is None:
        return f"{_told(chosen, chosen.model, IMAGE_LABELS)}, {placed}"
    source = source_of(chosen, chosen.model)
    config = load_config(source)
    load_head(Path(chosen.head).expanduser())
    return f"{config.model_type} {chosen.model} {whereabouts(source)} under the head {chosen.head}, {placed}"


def _told(chosen: ReaderSettings, model: str, setting: str) -> str:
    source = source_of(chosen, model)
    config = load_config(source)
    readout = Readout.of(config, reading_of(chosen), model, setting)
    outputs = f"{len(readout.labels)} outputs as {readout.kind}"
    return f"{config.model_type} {model} {whereabouts(source)}, {outputs}"


def _placed(placement: Placement) -> str:
    import torch

    device = placement.checked(torch.cuda.is_available())
    told = f"{placement.dtype_on(device)} on {device}"
    return told if placement.quantization == "none" else f"{told}, {placement.quantization} weights"


def source_of(chosen: ReaderSettings, model: str) -> Source:
    """Where the model comes from."""
    return Source(model, chosen.revision, chosen.download)


def reading_of(chosen: ReaderSettings) -> Reading:
    """What its outputs mean. Raises: InvalidInput."""
    return Reading(chosen.kind, chosen.labels, chosen.scale, chosen.spread)
