"""LAION's heads from files of the published form, and what is refused."""

from pathlib import Path

import pytest
import torch
from torch import nn

from clip_tutor.applications.aesthetics import FiveLayerHead, LinearHead, load_head
from tests.applications.aesthetics.test_heads import theirs


@pytest.mark.parametrize("E", [512, 768])
def test_a_file_of_the_first_version_is_read(tmp_path: Path, E: int):
    published, path = nn.Linear(E, 1), tmp_path / "sa_0_4_vit_linear.pth"
    torch.save(published.state_dict(), path)
    head = load_head(path)
    assert isinstance(head, LinearHead) and not head.training
    vectors = nn.functional.normalize(torch.randn(5, E), dim=1)
    torch.testing.assert_close(head.score(vectors), published(vectors)[:, 0].detach(), atol=1e-5, rtol=1e-5)


def test_a_file_of_the_second_version_is_read(tmp_path: Path):
    published, path = theirs(768).eval(), tmp_path / "sac+logos+ava1-l14-linearMSE.pth"
    torch.save({f"layers.{name}": tensor for name, tensor in published.state_dict().items()}, path)
    head = load_head(path)
    assert isinstance(head, FiveLayerHead) and not head.training
    vectors = nn.functional.normalize(torch.randn(5, 768), dim=1)
    torch.testing.assert_close(head.score(vectors), published(vectors)[:, 0].detach(), atol=1e-5, rtol=1e-5)


def test_a_head_with_relus_is_refused(tmp_path: Path):
    """Its five layers have the same shapes, and would be read as if nothing stood between them."""
    tensors = dict(zip((0, 3, 6, 9, 11), (m for m in theirs(768) if isinstance(m, nn.Linear)), strict=True))
    path = tmp_path / "ava+logos-l14-reluMSE.pth"
    torch.save({f"layers.{n}.{k}": t for n, layer in tensors.items() for k, t in layer.state_dict().items()}, path)
    with pytest.raises(ValueError, match=r"ReLUs between its layers.*linearMSE"):
        load_head(path)


def test_a_file_that_is_not_there_says_where_to_get_it(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"LAION-AI/aesthetic-predictor.*improved-aesthetic-predictor"):
        load_head(tmp_path / "sa_0_4_vit_l_14_linear.pth")


def test_other_tensors_are_refused(tmp_path: Path):
    torch.save({"visual.proj": torch.ones(2, 2)}, tmp_path / "clip.pt")
    with pytest.raises(ValueError, match=r"no aesthetic head; its tensors are visual.proj"):
        load_head(tmp_path / "clip.pt")
    torch.save({"weight": torch.ones(2, 8), "bias": torch.ones(2)}, tmp_path / "two.pt")
    with pytest.raises(ValueError, match=r"weight is \(2, 8\) instead of \(1, 8\)"):
        load_head(tmp_path / "two.pt")
