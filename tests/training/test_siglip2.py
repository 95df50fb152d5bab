"""SigLIP 2's training: stages and weights as published, a teacher that only follows, and parts that can be left out."""

import copy
from dataclasses import replace

import pytest
import torch

from clip_tutor.data.regions import region_batch
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.tokenizers.located import TASKS, LocatedTokenizer
from clip_tutor.towers import TextConfig, ViTConfig
from clip_tutor.towers.prototypes import PrototypeConfig
from clip_tutor.training import siglip2
from clip_tutor.training.config import TrainConfig
from clip_tutor.training.schedule import make_optimizer
from clip_tutor.training.siglip2_config import ARMS, SigLIP2Config, arm
from clip_tutor.training.siglip2_learner import SigLIP2Learner, ViewEncoder

SMALL = {"local_size": 16, "local_views": 3, "heads": PrototypeConfig(16, 12, 8), "local_scale": (0.1, 0.4)}


@pytest.fixture(scope="module")
def located(tokenizer):
    return LocatedTokenizer(tokenizer, bins=16)


def make_learner(located, name="all", pool="map", **settings):
    torch.manual_seed(0)
    vision = ViTConfig(32, 8, 16, 2, 2, "gelu", ln_pre=False, patch_bias=True, pool=pool)
    text = TextConfig(located.words.vocab_size, located.words.context_length, 16, 2, 2)
    model = CLIP(CLIPConfig(16, vision, text, logit_scale=10.0, logit_bias=-2.0))
    return SigLIP2Learner(model, located, arm(name, **(SMALL | settings)))


def step(learner, scenes, located, second=True, seed=0, lr=1e-2):
    optimizer = make_optimizer(learner, 0.1)
    batch = region_batch(scenes, located, seed, 4)
    return siglip2.train_step(learner, optimizer, batch, located, lr, second, torch.Generator().manual_seed(seed))


def weights_of(module):
    return {name: parameter.detach().clone() for name, parameter in module.named_parameters()}


def test_no_gradient_reaches_the_teacher(scenes, located):
    learner = make_learner(located)
    step(learner, scenes, located)
    assert all(p.grad is None and not p.requires_grad for p in learner.teacher.parameters())
    unmoved = [name for name, p in learner.student.named_parameters() if p.grad is None or not p.grad.any()]
    assert not unmoved, "all of the student learns, the mask token and both heads, too"


def test_the_teacher_follows_with_a_fixed_momentum(scenes, located):
    learner = make_learner(located, momentum=0.9)
    for seed in range(3):
        before = weights_of(learner.teacher)
        step(learner, scenes, located, seed=seed)
        student = weights_of(learner.student)
        for name, now in weights_of(learner.teacher).items():
            torch.testing.assert_close(now, 0.9 * before[name] + 0.1 * student[name], msg=name)
    assert SigLIP2Config().momentum == 0.99


def test_the_second_stage_begins_after_four_fifths_with_the_student_as_teacher(scenes, located, monkeypatch):
    learner, begun, records = make_learner(located), [], []
    begin = learner.begin_second_stage

    def noted():
        begin()
        begun.append((len(records), weights_of(learner.student), weights_of(learner.teacher)))

    monkeypatch.setattr(learner, "begin_second_stage", noted)
    first_teacher = weights_of(learner.teacher)
    config = TrainConfig(4, 1e-2, steps=10, warmup_steps=2, record_every=1)
    history = siglip2.train(learner, scenes, located, config, records.append)
    assert history == records and not learner.training
    (steps, student, teacher), views = begun[0], {"self_distillation", "masked"}
    assert len(begun) == 1 and steps == 8
    assert [views <= set(record) for record in history] == [False] * 8 + [True] * 2
    assert all({"sigmoid", *TASKS} <= set(record) for record in history), "the first losses go on"
    for name, tensor in teacher.items():
        assert torch.equal(tensor, student[name]), name
    moved = [name for name, tensor in first_teacher.items() if not torch.equal(tensor, teacher[name])]
    assert "tower.patch_embed.proj.weight" in moved
    assert history[-1]["images"] == 40 and history[-1]["learning_rate"] < history[2]["learning_rate"]


def test_the_weights_are_those_of_size_b(located):
    learner = make_learner(located)
    one = torch.tensor(1.0)
    weights = {name: siglip2.weighted_sum(learner, {name: one}).item() for name in ("sigmoid", *TASKS)}
    assert weights["sigmoid"] == 1 and sum(weights[task] for task in TASKS) == pytest.approx(1)
    assert siglip2.weighted_sum(learner, {"self_distillation": one}).item() == 0.25
    assert siglip2.weighted_sum(learner, {"masked": one}).item() == 0.0625
    published = SigLIP2Config()
    assert (published.second_stage, published.mask_ratio, published.parallel) == (0.8, 0.5, 0.5)
    assert (published.local_views, published.local_scale, published.global_scale) == (8, (0.05, 0.4), (0.4, 1.0))


def test_captions_are_learned_from_the_images_as_they_are(scenes, located, monkeypatch):
    seen = []
    learner = make_learner(located)
    original = siglip2.losses_of_images
    monkeypatch.setattr(siglip2, "losses_of_images", lambda *args: seen.append(args[1]) or original(*args))
    step(learner, scenes, located)
    batch = region_batch(scenes, located, 0, 4)
    assert torch.equal(seen[0], learner.model.config.preprocessing.normalize(batch.pixels))


