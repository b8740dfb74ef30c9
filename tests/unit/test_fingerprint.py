"""Digests change with the meaning of exactly the modules that a script reaches."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from locales import ASCII, latin_1

from advspectra_study.fingerprint import code_fingerprint, source_digest

SOURCES = {
    "pkg/__init__.py": "",
    "pkg/a.py": '"""Doc."""\nfrom pkg.b import f\n',
    "pkg/b.py": 'def f():\n    """Doc."""\n    return 1  # one\n',
    "pkg/unused.py": "x = 1\n",
    "other/__init__.py": "x = 1\n",
    "pkg/plugins/__init__.py": "",
    "pkg/plugins/one.py": "import pkg.b\n",
}


@pytest.fixture
def library(tmp_path):
    for name, text in SOURCES.items():
        path = tmp_path / "lib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/a.py").write_text("from pkg.a import f\nimport numpy\nimport other\n")
    return tmp_path / "lib"


def digests(library, *plugins):
    return code_fingerprint(library.parent / "scripts/a.py", package=library / "pkg", plugins=plugins)


def test_the_closure_is_what_the_script_reaches(library):
    assert set(digests(library)) == {"scripts/a.py", "a.py", "b.py"}
    assert set(digests(library, "pkg.plugins.one")) == {"scripts/a.py", "a.py", "b.py", "plugins/one.py"}


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ('def f():\n    """Other."""\n\n    # two\n    return (1)\n', False),
        ("def f():\n    return 2\n", True),
        ('def f():\n    "not a docstring any more" + ""\n    return 1\n', True),
    ],
)
def test_only_a_change_of_meaning_changes_a_digest(library, text, changes):
    before = digests(library)
    (library / "pkg/b.py").write_text(text)
    after = digests(library)
    assert {name for name in before if before[name] != after[name]} == ({"b.py"} if changes else set())


def test_code_in_a_package_counts_for_what_is_inside_it(library):
    (library / "pkg/__init__.py").write_text("x = 1\n")
    assert "__init__.py" in digests(library)


@pytest.mark.parametrize("body", ["", "x = 1\n"])
def test_a_package_that_only_finds_names_when_asked_for_runs_no_code(library, body):
    (library / "pkg/__init__.py").write_text(f'"""Doc."""\n\n\ndef __getattr__(name):\n    import pkg.unused\n{body}')
    assert ("__init__.py" in digests(library)) == bool(body)


def test_the_library_itself_is_such_a_package():
    workflow = Path(__file__).parents[2] / "workflow"
    found = code_fingerprint(workflow / "scripts/measures.py", package=workflow / "lib/advspectra")
    assert "claims/study_measures.py" in found and "__init__.py" not in found


def test_a_relative_import_is_refused(library):
    (library / "pkg/b.py").write_text("from . import a\n")
    with pytest.raises(ValueError, match="b.py, line 1.*import absolutely"):
        digests(library)


@pytest.mark.parametrize("locale", ["ASCII", "Latin-1"])
def test_the_locale_changes_no_digest(library, tmp_path, locale):
    (library / "pkg/b.py").write_text("alpha = 'α'\n", encoding="utf-8")
    ask = (
        "import sys; from pathlib import Path; from advspectra_study.fingerprint import code_fingerprint as digests; "
        "print(digests(Path(sys.argv[1]), package=Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", ask, library.parent / "scripts/a.py", library / "pkg"]
    places = {"PYTHONPATH": os.pathsep.join(sys.path), **(ASCII if locale == "ASCII" else latin_1(tmp_path))}
    done = subprocess.run(command, env=os.environ | places, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(digests(library))


def test_a_digest_is_the_same_under_each_version_of_python():
    # type_params since 3.12, which also has an empty text after a format that is computed
    source = b"class A:\n    def f(self, x):\n        return f'{x:{self.width}}' or print()\n"
    assert source_digest(source, "a.py") == "3811707fec7a"
