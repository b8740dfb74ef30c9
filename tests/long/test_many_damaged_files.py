"""Two thousand damaged files of all kinds: each is one clear line, or has the same values."""

import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from damaged_files import DAMAGES, GOOD, SECONDS, grow, outcomes

from advspectra_study.verify.verification import verify


def test_of_1600_damaged_hdf5_files_none_is_taken_for_what_it_is_not(tmp_path):
    count = 1600
    found = outcomes("damaged_results:KINDS", count, seed=19, folder=tmp_path)
    print(f"{count} HDF5 files; {found.slowest:.1f} s and {found.memory / 2**20:.0f} MiB for one, at most")
    for (kind, outcome), times in sorted(found.counts.items()):
        print(f"  {kind}: {outcome}: {times}")
    assert not found.faults, "\n".join(found.faults)
    assert sum(found.counts.values()) == count and {outcome for _, outcome in found.counts} <= set(GOOD)


def test_verify_names_each_of_400_damaged_files_that_are_no_hdf5_and_no_other(tmp_path, monkeypatch):
    small_study = pytest.importorskip("small_study")
    monkeypatch.chdir(tmp_path)
    expected = small_study.write_small_study()
    paths = [Path(path) for path in expected if not path.endswith(".h5")]
    assert len({path.suffix for path in paths}) >= 4  # JSON, CSV, Markdown, and marks without a content
    rng, counts, slowest = np.random.default_rng(20), Counter(), 0.0
    for number in range(400):
        path = paths[number % len(paths)]
        content = path.read_bytes()
        damage = DAMAGES[number // len(paths) % len(DAMAGES)] if content else grow
        broken = bytes(damage(rng, bytearray(content)))
        path.write_bytes(broken)
        start = time.monotonic()
        report = verify(small_study.FOLDER, expected)
        slowest = max(slowest, time.monotonic() - start)
        path.write_bytes(content)
        named = {**report.damaged, **report.outdated}
        assert list(named) == ([] if broken == content else [str(path)]), (number, damage.__name__, named)
        assert all(why.isprintable() for why in named.values()), (number, named)
        counts[path.suffix or "mark", "not damaged" if broken == content else "named, it alone"] += 1
    print(f"400 other files; {slowest:.1f} s for the study, at most")
    for (kind, outcome), times in sorted(counts.items()):
        print(f"  {kind}: {outcome}: {times}")
    assert slowest < SECONDS and counts.total() == 400