def test_student_and_teacher_see_what_they_should(scenes, located, monkeypatch):
    learner = make_learner(located)
    sizes = {}
    for name, encoder in (("student", learner.student), ("teacher", learner.teacher)):
        for method in ("forward", "image_logits", "patch_logits"):
            call = getattr(encoder, method)

            def noted(pixels, *rest, key=(name, method), call=call):
                sizes[key] = (tuple(pixels.shape), pixels.clone())
                return call(pixels, *rest)

            monkeypatch.setattr(encoder, method, noted)
    step(learner, scenes, located)
    assert {key: shape for key, (shape, _) in sizes.items()} == {
        ("teacher", "forward"): (4, 3, 32, 32),
        ("student", "image_logits"): (12, 3, 16, 16),
        ("student", "patch_logits"): (4, 3, 32, 32),
    }
    whole = sizes["teacher", "forward"][1]
    assert torch.equal(whole, sizes["student", "patch_logits"][1]), "a place is the same place in both"


def test_views_may_be_made_of_a_share_of_the_batch(scenes, located, monkeypatch):
    learner, viewed = make_learner(located, viewed=0.5), []
    call = learner.teacher.forward
    monkeypatch.setattr(learner.teacher, "forward", lambda pixels: viewed.append(len(pixels)) or call(pixels))
    assert {"sigmoid", "self_distillation", "masked", *TASKS} <= set(step(learner, scenes, located))
    assert viewed == [2] and SigLIP2Config().viewed == 1
    step(make_learner(located, viewed=0.01), scenes, located)  # one image at least


@pytest.mark.parametrize("name", ARMS)
def test_each_part_can_be_left_out(scenes, located, name):
    learner = make_learner(located, name)
    losses = step(learner, scenes, located)
    expected = {"sigmoid", "loss"}
    if name != "plain":
        expected |= set() if name == "no_captions" else set(TASKS)
        expected |= set() if name == "no_self_distillation" else {"self_distillation"}
        expected |= set() if name == "no_masks" else {"masked"}
    assert set(losses) == expected
    assert (learner.decoder is None) == ("caption" not in expected)
    assert (learner.teacher is None) == (name == "plain")


def test_what_views_teach_the_model_knows(located):
    learner = make_learner(located)
    assert learner.student.tower is learner.model.image_tower
    assert learner.teacher.tower is not learner.model.image_tower


def test_the_decoder_has_the_text_towers_shape_and_half_of_its_layers(located):
    learner = make_learner(located)
    text, decoder = learner.model.config.text, learner.decoder.config
    assert (decoder.width, decoder.heads, decoder.layers) == (text.width, text.heads, text.layers // 2)


def test_it_learns(scenes, located):
    learner = make_learner(located)
    config = TrainConfig(8, 1e-2, steps=60, warmup_steps=5, record_every=20)
    history = siglip2.train(learner, scenes, located, config, lambda record: None)
    for name in ("sigmoid", *TASKS):
        assert history[-1][name] < history[0][name], name


def test_images_that_are_too_small_for_local_views_are_refused(located):
    with pytest.raises(ValueError, match="images of 32 pixels are too small for local views: the smallest, 5%"):
        make_learner(located, local_scale=(0.05, 0.4))
    for local_size in (12, 32, 4):
        with pytest.raises(ValueError, match=f"local views of {local_size} pixels do not fit images of 32"):
            make_learner(located, local_size=local_size)
    make_learner(located, "plain", local_scale=(0.05, 0.4))  # where there are no views, nothing is too small


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_a_mask_ratio_that_leaves_nothing_is_refused(ratio):
    with pytest.raises(ValueError, match=f"mask_ratio is {ratio:g}: with 0 there is nothing to predict"):
        SigLIP2Config(mask_ratio=ratio)


def test_other_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="momentum is a share, from 0 to 1"):
        SigLIP2Config(momentum=1.5)
    for viewed in (0, 1.5):
        with pytest.raises(ValueError, match=f"viewed is {viewed:g}: views need a share of the batch, above 0"):
            SigLIP2Config(viewed=viewed)
    with pytest.raises(ValueError, match="local_views is below 1"):
        SigLIP2Config(local_views=0)
    with pytest.raises(KeyError, match="there is no arm 'none': take one of plain, all"):
        arm("none")


def test_a_teacher_of_another_shape_is_refused(located):
    learner = make_learner(located)
    learner.teacher = ViewEncoder(copy.deepcopy(learner.tower), replace(learner.config.heads, prototypes=20))
    with pytest.raises(ValueError, match=r"prototypes has shape \(20, 8\) in the average and \(16, 8\) in the model"):
        learner.follow()
    learner.teacher = copy.deepcopy(learner.tower)
    with pytest.raises(ValueError, match=r"only one of the average and the model has .*copy\.deepcopy"):
        learner.follow()


def test_a_model_of_another_kind_is_refused(located, make_model):
    with pytest.raises(ValueError, match="a TextConfig and a logit_bias"):
        SigLIP2Learner(make_model(), located, SigLIP2Config())
    with pytest.raises(ValueError, match='whose config has a ViTConfig with pool="map"'):
        make_learner(located, pool="class")
