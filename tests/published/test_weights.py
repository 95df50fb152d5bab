"""Published weights, really downloaded: they load, they give the numbers that their authors published, they see."""

import pytest
import torch

from clip_tutor.applications.language_model import load_language_model
from clip_tutor.evaluation.zero_shot import zero_shot
from clip_tutor.weights import load

pytestmark = [pytest.mark.slow, pytest.mark.published]

# openai/CLIP, README.md, section Usage: what ViT-B/32 says of the figure at its top.
ANSWERS = {"a diagram": 0.9927937, "a dog": 0.00421068, "a cat": 0.00299572}
# One of each kind of tower, file layout and tokenizer, the smallest that there is.
KINDS = [
    ("RN50", "openai"),
    ("ViT-B/16", "openai"),
    ("ViT-B-32", "laion2b_s34b_b79k"),
    ("ViT-B-16", "datacomp_xl_s13b_b90k"),
    ("convnext_base_w", "laion2b_s13b_b82k"),
    ("SigLIP-B/16-224", "webli"),
    ("SigLIP2-B/16-224", "webli"),
]


def test_openais_readme_is_right(download, figure):
    model, tokenizer, _ = download(lambda: load("ViT-B/32", weights="openai"))
    found = zero_shot(model, tokenizer, figure, list(ANSWERS))
    expected = torch.tensor(list(ANSWERS.values()))
    # theirs were computed in half precision
    torch.testing.assert_close(torch.tensor([found[label] for label in ANSWERS]), expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize(("name", "weights"), KINDS)
def test_each_kind_of_model_knows_a_diagram(download, figure, name, weights):
    model, tokenizer, _ = download(lambda: load(name, weights=weights))
    found = zero_shot(model, tokenizer, figure, list(ANSWERS))
    assert max(found, key=found.__getitem__) == "a diagram", found


def test_gpt2_expects_english(download):
    model, tokenizer, *_ = download(lambda: load_language_model("gpt2"))

    def surprise(text: str) -> float:
        """The mean negative log-probability of a token, in nats."""
        ids = torch.tensor([tokenizer.encode(text)])
        with torch.no_grad():
            logits = model(model.embed(ids))  # (1, T, V)
        return torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:]).item()

    assert surprise("The cat sat on the mat and looked at the dog.") < surprise("dog. the at looked and mat the on sat")
