"""Several configuration files, one after the other, the claims files of a study, and names that users see in a plan."""

import copy
import io
import re
import tarfile
from itertools import product

import h5py
import pytest
import yaml
from PIL import Image
from snakemake.utils import update_config
from study import CONFIG, ROOT, SNAKEMAKE, Study

from advspectra_study.config.files import as_written, options_of_source, schedule_of_kind
from advspectra_study.config.load import load_config
from advspectra_study.plan.plan import Plan
from advspectra_study.study import Study as StudyOf

PRESETS = ["config.yaml", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("workflow/presets/*.yaml"))]


def dataset(source: str | None = None, **options) -> dict:
    return {"dataset": ({"source": source} if source else {}) | {"options": options}}


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([dataset("cifar10", archive="a"), {}], {"archive": "a"}),
        ([dataset("bands", low=1, seed=2), dataset("folder", path="p")], {"path": "p"}),
        ([dataset("bands", low=1, seed=2), dataset("bands", seed=3)], {"low": 1, "seed": 3}),
        (
            [dataset("bands", band={"low": 1, "high": 2}), dataset(None, band={"low": 0})],
            {"band": {"low": 0, "high": 2}},
        ),
        ([dataset("bands", low=1), {"dataset": {"source": "cifar10"}}], {}),
        (
            [dataset("bands", low=1), dataset("folder", path="p"), dataset(None, channels=1)],
            {"path": "p", "channels": 1},
        ),
        ([dataset(None, path="p"), dataset("folder", channels=1)], {"path": "p", "channels": 1}),
        ([dataset("bands", low=1), {"dataset": {"source": "folder", "options": None}}], None),
    ],
)
def test_options_of_another_source_do_not_stay(layers, expected):
    given = copy.deepcopy(layers)
    assert options_of_source(layers) == expected
    assert layers == given


DROPS = {"factor": 0.3, "every": 4, "reset_at": 20}


@pytest.mark.parametrize(
    ("schedules", "expected"),
    [
        ([DROPS, {"peak": 3}], {"peak": 3}),
        ([{"peak": 3}, DROPS], DROPS),
        ([DROPS, {"peak": 3}, {"peak": 4}], {"peak": 4}),
        ([DROPS, {"every": 1}], DROPS | {"every": 1}),
        ([{"peak": 3}, {"factor": 1}], {"factor": 1}),
        ([DROPS, {"pek": 3}], DROPS | {"pek": 3}),
        ([DROPS, {"peak": 3, "factor": 1}], {"peak": 3, "factor": 1}),
        ([DROPS, None], None),
    ],
)
def test_keys_of_another_kind_of_schedule_do_not_stay(schedules, expected):
    layers = [{}, *({"training": {"schedule": one}} for one in schedules), {"training": {"epochs": 2}}]
    given = copy.deepcopy(layers)
    assert schedule_of_kind(layers) == expected
    assert layers == given


@pytest.mark.parametrize(("below", "above"), [(DROPS, {"peak": 1}), ({"peak": 1}, DROPS)])
@pytest.mark.parametrize("on_command_line", [False, True])
def test_an_overlay_may_name_another_kind_of_schedule(below, above, on_command_line, tmp_path):
    layers = [CONFIG | {"training": CONFIG["training"] | {"schedule": below}}, {"training": {"schedule": above}}]
    files = [tmp_path / "study.yaml", tmp_path / "overlay.yaml"][: 1 if on_command_line else 2]
    for path, layer in zip(files, layers, strict=False):
        path.write_text(yaml.safe_dump(layer))
    mixed = layers[0] | {"training": layers[0]["training"] | {"schedule": below | above}}  # as Snakemake gives it
    found = as_written(mixed, files, layers[1] if on_command_line else {})
    assert found == layers[0] | {"training": layers[0]["training"] | {"schedule": above}}


def test_of_a_section_the_command_line_says_what_it_says_of_it_alone(tmp_path):
    below = {"threshold": 1, "mine": {"seeds": [0], "training": {"schedule": {"factor": 0.3, "every": 2}}}}
    (tmp_path / "below.yaml").write_text(yaml.safe_dump(below), encoding="utf-8")
    given = {"threshold": 5, "mine": {"seeds": ["1", "2"], "training": {"schedule": {"peak": "3"}}}}
    together = copy.deepcopy(below)
    update_config(together, given)
    found = as_written(together["mine"], [tmp_path / "below.yaml"], given)
    assert found == {"seeds": [1, 2], "training": {"schedule": {"peak": 3}}}
    assert as_written(together, [tmp_path / "below.yaml"], given)["threshold"] == 5


