"""Settings to models: classifiers and images in perception, from what a user says to what is remembered of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from quantum_memory.actors.perceivers import image_reader, make_perceiver, text_reader
from quantum_memory.cluster import doctor
from quantum_memory.errors import InvalidSettings, InvalidValue, MissingModel, TooLong, UnknownLabels
from quantum_memory.memory.affect.calibration import Calibration
from quantum_memory.memory.affect.feeling import Feeling
from quantum_memory.memory.affect.fusion import fuse
from quantum_memory.memory.affect.head import PadHead, save
from quantum_memory.memory.affect.image_reader import Backbone, ImageHeadReader
from quantum_memory.memory.affect.loading import Source
from quantum_memory.memory.affect.perceiver import MiniLMPerceiver
from quantum_memory.settings import Settings, load
from quantum_memory.types import PAD, Percept, Utterance
from tests.unit import tiny_models
from tests.unit.front import Front
from tests.unit.orchestra import Orchestra
from tests.unit.tiny_models import picture

PLAIN = "Bob lent me his umbrella in the rain."


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a classifier of texts, ``roberta``, and one of images, ``faces``."""
    folder = tmp_path_factory.mktemp("models")
    tiny_models.classifier(folder / "roberta", "roberta")
    tiny_models.vit(folder / "faces")
    return folder


def perception(models: Path, **more: Any) -> dict[str, Any]:
    return {"device": "cpu", "image": {"model": str(models / "faces")}, **more}


@pytest.fixture(scope="module")
def seeing(models: Path) -> Settings:
    return load({"perception": perception(models)})


@pytest.fixture
def orchestra(tmp_path: Path, models: Path) -> Iterator[Orchestra]:
    one = Orchestra(tmp_path / "vault", perception=perception(models), limits={"image_bytes": 20_000})
    yield one
    one.close()


def numbers(percept: Percept) -> list[float]:
    assert percept.spread is not None
    return [*np.asarray(percept.pad), *percept.spread, percept.confidence]


def test_a_classifier_reads_the_feelings_and_the_embedding_stays(models: Path) -> None:
    chosen = {"reader": "classifier", "classifier": {"model": str(models / "roberta")}, "device": "cpu"}
    settings = load({"perception": chosen})
    reader = text_reader(settings.perception)
    assert reader is not None
    (feeling,) = reader.read([PLAIN])
    (percept,) = make_perceiver(settings).perceive([PLAIN])
    assert numbers(percept) == pytest.approx([*np.asarray(feeling.pad), *feeling.spread, feeling.confidence], abs=1e-5)
    (plain,) = MiniLMPerceiver().perceive([PLAIN])
    assert np.abs(percept.embedding - plain.embedding).max() <= 1e-6
    assert np.abs(np.asarray(percept.pad) - np.asarray(plain.pad)).max() > 1e-3


def test_text_and_image_are_fused_and_the_embedding_is_of_the_text(seeing: Settings) -> None:
    perceiver, reader = make_perceiver(seeing), image_reader(seeing)
    assert reader is not None
    shown = picture(3)
    alone, both = perceiver.perceive([PLAIN, PLAIN], images=[None, shown])
    assert np.array_equal(alone.embedding, both.embedding)
    assert alone.spread is not None
    fused = fuse([Feeling(alone.pad, alone.spread, alone.confidence), *reader.read([shown])])
    assert numbers(both) == pytest.approx([*np.asarray(fused.pad), *fused.spread, fused.confidence], abs=1e-5)
    assert numbers(both) != pytest.approx(numbers(alone), abs=1e-3)


def test_what_is_remembered_has_the_fused_feeling_and_no_image(orchestra: Orchestra, seeing: Settings) -> None:
    alice, shown = orchestra.agent("alice"), picture(5, (64, 64))
    orchestra.remember(alice, [Utterance("look!", image=shown), Utterance("look!"), Utterance(PLAIN)], "op")
    both, alone, _ = orchestra.memories(alice)
    (percept,) = make_perceiver(seeing).perceive(["look!"], images=[shown])
    assert np.asarray(both.pad) == pytest.approx(np.asarray(percept.pad), abs=1e-5)
    assert both.confidence == pytest.approx(percept.confidence, abs=1e-5)
    assert np.array_equal(both.embedding, alone.embedding)
    assert both.pad != alone.pad
    orchestra.reopen()
    assert orchestra.memories(alice)[0] == both, "what is folded again is what was live"
    kept = [path.read_bytes() for path in Path(orchestra.settings.storage).rglob("*") if path.is_file()]
    assert any(b"look!" in data for data in kept)
    assert not any(shown[100:200] in data for data in kept)


