"""A job for each shard of a collection: it reads the shard, writes one file, and hands back what went wrong.

    crawl/00000.tar ──┐                     ┌─▶ out/00000.tar
    crawl/00001.tar ──┼─ job, each alone ───┼─▶ out/00001.tar
    crawl/more.tar  ──┘                     └─▶ out/more.tar

A job that is done again writes the same. So jobs may be dealt out in any order, to any machine, and twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from clip_tutor.data.shard_files import output_places
from clip_tutor.data.whole_files import drafts_of

Job = Callable[[str, Path], object]  # of a shard and its output
Places = dict[str, Path]  # where the output of each shard goes
Shards = str | Path | Sequence[str | Path]


def places_of(shards: Shards, folder: str | Path, name: Callable[[str], str]) -> Places:
    """Return where the output of each shard goes.

    Args:
        shards: WebDataset archives and Parquet files, one or several; a folder, or ``{00000..00331}`` for a range.
        name: gives the file name of the output.

    Raises:
        FileNotFoundError: a shard is missing, or there is none.
        ValueError: two shards would have one output, or a shard would be written over.
    """
    places = output_places(shards, Path(folder).expanduser().absolute(), name)
    if any(shard == str(place) for shard, place in places.items()):
        raise ValueError(f"{folder} is where the shards lie: give another folder for what is kept of them")
    if not places:
        raise FileNotFoundError(f"{shards!r} names no shard")
    return places


def run_jobs(job: Job, todo: Places) -> None:
    """Do the job of each shard, one after the other.

    Raises:
        OSError, ValueError: as `require_done`.
    """
    for shard, output in todo.items():
        require_done(run_job(job, shard, output))


def run_job(job: Job, shard: str, output: Path) -> dict[str, str]:
    """Do the job of one shard, and return what went wrong, as sentences that a process can hand back."""
    outcome = {"unwritten": "", "refused": ""}
    try:
        job(shard, output)
    except OSError as error:
        outcome["unwritten"] = (
            f"{output} could not be written ({error.strerror or error}): make room on its disk, and run the same "
            "again. Shards that are finished stay"
        )
    except ValueError as error:
        outcome["refused"] = str(error)
    return outcome


def require_done(outcome: Mapping[str, str]) -> None:
    """Refuse to go on where the job of a shard could not be done.

    Raises:
        OSError: its output could not be written.
        ValueError: the job asks for what the shard does not have.
    """
    if outcome["unwritten"]:
        raise OSError(outcome["unwritten"])
    if outcome["refused"]:
        raise ValueError(outcome["refused"])


def clear_drafts(outputs: Iterable[Path]) -> None:
    """Remove what processes that died have left half-written."""
    for output in outputs:
        for draft in drafts_of(output):
            draft.unlink(missing_ok=True)


def stamp_of(shard: str) -> list[int]:
    """Return size and time of last change of a shard: as long as both stay, so does its content. Nothing in the web."""
    if "://" in shard:
        return []
    seen = os.stat(shard)
    return [seen.st_size, seen.st_mtime_ns]
