"""A step over many shards at a time: the same functions, dealt out by `datasets` or by Ray Data.

    one machine     curate_in_processes    datasets: Dataset.map(…, num_proc=8), a row for each shard
    a cluster       curate_on_ray          Ray Data: a task for each shard, dealt out again if its process dies

Both write what `curate_shards` writes. The folder must be one that all machines see, and so must the shards, or they
are web addresses. A step goes to each process by pickle: its filters are functions of modules, not of a notebook's cell
that closes over a file or a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clip_tutor.data.curation.data_card import DataCard
from clip_tutor.data.curation.shards import begin, finish, require_done, try_shard
from clip_tutor.data.curation.steps import Step
from clip_tutor.data.ray_cluster import RETRIES, import_ray


def curate_in_processes(
    step: Step, shards: str | Path | Sequence[str | Path], folder: str | Path, processes: int
) -> DataCard:
    """Do as `curate_shards` in several processes of this machine.

    Raises:
        FileNotFoundError, ValueError, OSError: as `curate_shards`.
        RuntimeError: a process died; the same call goes on behind the shards that are finished.
    """
    from datasets import Dataset

    places, todo = begin(step, shards, folder)
    if todo:
        jobs = Dataset.from_dict({"shard": todo, "output": [str(places[shard]) for shard in todo]})
        try:
            # A fingerprint of our own: `datasets` would pickle the step to see whether it has done the same before.
            done = jobs.map(
                _one_of_processes,
                fn_kwargs={"step": step},
                num_proc=min(processes, len(todo)),
                new_fingerprint="curated",
                desc="shards",
            )
        except RuntimeError as error:
            raise RuntimeError(
                f"a process died ({error}): most often for want of memory, or because an image makes its decoder "
                "crash. Shards that are finished stay: run the same with fewer processes"
            ) from error
        for outcome in done:
            require_done(outcome)
    return finish(step, places)


def curate_on_ray(step: Step, shards: str | Path | Sequence[str | Path], folder: str | Path) -> DataCard:
    """Do as `curate_shards` on all machines of a Ray cluster, a core for each shard; without one, on this machine.

    Raises:
        ImportError: Ray is not installed.
        FileNotFoundError, ValueError, OSError: as `curate_shards`.
        RuntimeError: processes died over one shard again and again.
    """
    places, todo = begin(step, shards, folder)
    if todo:
        ray = import_ray("curating on many machines")
        if not ray.is_initialized():
            ray.init()
        held = ray.put(step)  # once for each machine: the counts in it may be large
        jobs = [{"shard": shard, "output": str(places[shard])} for shard in todo]
        done = ray.data.from_items(jobs, override_num_blocks=len(jobs)).map_batches(
            _one_of_ray, fn_args=(held,), batch_size=1, num_cpus=1, max_retries=RETRIES
        )
        try:
            for outcome in done.iter_rows():
                require_done(outcome)
        except ray.exceptions.WorkerCrashedError as error:
            raise RuntimeError(
                f"a process died {RETRIES + 1} times over one shard: most often for want of memory, or because an "
                "image makes its decoder crash. Shards that are finished stay: run the same on fewer cores"
            ) from error
    return finish(step, places)


def _one_of_processes(job: dict[str, str], step: Step) -> dict[str, str]:
    return try_shard(step, job["shard"], Path(job["output"]))


def _one_of_ray(jobs: dict[str, Any], held: Any) -> dict[str, list[str]]:
    step = import_ray("curating on many machines").get(held)
    outcome = try_shard(step, str(jobs["shard"][0]), Path(str(jobs["output"][0])))
    return {name: [said] for name, said in outcome.items()}
