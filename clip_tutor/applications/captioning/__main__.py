"""Caption images in a shell:

    python -m clip_tutor.applications.captioning image.png
    python -m clip_tutor.applications.captioning *.jpg --beams 5
    python -m clip_tutor.applications.captioning image.png --temperature 0.7 --captions 5
    python -m clip_tutor.applications.captioning image.png --captioner runs/captioner/checkpoint.safetensors

The captioner that comes with the kit has seen drawings of emoji and nothing else: of a photograph it says which emoji
on which background its vector is most like. An image that cannot be opened is named, and the others are captioned.
"""

from __future__ import annotations

import argparse
import sys

import torch

from clip_tutor.applications.captioning.files import load_captioner
from clip_tutor.applications.captioning.writing import write_captions
from clip_tutor.applications.language_model import greedy, top_p
from clip_tutor.printable import printable
from clip_tutor.shell import run_from_shell

TOP_P = 0.9  # of a caption that is drawn: what of the probability its tokens may come from


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python -m clip_tutor.applications.captioning", description=__doc__.split("\n")[0]
    )
    parser.add_argument("images", nargs="+", help="files, of any kind that the kit can open")
    parser.add_argument("--captioner", default="captioner", help="a captioner's file (default: the one that ships)")
    parser.add_argument("--beams", type=int, default=1, help="texts kept side by side; 1 takes the likeliest word")
    parser.add_argument("--temperature", type=float, help="draw the words, with this temperature")
    parser.add_argument("--captions", type=int, default=1, help="of each image; more than one are drawn")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Print one line an image, its path and its caption; several captions of one image in lines of their own.

    Raises:
        FileNotFoundError, ValueError: the captioner or an option cannot be used.
        OSError: not one image could be opened.
    """
    options = parse(arguments)
    drawn = options.temperature is not None or options.captions > 1
    if options.captions < 1:
        raise ValueError(f"--captions is {options.captions}: ask for at least one")
    if drawn and options.beams > 1:
        raise ValueError("--beams looks for the likeliest caption and --temperature draws one: leave out one of them")
    temperature = 1.0 if options.temperature is None else options.temperature
    generator = torch.Generator().manual_seed(options.seed)
    choose = top_p(TOP_P, temperature, generator) if drawn else greedy
    captioner, tokenizer, clip, _ = load_captioner(options.captioner)
    opened = 0
    for path in options.images:
        try:
            pixels = clip.preprocess(path, convert=True)
        except (OSError, ValueError) as error:
            print(printable(f"{path}: {error}", sys.stderr), file=sys.stderr)
            continue
        opened += 1
        with torch.no_grad():
            features = clip.encode_image(pixels[None], normalize=True)  # (1, E)
        features = features.expand(options.captions, -1)
        for caption in write_captions(captioner, tokenizer, features, choose=choose, beams=options.beams):
            print(printable(f"{path}: {caption}", sys.stdout))
    if not opened:
        raise OSError("not one of the images could be opened: give files that hold images")


if __name__ == "__main__":
    run_from_shell(main)
