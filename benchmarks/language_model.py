"""How many tokens a second GPT-2 writes, beside transformers with the same weights, both with their caches.

    python benchmarks/language_model.py
    python benchmarks/language_model.py --tokens 200 --rounds 9

One text at a time, the likeliest token each, greedy: what is measured is the model, not the search. The weights are
random, which changes no time, so that nothing is downloaded. The two take turns in one process, and the ratio is the
median over neighboring runs. A table for people comes first; the last line is one JSON object.
"""

import argparse
import json
import warnings

import torch
import transformers
from machine import machine, take_turns

from clip_tutor.applications.language_model import LANGUAGE_MODELS, generate
from clip_tutor.applications.language_model.pretrained import assemble_gpt2


def gpt2_tokens_per_second(tokens: int, rounds: int, prompt_length: int = 12) -> dict[str, float]:
    """Return our tokens a second, transformers', and the median ratio of neighboring runs, ours / theirs.

    Args:
        tokens: how many each run writes.
        rounds: how many runs of each.
        prompt_length: how many tokens are there before, as many as ClipCap's prefix and two words.
    """
    torch.manual_seed(0)
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config()).eval()
    ours = assemble_gpt2(LANGUAGE_MODELS["gpt2"], theirs.state_dict(), "theirs")
    ids = torch.randint(50_256, (1, prompt_length))
    settings = {"do_sample": False, "max_new_tokens": tokens, "min_new_tokens": tokens, "pad_token_id": 50_256}

    def write() -> list[int]:
        return generate(ours, ours.embed(ids), end_id=-1, max_tokens=tokens)[0]

    def their_write() -> list[int]:
        return theirs.generate(ids, attention_mask=torch.ones_like(ids), **settings)[0, prompt_length:].tolist()

    if write() != their_write():
        raise AssertionError("the two wrote different texts: their times cannot be compared")
    our_seconds, their_seconds, ratio = take_turns(write, their_write, rounds)
    return {
        "gpt2_tokens_per_second": tokens / our_seconds,
        "transformers_tokens_per_second": tokens / their_seconds,
        "gpt2_tokens_per_second_vs_transformers": ratio,
    }


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tokens", type=int, default=60, help="tokens of a text")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", module="transformers")
    transformers.logging.set_verbosity_error()
    found = gpt2_tokens_per_second(options.tokens, options.rounds)
    print(f"{machine()};  GPT-2 124M, batch 1, {options.tokens} tokens, {options.rounds} rounds\n")
    print(f"tokens a second, this kit        {found['gpt2_tokens_per_second']:8.1f}")
    print(f"tokens a second, transformers    {found['transformers_tokens_per_second']:8.1f}")
    print(f"ratio                            {found['gpt2_tokens_per_second_vs_transformers']:8.2f}")
    figures = {"benchmark": "language_model", "machine": machine(), "tokens": options.tokens, "rounds": options.rounds}
    print(json.dumps(figures | {key: round(value, 3) for key, value in found.items()}))


if __name__ == "__main__":
    main()
