"""Many processes: what they write is what one process writes, even if one of them is killed."""

import pytest

from clip_tutor.data.curation.parallel import curate_in_processes
from tests.data.curation.conftest import files_of, harmless_step, step_that_dies_once

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def test_processes_of_one_machine_write_what_one_process_writes(crawl, tmp_path, expected):
    curate_in_processes(harmless_step(), crawl, tmp_path / "out", processes=2)
    assert files_of(tmp_path / "out") == expected


def test_where_a_process_of_one_machine_is_killed_the_same_call_goes_on(crawl, tmp_path, expected):
    (tmp_path / "seen").mkdir()
    with pytest.raises(
        RuntimeError, match=r"a process died \(.*Shards that are finished stay: run the same with fewer"
    ):
        curate_in_processes(step_that_dies_once(tmp_path / "seen", 1), crawl, tmp_path / "out", processes=2)
    curate_in_processes(harmless_step(), crawl, tmp_path / "out", processes=2)
    assert files_of(tmp_path / "out") == expected
