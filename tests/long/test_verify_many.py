"""`verify` of 10,000 files takes ten times as long as of 1,000, and hardly more memory."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

from small_study import DELTA, FOLDER, RUN, SPECTRA, TABLE, write_small_study

from advspectra_study.verify.verification import verify


def write_copies(expected, count):
    """Write results of the small study again and again, under other names, until there are so many files."""
    sources = [DELTA, SPECTRA, TABLE]
    for number in range(count - len(expected)):
        source = sources[number % 3]
        copy = source.replace(f"{RUN}/pgd/", f"{RUN}/pgd{number}/").replace("/t.json", f"/t{number}.json")
        Path(copy).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
        # each with facts of its own, as those that Snakemake hands over
        expected[copy] = {name: fact.copy() for name, fact in expected[source].items()}


def processor_time():
    """Return the seconds of a processor that this process and those that it has ended with have had."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measured(folder, count):
    """Print the seconds of a processor, and the most megabytes of the process that judges and of the one that reads."""
    os.chdir(folder)
    expected = write_small_study()
    write_copies(expected, count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = processor_time()
    report = verify(FOLDER, expected)
    seconds = processor_time() - start
    assert report.good == list(expected) and len(expected) == count
    own, read = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps([seconds, (own - before) / 1000, own / 1000, read / 1000]))


def test_memory_is_flat_in_the_number_of_files(tmp_path):
    found = {}
    for count in (1000, 10_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        code = f"from test_verify_many import measured; measured({str(folder)!r}, {count})"
        paths = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])}
        done = subprocess.run([sys.executable, "-c", code], env=paths, check=True, capture_output=True, text=True)
        found[count] = json.loads(done.stdout)
        seconds, more, own, read = found[count]
        print(f"{count} files: {seconds:.1f} s; {own:.0f} MB, {more:.0f} MB more than before; reading {read:.0f} MB")
    (few, *_, little), (many, more, _, much) = found[1000], found[10_000]
    assert many < 15 * few
    assert more < 100 and much < little + 20
