"""Long loops give freed memory back: how much that is, `benchmarks/search.py` measures."""

import pytest
import torch
from PIL import Image

from clip_tutor import allocator
from clip_tutor.data.labelled import LabelledImages
from clip_tutor.data.pairs import Pair
from clip_tutor.evaluation import encoding, pair_vectors
from clip_tutor.search import encode
from clip_tutor.weights import load


@pytest.fixture
def calls(monkeypatch):
    found = []
    monkeypatch.setattr(allocator, "return_freed_memory", lambda: found.append(None))
    return found


def test_memory_is_given_back_after_every_16th_batch(calls):
    assert list(allocator.returning_freed_memory(range(40))) == list(range(40))
    assert len(calls) == 2


@torch.no_grad()
def test_every_loop_that_decodes_and_encodes_gives_it_back(calls, monkeypatch):
    for module, batch in ((encode, "FILES_AT_ONCE"), (encoding, "CPU_BATCH"), (pair_vectors, "BATCH")):
        monkeypatch.setattr(module, batch, 1)
    model, tokenizer, _ = load("emoji")
    image = Image.new("RGB", (64, 64), "red")
    assert len(list(encode.encode_sources(model, [(str(n), image) for n in range(16)], workers=1))) == 16
    assert len(calls) == 1
    encoding.encode_labelled(model, LabelledImages(("red",), [0] * 16, [image] * 16), workers=1)
    assert len(calls) == 2
    pair_vectors.retrieval_on_pairs(model, tokenizer, [Pair(str(n), image, ("red",)) for n in range(16)])
    assert len(calls) == 3
