"""What the chunked losses and gradient caching save in memory, and what they cost in time.

    python benchmarks/losses.py                   32,768 pairs of 512 dimensions; needs 18 GB free and some minutes
    python benchmarks/losses.py --pairs 8192      a sixteenth of that
    python benchmarks/losses.py --only cache      one part: softmax, sigmoid or cache

Forward and backward together. Each run has a process of its own; its memory is what it holds at most beyond what it
held before: beyond the features for a loss, beyond the model for a training step. Plain and saving forms take turns,
and each figure is the median over the rounds. Below 1, the saving form needs less. The last line is one JSON object.

Cached batches need the memory of a small one; what they cost in time is said per pair.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from machine import alone, from_status, machine, seconds

from clip_tutor import losses
from clip_tutor.losses.chunked import CHUNK_SIZE
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.towers import TextConfig, ViTConfig
from clip_tutor.training import Efficiency, TrainConfig
from clip_tutor.training.gradient_cache import cached_backward
from clip_tutor.training.loss import loss_function

PARTS = ("softmax", "sigmoid", "cache")
FORMS: dict[str, Callable[..., torch.Tensor]] = {
    "softmax": losses.contrastive_loss,
    "chunked softmax": losses.chunked_contrastive_loss,
    "sigmoid": losses.sigmoid_loss,
    "chunked sigmoid": losses.chunked_sigmoid_loss,
}
SMALL_BATCH, LARGE_BATCH = 256, 4096
Run = tuple[float, float]  # seconds, MiB


def measured(work: Callable[[], object], device: str) -> Run:
    """Return the seconds that ``work`` takes and the MiB that it holds at most beyond what was held before."""
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        took = seconds(work, device)
        return took, (torch.cuda.max_memory_allocated() - before) / 2**20
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak begins anew
    before_mib = from_status("VmRSS")
    took = seconds(work, device)
    return took, from_status("VmHWM") - before_mib


def run_loss(name: str, pairs: int, dims: int, device: str, chunk_size: int) -> Run:
    """Measure one form of a loss on random unit vectors, forward and backward."""
    form = partial(FORMS[name], chunk_size=chunk_size) if "chunked" in name else FORMS[name]
    generator = torch.Generator().manual_seed(0)

    def work(count: int) -> Callable[[], None]:
        pair = [F.normalize(torch.randn(count, dims, generator=generator), dim=-1) for _ in range(2)]
        scalars = [torch.tensor(10.0)] + [torch.tensor(-10.0)] * ("sigmoid" in name)
        inputs = [tensor.to(device).requires_grad_() for tensor in (*pair, *scalars)]
        return lambda: form(*inputs).backward()

    for _ in range(2):
        seconds(work(min(512, pairs)), device)  # warm up
    return measured(work(pairs), device)


def run_step(batch: int, micro_batch: int | None, device: str) -> Run:
    """Measure the gradients of one batch, made here: cached if ``micro_batch``, else in one go."""
    torch.manual_seed(0)
    vision, text = ViTConfig(32, 8, 128, layers=8, heads=4), TextConfig(1000, 16, 128, layers=8, heads=4)
    model = CLIP(CLIPConfig(128, vision, text)).to(device)
    loss_of = loss_function(TrainConfig(batch, 1e-3, efficiency=Efficiency(chunk_size=CHUNK_SIZE)))

    def step(count: int) -> None:
        pixels, ids = torch.randn(count, 3, 32, 32, device=device), torch.randint(1, 1000, (count, 16), device=device)
        if micro_batch:
            cached_backward(model, pixels, ids, loss_of, micro_batch)
        else:
            loss_of(model(pixels, ids)).backward()

    step(8)  # warm up: the gradients of the weights are there, as they are in training
    return measured(lambda: step(batch), device)


def compare(
    title: str, saving: Callable[[], Run], plain: Callable[[], Run], rounds: int, key: str, figures: dict[str, float]
) -> None:
    """Let the two take turns; print a row and add its figures."""
    runs = [(saving(), plain()) if n % 2 else (plain(), saving())[::-1] for n in range(rounds)]
    median = {
        f"{key}_{what}{suffix}": statistics.median(value(ours[n], theirs[n]) for ours, theirs in runs)
        for n, what in enumerate(("time", "memory"))
        for suffix, value in (
            ("_ratio", lambda ours, theirs: ours / theirs),
            ("", lambda ours, _: ours),
            ("_plain", lambda _, theirs: theirs),
        )
    }
    figures |= median
    times = f"{median[f'{key}_time']:8.2f} s {median[f'{key}_time_plain']:8.2f} s {median[f'{key}_time_ratio']:6.2f}"
    memory = (
        f"{median[f'{key}_memory']:8,.0f} {median[f'{key}_memory_plain']:8,.0f} {median[f'{key}_memory_ratio']:7.3f}"
    )
    print(f"{title:40} {times}    {memory}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=32_768)
    parser.add_argument("--dims", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=1, help="of each form in turn; figures are medians")
    parser.add_argument("--chunk-size", type=int, help="128 on a CPU, 1,024 on a GPU")
    parser.add_argument("--only", choices=PARTS, nargs="*", default=PARTS)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    device, chunk_size = options.device, options.chunk_size or (128 if options.device == "cpu" else 1024)
    print(
        f"{machine(device)}\n{options.pairs:,} pairs of {options.dims} dimensions, medians of {options.rounds} rounds\n"
    )
    print(f"{'':40} {'seconds':>10} {'plain':>10} {'ratio':>6}    {'MiB':>8} {'plain':>8} {'ratio':>7}")
    figures: dict[str, float] = {}
    for name in ("softmax", "sigmoid"):
        if name in options.only:
            settings = (options.pairs, options.dims, device, chunk_size)
            chunked, plain = (partial(alone, run_loss, form, *settings) for form in (f"chunked {name}", name))
            compare(f"{name}, {chunk_size} rows at a time", chunked, plain, options.rounds, name, figures)
    if "cache" in options.only:
        plain = partial(alone, run_step, SMALL_BATCH, None, device)
        for micro_batch, key in ((SMALL_BATCH // 2, "cache"), (SMALL_BATCH, "cache_same_micro_batch")):
            cached = partial(alone, run_step, LARGE_BATCH, micro_batch, device)
            title = f"{LARGE_BATCH:,} cached by {micro_batch} / {SMALL_BATCH} plain"
            compare(title, cached, plain, 1, key, figures)
            figures[f"{key}_time_ratio_per_pair"] = figures[f"{key}_time_ratio"] * SMALL_BATCH / LARGE_BATCH
    where = {"benchmark": "losses", "machine": machine(device), "pairs": options.pairs, "dims": options.dims}
    rounded = {name: round(value, 4) for name, value in figures.items()}
    print(json.dumps(where | {"chunk_size": chunk_size, "rounds": options.rounds} | rounded))


if __name__ == "__main__":
    main()
