"""A whole study of fourteen small files, as the real writers make them, and what `verify` would be told of it."""

import json
from pathlib import Path

import h5py
import numpy as np
from synthetic_results import perturbations

from advspectra.files import checkpoints as checkpoint_file
from advspectra.files.hdf5 import DIGEST, content_sha256
from advspectra.files.images import ImageSet, write_images
from advspectra.files.perturbations import write_perturbations
from advspectra.networks.build import build_network
from advspectra.spectra import write_predictor, write_spectra
from advspectra_study.job.origin import sha256
from advspectra_study.job.sealed import DIGEST as JSON_DIGEST
from advspectra_study.job.sealed import sealed

FOLDER = "results/s"
RUN = f"{FOLDER}/d/n"
IMAGES, SETTINGS, CHECKPOINTS = f"{FOLDER}/d/images.h5", f"{RUN}/training.json", f"{RUN}/checkpoints.h5"
HISTORY, BEST, START = f"{RUN}/history.csv", f"{RUN}/checkpoints.kept/best", f"{RUN}/checkpoints.kept/step=0"
PREDICTOR, DELTA, SPECTRA = f"{RUN}/predictor.h5", f"{RUN}/pgd/best/perturbations.h5", f"{RUN}/pgd/best/spectra.h5"
DELTA_START = f"{RUN}/pgd/step=0/perturbations.h5"
CSV, MARKDOWN, TABLE = (f"{FOLDER}/tables/t.{kind}" for kind in ("csv", "md", "json"))
REPORT = f"{FOLDER}/report.json"
NOTES = "notes.yaml"  # what a table reads besides results

WHO = {"dataset": "d", "network": "n", "seed": 0}
FORM = {"architecture": "fully_connected", "options": {"hidden_units": 2}, "activation": "linear", "depth": 1}
SHAPE, CLASSES = (3, 8, 8), 2


def write_small_study() -> dict[str, dict]:
    """Write the study below the working folder; return what its configuration would make each file from."""
    rng = np.random.default_rng(0)
    Path(NOTES).write_text("notes")
    expected = {}

    def facts(path: str, *inputs: str, **parameters) -> dict:
        """Return what stands in a file, and expect it."""
        about = {"parameters": {"identity": WHO, **parameters}, "code": {"a.py": "1", "b.py": "2"}}
        expected[path] = {**about, "inputs": list(inputs)}
        return {**about, "inputs_sha256": {name: sha256(name) for name in inputs}}

    def attributes(path: str, *inputs: str, **parameters) -> dict:
        found = facts(path, *inputs, **parameters)
        return {**WHO, **{name: json.dumps(fact) for name, fact in found.items()}}

    pixels, labels = rng.integers(0, 256, (4, *SHAPE), dtype=np.uint8), np.array([0, 1, 0, 1])
    source = attributes(IMAGES)
    write_images(IMAGES, ImageSet(pixels, labels, pixels, labels, ("cat", "dog"), source))

    about = facts(SETTINGS, IMAGES)
    settings = {"learning_rate": 0.01, "search": None}
    expected[SETTINGS] = {"settings": settings, "code": about["code"], "inputs": [IMAGES]}
    Path(SETTINGS).parent.mkdir(parents=True)
    Path(SETTINGS).write_text(sealed({**settings, "code": about["code"], "inputs_sha256": about["inputs_sha256"]}))

    training = checkpoint_file.Training(best_epoch=1, learning_rate=0.01)
    training.history.append({"epoch": 1, "step": 4, "train_accuracy": 0.5, "test_accuracy": 0.5})
    for name, step in (("best", 4), ("step=0", 0)):
        network = build_network(
            **FORM, image_shape=SHAPE, classes=CLASSES, alpha=1.0, alpha_scaling="plain", seed=1 + step
        )
        training.checkpoints[name] = checkpoint_file.Checkpoint(step, step // 4, 0.5, dict(network.state_dict()))
    made = attributes(CHECKPOINTS, IMAGES, checkpoints={"steps": [0]})
    del expected[CHECKPOINTS]["parameters"]["checkpoints"]
    checkpoint_file.write_history(HISTORY, training)
    form = {**FORM, "image_shape": list(SHAPE), "classes": CLASSES}
    made["history_sha256"] = sha256(HISTORY)
    checkpoint_file.write_checkpoints(CHECKPOINTS, training, architecture=form, attributes=made)
    for path in (HISTORY, BEST, START):
        expected[path] = expected[CHECKPOINTS]
    for path in (BEST, START):
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).touch()

    state = checkpoint_file.read_origin(CHECKPOINTS, name="best")
    beta = rng.standard_normal((CLASSES, *SHAPE))
    made = attributes(PREDICTOR, SETTINGS, CHECKPOINTS, BEST) | state
    write_predictor(PREDICTOR, beta=beta, rescaled=lambda maps: maps, intercept=np.zeros(CLASSES), attributes=made)

    delta = rng.standard_normal((4, *SHAPE)).astype(np.float32) / 100
    found = perturbations(delta, np.ones(4, dtype=bool), CLASSES)
    for path, name in ((DELTA, "best"), (DELTA_START, "step=0")):
        inputs = (IMAGES, SETTINGS, CHECKPOINTS, f"{RUN}/checkpoints.kept/{name}")
        about = {"attack": "pgd", "checkpoint": name, **checkpoint_file.read_origin(CHECKPOINTS, name=name)}
        made = attributes(path, *inputs, options={"steps": 3}) | about
        write_perturbations(path, found, attributes=made)

    spectra = {"conventions": ["paper"], "images": "all", "angular_bins": 4}
    made = attributes(SPECTRA, DELTA) | {"attack": "pgd", "checkpoint": "best", "state_sha256": state["state_sha256"]}
    given = {name: getattr(found, name) for name in ("perturbation", "success", "image")}
    write_spectra(SPECTRA, **given, **spectra, attributes=made)

    for path in (CSV, MARKDOWN):
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text(f"{path}: 1.0")
    about = facts(TABLE, SPECTRA, PREDICTOR, NOTES)
    Path(TABLE).write_text(sealed({**about, "outputs_sha256": {path: sha256(path) for path in (CSV, MARKDOWN)}}))
    table = expected.pop(TABLE)
    expected |= dict.fromkeys((CSV, MARKDOWN, TABLE), table)
    Path(REPORT).write_text(sealed({**facts(REPORT, TABLE), "outputs_sha256": {}}))
    return expected


def rewrite(path: str, **attributes) -> None:
    """Set root attributes of an HDF5 result, None for none, and put its digest right, as if it had been made so."""
    with h5py.File(path, "r+") as file:
        for name, value in attributes.items():
            if value is None:
                del file.attrs[name]
            else:
                file.attrs[name] = value
        file.attrs[DIGEST] = content_sha256(file)


def rewrite_json(path: str, **facts) -> None:
    """Set facts of a JSON result, None for none, and put its digest right."""
    found = json.loads(Path(path).read_text()) | facts
    del found[JSON_DIGEST]
    Path(path).write_text(sealed({name: fact for name, fact in found.items() if fact is not None}))