def test_the_study_of_the_page_is_a_whole_one():
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```yaml\n# mine.yaml: [^\n]*\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    library = ROOT / "workflow/lib"
    schema = ROOT / "workflow/schemas/config.schema.yaml"
    study = StudyOf.of(load_config(yaml.safe_load(text), schema_path=schema, library=library), library)
    assert {(run.identity["activation"], run.identity["alpha"]) for run in study.runs.values()} == {
        (activation, alpha) for activation in ("linear", "relu") for alpha in (0.1, 1)
    }
    assert len(study.runs) == 12


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A copy of the workflow with the files that the page's recipe for own images needs."""
    study = Study(tmp_path_factory.mktemp("recipe"), CONFIG)
    page = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"^```yaml\n# my_images.yaml: [^\n]*\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (study.folder / "my_images.yaml").write_text(recipe, encoding="utf-8")
    image = io.BytesIO()
    Image.new("RGB", (8, 8)).save(image, "PNG")
    with tarfile.open(study.folder / "my_images.tar", "w") as archive:
        for split, label in product(("train", "test"), ("cat", "dog")):
            for number in range(60):  # as many as the demo's attacks and checkpoints ask for
                member = tarfile.TarInfo(f"{split}/{label}/{number}.png")
                member.size = len(image.getvalue())
                archive.addfile(member, io.BytesIO(image.getvalue()))
    return study


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_the_recipe_for_own_images_runs_on_every_preset(repository, preset):
    repository.configure(yaml.safe_load((ROOT / preset).read_text(encoding="utf-8")))  # --configfile study.yaml ...
    done = SNAKEMAKE.run([*repository.arguments("--dry-run"), "my_images.yaml"], repository.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "results/my_images/my_images/images.h5" in done.stdout


@pytest.mark.slow
def test_the_images_of_the_recipe_are_made_as_it_says(repository):
    repository.configure(yaml.safe_load((ROOT / "workflow/presets/demo.yaml").read_text(encoding="utf-8")))
    done = SNAKEMAKE.run(
        [*repository.arguments("results/my_images/my_images/images.h5"), "my_images.yaml"], repository.folder
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with h5py.File(repository.folder / "results/my_images/my_images/images.h5") as images:
        assert images.attrs["source"] == b"image_folder"
        assert images["train/images"].shape == (120, 3, 32, 32)  # three channels: not those of the preset's data set


def training_rules(config: dict) -> list[str]:
    plan = Plan(StudyOf.of(config, ROOT / "workflow/lib"), root=ROOT)
    return [step.name for step in plan.trainings]


def test_a_training_rule_is_named_after_the_networks_that_keep_other_states():
    schema = ROOT / "workflow/schemas/config.schema.yaml"
    config = load_config(CONFIG, schema_path=schema, library=ROOT / "workflow/lib")
    names = ("fully_connected", "full_width", "vgg19", "resnet18")
    config["networks"] = [config["networks"][0] | {"name": name} for name in names]
    assert training_rules(config) == ["train"]
    config["networks"][3]["checkpoints"] = {"steps": [0, 2], "epochs": []}
    assert training_rules(config) == ["train", "train_resnet18"]
    config["networks"][2]["checkpoints"] = {"steps": [0, 2], "epochs": []}
    assert training_rules(config) == ["train", "train_vgg19_and_resnet18"]
    config["networks"][1]["checkpoints"] = {"steps": [0, 2], "epochs": []}
    assert training_rules(config) == ["train", "train_full_width_and_2_more"]
    again = config["networks"][1] | {"depths": [3], "checkpoints": {"steps": [], "epochs": [1]}}
    alone = config["networks"][1] | {"depths": [5], "checkpoints": {"steps": [1], "epochs": [1]}}
    config["networks"] += [again, alone]
    assert training_rules(config)[1:] == [
        "train_full_width_and_2_more",
        "train_full_width",
        "train_full_width_2",
    ]


CLAIM = """
MINE-1:
  title: Ours
  section: our hypothesis
  sentence: Fully connected networks find higher frequencies.
  parts:
    - {measure: delta_frequency, left: fully_connected-linear/depth=1, is: greater, right: bounded_width_3-relu}
"""


def claims_inputs(study: Study) -> list[str]:
    """The claims files that the rule reads, as --filegraph draws it, with all inputs."""
    output = study.run("--filegraph", "results/tiny/claims.csv").stdout
    return sorted(set(re.findall(r"workflow/reference/claims/\w+\.yaml|my_claims\.yaml", output)))


def test_a_study_can_have_claims_files_of_its_own(tmp_path):
    study = Study(tmp_path, CONFIG)
    (tmp_path / "my_claims.yaml").write_text(CLAIM, encoding="utf-8")
    assert claims_inputs(study) == [f"workflow/reference/claims/{name}.yaml" for name in ("own", "paper")]
    study.configure(CONFIG | {"claims": CONFIG["claims"] | {"files": ["my_claims.yaml"]}})
    assert claims_inputs(study) == ["my_claims.yaml"]
    study.configure(CONFIG | {"claims": CONFIG["claims"] | {"files": []}})
    assert claims_inputs(study) == []


def test_a_claims_file_that_is_not_there_is_named_before_any_job(tmp_path):
    study = Study(tmp_path, CONFIG | {"claims": {"files": ["my_clams.yaml"]}})
    done = study.snakemake("--dry-run")
    assert done.returncode == 1
    assert "my_clams.yaml: cannot be read (No such file or directory)" in done.stdout + done.stderr
