"""Less memory, or less time, and the same numbers."""

import copy

import pytest
import torch

from clip_tutor.losses import contrastive_loss
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.towers import BertConfig, ConvNeXtConfig, NFNetConfig, ResNetConfig, TextConfig
from clip_tutor.training.ema import EMA
from clip_tutor.training.saving_memory import checkpoint_activations, compile_towers


def gradients_and_bytes(model, pixels, ids):
    """Return the loss, the gradients, and how many bytes the forward pass kept."""
    kept = {}

    def keep(tensor):
        kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = contrastive_loss(*model(pixels, ids)[:3])
    loss.backward()
    return loss, {name: parameter.grad for name, parameter in model.named_parameters()}, sum(kept.values())


@pytest.fixture
def batch(scenes, tokenizer):
    batch = next(iter(scenes.stream(tokenizer, 64)))
    return batch.pixels / 255 - 0.5, batch.ids


def convolutional(tokenizer):
    """A ConvNeXt that often drops its paths, beside a BERT."""
    vision = ConvNeXtConfig(32, (1, 2, 1, 1), (8, 16, 16, 32), drop_path=0.5)
    text = BertConfig(tokenizer.vocab_size, 32, 32, 16, layers=2, heads=2, mlp_width=64)
    torch.manual_seed(0)
    model = CLIP(CLIPConfig(16, vision, text))
    for name, parameter in model.named_parameters():
        if name.endswith("layer_scale"):
            torch.nn.init.constant_(parameter, 0.5)
    return model


def normalizer_free(tokenizer):
    """An NFNet beside a CLIP text tower."""
    vision = NFNetConfig(32, (1, 2, 1, 1), (16, 16, 32, 32), features=32, group_width=8, skip_gain=1.0)
    torch.manual_seed(0)
    return CLIP(CLIPConfig(16, vision, TextConfig(tokenizer.vocab_size, 32, 16, layers=2, heads=2)))


BUILT = {"transformers": None, "convolutional": convolutional, "normalizer-free": normalizer_free}


@pytest.mark.parametrize("kind", BUILT)
def test_checkpointed_blocks_keep_less_and_learn_the_same(make_model, tokenizer, batch, kind):
    build = BUILT[kind]
    plain = (build(tokenizer) if build else make_model(width=32, layers=3)).train()
    frugal = copy.deepcopy(plain)
    checkpoint_activations(frugal)
    torch.manual_seed(5)
    loss, gradients, kept = gradients_and_bytes(plain, *batch)
    torch.manual_seed(5)
    same_loss, same_gradients, kept_less = gradients_and_bytes(frugal, *batch)
    torch.testing.assert_close(same_loss, loss)
    for name, gradient in gradients.items():
        torch.testing.assert_close(same_gradients[name], gradient, msg=name)
    assert frugal.state_dict().keys() == plain.state_dict().keys()
    assert kept_less < 0.7 * kept


def test_blocks_with_batchnorm_are_left_alone(tokenizer):
    text = TextConfig(tokenizer.vocab_size, 32, 16, layers=1, heads=2)
    model = CLIP(CLIPConfig(16, ResNetConfig(32, (1, 1, 1, 1), width=8, heads=4), text)).train()
    checkpoint_activations(model)
    pixels, ids = torch.rand(4, 3, 32, 32), torch.randint(1, 90, (4, 8))
    contrastive_loss(*model(pixels, ids)[:3]).backward()
    counters = [buffer for name, buffer in model.named_buffers() if name.endswith("num_batches_tracked")]
    assert len(counters) == 3 + 4 * 4
    assert all(counter == 1 for counter in counters)


def test_a_copy_computes_with_its_own_weights(model, batch):
    """As the average of the weights is made: of a model that is checkpointed already."""
    checkpoint_activations(model)
    average = EMA(model, 0.9).model
    with torch.no_grad():
        before = model.encode_image(batch[0])
        for parameter in model.image_tower.parameters():
            parameter.add_(1.0)
        torch.testing.assert_close(average.encode_image(batch[0]), before)
        assert not torch.allclose(model.encode_image(batch[0]), before)


@pytest.mark.slow
def test_compiled_towers_learn_the_same(make_model, batch, monkeypatch):
    # Dynamo and AOTAutograd as always; only the C++ compiler, which takes minutes, is left out.
    compile_module = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", lambda m, **how: compile_module(m, backend="aot_eager", **how))
    plain = make_model(width=32).train()
    compiled = copy.deepcopy(plain)
    compile_towers(compiled)
    for rows in (64, 40):  # another number of captions, and another length, must not matter
        pixels, ids = batch[0][:rows], batch[1][:rows, : 32 if rows == 64 else 24]
        for model in (plain, compiled):
            model.zero_grad()
        loss, gradients, _ = gradients_and_bytes(plain, pixels, ids)
        same_loss = contrastive_loss(*compiled(pixels, ids)[:3])
        same_loss.backward()
        torch.testing.assert_close(same_loss, loss, atol=1e-5, rtol=1e-5)
        for name, parameter in compiled.named_parameters():
            torch.testing.assert_close(parameter.grad, gradients[name], atol=1e-5, rtol=1e-4, msg=name)
    assert compiled.state_dict().keys() == plain.state_dict().keys()
