"""Predict first: questions with empty controls, and at the end the truth beside what was said.

Running all cells records nothing.

guess = lab.predict(blind="What is the loss of blind guessing among 64?", ...)      a box for a number or words
guess = lab.predict(order=("Does the order matter?", ["yes", "no"]), ...)           buttons, none of them pressed
guess.reveal(blind=math.log(64), order="no")                                        said beside what is so
"""

from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets
from IPython.display import HTML

Question = str | tuple[str, Sequence[str]]
NOTHING_SAID = "–"


class Prediction(ipywidgets.VBox):
    """Questions one below the other; `.said` is what was answered by now, by name."""

    def __init__(self, questions: dict[str, Question]) -> None:
        self.questions = {name: given if isinstance(given, str) else given[0] for name, given in questions.items()}
        self.controls = {name: _control(given) for name, given in questions.items()}
        rows = []
        for number, (name, text) in enumerate(self.questions.items(), 1):
            label = ipywidgets.HTMLMath(f"{number}. {text}")
            rows.append(ipywidgets.VBox([label, self.controls[name]], layout={"margin": "0 0 10px 0"}))
        super().__init__(rows)
        self.add_class("predict")

    @property
    def said(self) -> dict[str, str | None]:
        """What was answered, None where nothing was."""
        return {name: control.value or None for name, control in self.controls.items()}

    def reveal(self, **truths: Any) -> HTML:
        """Return a table: each question, what was said, and what is so.

        Args:
            truths: for each question by its name; a float is shown with three digits.

        Raises:
            TypeError: a question is missing, or there is no such question.
        """
        if truths.keys() != self.questions.keys():
            raise TypeError(f"the questions are {', '.join(self.questions)}; answers came for {', '.join(truths)}")
        said = self.said
        rows = "".join(
            f"<tr><td style='text-align:left'>{text}</td><td>{escape(said[name] or NOTHING_SAID)}</td>"
            f"<td><b>{_shown(truths[name])}</b></td></tr>"
            for name, text in self.questions.items()
        )
        head = "<tr><th style='text-align:left'>Question</th><th>You said</th><th>It is</th></tr>"
        return HTML(f"<table class='predicted'>{head}{rows}</table>")


def predict(**questions: Question) -> Prediction:
    """Return the questions as a widget without an answer.

    Args:
        questions: by name, a question that is answered in words or a number, or a question and its choices.

    >>> predict(order=("Does the order of patches matter?", ["yes", "no"])).said
    {'order': None}
    """
    return Prediction(questions)


def _control(question: Question) -> ipywidgets.Widget:
    if isinstance(question, str):
        return ipywidgets.Text(placeholder="your guess", layout={"width": "220px"})
    return ipywidgets.ToggleButtons(options=list(question[1]), value=None, style={"button_width": "initial"})


def _shown(truth: Any) -> str:
    return f"{truth:.3g}" if isinstance(truth, float) else escape(str(truth))
