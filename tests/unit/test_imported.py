"""What a process runs is known, whatever its files hold before and after."""

import os
import subprocess
import sys

import pytest

from advspectra_study.imported import END_OF_HEAD
from advspectra_study.fingerprint import source_digest

SCRIPT = """
import os, pathlib, sys
{first}
import advspectra.one
file = pathlib.Path(sys.argv[1])
{between}
from advspectra_study.imported import changed
print(changed({planned}))
"""
TIME = 1_700_000_000 * 10**9


def ran(tmp_path, planned, *, first="import advspectra_study.imported", between="", before=None):
    """Return what a process says that imports a module, of which a compiled copy of `before` is there."""
    package = tmp_path / "advspectra"
    package.mkdir()
    (package / "__init__.py").touch()
    places = [str(tmp_path), *sys.path]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places)}
    for text in filter(None, (before, "x = 1\n")):
        (package / "one.py").write_text(text)
        os.utime(package / "one.py", ns=(TIME, TIME))
        if text == before:
            subprocess.run([sys.executable, "-c", "import advspectra.one"], env=environment, check=True)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(first=first, between=between, planned=planned))
    return subprocess.run(
        [sys.executable, str(script), str(package / "one.py")], env=environment, capture_output=True, text=True
    )


def digest(text):
    return source_digest(text.encode(), "one.py")


@pytest.mark.parametrize(("text", "found"), [("x = 1\n", "[]"), ("x = (1)  # one\n", "[]"), ("x = 2\n", "['one.py']")])
def test_other_code_is_told_by_its_meaning(tmp_path, text, found):
    assert ran(tmp_path, {"one.py": digest(text)}).stdout.strip() == found


def test_what_was_imported_counts_not_what_the_file_holds_afterwards(tmp_path):
    edit = "file.write_text('x = 2')"
    assert ran(tmp_path, {"one.py": digest("x = 1\n")}, between=edit).stdout.strip() == "[]"


def test_a_compiled_copy_of_other_code_of_the_same_time_and_size_is_not_run(tmp_path):
    say = "print(advspectra.one.x)"
    assert ran(tmp_path, {"one.py": digest("x = 1\n")}, between=say, before="x = 2\n").stdout.split() == ["1", "[]"]


def test_a_module_that_came_before_is_an_error_and_not_vouched_for(tmp_path):
    done = ran(tmp_path, {"one.py": digest("x = 1\n")}, first="")
    assert "RuntimeError: one.py: imported too early to be watched; import advspectra_study.job first" in done.stderr


@pytest.mark.parametrize(("head", "number", "found"), [("", 1, []), ("x = 0\n", 1, []), ("", 2, ["scripts/own.py"])])
def test_of_a_script_the_copy_that_runs_counts_without_snakemakes_head(tmp_path, head, number, found):
    text = "import sys\nfrom advspectra_study.imported import changed\nprint(changed({'scripts/own.py': sys.argv[1]}))"
    copy = tmp_path / "tmp123.own.py"
    copy.write_text(f"__file__ = 'own.py'; {head}{END_OF_HEAD.decode()}{text}")
    planned = source_digest(text.replace("[1]", f"[{number}]").encode(), "")
    command = [sys.executable, str(copy), planned]
    places = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=places, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(found)


def test_a_script_that_runs_within_another_one_counts_as_it_was_then(tmp_path):
    (tmp_path / "inner.py").write_text("from advspectra_study.imported import changed\nfound = changed(planned)\n")
    planned = {"scripts/inner.py": source_digest((tmp_path / "inner.py").read_bytes(), "")}
    text = "import sys, pathlib\nfrom advspectra_study.imported import changed, run_script\n"
    text += f"run_script(pathlib.Path('inner.py'), planned={planned})\n"
    text += f"pathlib.Path('inner.py').write_text('')\nprint(changed({planned}))"
    (tmp_path / "outer.py").write_text(text)
    places = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "outer.py"]
    done = subprocess.run(command, cwd=tmp_path, env=places, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
