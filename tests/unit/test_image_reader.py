"""Feelings of images: classifiers and heads over real loading code, alone and in batches, and the head's training."""

from __future__ import annotations

import csv
import json
import runpy
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from quantum_memory.errors import CorruptRecord, InvalidValue, MissingModel, ShapeMismatch, TooLong, UnknownLabels
from quantum_memory.memory.affect.emotions import EMOTIONS
from quantum_memory.memory.affect.feeling import Feeling
from quantum_memory.memory.affect.head import save
from quantum_memory.memory.affect.image_reader import Backbone, ImageClassifier, ImageHeadReader, load_head
from quantum_memory.memory.affect.images import decode
from quantum_memory.memory.affect.labels import meaning_of
from quantum_memory.memory.affect.loading import Source
from quantum_memory.types import Floats
from tests.unit import tiny_models
from tests.unit.tiny_models import FACES, picture

TRAIN = Path(__file__).parents[2] / "training" / "train_image_head.py"
FORMS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")
IMAGES = [picture(seed, (30 + 7 * seed, 50 - 5 * seed), form) for seed, form in enumerate(FORMS)]


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.vit(tmp_path_factory.mktemp("models") / "faces")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.vit(tmp_path_factory.mktemp("models") / "backbone", labels=None)


@pytest.fixture(scope="module")
def head(backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head that the script trained to tell bright images, which are pleasant, from dark ones."""
    folder = tmp_path_factory.mktemp("rated")
    with (folder / "rated.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "split", "V", "A", "D"])
        for number in range(90):
            level = (number * 37) % 90 / 89
            light = np.full((8, 8, 3), 255 * level) + np.random.default_rng(number).normal(0, 5, (8, 8, 3))
            Image.fromarray(light.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
            split = "dev" if number >= 70 else "train"
            table.writerow([f"{number}.png", split, 1 + 8 * level, 5, 9 - 8 * level])
    argv = ["--images", folder / "rated.csv", "--model", backbone, "--out", folder / "out", "--scale", 1, 9]
    argv += ["--networks", 2, "--units", 16, "--epochs", 60, "--batch", 16, "--learning-rate", 0.01, "--device", "cpu"]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TRAIN.parent))
        patch.setattr(sys, "argv", [str(TRAIN), *map(str, argv)])
        runpy.run_path(str(TRAIN), run_name="__main__")
    return folder / "out" / "image_head.safetensors"


def numbers(feelings: list[Feeling]) -> Floats:
    return np.array([[*np.asarray(one.pad), *one.spread, one.confidence] for one in feelings])


def test_an_image_gets_the_same_feeling_in_any_batch(faces: Path) -> None:
    reader = ImageClassifier(Source(str(faces)), batch_size=4)
    assert (reader.kind, reader.labels) == ("single", FACES)
    together = numbers(reader.read(IMAGES))
    alone = np.vstack([numbers(reader.read([image])) for image in IMAGES])
    assert np.abs(together - alone).max() <= 1e-5
    assert np.abs(numbers(reader.read(IMAGES[::-1]))[::-1] - alone).max() <= 1e-5
    assert np.ptp(together[:, 0]) > 1e-2
    assert reader.read([]) == []


def test_the_probabilities_are_those_of_transformers(faces: Path) -> None:
    """The slow twin: transformers' own pipeline of processor and model, and the mixture by hand."""
    from transformers import ViTForImageClassification, ViTImageProcessorPil

    model: Any = ViTForImageClassification.from_pretrained(faces)
    processor: Any = ViTImageProcessorPil.from_pretrained(faces)
    meant = [meaning_of(face) for face in FACES]
    points = np.array([np.asarray(one.pad) for one in meant if one is not None])
    assert EMOTIONS["happiness"] == meant[FACES.index("happy")][0]  # type: ignore[index]  # it is known
    for image, feeling in zip(IMAGES, ImageClassifier(Source(str(faces))).read(IMAGES), strict=True):
        with torch.no_grad():
            shares = model(**processor(images=decode(image), return_tensors="pt")).logits.softmax(-1)[0].numpy()
        assert np.asarray(feeling.pad) == pytest.approx(shares @ points, abs=1e-5)


def test_a_trained_head_reads_what_it_was_taught(backbone: Path, head: Path) -> None:
    metrics = json.loads((head.parent / "image_metrics.json").read_text())
    assert (metrics["in_folds"]["images"], metrics["dev"]["images"]) == (70, 20)
    assert metrics["dev"]["concordance"]["arousal"] is None, "all images have the same rating"
    assert metrics["dev"]["pearson_r"]["pleasure"] > 0.9
    assert metrics["dev"]["pearson_r"]["dominance"] > 0.9
    reader = ImageHeadReader(Backbone(Source(str(backbone)), batch_size=2), head)
    shown = [(head.parents[1] / f"{number}.png").read_bytes() for number in (0, 12, 17)]
    dark, bright = numbers(reader.read(shown))[[0, 2]]
    assert max(dark[0], bright[2]) < -0.5
    assert min(dark[2], bright[0]) > 0.5
    together = numbers(reader.read([*shown, *IMAGES]))
    alone = np.vstack([numbers(reader.read([image])) for image in [*shown, *IMAGES]])
    assert np.abs(together - alone).max() <= 1e-5
    assert reader.read([]) == []


def test_training_again_makes_the_same_file(backbone: Path, head: Path, tmp_path: Path) -> None:
    argv = ["--images", head.parents[1] / "rated.csv", "--model", backbone, "--scale", 1, 9, "--device", "cpu"]
    argv += ["--networks", 2, "--units", 4, "--epochs", 2]
    made = []
    for name in ("one", "two"):
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(TRAIN.parent))
            patch.setattr(sys, "argv", [str(TRAIN), *map(str, [*argv, "--out", tmp_path / name])])
            runpy.run_path(str(TRAIN), run_name="__main__")
        made.append((tmp_path / name / "image_head.safetensors").read_bytes())
    assert made[0] == made[1]


