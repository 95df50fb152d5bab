"""For every exercise: the stub falls back, the reference passes, and each known mistake is told as what it is."""

import re

import pytest
import torch

from clip_tutor.lab import check
from clip_tutor.lab.course.cells import solution_code, stub_code
from clip_tutor.lab.exercises import Exercise, all_exercises, find_exercise
from clip_tutor.lab.exercises.attempt import ExerciseError
from clip_tutor.lessons.nb08_training.exercises import optimizer
from clip_tutor.training.schedule import warmup_cosine

EXERCISES = all_exercises()


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIP_TUTOR_STRICT", "1")


@pytest.fixture(autouse=True)
def _not_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLIP_TUTOR_STRICT", raising=False)


def run_cell(code: str, exercise: Exercise):
    """Define a function as a notebook would, with the names that its exercise's file imports."""
    names = dict(vars(__import__(exercise.reference.__module__, fromlist=["_"])))
    exec(code, names)
    return names[exercise.reference.__name__]


def refusal(exercise: Exercise, function) -> ExerciseError | None:
    """What ``check`` says against a function, None if it takes it."""
    try:
        check(exercise.id, function)
    except ExerciseError as error:
        return error
    return None


def test_the_ids_are_unique_and_in_order():
    ids = [exercise.id for exercise in EXERCISES]
    assert ids == sorted(set(ids), key=lambda one: tuple(map(int, one.split("."))))


def test_an_exercise_says_what_the_notebook_prints():
    found = []
    for one in EXERCISES:
        found += [] if re.fullmatch(r"\d\d\.[1-9]\d?", one.id) else [f"{one.id}: an id is 08.1"]
        found += [] if one.difficulty in (1, 2, 3) else [f"{one.id}: a difficulty is 1, 2 or 3"]
        found += [] if one.minutes > 0 else [f"{one.id}: how many minutes?"]
        found += [] if len(one.hints) >= 2 else [f"{one.id}: two hints at least"]
        found += [] if one.reference.__doc__ else [f"{one.id}: the reference has no docstring"]
    assert found == []


def test_the_untouched_stub_gives_the_reference(capsys: pytest.CaptureFixture):
    found = []
    for one in EXERCISES:
        given = check(one.id, run_cell(stub_code(one), one))
        if given is not one.reference or "not attempted" not in capsys.readouterr().out:
            found.append(one.id)
    assert found == []


def test_the_stub_fails_in_strict_mode(strict: None):
    said = {one.id: str(refusal(one, run_cell(stub_code(one), one))) for one in EXERCISES}
    assert {name: text for name, text in said.items() if "not attempted" not in text} == {}


def test_the_reference_passes_in_strict_mode(strict: None):
    refused = {one.id: refusal(one, one.reference) for one in EXERCISES}
    assert {name: str(error) for name, error in refused.items() if error} == {}


def test_the_folded_solution_passes_as_the_readers_own(capsys: pytest.CaptureFixture):
    found = []
    for one in EXERCISES:
        solution = run_cell(solution_code(one), one)
        if check(one.id, solution) is not solution or "right. Verified" not in capsys.readouterr().out:
            found.append(one.id)
    assert found == []


@pytest.mark.slow
def test_each_known_mistake_is_told_as_what_it_is():
    found = []
    for one in EXERCISES:
        if len({mutant.think for mutant in one.mutants}) < max(3, len(one.mutants)):
            found.append(f"{one.id}: three known mistakes at least, each with its own thought")
        for mutant in one.mutants:
            error = refusal(one, mutant.function)
            if error is None or error.think != mutant.think or not (error.seen and error.expected):
                found.append(f"{one.id}, {mutant.function.__name__}: {error or 'taken for right'}")
    assert found == []


def test_the_schedule_of_notebook_08_is_the_librarys():
    rates = [optimizer.warmup_cosine(step, 60, 7, 1e-3) for step in range(61)]
    assert rates == pytest.approx([warmup_cosine(step, 60, 7, 1e-3) for step in range(61)])


def test_the_fallback_run_through_the_check_again_is_still_no_attempt(capsys: pytest.CaptureFixture):
    reference = find_exercise("00.1").reference
    assert check("00.1", reference) is reference
    assert "not attempted" in capsys.readouterr().out


def test_an_error_in_the_readers_code_is_shown_with_its_line():
    def twin_scores(similarity):
        own = similarity[:, 0] @ similarity[:, 1]
        return own, own

    line = r"RuntimeError at your line \d+: own = similarity\[:, 0\] @ similarity\[:, 1\]"
    with pytest.raises(ExerciseError, match=line) as caught:
        check("00.1", twin_scores)
    assert "an answer for a tensor (1, 2, 2)" in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_not_implemented_error_of_someone_elses_is_an_error():
    def twin_scores(similarity):
        raise NotImplementedError("Could not run 'aten::flip' with arguments from the 'Meta' backend")

    with pytest.raises(ExerciseError, match="NotImplementedError at your line"):
        check("00.1", twin_scores)


def test_a_function_written_in_part_is_not_attempted_yet(capsys: pytest.CaptureFixture):
    def in_part(step, total_steps, warmup_steps, peak):
        if step < warmup_steps:
            return peak * (step + 1) / warmup_steps
        raise NotImplementedError("08.3")

    assert check("08.3", in_part) is optimizer.warmup_cosine
    assert "not attempted" in capsys.readouterr().out


def test_inputs_that_were_changed_are_noticed():
    def twin_scores(similarity):
        own = similarity.diagonal(dim1=1, dim2=2)
        own -= 0.01
        return own > 0, own > 0

    with pytest.raises(ExerciseError, match="changed the values that it was given"):
        check("00.1", twin_scores)


def test_a_list_that_was_changed_is_noticed():
    def build_row(ids, start_id, end_id, context_length):
        ids.insert(0, start_id)
        return ids

    with pytest.raises(ExerciseError, match="changed the values that it was given"):
        check("02.4", build_row)


def test_a_missing_return_is_noticed():
    with pytest.raises(ExerciseError, match="is its `return` missing"):
        check("00.1", lambda similarity: None)


def test_a_result_in_place_of_the_function_is_noticed():
    with pytest.raises(ExerciseError, match="the function itself"):
        check("00.1", torch.zeros(3))  # type: ignore[arg-type]


def test_an_unknown_exercise_says_which_there_are():
    with pytest.raises(KeyError, match=r"this notebook has 08.1, 08.2, 08.3"):
        check("08.9", print)


def test_an_unknown_mistake_still_gets_what_was_seen_and_expected():
    with pytest.raises(ExerciseError) as caught:
        check("08.5", lambda similarity, k: 0.5)
    lines = str(caught.value).splitlines()
    assert lines[0] == "08.5 Recall at k: not right yet"
    assert lines[1].split() == ["seen", "recall@1", "is", "0.500", "where", "every", "caption", "likes", "its", "own",
                                "image", "best"]  # fmt: skip
    assert lines[2].split() == ["expected", "1.0"]
    assert caught.value._render_traceback_() == [str(caught.value)]
