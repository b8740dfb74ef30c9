"""The examples of additions in docs/extending.md, taken from it and run: architecture, data set, attack, claim."""

import copy
import csv
import json
import re
import tarfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from PIL import Image
from study import CONFIG, ROOT, Study, copied

NETWORK = "results/tiny/bands/patches-linear/depth=1/alpha=1/seed=0"


def examples() -> tuple[dict[str, str], dict]:
    """Return the page's files by their paths, and the lines that it adds to the study mine.yaml."""
    page = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:python|yaml)\n# (\S+)$(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    files = {path: content for path, content in blocks if path != "mine.yaml"}
    lines = [yaml.safe_load(content) for path, content in blocks if path == "mine.yaml"]
    return files, {key: value for line in lines for key, value in line.items()}


def add_files(folder: Path) -> None:
    for path, content in examples()[0].items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        assert not (folder / path).exists()
        (folder / path).write_text(content, encoding="utf-8")


@pytest.fixture(scope="module")
def extended_study(finished_study, tmp_path_factory):
    """A finished study with the page's architecture, attack and claim added, and the jobs that it then lacks."""
    study = copied(finished_study, tmp_path_factory.mktemp("readme"))
    config, added = copy.deepcopy(CONFIG), examples()[1]
    add_files(study.folder)
    config["networks"] += added["networks"]
    config["attacks"] += [attack | {"images": 8} for attack in added["attacks"]]  # this study has 32 test images
    study.configure(config)
    return study, study.planned()


def test_an_architecture_and_an_attack_run_nothing_but_what_is_theirs(extended_study):
    _, planned = extended_study
    rules = ("settings", "train", "predictor", "attack", "spectra")
    of_all_runs = ("table_", "figure_", "measures", "claims", "audit", "explorer", "report")
    jobs = [job.split(":") for job in planned if not job.startswith(of_all_runs)]
    own = {(rule, run.split("/")[0], *rest) for rule, run, *rest in jobs}
    patches, others = ("patches-linear", "patches-relu"), ("fully_connected-linear", "bounded_width_3-relu")
    assert own == {
        *((rule, run) for rule in rules[:2] for run in patches),
        ("predictor", "patches-linear"),
        *((rule, run, "pgd", "best") for rule in rules[3:] for run in patches),
        *((rule, run, "low_frequencies", "best") for rule in rules[3:] for run in (*patches, *others)),
    }


def test_an_architecture_is_trained_attacked_and_shown(extended_study):
    study, _ = extended_study
    targets = ["results/tiny/tables/table1.csv", "results/tiny/tables/table4.md"]
    study.run(*targets)
    with h5py.File(study.folder / NETWORK / "checkpoints.h5") as kept:
        assert {"best", "step=0"} <= set(kept["states"])
    with h5py.File(study.folder / NETWORK / "predictor.h5") as predictor:
        assert predictor["beta"].shape == (2, 3, 12, 12)
    assert all("patches" in (study.folder / target).read_text() for target in targets)
    assert study.planned(*targets) == []


def test_an_attack_moves_the_images_as_it_says(extended_study):
    study, _ = extended_study
    target = f"{NETWORK}/low_frequencies/best/perturbations.h5"
    study.run(target)
    with h5py.File(study.folder / target) as found:
        delta, l2 = found["perturbation"][...], found["l2"][...]
    power = np.abs(np.fft.fft2(delta)) ** 2
    high = np.abs(np.fft.fftfreq(12, 1 / 12)) > 4
    assert delta.shape == (8, 3, 12, 12)
    # no pixel of these images comes to the ends of its range, where it would be clipped
    assert l2 == pytest.approx(np.full(8, 0.5), rel=1e-5)
    assert power[..., high, :].sum() + power[..., high].sum() < 1e-6 * power.sum()


def test_a_claim_is_answered(extended_study):
    study, _ = extended_study
    study.run("results/tiny/claims.csv", "results/tiny/claims.json")
    with open(study.folder / "results/tiny/claims.csv", encoding="utf-8", newline="") as file:
        verdicts = {row["claim"]: row["verdict"] for row in csv.DictReader(file)}
    assert verdicts["PATCHES-1"] == "one seed: direction only"
    assert len(verdicts) > 1  # the paper's are answered too

    claims = json.loads((study.folder / "results/tiny/claims.json").read_text(encoding="utf-8"))["claims"]
    (part, _) = next(claim for claim in claims if claim["name"] == "PATCHES-1")["parts"]
    frequencies = []
    for run in (NETWORK, NETWORK.replace("patches", "fully_connected")):
        with h5py.File(study.folder / run / "predictor.h5") as predictor:
            frequencies.append(predictor["raw/half_power_frequency"][...].mean())
    assert part["value"] == pytest.approx(frequencies[0] / frequencies[1] - 1)


def test_a_data_set_makes_the_images_of_a_study(tmp_path):
    attacks = [attack | {"images": 4} for attack in CONFIG["attacks"]]  # there are no more test images
    study = Study(tmp_path, CONFIG | {"dataset": examples()[1]["dataset"], "attacks": attacks})
    add_files(tmp_path)
    generator = np.random.default_rng(0)
    pixels = {
        f"{split}/{label}/{number}.png": generator.integers(256, size=(5, 5, 3), dtype=np.uint8)
        for split in ("train", "test")
        for label in ("cat", "dog")
        for number in range(2)
    }
    with tarfile.open(tmp_path / "my_images.tar", "w") as archive:
        for name, image in pixels.items():
            path = tmp_path / "images" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
            archive.add(path, name)
    study.run("results/tiny/shuffled/images.h5")

    with h5py.File(tmp_path / "results/tiny/shuffled/images.h5") as images:
        assert images.attrs["source"] == b"shuffled_pixels"
        made = np.concatenate([images["train/images"], images["test/images"]])
    given = np.stack(list(pixels.values())).transpose(0, 3, 1, 2)
    # (N, C, H, W) -> (H*W, N*C): what all images have at one place; the places are in another order, their values not
    given, made = (values.reshape(-1, 25).T.tolist() for values in (given, made))
    assert made != given and sorted(made) == sorted(given)
