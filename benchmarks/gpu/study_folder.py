"""The folder of the study: its images, where its files come from, which of them come back, and the rows about them."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import torch
import yaml

from advspectra_study.job import provenance
from advspectra.files.images import read_images
from advspectra.split import on_device
from advspectra.table import Column
from advspectra_study.fingerprint import code_fingerprint
from advspectra_study.study import Study
from benchmarks.gpu.pack import ORDER
from benchmarks.gpu.recipe import LIBRARY
from benchmarks.gpu.rows import Rows, seconds_left
from benchmarks.timing import ROOT

COLUMNS = (
    Column("network", "network"),
    Column("seed", "seed"),
    Column("work", "work"),
    Column("checkpoint", "checkpoint"),
    Column("step", "step"),
    Column("test_accuracy", "test accuracy"),
    Column("images", "images"),
    Column("correct", "right before"),
    Column("success", "success"),
    Column("l2", "mean L2"),
    Column("linf", "median L∞"),
    Column("half_power_frequency", "half-power frequency of δ̂"),
    Column("seconds", "seconds"),
    Column("note", "note"),
)


class StudyFolder:
    """The folder of the study: what its files are made from, the list of them, and the rows about them."""

    def __init__(self, described: Study, out: Path, work: Path, device: torch.device):
        folder, self.described, self.config = work / "study", described, described.written
        self.folder, self.device, self.rows = folder, device, Rows(out, "study", COLUMNS)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(yaml.safe_dump(self.config, sort_keys=False, allow_unicode=True))
        self.listed("config.yaml")
        self.images_path = work / "images.h5"
        while not self.images_path.exists() and seconds_left() > 0:  # benchmarks.gpu.images is at work on it
            time.sleep(0.1)
        self.images = read_images(self.images_path)
        self.train = on_device(self.images.train_images, self.images.train_labels, device)
        self.test = on_device(self.images.test_images, self.images.test_labels, device)
        self.form = {"image_shape": self.images.test_images.shape[1:], "classes": len(self.images.class_names)}

    def listed(self, name: str) -> None:
        """Add a file to those that come back; the first ones matter most."""
        with open(self.folder / ORDER, "a") as file:
            print(name, file=file)

    def made_by(self, script: str, parameters: Mapping, *plugins: str) -> dict[str, str]:
        """Return the attributes that say where a file comes from, as the study's scripts write them."""
        code = code_fingerprint(ROOT / "workflow/scripts" / script, package=LIBRARY / "advspectra", plugins=plugins)
        job = SimpleNamespace(params={**parameters, "code": code}, input=[self.images_path])
        facts = provenance(job)
        inputs = json.loads(facts["inputs_sha256"])
        return facts | {"inputs_sha256": json.dumps({Path(path).name: digest for path, digest in inputs.items()})}
