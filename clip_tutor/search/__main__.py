"""Search your own images from a shell:

    python -m clip_tutor.search index ~/Pictures                                 with the model that comes with the kit
    python -m clip_tutor.search index ~/Pictures --model ViT-B/32 --weights openai       with published weights
    python -m clip_tutor.search query ~/Pictures "a dog on the beach" --without "a leash" --date 2023-07
    python -m clip_tutor.search query ~/Pictures --image holiday.jpg
    python -m clip_tutor.search info ~/Pictures
    python -m clip_tutor.search index parquet:photos.parquet --index photos.index     a data set of the kit
    python -m clip_tutor.search query photos.index "a dog on the beach"

The index lies in the hidden folder .clip_tutor_index of the images' folder, or where --index says. Run `index` again
after changes: only what is new is read. Ctrl-C loses at most the batch that is being encoded.

Data sets are folder:PATH, parquet:FILE, hub:owner/name, webdataset:SHARDS, coco:IMAGES,ANNOTATIONS,
flickr30k:IMAGES,ANNOTATIONS, scenes, imagenet:PATH, cifar10:PATH and the other names of `clip_tutor.evaluation --data`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from clip_tutor.printable import printable
from clip_tutor.search.data_sets import index_data_set, names_data_set
from clip_tutor.search.index import ImageIndex
from clip_tutor.search.store import MANIFEST, Store
from clip_tutor.shell import run_from_shell
from clip_tutor.weights import load

HIDDEN = ".clip_tutor_index"
SHIPPED = "emoji"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return what is to be done."""
    parser = argparse.ArgumentParser(
        prog="python -m clip_tutor.search",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True)
    index = actions.add_parser("index", help="make an index of a folder of images, or bring it up to date")
    query = actions.add_parser("query", help="find images")
    info = actions.add_parser("info", help="say what an index holds, and how good it is")
    for action in (index, query, info):
        images = (
            "the folder of images, or a data set" if action is index else "the folder of images, or the index itself"
        )
        action.add_argument("folder", help=images)
        action.add_argument("--index", type=Path, help=f"where the index lies, if not in FOLDER/{HIDDEN}")
    index.add_argument("--model", help=f"a name of the zoo, or a weights file of the kit's (default: {SHIPPED})")
    index.add_argument("--weights", help='a tag such as "openai", or a file of published weights')
    index.add_argument("--split", help="of a data set; not given, its test split or all there is")
    index.add_argument("--workers", type=int, help="threads that decode (default: one a core, eight at most)")
    query.add_argument("words", nargs="?", help="what to look for")
    query.add_argument("--image", help="an image to look for, or to join with the words")
    query.add_argument("--weights", type=float, nargs=2, default=(1.0, 1.0), metavar=("WORDS", "IMAGE"))
    query.add_argument("--without", help="what is not wanted")
    query.add_argument("--in", dest="inside", metavar="FOLDER", help="only in this folder, or the end of its path")
    query.add_argument("--date", nargs="+", help="only of this year, month or day: 2023-07; or from and to")
    query.add_argument("-k", type=int, default=10, help="how many images")
    return parser.parse_args(arguments)


def place_of(options: argparse.Namespace) -> Path:
    """Return where the index lies.

    Raises:
        ValueError: a data set has no folder where it could lie.
    """
    if options.index:
        return Path(options.index).expanduser()
    if is_data_set(options):
        raise ValueError(
            f"{options.folder} is a data set, and has no folder of its own: say with --index where it goes"
        )
    folder = Path(options.folder).expanduser()
    return folder if (folder / MANIFEST).is_file() else folder / HIDDEN


def is_data_set(options: argparse.Namespace) -> bool:
    """Return whether a data set is meant, and not a folder; one that is called so comes first."""
    return names_data_set(options.folder) and not Path(options.folder).expanduser().exists()


def opened(options: argparse.Namespace) -> ImageIndex:
    """Open an index with the model that made it, or make an empty one where it is to be made.

    Raises:
        KeyError, ValueError, OSError: there is none, it is damaged, or its model is not here.
    """
    place, making = place_of(options), options.action == "index"
    there = (place / MANIFEST).is_file()
    if making and not there and not is_data_set(options) and not Path(options.folder).expanduser().is_dir():
        raise NotADirectoryError(f"{options.folder} is no folder: give the folder of images")
    made_with = Store.open(place).manifest.get("made_with", {}) if there or not making else {}
    asked = {"model": options.model, "weights": options.weights} if making and options.model else made_with
    name, weights = asked.get("model") or SHIPPED, asked.get("weights")
    model, tokenizer, _ = load(name, weights=weights)
    index = ImageIndex.open(place, model, tokenizer, create=making)
    if making and isinstance(index.rows, Store):
        own_file = Path(name).expanduser()
        index.rows.manifest["made_with"] = {
            "model": str(own_file.resolve()) if weights is None and own_file.is_file() else name,
            "weights": str(Path(weights).resolve()) if weights and Path(weights).exists() else weights,
        }
        index.rows.write_manifest()
    return index


def describe(index: ImageIndex) -> str:
    """Return what an index holds, and how good its search is."""
    made_with = index.rows.manifest.get("made_with", {}) if isinstance(index.rows, Store) else {}
    model = " ".join(filter(None, [made_with.get("model"), made_with.get("weights")])) or "a model of your own"
    lines = [f"{len(index):,} images, encoded with {model}, {index.model.config.embed_dim} numbers each"]
    tuned = f"approximate search: {index.tuning}" if index.tuning else "search is exact"
    lines.append(tuned)
    if len(index):
        chance = index.chance()
        lines.append(
            f"random captions find a best score of {chance.best_mean:.2f}, give or take {chance.best_std:.2f}: "
            "a query that finds no more fits nothing here"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Do what was asked, and print.

    Raises:
        KeyError, ValueError, OSError: the folder, the index or the query cannot be used.
    """
    options = parse(arguments)
    index = opened(options)
    if options.action == "index":
        if is_data_set(options):
            update = index_data_set(index, options.folder, options.split, options.workers, progress=True)
        else:
            update = index.update(options.folder, options.workers, progress=True)
        said = f"{update}\n{describe(index)}"
    elif options.action == "info":
        said = describe(index)
    else:
        where = {"folder": options.inside} if options.inside else {}
        if options.date:
            where["date"] = options.date[0] if len(options.date) == 1 else tuple(options.date)
        said = str(
            index.search(
                options.words,
                options.image,
                options.k,
                without=options.without,
                weights=tuple(options.weights),
                where=where or None,
            )
        )
    print(printable(said, sys.stdout))


if __name__ == "__main__":
    run_from_shell(main)
