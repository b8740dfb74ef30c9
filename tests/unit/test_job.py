"""What a job says when it fails."""

from types import SimpleNamespace

import pytest

from advspectra_study.job import job


@pytest.mark.parametrize("kind", [ValueError, RuntimeError])
def test_a_message_is_the_same_each_time_without_the_addresses_of_objects(tmp_path, capsys, kind):
    snakemake = SimpleNamespace(rule="toy", log=[tmp_path / "log"], params=SimpleNamespace(code={}))
    thing = object()
    assert " at 0x" in repr(thing)
    with pytest.raises(SystemExit), job(snakemake):
        raise kind(f"cannot use {thing!r} of x at 0x7f")
    message = f"rule toy: {kind.__name__}: cannot use <object object> of x at 0x7f\n"
    assert capsys.readouterr().err == message
    assert (tmp_path / "log").read_text().endswith(message)
