"""What each job imports before it computes: large packages only where they are needed, as every job pays for them.

CPU seconds on one machine: NumPy 0.1, h5py 0.03 more, matplotlib 0.2, jsonschema 0.1, scipy.optimize 0.2, scipy.stats
0.5, torch 1.2, Foolbox 0.25 and torchvision 1.2 more.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LARGE = {
    *("numpy", "h5py", "pandas", "matplotlib", "jsonschema", "scipy.optimize", "scipy.stats"),
    *("torch", "torchvision", "torch._dynamo", "foolbox"),
}
ARRAYS, TESTED = {"numpy", "h5py"}, {"distances", "success_accuracy"}  # tables with tests of their own


def plugins(*kinds: str, without: set[str] = frozenset()) -> list[str]:
    paths = [path for kind in kinds for path in sorted((ROOT / "workflow/lib/advspectra" / kind).glob("[!_]*.py"))]
    return [f"advspectra.{path.parent.name}.{path.stem}" for path in paths if path.stem not in without]


# scripts, the plug-ins that they find by name, and the large packages that these jobs import
JOBS = [
    (["settings"], [], set()),
    (["power"], [], {"numpy"}),
    (["images", "spectra"], plugins("datasets"), ARRAYS),
    (["measures", "explorer"], [], ARRAYS),
    (["table", "with_note"], plugins("tables", without=TESTED), ARRAYS),
    (["table"], plugins("tables"), ARRAYS | {"scipy.optimize", "scipy.stats"}),
    (["figure", "with_note"], plugins("figures"), ARRAYS | {"matplotlib"}),
    (["report"], [], ARRAYS | {"matplotlib"}),
    (["claims", "audit"], [], ARRAYS | {"jsonschema"}),
    (["train", "predictor", "transfer", "lines", "verify"], plugins("models"), ARRAYS | {"torch"}),
    (["attack"], plugins("models", "attacks"), ARRAYS | {"torch", "foolbox"}),
]
# as Python does it: the imports of the scripts, then the plug-ins
IMPORTING = """
import ast, importlib, json, sys
from pathlib import Path
scripts, modules, large = json.loads(sys.argv[1])
for script in scripts:
    body = [line for line in ast.parse(Path(script).read_bytes()).body if isinstance(line, ast.Import | ast.ImportFrom)]
    exec(compile(ast.Module(body, []), script, "exec"))
for module in modules:
    importlib.import_module(module)
print(json.dumps([name for name in large if name in sys.modules]))
"""


@pytest.mark.parametrize("scripts, modules, expected", JOBS, ids=lambda part: None)
def test_a_job_imports_no_large_package_that_it_does_not_need(scripts, modules, expected):
    paths = [str(ROOT / f"workflow/scripts/{script}.py") for script in scripts]
    given = json.dumps([paths, modules, sorted(LARGE)])
    command = [sys.executable, "-c", IMPORTING, given]
    done = subprocess.run(command, cwd=ROOT / "workflow/lib", capture_output=True, text=True, check=True)
    assert set(json.loads(done.stdout)) == expected


def test_every_script_is_among_them():
    found = {path.stem for path in (ROOT / "workflow/scripts").glob("*.py")}
    assert found == {script for scripts, _, _ in JOBS for script in scripts}


SHAPES = """
import json, sys
from advspectra.networks.build import build_network
from advspectra.networks.shapes import shapes_only
with shapes_only():
    network = build_network(**json.loads(sys.argv[1]), alpha=1, alpha_scaling="plain", seed=0)
assert all(weights.is_meta for weights in network.parameters())
print(json.dumps([name for name in ("torchvision", "torch._dynamo", "sympy") if name in sys.modules]))
"""


@pytest.mark.parametrize(
    "architecture, options, depth",
    [
        ("resnet18", {"width": 1}, 17),
        ("vgg19", {"width": 1, "head": "dropout"}, 16),
        ("locally_connected", {"channels": 8, "kernel_size": 3, "bias": True, "initial_sd": 0.1}, 1),
    ],
)
def test_the_shapes_of_a_network_need_no_compiler(architecture, options, depth):
    """These draw normal numbers, for which PyTorch's device meta imports it: three seconds for each attack."""
    form = {"architecture": architecture, "options": options, "activation": "relu", "depth": depth}
    form |= {"image_shape": (3, 32, 32), "classes": 10}
    command = [sys.executable, "-c", SHAPES, json.dumps(form)]
    done = subprocess.run(command, cwd=ROOT / "workflow/lib", capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
