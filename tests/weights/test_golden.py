"""Numbers that the originals' authors published, asserted where a network is there to fetch weights and image."""

import urllib.error
import urllib.request

import pytest
import torch

from clip_tutor.images import load_image
from clip_tutor.weights import load

# openai/CLIP, README.md, section Usage: what ViT-B/32 says of the figure at its top.
IMAGE = "https://raw.githubusercontent.com/openai/CLIP/main/CLIP.png"
ANSWERS = {"a diagram": 0.9927937, "a dog": 0.00421068, "a cat": 0.00299572}


@pytest.mark.slow
def test_openais_readme_is_right():
    try:
        model, tokenizer, _ = load("ViT-B/32", weights="openai")
        with urllib.request.urlopen(IMAGE, timeout=30) as answer:
            image = load_image(answer.read(), convert=True)
    except (FileNotFoundError, urllib.error.URLError) as error:
        pytest.skip(f"weights or image cannot be had here: {str(error).splitlines()[0]}")
    pixels = model.config.preprocessing(image, 224)[None]
    with torch.no_grad():
        images = model.encode_image(pixels, normalize=True)
        texts = model.encode_text(torch.tensor(tokenizer(list(ANSWERS))), normalize=True)
        found = model.logits(images, texts).softmax(dim=-1)[0]
    expected = torch.tensor(list(ANSWERS.values()))
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)  # theirs were computed in half precision
