"""Many shards at a time: the same functions, dealt out by `datasets` or by Ray Data.

    one machine     …_in_processes    datasets: Dataset.map(…, num_proc=8), a row for each shard
    a cluster       …_on_ray          Ray Data: a task for each shard, dealt out again if its process dies

They give what `curate_shards` and `count_shards` give. The folder must be one that all machines see, and so must the
shards, or they are web addresses. A step goes to each process by pickle: its filters are functions of modules, not of a
notebook's cell that closes over a file or a model.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from clip_tutor.data.curation.automaton import QueryMatcher
from clip_tutor.data.curation.counted_shards import QueryCounts, add_counts, begin_counting, count_shard
from clip_tutor.data.curation.data_card import DataCard
from clip_tutor.data.curation.shard_jobs import Job, Places, Shards, require_done, run_job
from clip_tutor.data.curation.shards import begin, curate_shard, finish
from clip_tutor.data.curation.steps import Step
from clip_tutor.data.ray_cluster import RETRIES, import_ray


def curate_in_processes(step: Step, shards: Shards, folder: str | Path, processes: int) -> DataCard:
    """Do as `curate_shards` in several processes of this machine.

    Raises:
        FileNotFoundError, ValueError, OSError: as `curate_shards`.
        RuntimeError: a process died; the same call goes on behind the shards that are finished.
    """
    places, todo = begin(step, shards, folder)
    _in_processes(partial(curate_shard, step), todo, processes)
    return finish(step, places)


def count_in_processes(matcher: QueryMatcher, shards: Shards, folder: str | Path, processes: int) -> QueryCounts:
    """Do as `count_shards` in several processes of this machine.

    Raises:
        FileNotFoundError, ValueError, OSError: as `count_shards`.
        RuntimeError: a process died; the same call goes on behind the shards that are counted.
    """
    places, todo = begin_counting(matcher, shards, folder)
    _in_processes(partial(count_shard, matcher), todo, processes)
    return add_counts(matcher, places)


def curate_on_ray(step: Step, shards: Shards, folder: str | Path) -> DataCard:
    """Do as `curate_shards` on all machines of a Ray cluster, a core for each shard; without one, on this machine.

    Raises:
        ImportError: Ray is not installed.
        FileNotFoundError, ValueError, OSError: as `curate_shards`.
        RuntimeError: processes died over one shard again and again.
    """
    places, todo = begin(step, shards, folder)
    _on_ray(partial(curate_shard, step), todo)
    return finish(step, places)


def count_on_ray(matcher: QueryMatcher, shards: Shards, folder: str | Path) -> QueryCounts:
    """Do as `count_shards` on all machines of a Ray cluster, a core for each shard; without one, on this machine.

    Raises:
        ImportError: Ray is not installed.
        FileNotFoundError, ValueError, OSError: as `count_shards`.
        RuntimeError: processes died over one shard again and again.
    """
    places, todo = begin_counting(matcher, shards, folder)
    _on_ray(partial(count_shard, matcher), todo)
    return add_counts(matcher, places)


def _in_processes(job: Job, todo: Places, processes: int) -> None:
    if not todo:
        return
    from datasets import Dataset

    jobs = Dataset.from_dict({"shard": list(todo), "output": [str(output) for output in todo.values()]})
    try:
        # A fingerprint of our own: `datasets` would pickle the job to see whether it has done the same before.
        done = jobs.map(
            _one_of_processes,
            fn_kwargs={"job": job},
            num_proc=min(processes, len(todo)),
            new_fingerprint="done",
            desc="shards",
        )
    except RuntimeError as error:
        raise RuntimeError(
            f"a process died ({error}): most often for want of memory, or because an image makes its decoder "
            "crash. Shards that are finished stay: run the same with fewer processes"
        ) from error
    for outcome in done:
        require_done(outcome)


def _one_of_processes(row: dict[str, str], job: Job) -> dict[str, str]:
    return run_job(job, row["shard"], Path(row["output"]))


def _on_ray(job: Job, todo: Places) -> None:
    if not todo:
        return
    ray = import_ray("curating on many machines")
    if not ray.is_initialized():
        ray.init()
    held = ray.put(job)  # once for each machine: the counts in it may be large
    rows = [{"shard": shard, "output": str(output)} for shard, output in todo.items()]
    done = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
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


_opened: dict[str, Job] = {}  # by a process of Ray's: to open 500,000 queries takes longer than many a shard


def _one_of_ray(rows: dict[str, Any], held: Any) -> dict[str, list[str]]:
    if held.hex() not in _opened:
        _opened.clear()
        _opened[held.hex()] = import_ray("curating on many machines").get(held)
    outcome = run_job(_opened[held.hex()], str(rows["shard"][0]), Path(str(rows["output"][0])))
    return {name: [said] for name, said in outcome.items()}
