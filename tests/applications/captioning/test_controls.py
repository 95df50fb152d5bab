"""Controls: a collapse is seen, a shuffle leaves nobody in place, the nearest caption is that of the nearest image."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from clip_tutor.applications.captioning import (
    Captioner,
    CaptionReader,
    Collapse,
    caption_report,
    collapse,
    fact_hits,
    nearest_captions,
    shuffled,
    write_captions,
)
from clip_tutor.applications.captioning.blind import blind_captions, train_blind
from clip_tutor.data.emoji import load_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.tokenizers import BPETokenizer


def test_a_collapse_is_seen(make_captioner: Callable[..., Captioner], tokenizer: BPETokenizer):
    """A mapper whose output does not depend on the image makes one caption of all images."""
    captioner, vectors = make_captioner(), torch.randn(20, 16)
    torch.nn.init.normal_(captioner.language_model.pos_embed)  # so that a caption is more than one token
    torch.nn.init.zeros_(captioner.mapper.layers[2].weight)
    torch.nn.init.normal_(captioner.mapper.layers[2].bias)
    found = collapse(write_captions(captioner, tokenizer, vectors, max_tokens=6))
    assert found.distinct == 1 / 20 and found.most_frequent == 1
    assert collapse(["a", "b", "b", "c"]) == Collapse(0.75, 0.5, "b")
    with pytest.raises(ValueError, match="no captions"):
        collapse([])


@pytest.mark.parametrize("B", [2, 3, 50])
def test_no_image_keeps_its_own_vector(B: int):
    vectors = torch.arange(float(B))[:, None]
    for seed in range(5):
        others = shuffled(vectors, seed)
        assert (others != vectors).all()
        assert others.sort(dim=0).values.equal(vectors)
    with pytest.raises(ValueError, match="at least two"):
        shuffled(vectors[:1])


def test_the_nearest_caption_is_that_of_the_nearest_image(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("clip_tutor.applications.captioning.controls.PART", 7)
    torch.manual_seed(0)
    train, queries = F.normalize(torch.randn(40, 8), dim=1), F.normalize(torch.randn(9, 8), dim=1)
    expected = (queries @ train.T).argmax(dim=1)
    assert nearest_captions(queries, train, [str(n) for n in range(40)]) == [str(n) for n in expected.tolist()]
    with pytest.raises(ValueError, match="40 training vectors and 1 captions"):
        nearest_captions(queries, train, ["a"])


def test_a_report_counts_what_is_right():
    scenes = Scenes(load_emoji(), "test", seed=5).scenes(range(60))
    reader, true = CaptionReader(load_emoji()), [scene.caption for scene in scenes]
    wrong = [*true[:30], *["a cat on red"] * 30]
    hits, found = fact_hits(wrong, scenes, reader), caption_report(wrong, scenes, reader)
    assert hits["all facts"][:30].all() and not hits["all facts"][30:].any()
    assert found.shares["all facts"].right == 0.5 and found.shares["all facts"].asked == 60
    assert found.shares["relation"].asked == sum(scene.relation is not None for scene in scenes)
    kinds = [found.shares[f"object, {kind}"] for kind in ("one", "several", "pair")]
    assert sum(kind.asked for kind in kinds) == 60
    assert sum(kind.right * kind.asked for kind in kinds) == pytest.approx(60 * found.shares["object"].right)
    assert found.collapse.most_frequent == 0.5
    assert "all facts" in str(found) and "captions that differ" in str(found)


@pytest.mark.slow
def test_a_blind_model_learns_how_captions_read_and_nothing_of_images(tokenizer: BPETokenizer, scenes: Scenes):
    from clip_tutor.applications.captioning.scene_captions import scene_captions

    model = train_blind(scene_captions(scenes, range(2000)), tokenizer, steps=250)
    unseen = scenes.scenes(range(2000, 2300))
    captions = blind_captions(model, tokenizer, 300)
    reader = CaptionReader(scenes.objects)
    readable = [told for told in map(reader.read, captions) if told.background and told.count]
    assert len(readable) > 200, "it has learned how captions read"
    found = caption_report(captions, unseen, reader)
    assert found.shares["background"].right < 0.2, "of twelve backgrounds, chance is one in twelve"
    assert captions == blind_captions(model, tokenizer, 300), "drawn from a seed"
