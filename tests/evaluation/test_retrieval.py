"""Ranks, recall and intervals on matrices small enough to check by eye."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clip_tutor.evaluation.retrieval import (
    bootstrap_interval,
    multi_caption_ranks,
    ranks,
    recall_at_k,
    retrieval,
    retrieval_report,
)

HAND_MADE = torch.tensor(
    [
        [0.9, 0.1, 0.2],  # its own is best
        [0.8, 0.5, 0.1],  # one is better
        [0.3, 0.2, 0.1],  # two are better
    ]
)


def test_a_rank_counts_who_is_preferred():
    assert ranks(HAND_MADE).tolist() == [0, 1, 2]
    assert [recall_at_k(HAND_MADE, k) for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1])


def test_ties_count_against_the_query():
    assert ranks(torch.tensor([[0.5, 0.5, 0.1], [0.2, 0.5, 0.5], [0.1, 0.2, 0.5]])).tolist() == [1, 1, 0]
    assert recall_at_k(torch.ones(20, 20), 10) == 0, "calling everything equal earns nothing"


def test_a_model_that_has_diverged_earns_nothing():
    assert recall_at_k(torch.full((20, 20), float("nan")), 10) == 0
    one_bad = torch.eye(3)
    one_bad[1, 1] = float("nan")
    assert ranks(one_bad).tolist() == [0, 2, 0]


@pytest.mark.parametrize("shape", [(3, 4), (3,), (2, 3, 3)])
def test_queries_and_candidates_must_match(shape):
    with pytest.raises(ValueError, match="one row a query and one column a candidate, in the same order: got"):
        ranks(torch.zeros(shape))


def test_the_report_looks_both_ways():
    images = torch.eye(3)
    captions = torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, 0.6, 0.8]])
    report = retrieval_report(images, captions)
    assert report["recall_at_1"] == pytest.approx(2 / 3), "the second caption prefers the first image"
    assert report["image_to_text_recall_at_1"] == pytest.approx(2 / 3), "the second image is wanted by two captions"
    captions[2] = torch.tensor([0.0, 0.0, 1.0])
    report = retrieval_report(images, captions)
    assert report["recall_at_1"] == pytest.approx(2 / 3)
    assert report["image_to_text_recall_at_1"] == 1, "but every image prefers its own caption"
    assert set(report) == {f"{way}recall_at_{k}" for way in ("", "image_to_text_") for k in (1, 5, 10)}
    assert report["recall_at_5"] == 1


def five_captions(images: int = 60, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Unit vectors of images and of five noisy captions each, in a shuffled order."""
    generator = torch.Generator().manual_seed(seed)
    image_features = torch.randn(images, 16, generator=generator)
    image_of = torch.arange(images).repeat_interleave(5)[torch.randperm(images * 5, generator=generator)]
    noise = torch.randn(images * 5, 16, generator=generator)
    return F.normalize(image_features, dim=-1), F.normalize(image_features[image_of] + noise, dim=-1), image_of


def test_several_captions_are_counted_as_a_plain_loop_does():
    image_features, text_features, image_of = five_captions()
    of_caption, of_image = multi_caption_ranks(image_features, text_features, image_of)
    similarity = (text_features @ image_features.T).tolist()
    for caption, row in enumerate(similarity):
        image = image_of[caption].item()
        assert of_caption[caption] == sum(s >= row[image] for n, s in enumerate(row) if n != image)
    for image in range(60):
        column = [row[image] for row in similarity]
        best = max(s for n, s in enumerate(column) if image_of[n] == image)
        assert of_image[image] == sum(s >= best for n, s in enumerate(column) if image_of[n] != image)
    assert 0 < (of_caption < 1).float().mean() < (of_image < 1).float().mean() < 1


def test_several_captions_are_counted_as_clip_benchmark_does():
    """Its way: topk of each row, one-hot, and a query is content if any of its own is among them."""
    image_features, text_features, image_of = five_captions(seed=1)
    report = retrieval(image_features, text_features, image_of).recalls()
    scores = text_features @ image_features.T
    positive = F.one_hot(image_of, 60).bool()
    for k in (1, 5, 10):
        for key, s, own in (("text_to_image", scores, positive), ("image_to_text", scores.T, positive.T)):
            found = F.one_hot(s.topk(k, dim=1).indices, s.shape[1]).sum(dim=1).bool()
            assert report[f"{key}_recall_at_{k}"] == pytest.approx((found & own).any(dim=1).float().mean().item())
    assert len(report) == 6


