"""Many at a time or one by one, images and captions get the same vectors."""

import pytest
import torch

from clip_tutor import embedding
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.images import normalize
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.tokenizers import WordPieceTokenizer
from clip_tutor.towers import BertConfig, TextConfig, ViTConfig

CAPTIONS = ["a cat", "a dog to the left of a tiny cat on a red background", "a dog", "three cats on blue"]


@torch.no_grad()
def test_captions_come_back_in_their_order(model, tokenizer, monkeypatch):
    monkeypatch.setattr(embedding, "CPU_BATCH", 2)
    ids = torch.tensor(tokenizer(CAPTIONS))
    features = encode_texts(model, tokenizer, CAPTIONS)
    torch.testing.assert_close(features, model.encode_text(ids, normalize=True), atol=1e-6, rtol=1e-5)


@pytest.fixture
def shapes(model):
    """What the text tower is given, batch by batch."""
    seen = []
    hook = model.text_tower.register_forward_pre_hook(lambda module, inputs: seen.append(tuple(inputs[0].shape)))
    yield seen
    hook.remove()


def test_a_batch_is_cut_to_its_longest_caption(model, tokenizer, shapes):
    encode_texts(model, tokenizer, ["a cat", "two cats on red"])
    assert shapes == [(2, 2 + len(tokenizer.encode("two cats on red")))]


def test_captions_of_like_length_are_read_together(model, tokenizer, shapes):
    captions = [" ".join(["cat"] * (1 + n % 4)) for n in range(100)]
    together = encode_texts(model, tokenizer, captions)
    assert [rows for rows, _ in shapes] == [32, 32, 32, 4]
    assert shapes[0][1] < shapes[1][1] < shapes[2][1] == shapes[3][1] < tokenizer.context_length
    alone = torch.cat([encode_texts(model, tokenizer, caption) for caption in captions])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("text", "T"),
    [
        (BertConfig(6, context_length=8, max_positions=8, width=12, layers=2, heads=3, mlp_width=24), 4),
        (TextConfig(6, 8, 12, layers=2, heads=3, causal=False, pool="last"), 8),
    ],
)
def test_rows_are_cut_where_the_tower_hides_padding(text, T):
    model = CLIP(CLIPConfig(12, ViTConfig(32, 16, 12, layers=1, heads=3), text))
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "cat", "dog"], 8)
    seen = []
    model.text_tower.register_forward_pre_hook(lambda module, inputs: seen.append(tuple(inputs[0].shape)))
    features = encode_texts(model, tokenizer, ["cat dog", "cat"])
    assert seen == [(2, T)]
    whole = model.encode_text(torch.tensor(tokenizer(["cat dog", "cat"])), normalize=True)
    torch.testing.assert_close(features, whole, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_images_are_normalized_and_embedded(model, scenes, monkeypatch):
    monkeypatch.setattr(embedding, "BATCH", 3)
    pixels = scenes.batch(range(8)).pixels
    expected = model.encode_image(normalize(pixels), normalize=True)
    torch.testing.assert_close(encode_images(model, pixels), expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(encode_images(model, pixels / 255), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_gives_unit_vectors_in_float32(make_model, tokenizer, scenes, dtype):
    model, half = make_model(), make_model().to(dtype)
    pixels = scenes.batch(range(4)).pixels
    for given in (pixels, pixels / 255, (pixels / 255).to(dtype), pixels.double() / 255):
        features = encode_images(half, given)
        torch.testing.assert_close(features, encode_images(model, pixels), atol=0.03, rtol=0)
        torch.testing.assert_close(features.norm(dim=1), torch.ones(4))
    torch.testing.assert_close(encode_texts(half, tokenizer, CAPTIONS).norm(dim=1), torch.ones(4))


def test_a_single_caption_is_a_batch_of_one(model, tokenizer):
    assert torch.equal(encode_texts(model, tokenizer, "a cat"), encode_texts(model, tokenizer, ["a cat"]))
    with pytest.raises(ValueError, match="this caption is empty: ''"):
        encode_texts(model, tokenizer, "")


def test_nothing_gives_nothing(model, tokenizer):
    assert encode_texts(model, tokenizer, []).shape == (0, 16)
    assert encode_images(model, torch.zeros(0, 3, 32, 32)).shape == (0, 16)


def test_a_caption_that_is_too_long_is_refused_or_cut(model, tokenizer):
    with pytest.raises(ValueError, match="pass truncate=True"):
        encode_texts(model, tokenizer, ["a cat", "a cat " * 50])
    assert encode_texts(model, tokenizer, ["a cat", "a cat " * 50], truncate=True).shape == (2, 16)


@pytest.mark.parametrize("caption", ["", "   ", "&nbsp;"])
def test_an_empty_caption_is_refused(model, tokenizer, caption):
    with pytest.raises(ValueError, match=r"this caption is empty: .*leave the pair out, or give it words"):
        encode_texts(model, tokenizer, ["a cat", caption])


def test_a_caption_that_spells_the_end_mark_ends_there(model, tokenizer):
    spelled, plain = encode_texts(model, tokenizer, ["a cat <|endoftext|> and more", "a cat"])
    torch.testing.assert_close(spelled, plain, atol=1e-6, rtol=1e-5)


def test_a_classifier_can_be_trained_on_features(model, scenes, tokenizer):
    probe = torch.nn.Linear(16, 2)
    features = torch.cat(
        [encode_images(model, scenes.batch(range(4)).pixels), encode_texts(model, tokenizer, CAPTIONS)]
    )
    assert not features.requires_grad
    probe(features).sum().backward()
    assert probe.weight.grad is not None