def test_a_head_belongs_to_its_model(faces: Path, backbone: Path, head: Path, tmp_path: Path) -> None:
    other = tiny_models.vit(tmp_path / "other", labels=None, seed=1)
    with pytest.raises(InvalidValue, match=r"the PAD head was trained on .*train_image_head\.py"):
        ImageHeadReader(Backbone(Source(str(other))), head)
    with pytest.raises(MissingModel, match="no such file"):
        load_head(tmp_path / "nowhere.safetensors")
    (tmp_path / "torn").write_bytes(head.read_bytes()[:100])
    with pytest.raises(CorruptRecord, match="not a safetensors file"):
        load_head(tmp_path / "torn")
    with pytest.raises(CorruptRecord, match="not a PAD head"):
        load_head(faces / "model.safetensors")
    good = load_head(head)
    save(good, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == head.read_bytes()
    with pytest.raises(ShapeMismatch, match="features"):
        good.expectations(torch.zeros(1, 1, 3))
    save(
        replace(good, calibration=replace(good.calibration, label_mean=torch.full((3,), torch.nan))), tmp_path / "bent"
    )
    with pytest.raises(CorruptRecord, match="label_mean holds what is no finite number"):
        load_head(tmp_path / "bent")


def test_a_backbone_is_the_same_with_and_without_its_classifier(faces: Path) -> None:
    """Features come from below the head, so a classifier's folder serves as well."""
    from transformers import ViTModel

    model: Any = ViTModel.from_pretrained(faces, add_pooling_layer=False)
    backbone = Backbone(Source(str(faces)))
    features = backbone.features(IMAGES[:2])
    with torch.no_grad():
        hidden = model(pixel_values=backbone._eye.pixels(IMAGES[:2])).last_hidden_state
    assert torch.allclose(features, torch.cat([hidden[:, 0], hidden.mean(1)], 1), atol=1e-5)


def test_what_is_no_image_or_too_large_is_refused(faces: Path) -> None:
    reader = ImageClassifier(Source(str(faces)), max_bytes=100_000, max_pixels=10_000)
    with pytest.raises(InvalidValue, match="a whole image file"):
        reader.read([IMAGES[0], b"no image"])
    with pytest.raises(TooLong, match="pixels"):
        reader.read([picture(0, (200, 100))])
    with pytest.raises(TooLong, match="bytes"):
        reader.read([b"\0" * 100_001])


def test_models_that_cannot_be_read_are_named(faces: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownLabels, match=r"'tench', 'goldfish'.*perception\.image\.labels"):
        ImageClassifier(Source(str(tiny_models.vit(tmp_path / "fish", ("tench", "goldfish")))))
    blind = tmp_path / "blind"
    shutil.copytree(faces, blind, ignore=shutil.ignore_patterns("preprocessor_config.json"))
    with pytest.raises(CorruptRecord, match="blind: cannot be loaded"):
        ImageClassifier(Source(str(blind)))
    with pytest.raises(MissingModel, match="no such folder"):
        ImageClassifier(Source(str(tmp_path / "nowhere")))
