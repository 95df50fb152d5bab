"""The kit beside OpenCLIP and transformers: same weights, same inputs, in one run.

    python benchmarks/peers.py                    on a CPU, or on a GPU where there is one (bf16, torch.compile)
    python benchmarks/peers.py --pairs 9          more pairs of runs, steadier medians
    python benchmarks/peers.py --only tokenize    one part: tokenize, text, image, train or memory

Ours and theirs take turns, and each ratio is the median over the pairs: above 1, ours is faster. What comes out is
compared before anything is timed. Captions are encoded from strings to vectors, each project in its own way: ours
sorts them and cuts each batch to its longest. Tables for people come first; the last line is one JSON object.
"""

import argparse
import json
import multiprocessing
import warnings
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import open_clip
import torch
import torch.nn.functional as F
import transformers
from machine import machine, take_turns
from torch import Tensor, nn

from clip_tutor import zoo
from clip_tutor.data.emoji import load_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.embedding import encode_texts
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.training import Efficiency, TrainConfig
from clip_tutor.training.step import Trainer
from clip_tutor.weights.loading import assemble
from clip_tutor.weights.vocabularies import vocabulary

PARTS = ("tokenize", "text", "image", "train", "memory")
RATE = 1e-4
CAPTION_BATCHES = 4  # captions are short: as many more of them


def captions(count: int) -> list[str]:
    """Return captions of natural length: 8 to 20 of CLIP's tokens."""
    tokenizer = BPETokenizer.from_vocabulary(vocabulary("clip"))
    scenes = Scenes(load_emoji(), "train").scenes(range(4 * count))
    return [scene.caption for scene in scenes if 8 <= len(tokenizer.encode(scene.caption)) <= 20][:count]


def open_clip_pair(name: str, theirs: str, device: str) -> tuple[CLIP, nn.Module]:
    """Return our model and OpenCLIP's with the same random weights."""
    torch.manual_seed(0)
    other = open_clip.create_model(theirs, pretrained=None, force_quick_gelu=True).eval()
    return assemble(zoo.config(name), other.state_dict(), theirs).to(device), other.to(device)


def transformers_pair(device: str) -> tuple[CLIP, nn.Module]:
    """Return our ViT-B/32 and transformers' with the same random weights."""
    torch.manual_seed(0)
    other = transformers.CLIPModel(transformers.CLIPConfig()).eval()
    return assemble(zoo.config("ViT-B/32"), other.state_dict(), "transformers").to(device), other.to(device)


class Bench:
    """Collects rows of a table and the figures of the JSON line."""

    def __init__(self, pairs: int, device: str) -> None:
        self.pairs, self.device = pairs, device
        self.figures: dict[str, float] = {}

    def race(
        self,
        title: str,
        key: str,
        items: int,
        unit: str,
        ours: Callable[[], object],
        theirs: Callable[[], object],
    ) -> None:
        """Let the two take turns at the same ``items``, and print how many each does in a second."""
        our_seconds, their_seconds, ratio = take_turns(ours, theirs, self.pairs, self.device)
        self.figures |= {key: ratio, f"{key}_ours": items / our_seconds, f"{key}_theirs": items / their_seconds}
        rates = f"{items / our_seconds:12,.1f} {items / their_seconds:12,.1f}"
        print(f"{title:44} {rates} {unit:12} {ratio:6.2f}", flush=True)


def precision(device: str) -> AbstractContextManager[object]:
    """bfloat16 where a GPU computes it, float32 elsewhere."""
    return nullcontext() if device == "cpu" else torch.autocast("cuda", dtype=torch.bfloat16)


def tokenize(bench: Bench, count: int) -> None:
    """Captions to rows of ids, as tensors."""
    text = captions(count)
    ours, theirs = BPETokenizer.from_vocabulary(vocabulary("clip")), open_clip.get_tokenizer("ViT-B-32")
    assert torch.equal(torch.tensor(ours(text)), theirs(text)), "the ids differ"
    race = (count, "captions/s", lambda: torch.tensor(ours(text)))
    bench.race("tokenize, OpenCLIP", "tokenize_vs_open_clip", *race, lambda: theirs(text))
    fast = fast_tokenizer(ours)
    settings = {"padding": "max_length", "max_length": 77, "return_tensors": "pt"}
    bench.race("tokenize, transformers", "tokenize_vs_transformers", *race, lambda: fast(text, **settings))


