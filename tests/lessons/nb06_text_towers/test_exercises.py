"""The references of notebook 06: equal to the library, and what they promise."""

import pytest
import torch

from clip_tutor import zoo
from clip_tutor.lessons.nb06_text_towers.exercises.leaking import leaks
from clip_tutor.lessons.nb06_text_towers.exercises.masking import causal_mask
from clip_tutor.lessons.nb06_text_towers.exercises.reach import reach
from clip_tutor.lessons.nb06_text_towers.exercises.reading import END, captions, read_at_end
from clip_tutor.lessons.nb06_text_towers.exercises.tower import MyTextTower
from clip_tutor.towers import TextConfig, TextTower
from clip_tutor.towers import attention as library

SHAPE = TextConfig(END + 1, 12, 16, layers=2, heads=2, activation="gelu")


@pytest.fixture(scope="module")
def towers() -> tuple[TextTower, MyTextTower]:
    """The library's tower and the reference, with the same weights."""
    torch.manual_seed(0)
    theirs = TextTower(SHAPE, 8).requires_grad_(False)
    blocks = [library.Block(16, 2, "gelu") for _ in range(2)]
    mine = MyTextTower(SHAPE.vocab_size, SHAPE.context_length, 16, blocks, 8, END).requires_grad_(False)
    mine.load_state_dict(theirs.state_dict())
    return theirs, mine


def test_the_mask_is_the_librarys():
    assert torch.equal(causal_mask(6), library.causal_mask(6))


@pytest.mark.parametrize("padding", [0, END])
def test_the_tower_gives_the_librarys_features(towers: tuple[TextTower, MyTextTower], padding: int):
    theirs, mine = towers
    ids = captions((3, 8, 1), 12, 0, padding)
    torch.testing.assert_close(mine(ids), theirs(ids), rtol=0, atol=1e-5)
    torch.testing.assert_close(mine(ids[:, :10]), theirs(ids), rtol=0, atol=1e-5)


def test_a_caption_without_an_end_token_is_refused():
    with pytest.raises(ValueError, match="no end token 99"):
        read_at_end(torch.zeros(1, 3, 2), torch.tensor([[98, 4, 5]]), END)


def test_a_causal_tower_does_not_leak_and_one_that_sees_everything_does(towers: tuple[TextTower, MyTextTower]):
    theirs, mine = towers
    ids = captions((3, 8, 1), 12, 0)
    assert not leaks(theirs, ids, END) and not leaks(mine, ids, END)
    everything = torch.zeros(12, 12)
    assert leaks(lambda some: mine.token_states(some, everything)[:, 2], ids, END)


def test_gradients_find_the_causal_mask_behind_a_layer_norm(towers: tuple[TextTower, MyTextTower]):
    _, mine = towers

    def blocks(x):
        for block in mine.blocks:
            x = block(x, causal_mask(x.shape[1]))
        return mine.ln_final(x)

    assert torch.equal(reach(blocks, torch.randn(7, 16)), torch.ones(7, 7, dtype=torch.bool).tril())


def test_siglips_context_is_64_and_once_16():
    lengths = {name: zoo.config(name).text.context_length for name in zoo.list_models() if name.startswith("SigLIP-")}
    assert {name for name, length in lengths.items() if length != 64} == {"SigLIP-SO400M/14-224"}
    assert lengths["SigLIP-SO400M/14-224"] == 16
