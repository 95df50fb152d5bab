"""A collection is encoded over many machines, by Ray Data: shards of images in, shards of vectors out.

    photos/00000.tar ──┐                ┌─▶ a process that holds the model ─▶ vectors/00000.parquet
    photos/00001.tar ──┼─ Ray deals out ┤   read, decode, encode, write
    photos/more.parquet┘                └─▶ another, on another machine ────▶ vectors/more.parquet …

`encode_shard` is the plain form: one shard, in this process. Ray starts as many processes as its machines hold, deals
out the shards, and deals a shard out again whose process or machine died. What is finished is in the folder and is not
encoded again: run the same call after any interruption, and it goes on.

Where the shards and the vectors lie, all machines must see: a network file system, or web addresses for the shards.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow
from numpy.typing import NDArray

from clip_tutor.data.caption_tables import open_parquet
from clip_tutor.data.hub import IMAGE_COLUMNS, NAME_COLUMNS, stored_image
from clip_tutor.data.pairs import pick_column
from clip_tutor.data.ray_cluster import RETRIES, import_ray
from clip_tutor.data.shard_files import is_table, output_places, stem_of
from clip_tutor.data.webdataset import read_shard
from clip_tutor.data.whole_files import drafts_of
from clip_tutor.embedding import device_of
from clip_tutor.model import CLIP
from clip_tutor.printable import listed
from clip_tutor.search.encode import FILES_AT_ONCE, FileBatch, Source, encode_sources
from clip_tutor.search.scan import stamp_of
from clip_tutor.search.vector_shards import DAMAGED, About, about_shard, write_shard
from clip_tutor.weights import fingerprint

NAMED = 20  # bad images of a shard, the most that are named


@dataclass
class ShardReport:
    """What became of some shards."""

    images: int = 0  # encoded now
    encoded: int = 0  # shards that were encoded now
    unchanged: int = 0  # whose vectors were there
    left_out: int = 0  # images that could not be read
    problems: dict[str, str] = field(default_factory=dict)  # of shards, and of the first 20 bad images of each: why

    def __str__(self) -> str:
        lines = [f"{self.images:,} images of {self.encoded:,} shards encoded, {self.unchanged:,} shards were there"]
        if self.left_out:
            lines.append(f"{self.left_out:,} images could not be read")
        return "\n".join([*lines, *(f"  {name}: {why}" for name, why in self.problems.items())])


def encode_shard(model: CLIP, shard: str, output: Path, workers: int | None = None) -> ShardReport:
    """Encode the images of one shard, and write their vectors and names to one Parquet file.

    Args:
        shard: a WebDataset archive, as a path or an address, or a Parquet file with a column of images. An image is
            called ``00000.tar/key``, in Parquet by the column of names (``file_name``, ``key``, ``id`` …) or the row.
        output: ``….parquet``. Of a shard that is damaged, what could be read goes to ``….damaged.parquet`` instead.
        workers: threads that decode.

    Raises:
        OSError: the vectors could not be written.
        ValueError: a Parquet file has no column of images.
    """
    faults: list[str] = []
    report = ShardReport()
    about = _about(model, shard)
    read = _parquet_images if is_table(shard) else _archive_images

    def batches() -> Iterator[FileBatch]:
        for batch in encode_sources(model, read(shard, faults), workers):
            report.left_out += len(batch.problems)
            report.problems |= dict(list(batch.problems.items())[: NAMED - len(report.problems)])
            yield batch

    damaged = _damaged(output)
    report.images = write_shard(damaged, about, model.config.embed_dim, batches())
    if faults:
        report.problems[shard] = f"{faults[0]}. It is tried again each time"
    else:
        damaged.replace(output)
    report.encoded = 1
    return report


def encode_shards(
    model: CLIP,
    shards: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    processes: int | None = None,
    cpus: int = 1,
    gpus: float = 0,
) -> ShardReport:
    """Encode the images of many shards on all machines of a Ray cluster; without one, on this machine.

    Args:
        shards: WebDataset archives and Parquet files, one or several; a folder, or ``{00000..00331}`` for a range.
        output: a folder for ``<name of the shard>.parquet`` each, which `add_shards` takes into an index.
        processes: how many encode at a time; None: as many as the machines hold.
        cpus: cores of each process, which decode in as many threads.
        gpus: of each process; 0: it encodes on its cores.

    Raises:
        ImportError: Ray is not installed.
        FileNotFoundError: a shard is missing.
        ValueError: two shards have one name, the folder holds vectors of another model, or no machine is large enough.
        OSError: vectors could not be written; those of finished shards stay, and the same call goes on behind them.
        RuntimeError: processes died over the same shard again and again.
    """
    folder = Path(output).expanduser().absolute()
    folder.mkdir(parents=True, exist_ok=True)
    places = output_places(shards, folder, lambda shard: f"{stem_of(shard)}.parquet")
    todo = {shard: place for shard, place in places.items() if not _is_done(model, shard, place)}
    report = ShardReport(unchanged=len(places) - len(todo))
    if not todo:
        return report
    ray = _ray()
    if not ray.is_initialized():
        ray.init()
    room = sum(_room(node["Resources"], cpus, gpus) for node in ray.nodes() if node["Alive"])
    if not room:
        raise ValueError(f"no machine of this Ray cluster has {cpus} CPUs and {gpus:g} GPUs: ask for fewer")
    held = ray.put(model if device_of(model).type == "cpu" else copy.deepcopy(model).cpu())  # once for each machine
    jobs = [{"shard": shard, "output": str(place)} for shard, place in todo.items()]
    size = min(processes or room, room, len(jobs))
    done = ray.data.from_items(jobs, override_num_blocks=len(jobs)).map_batches(
        _Encoder,
        fn_constructor_args=(held, cpus, gpus),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=1),
        num_cpus=cpus,
        num_gpus=gpus or None,
        max_task_retries=RETRIES,
    )
    try:
        for row in done.iter_rows():
            if row["unwritten"]:
                raise OSError(row["unwritten"])
            said = ShardReport(**json.loads(row["report"]))
            report.images += said.images
            report.encoded += said.encoded
            report.left_out += said.left_out
            report.problems |= said.problems
    except ray.exceptions.RayActorError as error:
        begun = [shard for shard, place in todo.items() if drafts_of(_damaged(place))]
        raise RuntimeError(
            f"a process died {RETRIES + 1} times over one of {listed(begun)}: most often for want of memory, or "
            "because an image makes its decoder crash. Shards that are finished stay: run the same with fewer "
            "processes at a time, or without this shard"
        ) from error
    finally:
        for place in todo.values():  # of processes that died
            for draft in drafts_of(_damaged(place)):
                draft.unlink(missing_ok=True)
    return report


class _Encoder:
    """A process of Ray's that holds the model, and encodes the shards that it is given."""

    def __init__(self, held: Any, cpus: int, gpus: float) -> None:
        model = _ray().get(held)
        self._model, self._workers = model.to("cuda") if gpus else model, cpus

    def __call__(self, jobs: dict[str, NDArray[Any]]) -> dict[str, list[str]]:
        """Encode one shard; what the disk says is handed on, and not tried again as a crash would be."""
        shard, output = str(jobs["shard"][0]), Path(str(jobs["output"][0]))
        try:
            report, unwritten = encode_shard(self._model, shard, output, self._workers), ""
        except ValueError as error:
            report, unwritten = ShardReport(problems={shard: str(error)}), ""
        except OSError as error:
            why = f"{output} could not be written ({error.strerror or error}): make room on its disk, and run the same"
            report, unwritten = ShardReport(), f"{why} again. Shards that are finished stay"
        return {"report": [json.dumps(vars(report))], "unwritten": [unwritten]}


