"""The prefix goes before the words, the loss looks one place to the left, and vectors are read alike in all places."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from clip_tutor.applications.captioning import (
    Captioner,
    CaptionerConfig,
    MLPMapper,
    MLPMapperConfig,
    TransformerMapperConfig,
    prefix_loss,
)
from clip_tutor.applications.captioning.training import packed_loss
from clip_tutor.applications.language_model import LanguageModel, LanguageModelConfig
from tests.applications.captioning.conftest import E, N

END = 3
IDS = torch.tensor([[7, 8, 9, END], [5, END, END, END]])


class Echo(nn.Module):
    """Instead of a captioner: logits that name, at each place, the token of the NEXT place, or of this one."""

    def __init__(self, shift: int) -> None:
        super().__init__()
        self.shift = shift

    def forward(self, image_features, token_ids):
        B, T = token_ids.shape
        named = torch.zeros(B, N + T, dtype=torch.long)
        named[:, N - self.shift : N - self.shift + T] = token_ids
        return 50.0 * F.one_hot(named, 12)


def test_each_place_predicts_the_token_after_it():
    """The classic mistake: ``logits[:, N:]`` would be content with a model that names what it is given."""
    vectors = torch.randn(2, E)
    assert prefix_loss(Echo(shift=1), vectors, IDS, END) < 1e-3, "the last place of the prefix says the first token"
    assert prefix_loss(Echo(shift=0), vectors, IDS, END) > 10, "a copy of the input is no prediction"


def test_the_loss_is_the_one_written_out(captioner: Captioner):
    vectors = torch.randn(2, E)
    logits = captioner(vectors, IDS).log_softmax(dim=-1)
    told = [(0, N - 1, 7), (0, N, 8), (0, N + 1, 9), (0, N + 2, END), (1, N - 1, 5), (1, N, END)]
    expected = -torch.stack([logits[place] for place in told]).mean()
    torch.testing.assert_close(prefix_loss(captioner, vectors, IDS, END), expected)


def test_padding_does_not_count(captioner: Captioner):
    vectors = torch.randn(2, E)
    more = torch.cat([IDS, torch.full((2, 5), END)], dim=1)
    torch.testing.assert_close(prefix_loss(captioner, vectors, more, END), prefix_loss(captioner, vectors, IDS, END))


def test_the_packed_loss_is_the_plain_one(captioner: Captioner):
    vectors = torch.randn(2, E)
    found = []
    for loss in (prefix_loss, packed_loss):
        captioner.zero_grad()
        value = loss(captioner, vectors, IDS, END)
        value.backward()
        found.append([value.detach(), *(parameter.grad.clone() for parameter in captioner.parameters())])
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)


def test_vectors_of_any_length_give_one_prefix_where_they_are_normalized(make_captioner: Callable[..., Captioner]):
    """In training and in use: both come through `prefix`."""
    vectors, train = torch.randn(2, E), torch.randn(50, E)
    normalized, raw = make_captioner(), make_captioner(normalize=False)
    torch.testing.assert_close(normalized.prefix(7 * vectors), normalized.prefix(vectors))
    assert (raw.prefix(7 * vectors) - raw.prefix(vectors)).abs().max() > 0.01
    normalized.standardize(train)
    torch.testing.assert_close(normalized.prefix(7 * vectors), normalized.prefix(vectors))
    torch.testing.assert_close(
        prefix_loss(normalized, 7 * vectors, IDS, END), prefix_loss(normalized, vectors, IDS, END)
    )


def test_standardized_the_mapper_reads_by_how_much_a_vector_differs(captioner: Captioner):
    train = F.normalize(torch.randn(200, E) + 5, dim=1)
    read = []
    captioner.mapper.register_forward_pre_hook(lambda module, inputs: read.append(inputs[0]))
    captioner.prefix(train)
    captioner.standardize(train)
    captioner.prefix(train)
    torch.testing.assert_close(read[0], train, msg="without it, the vectors themselves, as ClipCap does")
    torch.testing.assert_close(read[1].mean(dim=0), torch.zeros(E), atol=1e-4, rtol=0)
    torch.testing.assert_close(read[1].std(dim=0), torch.ones(E), atol=1e-4, rtol=0)
    assert {"mean", "scale"} <= captioner.state_dict().keys()


def test_a_frozen_language_model_stays_and_its_mapper_learns(make_captioner: Callable[..., Captioner]):
    captioner = make_captioner(TransformerMapperConfig(layers=1, heads=2))
    captioner.language_model.requires_grad_(False)
    prefix_loss(captioner, torch.randn(2, E), IDS, END).backward()
    assert all(parameter.grad is None for parameter in captioner.language_model.parameters())
    assert all(parameter.grad.abs().max() > 0 for parameter in captioner.mapper.parameters() if parameter.ndim > 1)


@pytest.mark.parametrize("shape", [(2, E + 1), (E,), (1, 2, E)])
def test_image_vectors_of_another_shape_are_refused(captioner: Captioner, shape: tuple[int, ...]):
    with pytest.raises(ValueError, match=rf"reads \(B, {E}\): encode the images with the CLIP that it was trained on"):
        captioner.prefix(torch.randn(shape))


@pytest.mark.parametrize(("N", "width"), [(N, 24), (N + 1, 32)])
def test_a_prefix_of_another_shape_is_refused(captioner: Captioner, N: int, width: int):
    captioner.mapper = MLPMapper(MLPMapperConfig(), E, width, N)
    with pytest.raises(ValueError, match=rf"shape \(2, {N}, {width}\), and this language model wants \(2, 4, 32\)"):
        captioner(torch.randn(2, E), IDS)


def test_numbers_that_never_change_are_no_nan(captioner: Captioner):
    captioner.standardize(torch.ones(20, E))
    assert captioner.prefix(torch.randn(2, E)).isfinite().all()


@pytest.mark.parametrize("prefix_length", [0, 20, 21])
def test_a_prefix_that_leaves_no_room_is_refused(prefix_length: int):
    model = LanguageModel(LanguageModelConfig(20, context_length=20, width=8, layers=1, heads=1))
    with pytest.raises(ValueError, match="choose 1 to 19"):
        Captioner(CaptionerConfig(E, prefix_length), model)


def test_a_caption_that_outgrows_the_context_is_refused(captioner: Captioner):
    with pytest.raises(ValueError, match="the context holds 40: shorten"):
        captioner(torch.randn(1, E), torch.ones(1, 37, dtype=torch.long))


def test_gpt2_takes_a_prefix_as_transformers_does(tmp_path):
    """A captioner works with any language model of the kit; here a small GPT-2 with random weights."""
    import transformers

    from clip_tutor.applications.language_model.pretrained import assemble_gpt2

    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=60, n_positions=24, n_embd=16, n_layer=2, n_head=2)
    theirs = transformers.GPT2LMHeadModel(config).eval()
    ours = assemble_gpt2(LanguageModelConfig(60, 24, 16, 2, 2), theirs.state_dict(), "a test")
    captioner = Captioner(CaptionerConfig(E, 5), ours).eval()
    vectors, ids = torch.randn(2, E), torch.randint(60, (2, 6))
    words = theirs.transformer.wte(ids)
    expected = theirs(inputs_embeds=torch.cat([captioner.prefix(vectors), words], dim=1)).logits
    torch.testing.assert_close(captioner(vectors, ids), expected, rtol=1e-4, atol=1e-5)
