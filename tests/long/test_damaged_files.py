"""Two thousand damaged files of all kinds: each is one clear line, or has the same values."""

from damaged_files import GOOD, outcomes


def test_of_2000_damaged_files_none_is_taken_for_what_it_is_not(tmp_path):
    count = 2000
    found = outcomes("damaged_results:KINDS", count, seed=19, folder=tmp_path)
    print(f"{count} files; {found.slowest:.1f} s and {found.memory / 2**20:.0f} MiB for one, at most")
    for (kind, outcome), times in sorted(found.counts.items()):
        print(f"  {kind}: {outcome}: {times}")
    assert not found.faults, "\n".join(found.faults)
    assert sum(found.counts.values()) == count and {outcome for _, outcome in found.counts} <= set(GOOD)
