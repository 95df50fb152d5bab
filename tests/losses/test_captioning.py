"""The decoder's loss: which tokens count, their mean, and what a parallel row shows."""

import pytest
import torch
import torch.nn.functional as F

from clip_tutor.losses.captioning import IGNORED, captioning_loss, next_token_targets, predict_in_parallel

END, MASK = 9, 99
# A task and two words to say; a task with two words, and a box of two numbers to say.
IDS = torch.tensor([[20, 1, 2, END, END, END], [21, 1, 2, 11, 12, END]])
GIVEN = torch.tensor([1, 3])


def test_only_what_is_asked_for_is_a_target():
    inputs, targets = next_token_targets(IDS, GIVEN, END)
    assert torch.equal(inputs, IDS[:, :-1])
    no = IGNORED
    assert targets.tolist() == [[1, 2, END, no, no], [no, no, 11, 12, END]]


def test_the_loss_is_the_mean_of_what_is_asked_for():
    _, targets = next_token_targets(IDS, GIVEN, END)
    logits = torch.randn(2, 5, 30, generator=torch.Generator().manual_seed(0)).requires_grad_()
    asked = targets != IGNORED
    loss = captioning_loss(logits, targets)
    torch.testing.assert_close(loss, F.cross_entropy(logits[asked], targets[asked]))
    loss.backward()
    assert torch.equal(logits.grad.abs().sum(dim=-1) > 0, asked)


def test_a_parallel_row_shows_its_task_and_masks():
    inputs, _ = next_token_targets(IDS, GIVEN, END)
    hidden, visible = predict_in_parallel(inputs, torch.tensor([True, False]), MASK)
    assert hidden[0].tolist() == [20, MASK, MASK, MASK, MASK]
    assert torch.equal(hidden[1], inputs[1])
    assert visible[0].all()
    assert torch.equal(visible[1], torch.ones(5, 5, dtype=torch.bool).tril())


def test_what_does_not_belong_together_is_refused():
    _, targets = next_token_targets(IDS, GIVEN, END)
    with pytest.raises(ValueError, match=r"\(2, 6, 30\) for targets of shape \(2, 5\)"):
        captioning_loss(torch.randn(2, 6, 30), targets)
    with pytest.raises(ValueError, match="0 of which count"):
        captioning_loss(torch.randn(2, 5, 30), torch.full((2, 5), IGNORED))
