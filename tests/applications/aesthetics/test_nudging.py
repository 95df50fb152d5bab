"""Queries that are nudged towards a taste."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clip_tutor.applications.aesthetics import LinearHead, nudge, nudged_search
from clip_tutor.search import ImageIndex


def test_a_nudge_is_that_of_clip_retrieval(features, taste):
    query, weight = features[0], 0.5
    theirs = query.numpy() + taste.numpy() * weight
    theirs = theirs / np.linalg.norm(theirs)
    np.testing.assert_allclose(nudge(query, taste, weight).numpy(), theirs, atol=1e-6)


def test_a_nudged_search_likes_what_the_head_likes(make_model, tokenizer):
    model = make_model()
    index = ImageIndex(model, tokenizer)
    side = model.config.vision.image_size
    index.add_pixels(torch.rand(30, 3, side, side), [f"image {n}" for n in range(30)])
    E = model.config.embed_dim
    head = LinearHead.of(torch.randn(E, generator=torch.Generator().manual_seed(1)))
    plain = nudged_search(index, "a cat", head, weight=0.0, k=8)
    assert [hit.row for hit in plain] == [hit.row for hit in index.search("a cat", k=8)]
    liked = [
        head.score(index.features[[hit.row for hit in nudged_search(index, "a cat", head, weight, k=8)]]).mean()
        for weight in (-4.0, 0.0, 4.0)
    ]
    assert liked[0] < liked[1] < liked[2]


def test_a_nudge_that_cancels_or_does_not_fit_is_refused(features):
    with pytest.raises(ValueError, match="nothing is left"):
        nudge(features[0], -features[0], 1.0)
    with pytest.raises(ValueError, match="trained on vectors of the CLIP that the index was made with"):
        nudge(features[0], F.normalize(torch.ones(7), dim=0))