def test_an_embedding_that_is_brought_leaves_the_feeling_to_text_and_image(orchestra: Orchestra) -> None:
    alice, own = orchestra.agent("alice"), np.eye(384, dtype=np.float32)[0]
    orchestra.remember(
        alice, [Utterance("look!", image=picture(5)), Utterance("look!", image=picture(5), embedding=own)], "op"
    )
    read, brought = orchestra.memories(alice)
    assert brought.pad == read.pad
    assert np.array_equal(brought.embedding, own)


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (b"no image", InvalidValue, "a whole image file"),
        (picture(0)[:60], InvalidValue, "a whole image file"),
        (b"\0" * 20_001, TooLong, "image: 20001 bytes, the limit is 20000"),
        (picture(0, (1200, 5)), InvalidValue, "no side over 100 times the other"),
    ],
    ids=["text", "torn", "large", "thin"],
)
def test_what_cannot_be_seen_is_refused_before_anything_is_written(
    orchestra: Orchestra, image: bytes, error: type[Exception], message: str
) -> None:
    alice = orchestra.agent("alice")
    with pytest.raises(error, match=message):
        orchestra.remember(alice, [Utterance(PLAIN), Utterance("look!", image=image)], "op")
    assert orchestra.memories(alice) == []
    orchestra.remember(alice, [Utterance("look!", image=picture(1))], "next")
    assert len(orchestra.memories(alice)) == 1


def test_images_of_one_call_have_a_limit_together(tmp_path: Path, models: Path) -> None:
    limits = {"batch_image_bytes": 2 * len(picture(1)) - 1}
    one = Orchestra(tmp_path, perception=perception(models), limits=limits)
    try:
        alice = one.agent("alice")
        with pytest.raises(TooLong, match=r"images: .* bytes together"):
            one.remember(alice, [Utterance("look!", image=picture(1)), Utterance("there!", image=picture(1))], "op")
        assert one.memories(alice) == []
    finally:
        one.close()


def test_a_user_shows_an_image_by_a_field_or_an_utterance(tmp_path: Path, models: Path) -> None:
    front = Front(tmp_path / "vault", perception=perception(models))
    try:
        alice = front.agent()
        alice.remember("look!", image=picture(5))
        alice.remember(Utterance("look!", image=picture(5)))
        alice.remember("look!")
        field, utterance, none = alice.memories()
        assert field.pad == utterance.pad != none.pad
        again = [alice.revise(one.id, text="look here!").pad for one in (field, none)]
        assert again[0] == again[1], "the image is gone, so what is read anew is the text alone"
    finally:
        front.close()


def test_where_nothing_reads_images_one_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    front = Front(tmp_path)
    try:
        alice = front.agent()
        with pytest.raises(
            InvalidValue, match=r"image: expected none, because perception\.image\.model names no model"
        ):
            alice.remember([Utterance(PLAIN), Utterance("look!", image=picture())])
        assert alice.memories() == []
    finally:
        front.close()


@pytest.mark.parametrize("image", ["photo.png", Path("photo.png"), b"", bytearray(b"x"), 7])
def test_an_utterance_takes_the_bytes_of_an_image_alone(image: Any) -> None:
    with pytest.raises(InvalidValue, match="image: expected the bytes of an image file"):
        Utterance("look!", image=image)
    with pytest.raises(InvalidValue, match=r"image: .*a given pad is not read from an image"):
        Utterance("look!", image=picture(), pad=PAD(0.0, 0.0, 0.0))
    assert "PNG" not in repr(Utterance("look!", image=picture()))


