"""The references of notebook 23 are the library's; every known mistake is told as what it is."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from clip_tutor.evaluation.dense import mean_iou as library_iou
from clip_tutor.images.naflex import native_size as library_size
from clip_tutor.lab import check
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


def refusal(exercise_id, answer) -> str:
    with pytest.raises(ExerciseError) as caught:
        check(exercise_id, answer)
    return str(caught.value)


def test_a_teacher_has_one_part_and_it_is_called_model():
    class Named(Teacher):
        def __init__(self, student, momentum):
            nn.Module.__init__(self)
            self.momentum, self.copy = momentum, copy.deepcopy(student).requires_grad_(False)

    class InAList(Named):
        def __init__(self, student, momentum):
            nn.Module.__init__(self)
            self.momentum, self.model = momentum, [copy.deepcopy(student)]

    assert "the teacher's parts are: copy" in refusal("23.1", Named)
    assert "the teacher's parts are: none" in refusal("23.1", InAList)


def test_a_teacher_leaves_its_student_in_training_mode():
    class Quiet(Teacher):
        def __init__(self, student, momentum):
            super().__init__(student.eval(), momentum)

    assert "no longer in training mode" in refusal("23.1", Quiet)


def test_a_center_is_a_buffer_with_a_number_for_each_prototype():
    class Set(Centering):
        def __init__(self, prototypes, momentum, temperature):
            nn.Module.__init__(self)
            self.momentum, self.temperature, self.center = momentum, temperature, self.first(prototypes)

        def first(self, prototypes):
            return torch.zeros(prototypes)

    class Trained(Set):
        def first(self, prototypes):
            return nn.Parameter(torch.zeros(prototypes))

    class Row(Centering):
        def move(self, logits):
            super().move(logits)
            self.center = self.center[None]

    assert "buffers: none; parameters: none" in refusal("23.2", Set)
    assert "buffers: none; parameters: center (4,)" in refusal("23.2", Trained)
    assert "the center is a tensor of shape (1, 4)" in refusal("23.2", Row)


def test_a_result_of_another_kind_is_told_as_such():
    def answers(change):
        class Changed(Centering):
            def forward(self, logits):
                return change(super().forward(logits))

        return Changed

    assert "returned nothing" in refusal("23.2", answers(lambda found: None))
    assert "of type list" in refusal("23.2", answers(lambda found: found.tolist()))
    assert "of torch.float64" in refusal("23.2", answers(lambda found: found.double()))
    assert "of type float" in refusal("23.3", lambda *case: masked_loss(*case).item())
    assert "of torch.float64" in refusal("23.3", lambda *case: masked_loss(*case).double())
    assert "of type Tensor" in refusal("23.5", lambda *case: torch.tensor(mean_iou(*case)))


def test_an_answer_that_is_right_but_for_sharpness_is_told_by_a_row_that_differs():
    class OneHot(Centering):
        def forward(self, logits):
            return nn.functional.one_hot(super().forward(logits).argmax(dim=1), logits.shape[1]).float()

    seen, expected = (line.split("(")[1].split(")")[0] for line in refusal("23.2", OneHot).split("\n")[1:3])
    assert seen != expected


def test_a_search_must_reach_both_ends_and_be_fine():
    def searched(low, high, gap):
        def size(height, width, patch_size, max_patches):
            fits, too_large = low, high
            while too_large - fits >= gap:
                middle = (fits + too_large) / 2
                down, across = -(-height * middle // patch_size), -(-width * middle // patch_size)
                fits, too_large = (middle, too_large) if down * across <= max_patches else (fits, middle)
            return tuple(int(-(-side * fits // patch_size)) * patch_size for side in (height, width))

        return size

    assert check("23.4", searched(1e-6, 100.0, 1e-5)) and check("23.4", searched(0.0, 100.0, 1e-9))
    assert all("rise to 100" in refusal("23.4", searched(1e-6, high, 1e-5)) for high in (10.0, 1000.0))
    assert all("to within" in refusal("23.4", searched(*ends)) for ends in ((0.1, 100.0, 1e-5), (1e-6, 100.0, 1e-4)))


def test_numbers_of_numpys_are_numbers():
    assert check("23.4", lambda *case: tuple(map(np.int64, native_size(*case))))
    assert check("23.5", lambda *case: np.float64(mean_iou(*case)))