def fast_tokenizer(ours: BPETokenizer) -> transformers.CLIPTokenizerFast:
    """Return transformers' compiled tokenizer with the same vocabulary."""
    marks = {"<|startoftext|>", "<|endoftext|>"}
    merges = [tuple(pair) for pair in ours.merges]
    vocab = {symbol: n for symbol, n in ours.token_to_id.items()}
    assert marks <= vocab.keys()
    return transformers.CLIPTokenizerFast(vocab=vocab, merges=merges)


def inputs(batch: int, size: int, device: str) -> tuple[Tensor, Tensor]:
    """Return (B, 3, H, W) pixels and (B, 77) ids of captions of natural length."""
    pixels = torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(0))
    ids = torch.tensor(BPETokenizer.from_vocabulary(vocabulary("clip"))(captions(batch)))
    return zoo.config("ViT-B/32").preprocessing.normalize(pixels).to(device), ids.to(device)


Encode = Callable[[Tensor], Tensor]


def assert_same(bench: Bench, ours: Tensor, theirs: Tensor) -> None:
    """In float32 the same; in bf16 nearly."""
    atol, rtol = (1e-5, 1e-4) if bench.device == "cpu" else (0.1, 0.1)
    torch.testing.assert_close(ours, theirs, atol=atol, rtol=rtol)


@torch.no_grad()
def race_images(bench: Bench, title: str, key: str, ours: Encode, theirs: Encode, pixels: Tensor) -> None:
    """Hold the vectors of one batch together, then time how they are made."""
    if bench.device != "cpu":
        ours, theirs = torch.compile(ours), torch.compile(theirs)
    with precision(bench.device):
        assert_same(bench, ours(pixels), theirs(pixels))
        bench.race(title, key, len(pixels), "images/s", lambda: ours(pixels), lambda: theirs(pixels))


@torch.no_grad()
def race_captions(
    bench: Bench, name: str, key: str, model: CLIP, text: list[str], theirs: Callable[[list[str]], Tensor]
) -> None:
    """Hold the unit vectors of the captions together, then time how they are made of strings."""
    tokenizer = BPETokenizer.from_vocabulary(vocabulary("clip"))

    def ours() -> Tensor:
        return encode_texts(model, tokenizer, text)

    def others() -> Tensor:
        return F.normalize(theirs(text).float(), dim=-1).cpu()

    with precision(bench.device):
        assert_same(bench, ours(), others())
        bench.race(f"encode captions, {name} ViT-B/32", key, len(text), "captions/s", ours, others)


def open_clip_texts(model: nn.Module, device: str) -> Callable[[list[str]], Tensor]:
    """Return OpenCLIP's way from captions to vectors: rows of 77 ids, all of them read."""
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    return lambda text: model.encode_text(tokenizer(text).to(device))


def encode(bench: Bench, parts: Iterable[str], batch: int) -> None:
    """Captions and images to vectors, a batch at a time."""
    pixels, _ = inputs(batch, 224, bench.device)
    text = captions(CAPTION_BATCHES * batch)
    for name in ("ViT-B/32", "RN50"):
        ours, theirs = open_clip_pair(name, name.replace("/", "-"), bench.device)
        if "text" in parts and name == "ViT-B/32":
            race_captions(
                bench, "OpenCLIP", "encode_text_vs_open_clip", ours, text, open_clip_texts(theirs, bench.device)
            )
        if "image" in parts:
            key = f"encode_image_{name.replace('-', '_').replace('/', '').lower()}_vs_open_clip"
            race_images(bench, f"encode images, OpenCLIP {name}", key, ours.encode_image, theirs.encode_image, pixels)
    ours, other = transformers_pair(bench.device)
    if "text" in parts:
        fast = fast_tokenizer(BPETokenizer.from_vocabulary(vocabulary("clip")))

        def get_text_features(text: list[str]) -> Tensor:
            ids = fast(text, padding=True, return_tensors="pt").to(bench.device)
            return _vectors(other.get_text_features(**ids))

        race_captions(bench, "transformers", "encode_text_vs_transformers", ours, text, get_text_features)
    if "image" in parts:
        race = ("encode images, transformers ViT-B/32", "encode_image_vit_b32_vs_transformers")
        race_images(bench, *race, ours.encode_image, lambda x: _vectors(other.get_image_features(x)), pixels)


