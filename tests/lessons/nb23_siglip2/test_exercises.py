"""The references of notebook 23 are the library's; every known mistake is told as what it is."""

import pytest
import torch
from torch import nn

from clip_tutor.evaluation.dense import mean_iou as library_iou
from clip_tutor.images.naflex import native_size as library_size
from clip_tutor.lab.exercises.attempt import ExerciseError
from clip_tutor.lab.exercises.check import _known_mistake
from clip_tutor.lessons.nb23_siglip2.centering_exercise import Centering
from clip_tutor.lessons.nb23_siglip2.exercises import EXERCISES
from clip_tutor.lessons.nb23_siglip2.masked_exercise import masked_loss
from clip_tutor.lessons.nb23_siglip2.overlap_exercise import mean_iou
from clip_tutor.lessons.nb23_siglip2.search_exercise import native_size
from clip_tutor.lessons.nb23_siglip2.teacher_exercise import Teacher
from clip_tutor.losses.masked_prediction import masked_prediction_loss
from clip_tutor.losses.self_distillation import (
    CENTER_MOMENTUM,
    STUDENT_TEMPERATURE,
    TEACHER_TEMPERATURE,
    moved_center,
    teacher_answers,
)
from clip_tutor.training.ema import move_average


def test_the_teacher_follows_as_the_librarys():
    torch.manual_seed(0)
    student = nn.Linear(3, 2)
    mine, theirs = Teacher(student, 0.9), nn.Linear(3, 2)
    theirs.load_state_dict(student.state_dict())
    for _ in range(3):
        nn.init.normal_(student.weight)
        mine.follow(student)
        move_average(theirs, student, 0.9)
    torch.testing.assert_close(mine.model.weight, theirs.weight)


def test_answers_and_center_are_the_librarys():
    torch.manual_seed(0)
    mine, center = Centering(6, CENTER_MOMENTUM, TEACHER_TEMPERATURE), torch.zeros(6)
    for _ in range(3):
        logits = torch.randn(4, 6)
        torch.testing.assert_close(mine(logits), teacher_answers(logits, center))
        mine.move(logits)
        center = moved_center(center, logits)
    torch.testing.assert_close(mine.center, center)


def test_the_masked_loss_is_the_librarys():
    torch.manual_seed(0)
    student, teacher, masked, center = (
        torch.randn(2, 5, 4),
        torch.randn(2, 5, 4),
        torch.rand(2, 5) < 0.5,
        torch.randn(4),
    )
    mine = masked_loss(student, teacher_answers(teacher, center), masked, STUDENT_TEMPERATURE)
    torch.testing.assert_close(mine, masked_prediction_loss(student, teacher, masked, center))


def test_the_search_is_the_librarys():
    sizes = torch.randint(1, 3000, (300, 2), generator=torch.Generator().manual_seed(0)).tolist()
    assert [native_size(*size, 16, 256) for size in sizes] == [library_size(*size, 16, 256) for size in sizes]


def test_the_mean_iou_is_the_librarys():
    random = torch.Generator().manual_seed(0)
    predicted, truth = torch.randint(0, 4, (2, 3, 8, 8), generator=random)
    assert mean_iou(predicted, truth, 6) == pytest.approx(library_iou(predicted, truth, 6))


def test_each_reference_passes_and_each_known_mistake_is_told_as_what_it_is():
    found = []
    for one in EXERCISES:
        assert one.check(one.attempt(one.reference))
        for mutant in one.mutants:
            attempt = one.attempt(mutant.function)
            try:
                one.check(attempt)
                found.append(f"{one.id}: {mutant.think} is taken for right")
            except ExerciseError as error:
                told = _known_mistake(one, attempt) or error.think
                found += [] if told == mutant.think else [f"{one.id}: {mutant.think} is told as {told}: {error}"]
    assert found == []
