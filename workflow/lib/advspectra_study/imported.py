"""The code that this process runs, noted while Python reads it: a file may change before it is imported, and after.

Import it before the library, as scripts do that import advspectra_study.job first. Each module of the library is then
compiled from its source (1 ms each), as Python knows its compiled copies by whole seconds and size alone.
"""

import gc
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path

from advspectra_study.fingerprint import source_digest

PACKAGE = "advspectra"
# Snakemake (9.27) runs a copy of a script, to which it has added a head that ends so
END_OF_HEAD = b"######## snakemake preamble end #########\n"

# source by file name, as code_fingerprint names files
_sources: dict[str, bytes] = {}


class _Loader(SourceFileLoader):
    """Imports a module of the library from its source, and notes that."""

    def get_code(self, fullname):
        parts = fullname.split(".")[1:] + ["__init__"] * self.is_package(fullname)
        source = _sources["/".join(parts) + ".py"] = self.get_data(self.path)
        return self.source_to_code(source, self.path)


class _Finder:
    """Finds the modules of the library, wherever Python would."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] != PACKAGE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


sys.meta_path.insert(0, _Finder)

# Python looks through all its objects again and again while there are more of them: a tenth of the time of importing
# torch. What is imported stays, so that a job wants this from its start on, as it was.
COLLECTION = gc.get_threshold()
gc.set_threshold(50_000, 50, 100)


def run_script(path: Path, source: bytes | None = None, **names) -> None:
    """Run a script of the workflow, with these names, in this process. source : of the script, if not as it is now."""
    source = _sources[f"scripts/{path.name}"] = path.read_bytes() if source is None else source
    exec(compile(source, str(path), "exec"), {"__name__": "__main__", "__file__": str(path), **names})


def modules(files: Iterable[str]) -> Iterator[str]:
    """The dotted names of the modules among the files of a code fingerprint; the others are scripts."""
    for file in files:
        if not file.startswith("scripts/"):
            yield f"{PACKAGE}.{file.removesuffix('.py').replace('/', '.')}"


def digest_all() -> None:
    """Work out the digests of all modules of the library that are imported: `changed` is quick in what forks from here.

    A millisecond or several for each module, in each of many jobs.
    """
    for name, source in _sources.items():
        source_digest(source, name)


def changed(planned: Mapping[str, str]) -> list[str]:
    """The files of a code fingerprint of which this process runs other code; its modules are imported by now.

    RuntimeError if one was imported before this module.
    """
    main = f"scripts/{Path(getattr(sys.modules['__main__'], '__file__', None) or '').name}"
    if main in planned and main not in _sources:
        # sys.argv[0] is Snakemake's copy, which is what Python runs
        _sources[main] = Path(sys.argv[0]).read_bytes().rpartition(END_OF_HEAD)[2]
    if unknown := sorted(set(planned) - set(_sources)):
        raise RuntimeError(f"{unknown[0]}: imported too early to be watched; import advspectra_study.job first")
    return [name for name, digest in planned.items() if source_digest(_sources[name], name) != digest]