def _vectors(features: object) -> Tensor:
    """Return the (B, E) vectors: transformers wraps them in an object since version 5."""
    return features if isinstance(features, Tensor) else features.pooler_output  # type: ignore[attr-defined]


def steps(kind: str, batch: int, device: str) -> Callable[[], object]:
    """Return one training step of ViT-B/32, forward, backward and optimizer, as each project takes it."""
    pixels, ids = inputs(batch, 224, device)
    if kind == "ours":
        model = open_clip_pair("ViT-B/32", "ViT-B-32", device)[0].train()
        efficiency = Efficiency(precision="float32" if device == "cpu" else "bfloat16")  # as `precision` has it
        trainer = Trainer(model, TrainConfig(batch, RATE, weight_decay=0.2, efficiency=efficiency))
        as_bytes = (torch.rand(batch, 3, 224, 224) * 255).to(torch.uint8).to(device)  # as the loop gets them
        longest = int(ids.argmax(dim=1).max()) + 1  # rows as `as_ids` makes them for the loop
        return lambda: trainer.step(as_bytes, ids[:, :longest], RATE)
    if kind == "transformers":
        other: nn.Module = transformers_pair(device)[1].train()
        optimizer = torch.optim.AdamW(other.parameters(), lr=RATE, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.2)

        def step() -> None:
            with precision(device):
                loss = other(input_ids=ids, pixel_values=pixels, return_loss=True).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return step
    other = open_clip_pair("ViT-B/32", "ViT-B-32", device)[1].train()
    optimizer = torch.optim.AdamW(other.parameters(), lr=RATE, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.2)
    loss_of = open_clip.ClipLoss()

    def open_clip_step() -> None:
        with precision(device):
            loss = loss_of(*other(pixels, ids)[:3])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return open_clip_step


def train(bench: Bench, batch: int) -> None:
    """One step of training: forward, loss, backward, optimizer."""
    ours = steps("ours", batch, bench.device)
    for name, peer, key in (("OpenCLIP", "open_clip", "train_step_vs_open_clip"),
                            ("transformers", "transformers", "train_step_vs_transformers")):  # fmt: skip
        bench.race(f"training step, {name} ViT-B/32", key, batch, "pairs/s", ours, steps(peer, batch, bench.device))


def peak(kind: str, batch: int, device: str) -> float:
    """Return the MiB that two training steps hold at most, the model and its inputs included."""
    step = steps(kind, batch, device)
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    for _ in range(2):
        step()
    if device != "cpu":
        return torch.cuda.max_memory_allocated() / 2**20
    # VmHWM, not getrusage: that one starts with what the parent process once held.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def memory(bench: Bench, batch: int) -> None:
    """Peak memory of training, each in a process of its own."""
    found = {}
    for kind in ("ours", "open_clip", "transformers"):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            found[kind] = pool.apply(peak, (kind, batch, bench.device))
        bench.figures[f"train_memory_mib_{kind}"] = found[kind]
    rows = ", ".join(f"{kind} {mib:,.0f}" for kind, mib in found.items())
    print(f"peak memory of training, MiB: {rows}; theirs / ours {found['open_clip'] / found['ours']:.2f} (OpenCLIP)")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--captions", type=int, default=5000, help="to tokenize")
    parser.add_argument("--only", choices=PARTS, nargs="*", default=PARTS)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    bench = Bench(options.pairs, options.device)
    print(machine(options.device))
    print(f"batches of {options.batch}, medians of {options.pairs} pairs\n")
    print(f"{'':44} {'ours':>12} {'theirs':>12} {'':12} {'ratio':>6}")
    if "tokenize" in options.only:
        tokenize(bench, options.captions)
    if {"text", "image"} & set(options.only):
        encode(bench, options.only, options.batch)
    if "train" in options.only:
        train(bench, options.batch)
    if "memory" in options.only:
        memory(bench, options.batch)
    where = {"benchmark": "peers", "machine": machine(options.device), "batch": options.batch, "pairs": options.pairs}
    print(json.dumps(where | {key: round(value, 4) for key, value in bench.figures.items()}))


if __name__ == "__main__":
    main()
