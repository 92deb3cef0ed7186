"""However large a log is, it is written, verified and replayed in the memory that one entry takes."""

from pathlib import Path

import pytest

from tests.kernel.large import taken
from tests.settings import LONG

SIZE = 1_000_000_000 if LONG else 20_000_000
ROOM = 20_000  # kilobytes that a pass over a large log may take more than one over a small one


def test_a_large_log_takes_no_more_memory_than_a_small_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small, large = str(tmp_path / "small.run.jsonl"), str(tmp_path / "large.run.jsonl")
    jobs = ("write", "verify", "replay")

    least = {job: taken(job, small, 100_000) for job in jobs}
    most = {job: taken(job, large, SIZE) for job in jobs}

    with capsys.disabled():
        told = ", ".join(f"{job} {most[job]:,} kB (of a small one {least[job]:,})" for job in jobs)
        print(f"\na log of {Path(large).stat().st_size:,} bytes: {told}")
    assert Path(large).stat().st_size >= SIZE
    for job in jobs:
        assert most[job] - least[job] < ROOM