def test_a_head_reads_images_where_one_is_named(tmp_path: Path, models: Path) -> None:
    """The file is made by hand: what it says of any image is what it was given."""
    backbone = Backbone(Source(str(models / "faces")))
    features = backbone.features([picture(1)]).shape[1]
    zeros = torch.zeros
    said = zeros(1, 6)
    said[:, :3] = torch.tensor([0.5, -0.25, 0.125])
    head = PadHead(
        layers=1,
        width=features,
        encoder=backbone.fingerprint,
        shift=zeros(features),
        scale=zeros(features) + 1,
        hidden=zeros(features, 2),
        hidden_bias=zeros(2),
        out=zeros(1, 2, 6),
        out_bias=said,
        calibration=replace(Calibration.none(), sigma_scale=zeros(3) + 0.1),
    )
    save(head, tmp_path / "head.safetensors")
    image = {"model": str(models / "faces"), "head": str(tmp_path / "head.safetensors")}
    reader = image_reader(load({"perception": {"image": image, "device": "cpu"}}))
    assert isinstance(reader, ImageHeadReader)
    (feeling,) = reader.read([picture(2)])
    assert np.asarray(feeling.pad).tolist() == [0.5, -0.25, 0.125]
    assert feeling.spread == pytest.approx([0.1] * 3)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"reader": "classifier"}, "perception: .*needs classifier.model"),
        ({"reader": "oracle"}, "perception.reader: .*'oracle'"),
        ({"model": "hashing", "image": {"model": "m"}}, "perception: .*hashing reads no feelings"),
        ({"image": {"head": "h"}}, "perception: .*image.head needs image.model"),
        ({"classifier": {"quantization": "2bit"}}, "perception.classifier.quantization: .*'2bit'"),
        ({"classifier": {"scale": [1, 1]}}, "perception.classifier.scale: .*lower and a higher"),
        ({"classifier": {"labels": {"x": [1, 2]}}}, "perception.classifier.labels"),
        ({"image": {"window": 7}}, "perception.image.window: unknown key"),
    ],
)
def test_settings_that_name_no_reader_are_refused(tree: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSettings, match=message):
        load({"perception": tree})


def test_a_model_that_is_not_there_is_told_to_whoever_asks(tmp_path: Path) -> None:
    chosen = {"reader": "classifier", "classifier": {"model": str(tmp_path / "nowhere")}}
    one = Orchestra(tmp_path / "vault", perception={"device": "cpu", **chosen})
    try:
        alice = one.agent("alice")
        with pytest.raises(MissingModel, match="no such folder"):
            one.remember(alice, PLAIN, "op")
        assert one.memories(alice) == []
    finally:
        one.close()


def found(tmp_path: Path, chosen: dict[str, Any]) -> dict[str, doctor.Finding]:
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"perception": {"device": "cpu", **chosen}, "storage": str(tmp_path / "vault")}))
    return {one.name: one for one in doctor.examine(config)}


def test_the_doctor_tells_who_reads_feelings(tmp_path: Path, models: Path) -> None:
    told = found(tmp_path, {})
    assert told["feelings of texts"].value == "head on the perception model"
    assert told["feelings of images"].value == "off: images are refused"
    both = {"reader": "classifier", "classifier": {"model": str(models / "roberta")}}
    told = found(tmp_path, both | {"image": {"model": str(models / "faces")}})
    where = models / "roberta"
    assert told["feelings of texts"].value == f"roberta {where} in {where}, 6 outputs as single, float32 on cpu"
    assert told["feelings of images"].value.startswith(f"vit {models / 'faces'} in ")
    assert told["feelings of images"].fine


def test_the_doctor_names_what_cannot_be_read(tmp_path: Path, models: Path) -> None:
    bad = tiny_models.classifier(tmp_path / "m", "bert", ("LABEL_0", "LABEL_1"))
    told = found(tmp_path, {"reader": "classifier", "classifier": {"model": str(bad)}})["feelings of texts"]
    assert not told.fine
    assert "'LABEL_0', 'LABEL_1'" in told.value
    assert "perception.classifier" in told.advice
    many = {"model": str(models / "roberta"), "quantization": "4bit"}
    told = found(tmp_path, {"reader": "classifier", "classifier": many})["feelings of texts"]
    assert not told.fine
    assert "it needs CUDA" in told.value
    gone = {"model": str(models / "faces"), "head": str(tmp_path / "no.safetensors")}
    told = found(tmp_path, {"image": gone})["feelings of images"]
    assert not told.fine
    assert "train_image_head.py" in told.value
    with pytest.raises(UnknownLabels):
        text_reader(load({"perception": {"reader": "classifier", "classifier": {"model": str(bad)}}}).perception)
