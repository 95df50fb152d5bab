"""Exercise 21.5, one step of an automaton, is what the library does."""

import pytest
import torch
import torch.nn.functional as F

from clip_tutor.applications.guidance.automaton import FILTERS, Automaton, AutomatonConfig
from clip_tutor.lab.exercises.attempt import ExerciseError
from clip_tutor.lessons.nb21_guidance.automaton_exercises import STEP, automaton_step


def refusal(answer) -> ExerciseError:
    with pytest.raises(ExerciseError) as caught:
        STEP.check(STEP.attempt(answer))
    return caught.value


def test_the_step_is_the_librarys():
    torch.manual_seed(0)
    automaton = Automaton(AutomatonConfig(mortal=False)).requires_grad_(False)
    automaton.change.weight.normal_()
    grid = torch.rand(2, 12, 5, 6)
    mine = automaton_step(
        grid,
        automaton.filters,
        lambda seen: automaton.change(F.relu(automaton.hidden(seen))),
        automaton.config.update_rate,
        torch.Generator().manual_seed(3),
    )
    torch.testing.assert_close(mine, automaton.step(grid, torch.Generator().manual_seed(3)))


def test_a_step_that_draws_and_sees_in_another_way_is_taken():
    def answer(grid, filters, rule, update_rate, generator):
        B, C, H, W = grid.shape
        seen = torch.zeros(B, C, 4, H, W)
        for row in range(3):
            for column in range(3):
                neighbor = grid.roll((1 - row, 1 - column), (2, 3))
                seen += filters[:, row, column].view(4, 1, 1) * neighbor[:, :, None]
        turn = torch.bernoulli(torch.full((B, 1, H, W), update_rate), generator=generator)
        return torch.where(turn == 1, grid + rule(seen.flatten(1, 2)), grid)

    assert "residual" in STEP.check(STEP.attempt(answer))


def test_a_mistake_at_the_edge_alone_is_told_as_one():
    def answer(grid, filters, rule, update_rate, generator):
        after = automaton_step(grid, filters, rule, update_rate, generator)
        after[..., 0] = grid[..., 0]
        return after

    refused = refusal(answer)
    assert "0 of them inside" in refused.seen and "edge" in refused.think


@pytest.mark.parametrize(
    "answer",
    [
        lambda grid, filters, rule, *chance: automaton_step(grid.detach(), filters, rule, *chance),
        lambda grid, filters, rule, *chance: automaton_step(grid, filters, lambda x: rule(x.detach()), *chance),
        lambda grid, filters, rule, *chance: automaton_step(grid, filters, lambda x: rule(x).detach(), *chance),
    ],
)
def test_a_step_that_cuts_the_way_back_is_refused(answer):
    refused = refusal(answer)
    assert "the gradient does not reach the grid" in refused.seen and "`detach`" in refused.think


def test_a_step_that_sees_through_other_filters_than_it_was_given_is_refused():
    refused = refusal(lambda grid, filters, *given: automaton_step(grid, torch.tensor(FILTERS), *given))
    assert "25 of 25 cells" in refused.seen
