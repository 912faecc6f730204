"""Which questions ask for a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue
from quantum_memory.memory.temporal.asking import asks_when


@pytest.mark.parametrize(
    "question",
    [
        *("When did Melanie go camping in June?", "When is her birthday?", "when's the party", "When?", "Since when?"),
        *(
            "What date was the concert?",
            "Which month was John in Italy?",
            "In what year did he move?",
            "What day is it?",
        ),
        *("How long ago was Caroline's 18th birthday?", "How many weeks ago did we talk?", "What time does it open?"),
        *(
            "Do you remember when we met?",
            "Tell me when it starts.",
            "And when did it end?",
            "When Evan get back home?",
        ),
        *("When John was in Rome, when did he call?", "Since when has she worked there?"),
    ],
)
def test_questions_for_a_time(question: str) -> None:
    assert asks_when(question)


@pytest.mark.parametrize(
    "question",
    [
        *("", "What did she do last week?", "How long did it take?", "Where was Tim in May 2023?", "Who came?"),
        *("When John was in Rome, what did he eat?", "What did he say when he came?", "How many weeks passed?"),
        *("What did Sam take up in October 2023?", "How did Evan feel after the trip?", "whenever you like"),
    ],
)
def test_questions_for_something_else(question: str) -> None:
    assert not asks_when(question)


@given(st.text(max_size=200))
def test_any_text_has_an_answer(text: str) -> None:
    assert asks_when(text) in {True, False}


@pytest.mark.parametrize("piece", ["when ", "what ", "when's ", "how long ", "know ", "\n"])
def test_a_megabyte_has_an_answer(piece: str) -> None:
    assert asks_when(piece * (2**20 // len(piece))) in {True, False}


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidValue, match="question"):
        asks_when(7)  # type: ignore[arg-type]  # what is tested
