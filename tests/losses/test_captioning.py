"""The decoder's loss: which tokens count, the mean of each kind of row, and what a parallel row shows."""

import pytest
import torch
import torch.nn.functional as F

from clip_tutor.losses.captioning import IGNORED, captioning_losses, next_token_targets, predict_in_parallel

END, MASK = 9, 99
# <caption> 1 2 end, and <referring> 1 2 with a box of two numbers, for brevity
IDS = torch.tensor([[[20, 1, 2, END, END, END], [21, 1, 2, 11, 12, END]]])
GIVEN = torch.tensor([[1, 3]])


def test_only_what_is_asked_for_is_a_target():
    inputs, targets = next_token_targets(IDS, GIVEN, END)
    assert torch.equal(inputs, IDS[:, :, :-1])
    no = IGNORED
    assert targets.tolist() == [[[1, 2, END, no, no], [no, no, 11, 12, END]]]


def test_each_kind_of_row_has_its_own_mean():
    torch.manual_seed(0)
    ids, given = IDS.repeat(3, 1, 1), GIVEN.repeat(3, 1)
    ids[1, 0, 2] = END  # a shorter caption
    _, targets = next_token_targets(ids, given, END)
    logits = torch.randn(3, 2, 5, 30)
    losses = captioning_losses(logits, targets)
    for kind in range(2):
        expected = F.cross_entropy(logits[:, kind].flatten(0, 1), targets[:, kind].flatten())
        torch.testing.assert_close(losses[kind], expected)


def test_what_is_not_asked_for_gets_no_gradient():
    _, targets = next_token_targets(IDS, GIVEN, END)
    logits = torch.randn(1, 2, 5, 30, requires_grad=True)
    captioning_losses(logits, targets).sum().backward()
    learned = logits.grad.abs().sum(dim=-1) > 0
    assert torch.equal(learned, targets != IGNORED)


def test_a_parallel_row_shows_its_task_and_masks():
    inputs, _ = next_token_targets(IDS, GIVEN, END)
    hidden, visible = predict_in_parallel(inputs, torch.tensor([[True, False]]), MASK)
    assert hidden[0, 0].tolist() == [20, MASK, MASK, MASK, MASK]
    assert torch.equal(hidden[0, 1], inputs[0, 1])
    assert visible[0, 0].all()
    assert torch.equal(visible[0, 1], torch.ones(5, 5, dtype=torch.bool).tril())


def test_what_does_not_belong_together_is_refused():
    _, targets = next_token_targets(IDS, GIVEN, END)
    with pytest.raises(ValueError, match=r"\(1, 2, 6, 30\) for targets of shape \(1, 2, 5\)"):
        captioning_losses(torch.randn(1, 2, 6, 30), targets)
    targets[:, 1] = IGNORED
    with pytest.raises(ValueError, match="a kind of row asks for no token at all"):
        captioning_losses(torch.randn(1, 2, 5, 30), targets)
