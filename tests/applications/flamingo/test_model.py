"""Two frozen models and a gate between them: nothing happens at first, and only what is new learns."""

import pytest
import torch

from clip_tutor.applications.flamingo import flamingo_loss
from clip_tutor.applications.flamingo.loss import IGNORED, answer_targets
from tests.applications.flamingo.conftest import END, IMAGE, SMALL, WIDE, N, V

IDS = torch.tensor([[5, 6, IMAGE, 7, 8, END, IMAGE, 9, END], [IMAGE, 5, END, IMAGE, 7, 8, 9, END, END]])
AHEAD = 2  # tokens of row 0 that stand ahead of any image


def features(seed: int = 1) -> torch.Tensor:
    return torch.randn(2, 2, N, WIDE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("attend", ["preceding", "all"])
@torch.no_grad()
def test_at_the_start_it_is_the_language_model_to_the_last_bit(make_flamingo, attend):
    flamingo = make_flamingo(attend=attend)
    expected = flamingo.language_model(flamingo.embed(IDS))
    assert expected.std() > 0.1
    assert torch.equal(flamingo(features(), IDS), expected)
    words = torch.tensor([[5, 6, 7]])
    without_images = flamingo(torch.empty(1, 0, N, WIDE), words)
    assert torch.equal(without_images, flamingo.language_model.logits(words))
    assert flamingo.gates().tolist() == [[0, 0], [0, 0]]


@torch.no_grad()
def test_text_ahead_of_any_image_keeps_the_language_models_logits(make_flamingo):
    """However far attention's gates are open. The MLP's gate lets text pass whether there is an image or not."""
    flamingo = make_flamingo(gates=0.8)
    for block in flamingo.gated:
        block.mlp_gate.zero_()
    found, expected = flamingo(features(), IDS), flamingo.language_model(flamingo.embed(IDS))
    assert torch.equal(found[0, :AHEAD], expected[0, :AHEAD])
    assert (found - expected).abs().amax(dim=-1)[0, AHEAD:].gt(1e-4).all()


@pytest.mark.parametrize(("attend", "changed"), [("preceding", [0, 1, 2]), ("all", range(9))])
@torch.no_grad()
def test_an_image_reaches_the_tokens_behind_its_mark(make_flamingo, attend, changed):
    """Of the second row, with one gated block above all attention between tokens: what each token sees by itself."""
    flamingo = make_flamingo(layers=1, gates=0.8, attend=attend)
    model = flamingo.language_model
    model.blocks[0].attention.out.weight.zero_()
    before, other = features(), features()
    other[:, 0] = features(seed=2)[:, 0]
    differs = (flamingo(before, IDS) - flamingo(other, IDS)).abs().amax(dim=-1).gt(1e-6)
    assert differs[1].nonzero()[:, 0].tolist() == list(changed)
    other[:, 0], other[:, 1] = before[:, 0], features(seed=2)[:, 1]
    differs = (flamingo(before, IDS) - flamingo(other, IDS)).abs().amax(dim=-1).gt(1e-6)
    assert differs.nonzero().tolist() == [[0, t] for t in (6, 7, 8)] + [[1, t] for t in range(3, 9)]


def test_only_what_is_new_learns(make_flamingo):
    flamingo = make_flamingo(gates=0.5).train()
    assert flamingo.training and not flamingo.language_model.training
    flamingo_loss(flamingo(features(), IDS), IDS, IMAGE, END).backward()
    assert all(p.grad is None and not p.requires_grad for p in flamingo.language_model.parameters())
    learning = {id(p) for p in flamingo.trained_parameters()}
    names = {name for name, p in flamingo.named_parameters() if id(p) in learning}
    assert {name.split(".")[0] for name in names} == {"resampler", "gated", "image_mark"}
    assert all(p.grad.abs().max() > 0 for p in flamingo.trained_parameters())


def test_the_gates_learn_first(make_flamingo):
    flamingo = make_flamingo()
    flamingo_loss(flamingo(features(), IDS), IDS, IMAGE, END).backward()
    moved = {name for name, p in flamingo.named_parameters() if p.requires_grad and p.grad.abs().max() > 0}
    assert moved == {f"gated.{n}.{gate}" for n in (0, 1) for gate in ("attention_gate", "mlp_gate")} | {"image_mark"}


@pytest.mark.parametrize(("every", "ahead_of"), [(1, [0, 1, 2, 3]), (2, [1, 3]), (3, [2]), (4, [3])])
@torch.no_grad()
def test_a_gated_block_stands_ahead_of_every_so_many_blocks(make_flamingo, every, ahead_of):
    """As in OpenFlamingo: with one for every four blocks, the first stands ahead of the fourth."""
    flamingo = make_flamingo(layers=4, gates=0.8, every=every)
    assert len(flamingo.gated) == len(ahead_of)
    order = []
    for block in flamingo.gated:
        block.register_forward_hook(lambda *_: order.append("gated"))
    for number, block in enumerate(flamingo.language_model.blocks):
        block.register_forward_hook(lambda *_, number=number: order.append(number))
    flamingo(features(), IDS)
    assert order == [step for n in range(4) for step in (["gated"] if n in ahead_of else []) + [n]]


@torch.no_grad()
def test_images_that_were_encoded_give_the_same_logits(make_flamingo):
    flamingo = make_flamingo(gates=0.8)
    images = flamingo.encode(features())
    assert images.shape == (2, 2, SMALL["latents"], WIDE)
    torch.testing.assert_close(flamingo.read(images, IDS), flamingo(features(), IDS))


@torch.no_grad()
def test_maps_say_where_each_token_looks(make_flamingo):
    flamingo = make_flamingo(gates=0.8)
    images = flamingo.encode(features())
    maps = flamingo.attention_maps(images, IDS)
    assert [tuple(found.shape) for found in maps] == [(2, 2, 9, 2, SMALL["latents"])] * 2
    by_image = maps[1].sum(dim=-1)[0]  # (K, T, images) of the first row
    expected = torch.tensor([[0, 0]] * AHEAD + [[1, 0]] * 4 + [[0, 1]] * 3).float().expand(2, -1, -1)
    torch.testing.assert_close(by_image, expected)
    assert not flamingo.gated[0].attention._forward_pre_hooks
    assert make_flamingo(gates=0.8).gates().flatten().tolist() == pytest.approx([torch.tensor(0.8).tanh().item()] * 4)


def test_no_later_token_is_seen(make_flamingo):
    flamingo = make_flamingo(gates=0.8)
    torch.testing.assert_close(
        flamingo(features()[:, :1], IDS[:1, :6].expand(2, -1)), flamingo(features(), IDS[:1].expand(2, -1))[:, :6]
    )


def test_the_mark_reads_a_vector_of_its_own_and_is_never_written(make_flamingo):
    flamingo = make_flamingo()
    assert flamingo.image_id == V and flamingo(features(), IDS).shape == (2, 9, V)
    embeddings = flamingo.embed(IDS)
    assert torch.equal(embeddings[0, 2], flamingo.image_mark) and torch.equal(embeddings[1, 0], flamingo.image_mark)
    words = IDS != IMAGE
    assert torch.equal(embeddings[words], flamingo.language_model.embed(IDS[words][None])[0])


def test_what_does_not_fit_is_refused(make_flamingo):
    flamingo = make_flamingo()
    with pytest.raises(ValueError, match="row 0 has 1 images and 2 image marks"):
        flamingo(features()[:, :1], IDS)
    with pytest.raises(ValueError, match=f"knows ids below {V}"):
        flamingo.embed(torch.tensor([[V + 1]]))
    for every in (0, 3):
        with pytest.raises(ValueError, match=f"ahead of every {every} blocks, and this language model has 2: choose"):
            make_flamingo(every=every)


def test_what_counts_stands_between_a_mark_and_an_end():
    """Ahead of the first image, marks, text between an end and the next mark, and padding do not count."""
    ids = torch.tensor(
        [
            [5, IMAGE, 6, 7, END, 8, IMAGE, 9, END, END, END],
            [END, IMAGE, 6, IMAGE, 7, END, IMAGE, END, 5, END, END],
            [5, 6, END, 7, 8, 9, 5, 6, 7, 8, 9],
        ]
    )
    kept = [
        {2: 6, 3: 7, 4: END, 7: 9, 8: END},
        {2: 6, 4: 7, 5: END, 7: END},
        {},
    ]
    found = answer_targets(ids, IMAGE, END).tolist()
    assert [{t: token for t, token in enumerate(row) if token != IGNORED} for row in found] == kept
    logits = torch.randn(3, 11, V).log_softmax(dim=-1)
    told = [logits[row, t - 1, token] for row, tokens in enumerate(kept) for t, token in tokens.items()]
    torch.testing.assert_close(flamingo_loss(logits, ids, IMAGE, END), -torch.stack(told).mean())
    with pytest.raises(ValueError, match="no token of these 1 rows answers an image: write the mark"):
        flamingo_loss(logits[2:], ids[2:], IMAGE, END)


@pytest.mark.slow
def test_a_toy_is_learned_from_images_alone(make_flamingo):
    """Which of four words is right, only the image says: without one, the loss could not fall below log(4) / 2."""
    flamingo = make_flamingo().train()
    flamingo.language_model.token_embedding.weight.data *= 5  # or the frozen head could not prefer any word
    optimizer = torch.optim.AdamW(flamingo.trained_parameters(), lr=1e-2)
    kinds = torch.randn(4, 1, N, WIDE)
    ids = torch.tensor([[IMAGE, word, END] for word in (5, 6, 7, 8)])
    losses = []
    for _ in range(30):
        loss = flamingo_loss(flamingo(kinds, ids), ids, IMAGE, END)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 2 and losses[-1] < 0.3
