"""`make environment`: too old a Python, the library in the environment, torch without CUDA. `pip install .`."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CUDA = ("nvidia-", "cuda-", "triton")
LOCK = 'nvidia-cublas==13.4.1.3 ; platform_system == "Linux"\ntorch==2.15.0\ntorchvision==0.29.2\ntriton==3.9.0\n'


@pytest.fixture
def folder(tmp_path):
    """A folder with the Makefile, the library and an empty lock, and a space in its path."""
    folder = tmp_path / "the clone"
    shutil.copytree(ROOT / "workflow/lib", folder / "workflow/lib")
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "envs").mkdir()
    (folder / "envs/requirements.txt").touch()
    return folder


def make(folder, *arguments, packages=None, python=sys.executable):
    """Run `make environment`, whose pip knows the wheels in the folder `packages` and no index."""
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(packages or "")}
    command = ["make", "environment", f"PYTHON={python}", *arguments]
    return subprocess.run(command, cwd=folder, env=os.environ | pip, capture_output=True, text=True)


def wheel(folder, name, version):
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 10, 13)])
def test_too_old_a_python_is_one_sentence_before_anything_is_made(folder, version):
    old = folder / "old_python"
    old.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -c "import sys; sys.version_info = {version}; exec(sys.argv[2])" "$@"\n'
    )
    old.chmod(0o755)
    done = make(folder, python="./old_python")
    assert done.returncode != 0 and not (folder / ".venv").exists()
    assert f"needs Python 3.11 or newer; ./old_python is 3.{version[1]}: name another" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_environments_python_imports_the_library_from_anywhere(folder, tmp_path):
    done = make(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    program = "import advspectra, advspectra_study; print(advspectra.__file__)"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [folder / ".venv/bin/python", "-c", program]
    found = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert Path(found.strip()) == folder / "workflow/lib/advspectra/__init__.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch's builds without CUDA have no name of their own")
def test_a_cpu_environment_has_torch_without_cuda(folder, tmp_path):
    for name, version in (("torch", "2.15.0"), ("torchvision", "0.29.2")):
        wheel(tmp_path, name, version)
        wheel(tmp_path, name, f"{version}+cpu")
    (folder / "envs/requirements.txt").write_text(LOCK)
    done = make(folder, "TORCH=cpu", packages=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    installed = subprocess.run(
        [folder / ".venv/bin/python", "-m", "pip", "freeze"], capture_output=True, text=True, check=True
    ).stdout
    assert set(installed.split()) == {"torch==2.15.0+cpu", "torchvision==0.29.2+cpu"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch's builds without CUDA have no name of their own")
def test_a_cpu_environment_is_the_lock_but_for_cuda_and_says_where_torch_is_if_pip_does_not_find_it(folder):
    lock = ROOT / "envs/requirements.txt"
    shutil.copy(lock, folder / "envs")
    done = make(folder, "TORCH=cpu")
    assert done.returncode != 0 and "set PIP_EXTRA_INDEX_URL" in done.stderr
    expected = [line for line in lock.read_text().splitlines() if not line.startswith(CUDA)]
    expected = [f"{line}+cpu" if line.startswith(("torch==", "torchvision==")) else line for line in expected]
    assert (folder / ".venv/requirements.txt").read_text().splitlines() == expected
    assert sum("+cpu" in line for line in expected) == 2 and not (folder / ".venv/.made-from-lock").exists()


def test_another_word_for_torch_is_refused(folder):
    done = make(folder, "TORCH=gpu")
    assert done.returncode != 0 and "TORCH=gpu: expected cuda or cpu" in done.stderr


def test_make_demo_ends_by_saying_what_to_open():
    planned = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "demo"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "Open results/demo/report.html" in planned.splitlines()[-1]


def test_pip_installs_every_file_of_the_library(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    shutil.copytree(
        ROOT / "workflow/lib", source / "workflow/lib", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    files = {path.relative_to(source / "workflow/lib") for path in source.glob("workflow/lib/**/*") if path.is_file()}
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--target", target, source]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert files and not [path for path in files if not (target / path).exists()]
