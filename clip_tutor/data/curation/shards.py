"""A step over the shards of a collection: shards in, shards of what it keeps out, and a card that says what it did.

    crawl/00000.tar ──────┐                           ┌─▶ curated/00000.tar       + cards/00000.tar.json
    crawl/00001.tar ──────┼─ curate_shard, each alone ┼─▶ curated/00001.tar       + cards/00001.tar.json
    crawl/more.parquet  ──┘                           └─▶ curated/more.parquet    + cards/more.parquet.json
                                                                 └─▶ data_card.md

Finished shards are not done again: run the same call after any interruption, and it goes on. A shard that could not be
read to its end gives what came before, and is tried again each time.
"""

from __future__ import annotations

import json
from functools import partial
from itertools import chain, islice
from pathlib import Path

from clip_tutor.data.curation.data_card import CARD, CARDS, DataCard
from clip_tutor.data.curation.records import Records, Write, open_records
from clip_tutor.data.curation.shard_jobs import Places, Shards, clear_drafts, places_of, run_jobs, stamp_of
from clip_tutor.data.curation.steps import Step
from clip_tutor.data.shard_files import is_table, stem_of
from clip_tutor.data.whole_files import whole_file


def curate_shard(step: Step, shard: str, output: Path) -> DataCard:
    """Write what a step keeps of one shard, and then the card of that shard.

    Args:
        shard: a WebDataset archive, as a path or an address, or a Parquet file.
        output: a ``.tar`` or a ``.parquet``, as the shard is one.

    Raises:
        OSError: the output could not be written; nothing of it is left.
        ValueError: the step asks for what the shard does not have.
    """
    card = DataCard(step.settings, shards=1)
    try:
        source, records = stamp_of(shard), open_records(shard)
    except (OSError, ValueError) as error:  # gone, cut off, or of another kind: nothing in it can be read
        card.faults[shard] = str(error)
        output.unlink(missing_ok=True)  # what an earlier state of the shard gave
        card.write(card_of(output))
        return card

    def each(write: Write) -> None:
        for some in records.read():
            reasons = _reasons(step, some)
            for pairs, why in zip(some.pairs, reasons, strict=True):
                card.report.count(pairs[0], why)
            write(some, [not why for why in reasons])

    with whole_file(output) as file:
        records.write(file, each)
    if records.fault:
        card.faults[shard] = records.fault
    card.write(card_of(output), source=source, output=output.stat().st_size)
    return card


def _reasons(step: Step, records: Records) -> list[str]:
    """Return why each record is dropped: one without an image, for instance, without asking the step."""
    asked = [pairs for pairs, wrong in records.both() if not wrong]
    said = iter(step(list(chain.from_iterable(asked))))
    reasons = []
    for pairs, wrong in records.both():
        about = [wrong] if wrong else list(islice(said, len(pairs)))
        stays = "" in about and not step.all_captions
        reasons.append("" if stays else next(filter(None, about), ""))
    return reasons


def curate_shards(step: Step, shards: Shards, folder: str | Path) -> DataCard:
    """Write what a step keeps of many shards, one after the other, and a data card.

    Args:
        shards: WebDataset archives and Parquet files, one or several; a folder, or ``{00000..00331}`` for a range.
        folder: for what is kept: the shards of the next step.

    Raises:
        FileNotFoundError: a shard is missing.
        ValueError: two shards have one name, the folder holds the output of another step, or the step asks for what a
            shard does not have.
        OSError: there is no room on the disk; finished shards stay, and the same call goes on behind them.
    """
    places, todo = begin(step, shards, folder)
    run_jobs(partial(curate_shard, step), todo)
    return finish(step, places)


# ---- what one process and many do alike ------------------------------------------------------------------------------


def begin(step: Step, shards: Shards, folder: str | Path) -> tuple[Places, Places]:
    """Return where what is kept of each shard goes: of all shards, and of those that are not finished.

    Raises:
        FileNotFoundError, ValueError: as `curate_shards`.
    """
    places = places_of(shards, folder, lambda shard: stem_of(shard) + (".parquet" if is_table(shard) else ".tar"))
    clear_drafts(_files_of(places))
    return places, {shard: place for shard, place in places.items() if not _is_finished(step, shard, place)}


def finish(step: Step, places: Places) -> DataCard:
    """Write the card of all shards, and return it.

    Raises:
        OSError: it could not be written.
    """
    clear_drafts(_files_of(places))
    whole = DataCard(step.settings)
    for place in places.values():
        whole.add(DataCard.of(json.loads(card_of(place).read_bytes())))
    folder = next(iter(places.values())).parent
    whole.write(folder / f"{CARD}.json")
    with whole_file(folder / f"{CARD}.md") as file:
        file.write(str(whole).encode("utf-8", "backslashreplace"))
    return whole


def card_of(output: Path) -> Path:
    """Return where the card of a shard lies."""
    return output.parent / CARDS / f"{output.name}.json"


def _files_of(places: Places) -> list[Path]:
    return [*places.values(), *map(card_of, places.values())]


def _is_finished(step: Step, shard: str, output: Path) -> bool:
    try:
        said = json.loads(card_of(output).read_bytes())
        card = DataCard.of(said)
        whole = output.stat().st_size == said["output"] and said["source"] == stamp_of(shard)
    except (OSError, KeyError, TypeError, ValueError):
        return False
    if card.settings != json.loads(json.dumps(step.settings)):
        raise ValueError(
            f"{output} is what other settings have kept ({card.settings}): give another folder, or delete this one"
        )
    return whole and not card.faults