def test_the_median_rank_is_the_literatures():
    """As Karpathy's code and vsepp's have it: floor(median of ranks from 0) + 1."""
    torch.manual_seed(0)
    image_features, text_features, image_of = five_captions(seed=2)
    text_features = F.normalize(text_features + 0.8 * torch.randn(300, 16), dim=-1)
    found = retrieval(image_features, text_features, image_of)
    of_caption, of_image = multi_caption_ranks(image_features, text_features, image_of)
    assert found.text_to_image.median_rank == np.floor(np.median(of_caption.numpy())) + 1 > 1
    assert found.image_to_text.median_rank == np.floor(np.median(of_image.numpy())) + 1
    assert (found.images, found.captions) == (60, 300)
    assert f"median rank {found.text_to_image.median_rank}" in str(found)


def test_with_one_caption_each_both_reports_agree():
    image_features, text_features, _ = five_captions()
    text_features = text_features[:60]
    one = retrieval_report(image_features, text_features)
    report = retrieval(image_features, text_features, torch.arange(60)).recalls()
    assert [report[f"text_to_image_recall_at_{k}"] for k in (1, 5, 10)] == [one[f"recall_at_{k}"] for k in (1, 5, 10)]
    assert all(report[key] == one[key] for key in one if key.startswith("image"))


def test_several_equal_captions_earn_nothing():
    image_of = torch.arange(20).repeat_interleave(5)
    for value in (1.0, float("nan")):
        found = retrieval(torch.full((20, 4), value), torch.ones(100, 4), image_of)
        assert set(found.recalls().values()) == {0.0} and found.text_to_image.median_rank == 20
    image_features, text_features, image_of = (
        torch.eye(3),
        torch.eye(3).repeat_interleave(2, 0),
        torch.tensor([0, 0, 1, 1, 2, 2]),
    )
    text_features[2] = float("nan")  # one of image 1's captions; the other is enough
    of_caption, of_image = multi_caption_ranks(image_features, text_features, image_of)
    assert of_caption.tolist() == [0, 0, 2, 0, 0, 0]
    assert of_image.tolist() == [1, 0, 1], "a caption that is NaN is preferred by all whose it is not"


def test_captions_must_belong_to_images():
    with pytest.raises(ValueError, match="5 captions need 5 images they belong to: got \\(4,\\)"):
        multi_caption_ranks(torch.eye(4), torch.zeros(5, 4), torch.arange(4))
    with pytest.raises(ValueError, match="2 have none, and the largest number is 1"):
        multi_caption_ranks(torch.eye(4), torch.zeros(5, 4), torch.tensor([0, 1, 1, 1, 1]))
    with pytest.raises(ValueError, match="0 have none, and the largest number is 4"):
        multi_caption_ranks(torch.eye(4), torch.zeros(5, 4), torch.arange(5))
    with pytest.raises(ValueError, match="the smallest -1"):
        multi_caption_ranks(torch.eye(4), torch.zeros(5, 4), torch.arange(5) - 1)


def test_the_interval_holds_the_mean_and_narrows_with_more_data():
    few, many = torch.arange(50) % 5 > 0, torch.arange(5000) % 5 > 0
    for hits in (few, many):
        low, high = bootstrap_interval(hits)
        assert low < 0.8 < high
        assert high - low == pytest.approx(2 * 1.96 * (0.8 * 0.2 / len(hits)) ** 0.5, rel=0.2)
    assert bootstrap_interval(many) == bootstrap_interval(many.numpy()) != bootstrap_interval(many, seed=1)


def test_the_interval_covers_the_truth_about_19_times_in_20():
    generator = torch.Generator().manual_seed(0)
    runs = [torch.rand(200, generator=generator) < 0.7 for _ in range(200)]
    intervals = [bootstrap_interval(hits, draws=500) for hits in runs]
    assert 0.90 <= sum(low <= 0.7 <= high for low, high in intervals) / 200 <= 0.985


def test_a_large_set_gives_the_same_interval_in_several_parts(monkeypatch):
    hits = torch.arange(9000) % 3 == 0
    generator = torch.Generator().manual_seed(0)
    at_once = hits.float()[torch.randint(9000, (2000, 9000), generator=generator)].mean(dim=1)
    assert bootstrap_interval(hits) == pytest.approx(at_once.quantile(torch.tensor([0.025, 0.975])).tolist(), abs=2e-3)


def test_the_interval_of_certainty_is_a_point():
    assert bootstrap_interval(torch.ones(30, dtype=torch.bool)) == (1, 1)


def test_of_nothing_there_is_no_figure():
    with pytest.raises(ValueError, match="there is no query to rank"):
        retrieval_report(torch.zeros(0, 4), torch.zeros(0, 4))
    with pytest.raises(ValueError, match="nothing to rank: 0 images and 0 captions"):
        retrieval(torch.zeros(0, 4), torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    with pytest.raises(ValueError, match="at least one hit or miss"):
        bootstrap_interval(torch.zeros(0))
