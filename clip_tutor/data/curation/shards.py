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
import os
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from pathlib import Path

from clip_tutor.data.curation.data_card import CARD, CARDS, DataCard
from clip_tutor.data.curation.records import Records, Write, open_records
from clip_tutor.data.curation.steps import Step
from clip_tutor.data.shard_files import is_table, output_places, stem_of
from clip_tutor.data.whole_files import drafts_of, whole_file


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
    """Return why each record is dropped. Of a record with several captions, all are to stay."""
    asked = [pairs for pairs, wrong in records.both() if not wrong]
    said = iter(step(list(chain.from_iterable(asked))))
    reasons = []
    for pairs, wrong in records.both():
        about = [wrong] if wrong else list(islice(said, len(pairs)))
        reasons.append(next(filter(None, about), ""))
    return reasons


def curate_shards(step: Step, shards: str | Path | Sequence[str | Path], folder: str | Path) -> DataCard:
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
    for shard in todo:
        require_done(try_shard(step, shard, places[shard]))
    return finish(step, places)


# ---- what one process and many do alike ------------------------------------------------------------------------------


def begin(
    step: Step, shards: str | Path | Sequence[str | Path], folder: str | Path
) -> tuple[dict[str, Path], list[str]]:
    """Return where what is kept of each shard goes, and which shards are not finished.

    Raises:
        FileNotFoundError, ValueError: as `curate_shards`.
    """
    output = Path(folder).expanduser().absolute()
    places = output_places(shards, output, lambda shard: stem_of(shard) + (".parquet" if is_table(shard) else ".tar"))
    if any(shard == str(place) for shard, place in places.items()):
        raise ValueError(f"{folder} is where the shards lie: give another folder for what is kept of them")
    if not places:
        raise FileNotFoundError(f"{shards!r} names no shard")
    clear_drafts(places)
    return places, [shard for shard, place in places.items() if not _is_finished(step, shard, place)]


def try_shard(step: Step, shard: str, output: Path) -> dict[str, str]:
    """Curate one shard, and return what went wrong, as sentences that a process can hand back: see `require_done`."""
    outcome = {"unwritten": "", "refused": ""}
    try:
        curate_shard(step, shard, output)
    except OSError as error:
        outcome["unwritten"] = (
            f"{output} could not be written ({error.strerror or error}): make room on its disk, and run the same "
            "again. Shards that are finished stay"
        )
    except ValueError as error:
        outcome["refused"] = str(error)
    return outcome


def require_done(outcome: Mapping[str, str]) -> None:
    """Refuse to go on where a shard could not be curated.

    Raises:
        OSError: its output could not be written.
        ValueError: the step asks for what the shard does not have.
    """
    if outcome["unwritten"]:
        raise OSError(outcome["unwritten"])
    if outcome["refused"]:
        raise ValueError(outcome["refused"])


def finish(step: Step, places: dict[str, Path]) -> DataCard:
    """Write the card of all shards, and return it.

    Raises:
        OSError: it could not be written.
    """
    clear_drafts(places)
    whole = DataCard(step.settings)
    for place in places.values():
        whole.add(DataCard.of(json.loads(card_of(place).read_bytes())))
    folder = next(iter(places.values())).parent
    whole.write(folder / f"{CARD}.json")
    with whole_file(folder / f"{CARD}.md") as file:
        file.write(str(whole).encode("utf-8", "backslashreplace"))
    return whole


def clear_drafts(places: dict[str, Path]) -> None:
    """Remove what processes that died have left half-written."""
    for place in places.values():
        for draft in [*drafts_of(place), *drafts_of(card_of(place))]:
            draft.unlink(missing_ok=True)


def card_of(output: Path) -> Path:
    """Return where the card of a shard lies."""
    return output.parent / CARDS / f"{output.name}.json"


def stamp_of(shard: str) -> list[int]:
    """Return size and time of last change of a shard: as long as both stay, so does its content. Nothing in the web."""
    if "://" in shard:
        return []
    seen = os.stat(shard)
    return [seen.st_size, seen.st_mtime_ns]


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