def _ray() -> Any:
    return import_ray("encoding over many machines")


def _room(resources: dict[str, float], cpus: int, gpus: float) -> int:
    """Return how many processes a machine holds."""
    room = int(resources.get("CPU", 0) // cpus)
    return min(room, int(resources.get("GPU", 0) // gpus)) if gpus else room


def _damaged(output: Path) -> Path:
    return output.with_name(output.stem + DAMAGED)


def _is_done(model: CLIP, shard: str, place: Path) -> bool:
    about, wanted = about_shard(place), _about(model, shard)
    if about is not None and about.model != wanted.model:
        raise ValueError(f"{place} holds vectors of another model: give another folder, or delete this one")
    return about == wanted


def _about(model: CLIP, shard: str) -> About:
    size, mtime_ns = (0, 0) if "://" in shard else stamp_of(shard)
    return About(fingerprint(model), size, mtime_ns)


def _archive_images(shard: str, faults: list[str]) -> Iterator[Source]:
    """Yield what a WebDataset archive holds; what is wrong with the archive goes to ``faults``."""
    pairs = read_shard(shard)
    while True:
        try:
            pair = next(pairs)
        except StopIteration as end:
            faults.extend(filter(None, [end.value[1]]))
            return
        yield pair.name, pair.image


def _parquet_images(shard: str, faults: list[str]) -> Iterator[Source]:
    """Yield what a Parquet file holds; a path in it is meant from the file's own folder."""
    table, number = open_parquet(Path(shard)), 0
    columns = table.schema_arrow.names
    image = pick_column(columns, IMAGE_COLUMNS, "images", shard)
    name = next((column for column in NAME_COLUMNS if column in columns), None)
    try:
        for batch in table.iter_batches(FILES_AT_ONCE, columns=[image, *([name] if name else [])]):
            for row in batch.to_pylist():
                content, path = stored_image(row[image])
                own = (row[name] if name else None) or path or f"row {number}"
                number += 1
                yield f"{Path(shard).name}/{own}", Path(shard).parent / content if isinstance(content, str) else content
    except (pyarrow.ArrowException, OSError) as error:
        faults.append(f"{shard} is damaged after row {number} ({error}): write or download it again")
