"""Predictions start empty, record what is said and nothing else, and are held against the truth."""

import pytest

from clip_tutor.lab import predict


@pytest.fixture
def guess():
    return predict(loss="What is the loss?", order=("Does the order matter?", ["yes", "no"]))


def test_running_the_cells_records_no_answer(guess):
    assert guess.said == {"loss": None, "order": None}
    assert guess.reveal(loss=4.1589, order="no").data.count("<td>–</td>") == 2


def test_the_answer_stands_beside_the_truth(guess):
    guess.controls["loss"].value = "about 5 < 6"
    guess.controls["order"].value = "yes"
    table = guess.reveal(loss=4.1589, order="no").data
    assert "<td>about 5 &lt; 6</td><td><b>4.16</b></td>" in table
    assert "<td>yes</td><td><b>no</b></td>" in table


def test_every_question_is_answered_in_the_end(guess):
    with pytest.raises(TypeError, match="the questions are loss, order; answers came for loss"):
        guess.reveal(loss=1.0)
