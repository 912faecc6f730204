"""Labels of models as feelings: published label sets are known, strange ones are refused by name, callers go first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, OutOfRange, UnknownLabels
from quantum_memory.memory.affect.emotions import EMOTIONS, WIDTH
from quantum_memory.memory.affect.labels import POLARITIES, WORDS, Told, meaning_of, meanings, plain
from quantum_memory.types import NEUTRAL, PAD


def words(text: str) -> list[str]:
    return text.split()


GO_EMOTIONS = words("""admiration amusement anger annoyance approval caring confusion curiosity desire disappointment
    disapproval disgust embarrassment excitement fear gratitude grief joy love nervousness optimism pride realization
    relief remorse sadness surprise neutral""")
EMPATHETIC = words("""afraid angry annoyed anticipating anxious apprehensive ashamed caring confident content devastated
    disappointed disgusted embarrassed excited faithful furious grateful guilty hopeful impressed jealous joyful lonely
    nostalgic prepared proud sad sentimental surprised terrified trusting""")
SETS = {
    "GoEmotions": GO_EMOTIONS,
    "Ekman": ["anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"],
    "SST-2": ["NEGATIVE", "POSITIVE"],
    "TweetEval sentiment": ["negative", "neutral", "positive"],
    "TweetEval emotion": ["anger", "joy", "optimism", "sadness"],
    "SemEval-2018": words("anger anticipation disgust fear joy love optimism pessimism sadness surprise trust"),
    "stars": ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"],
    "five steps": ["Very Negative", "Negative", "Neutral", "Positive", "Very Positive"],
    "EmpatheticDialogues": EMPATHETIC,
    "CrowdFlower": words(
        "empty sadness enthusiasm neutral worry surprise love fun hate happiness boredom relief anger"
    ),
    "DailyDialog": ["no emotion", "anger", "disgust", "fear", "happiness", "sadness", "surprise"],
    "pysentimiento": ["NEG", "NEU", "POS", "others"],
    "IEMOCAP": ["neu", "hap", "ang", "sad", "fru", "exc"],
    "FER-2013": ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"],
    "AffectNet": ["Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Anger", "Contempt"],
    "Mikels": ["amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness"],
}
GLAD = set(words("admiration amusement approval caring excitement gratitude joy love optimism pride relief"))
SAD = set(words("anger annoyance disappointment disapproval disgust embarrassment fear grief nervousness"))
SAD |= {"remorse", "sadness", "confusion"}


@pytest.mark.parametrize("name", SETS)
def test_published_label_sets_are_known(name: str) -> None:
    assert len(meanings(SETS[name], {}, "m")) == len(SETS[name])


def test_what_go_emotions_calls_pleasant_is_pleasant() -> None:
    meant = dict(zip(GO_EMOTIONS, meanings(GO_EMOTIONS, {}, "m"), strict=True))
    assert all(meant[label].pad.pleasure > 0.1 for label in GLAD)
    assert all(meant[label].pad.pleasure < -0.1 for label in SAD)
    assert meant["neutral"].pad == NEUTRAL


def test_every_word_of_the_table_means_a_named_emotion() -> None:
    for word, names in WORDS.items():
        assert plain(word) == word, "else nobody finds it"
        assert any(name in EMOTIONS for name in names), word
        assert meaning_of(word) is not None


def test_a_named_emotion_is_itself_whatever_the_table_of_words_says() -> None:
    for name, pad in EMOTIONS.items():
        assert meaning_of(name) == (pad, (WIDTH, WIDTH, WIDTH))


@pytest.mark.parametrize(
    "written", ["anger", "Anger", "ANGER", " anger ", "anger_", "angers", "Anger 😠", "Ａｎｇｅｒ"]
)
def test_case_signs_and_plural_do_not_matter(written: str) -> None:
    assert meaning_of(written) == meaning_of("anger")


def test_a_polarity_tells_of_pleasure_alone() -> None:
    good, bad = meaning_of("positive"), meaning_of("negative")
    assert good is not None
    assert bad is not None
    pleasures = np.array([pad.pleasure for pad in EMOTIONS.values()])
    assert good.pad == PAD(float(pleasures[pleasures > 0].mean()), 0.0, 0.0)
    assert bad.pad == PAD(float(pleasures[pleasures < 0].mean()), 0.0, 0.0)
    assert min(good.spread[1:]) > WIDTH, "arousal and dominance are not known"


def test_stars_and_steps_rise() -> None:
    for name in ("stars", "five steps"):
        pleasures = [one.pad.pleasure for one in meanings(SETS[name], {}, "m")]
        assert pleasures == sorted(pleasures)
        assert len(set(pleasures)) == 5
        assert pleasures[2] == 0.0


def test_callers_go_first() -> None:
    told: dict[str, Told] = {"LABEL_0": "grief", "label 1": [0.1, 0.2, 0.3], "joy": "anger", "LABEL_2": "positive"}
    meant = meanings(["LABEL_0", "LABEL_1", "joy", "LABEL_2"], told, "m")
    assert meant[0] == meaning_of("grief")
    assert meant[1].pad == PAD(0.1, 0.2, 0.3)
    assert meant[2].pad == EMOTIONS["anger"]
    assert meant[3] == meaning_of("positive")


def test_what_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(
        UnknownLabels, match=r"org/m: .*'LABEL_0', 'LABEL_1'.* in perception.classifier.labels"
    ) as caught:
        meanings(["LABEL_0", "joy", "LABEL_1"], {}, "org/m", "perception.classifier.labels")
    assert caught.value.labels == ("LABEL_0", "LABEL_1")
    with pytest.raises(InvalidValue, match="'label 7'"):
        meanings(["joy"], {"LABEL_7": "joy"}, "m")
    with pytest.raises(InvalidValue, match="'joyfulnesses'"):
        meanings(["x"], {"x": "joyfulnesses"}, "m")
    with pytest.raises(InvalidValue, match="pleasure, arousal, dominance"):
        meanings(["x"], {"x": [0.1, 0.2]}, "m")
    with pytest.raises(OutOfRange, match="dominance"):
        meanings(["x"], {"x": [0.1, 0.2, 3.0]}, "m")


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_label_is_known_or_not_and_plain_twice_is_plain(label: str) -> None:
    assert plain(plain(label)) == plain(label)
    meaning = meaning_of(label)
    assert meaning is None or min(meaning.spread) > 0


def test_polarities_are_written_as_they_are_looked_up() -> None:
    assert all(plain(word) == word for word in POLARITIES)
