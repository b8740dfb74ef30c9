"""Configs with text made for a shell, a page, a template or a path: refused with the key named, or kept as they are."""

import copy
import io
import os
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import yaml
from PIL import Image
from study import CONFIG, ROOT, SNAKEMAKE, Study, shared

from advspectra_study.config.load import ConfigError, load_config
from advspectra_study.plugins import available, spec
from advspectra_study.printable import CONTROL, escaped

SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
LIBRARY = ROOT / "workflow" / "lib"

HOSTILE = {
    "shell": "x; touch PWNED",
    "substitution": "$(touch PWNED)",
    "backticks": "`touch PWNED`",
    "parent": "../../etc",
    "absolute": "/etc/passwd",
    "script": "<script>alert(1)</script>",
    "image": '"><img src=x onerror=alert(1)>',
    "end of script": "</script><script>alert(1)</script>",
    "wildcard": "{wildcards.run}",
    "format": "{os.system('touch PWNED')}",
    "template": "{{ ''.__class__.__mro__ }}",
    "line break": "a\nb",
    "last line break": "best\n",
    "terminal": "\x1b[2J",
    "terminal in 8 bits": "\x9b2J",
    "half a character": "\ud800",
    "tab": "a\tb",
    "long": "x" * 100_000,
    "dunder": "__init__",
    "option": "--version",
    "percent": "%s%n%(x)s",
}
SHOWN = [key for key, text in HOSTILE.items() if not CONTROL.search(text) and "<" not in text]

PGD = {"steps": 3, "rel_stepsize": 0.5}
# options of each plug-in, with every text that they can have
OPTIONS = {
    "datasets": {
        "cifar10": {"archive": "x", "cache": "x"},
        "image_folder": {"path": "x"},
        "band_features": CONFIG["dataset"]["options"],
    },
    "attacks": {
        "foolbox": {"attack": "LinfPGD", "epsilon": "8/255", "parameters": PGD},
        "linf_pgd": {"epsilon": "8/255", "parameters": PGD},
        "linf_pgd_until_converged": {"epsilon": "8/255", "parameters": PGD},
        "minimal_linf_pgd": {"epsilon": "64/255", "tolerance": "4/255", "parameters": PGD},
    },
}
# text that nothing can know: names of files
FREE = ("archive", "cache", "path")


def load(raw):
    return load_config(raw, schema_path=SCHEMA, library=LIBRARY)


def with_plugin(kind, name):
    config = copy.deepcopy(CONFIG)
    if kind == "datasets":
        config["dataset"] |= {"source": name, "options": OPTIONS[kind][name]}
    else:
        config["attacks"][0] |= {"family": name, "options": OPTIONS[kind][name]}
    recalibrated = {"name": "recalibrated", "batch_norm": {"batches": 2, "batch_size": 4}}
    config["attacks"].append(config["attacks"][1] | recalibrated)
    config["claims"]["recalibrated_minimal"] = "recalibrated"
    config["networks"][0] |= {"training": {"schedule": {"peak": 1}}, "precision": "float32"}
    return load(config)  # with all defaults


def leaves(value, keys=()):
    """Yield the keys of each text, and those of each mapping with a new key in it."""
    if isinstance(value, dict):
        yield (*keys, None)
        for key, item in value.items():
            yield from leaves(item, (*keys, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*keys, index))
    elif isinstance(value, str):
        yield keys


def groups():
    """Name of a plug-in, or "study" for what is no plug-in's option -> its kind, name, and the keys of its texts."""
    found = {}
    for kind, options in OPTIONS.items():
        part = ("dataset", "options") if kind == "datasets" else ("attacks", 0, "options")
        for name in options:
            texts = list(leaves(with_plugin(kind, name)))
            found.setdefault("study", (kind, name, [keys for keys in texts if "options" not in keys]))
            found[name] = kind, name, [keys for keys in texts if keys[: len(part)] == part]
    return found


GROUPS = groups()


def changed(config, keys, text):
    *parents, last = keys
    inner = config
    for key in parents:
        inner = inner[key]
    inner[text if last is None else last] = 1 if last is None else text
    return config


def test_every_plugin_with_options_of_text_is_tried():
    for kind in ("datasets", "attacks"):
        assert set(OPTIONS[kind]) == set(available(kind, LIBRARY))
        for name, options in OPTIONS[kind].items():
            of_text = {key for key, schema in spec(kind, name, LIBRARY)["options"].items() if "string" in str(schema)}
            assert of_text <= set(options)
    for name in available("models", LIBRARY):
        assert "string" not in str(spec("models", name, LIBRARY)["options"])


def test_every_key_of_the_schema_is_tried():
    def names(value, of):
        if isinstance(value, dict):
            yield from of(value)
            for item in value.values():
                yield from names(item, of)
        elif isinstance(value, list):
            for item in value:
                yield from names(item, of)

    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    in_schema = set(names(schema, lambda part: part["properties"] if isinstance(part.get("properties"), dict) else ()))
    assert len(in_schema) > 50 and in_schema <= set(names(with_plugin("attacks", "foolbox"), lambda part: part))


def faults(group, places, text):
    """What is found wrong with a config that has the text at all these places."""
    plugin, name, _ = GROUPS[group]
    raw = with_plugin(plugin, name)
    for keys in sorted(places, key=lambda keys: keys[-1] is None):  # texts first, then new keys beside them
        changed(raw, keys, text)
    try:
        load(raw)
    except ConfigError as error:
        lines = str(error).splitlines()
        assert len(lines) == 1 + len(error.faults) and all(line.isprintable() for line in lines)
        return [fault.keys for fault in error.faults]
    return []


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("group", GROUPS)
def test_hostile_text_is_refused_by_its_key_unless_it_is_harmless(group, kind):
    text = HOSTILE[kind]
    *_, places = GROUPS[group]
    together = faults(group, places, text)
    for keys in places:
        free = "options" in keys and keys[-1] in FREE
        place = (*keys[:-1], text) if keys[-1] is None else keys
        refused = any(fault[: len(place)] == place for fault in together)
        if not refused and not free:  # some are compared with others, once those are in order
            refused = any(fault[: len(place)] == place for fault in faults(group, [keys], text))
        assert refused != (free and kind in SHOWN), place  # as it is: to be opened as a file, or looked up


def mappings(value, keys=()):
    """Yield the keys of each mapping of a config."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from mappings(item, (*keys, key))
    if isinstance(value, dict):
        yield keys


@pytest.mark.parametrize("odd", ["<", "\t"])
def test_a_key_of_the_study_with_a_tag_or_a_tab_in_it_is_one_clear_fault(odd):
    tried = 0
    for keys in mappings(CONFIG):
        for key in list(of_keys(CONFIG, keys)):
            config = copy.deepcopy(CONFIG)
            inner = of_keys(config, keys)
            inner[key + odd] = inner.pop(key)
            with pytest.raises(ConfigError) as error:
                load(config)
            places = [fault.keys for fault in error.value.faults]
            assert places.count((*keys, key + odd)) == 1 and (*keys, key) not in places, error.value
            assert all(line.isprintable() for line in str(error.value).splitlines())
            tried += 1
    assert tried > 70


def of_keys(config, keys):
    for key in keys:
        config = config[key]
    return config


def test_letters_that_turn_the_direction_of_writing_are_shown_escaped():
    for letter in "\u202e\u2066\u200f\u200b\ufeff\u2028\x1b\r\n\t":
        config = copy.deepcopy(CONFIG)
        config["study"] = f"a{letter}b"
        config["networks"][0]["name"] = f"gnp{letter}.exe"
        config[f"key{letter}"] = 1
        with pytest.raises(ConfigError) as error:
            load(config)
        said = str(error.value)
        assert all(line.isprintable() for line in said.splitlines()) and len(said.splitlines()) == 4, said
        assert escaped(letter) in said
    assert escaped("a\u202eb é 中") == r"a\u202eb é 中"


def aliases(levels):
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, levels)]
    return "\n".join(lines) + f"\nlast: *a{levels - 1}\n"


def snakemake(study, *arguments):
    """Run snakemake in at most 4 GiB of address space and a minute."""
    return SNAKEMAKE.run(["--dry-run", "--cores", "1", *arguments], study.folder, limited=True)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return Study(tmp_path_factory.mktemp("hostile"), CONFIG)


def parameter(value):
    options = f"{{attack: LinfPGD, epsilon: 8/255, parameters: {{steps: {value} }}}}"
    return f"attacks: [{{name: pgd, family: foolbox, images: 1, options: {options}}}]"


SYNTAX, MANY = "not valid JSON or YAML", "found more than 100000 values"
YAML = {
    "apply": ("study: !!python/object/apply:os.system ['touch PWNED']", SYNTAX),
    "new": ("study: !!python/object/new:os.system ['touch PWNED']", SYNTAX),
    "object": ("study: !!python/object:os.system {}", SYNTAX),
    "module": ("study: !!python/module:os", SYNTAX),
    "function": ("study: !!python/name:os.system", "study: found"),
    "function as a parameter": (parameter("!!python/name:os.system"), "attacks[0].options.parameters.steps: found"),
    "date as a parameter": (parameter("2026-01-01"), "attacks[0].options.parameters.steps: found"),
    "bytes as a parameter": (parameter("!!binary aGVsbG8="), "attacks[0].options.parameters.steps: found"),
    "aliases": (aliases(12), MANY),
    "alias of itself": ("study: &a [*a]", MANY),
}


@pytest.mark.parametrize("case", YAML)
def test_yaml_that_would_run_code_or_fill_the_memory_is_refused(study, case):
    text, message = YAML[case]
    (study.folder / "more.yaml").write_text(text)
    done = snakemake(study, "--configfile", "study.yaml", "more.yaml")
    output = done.stdout + done.stderr
    assert done.returncode == 1 and message in output and "Traceback" not in output
    assert not list(study.folder.rglob("*PWNED*"))


def merges(levels):
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 10)}]}}" for level in range(1, levels)]
    return "\n".join(lines)


NO_VALUE = "found no YAML: a value that is not what its tag says, or no date ("
CLAIMS = {
    "aliases": (aliases(12), MANY),
    "merges": (merges(9), MANY),
    "alias of itself": ("a: &a [*a]", MANY),
    "deep": ("a: " + "[" * 100_000 + "]" * 100_000, "found more than 100 mappings and lists in each other"),
    "no integer": ("a: !!int x", NO_VALUE),
    "no float": ("a: !!float x", NO_VALUE),
    "no boolean": ("a: !!bool x", NO_VALUE),
    "no time": ("a: !!timestamp x", NO_VALUE),
    "no date": ("a: 2023-13-45", NO_VALUE),
    "too many digits": ("a: " + "9" * 5000, NO_VALUE),
    "object": ("a: !!python/object/apply:os.system ['touch PWNED']", NO_VALUE),
    "list as a key": ("? [1]\n: 2", NO_VALUE),
    "unknown alias": ("a: *b", "found no YAML (found undefined alias in line 1, column 4)"),
    "two documents": ("---\na: 1\n---\nb: 2\n", "found no YAML (expected a single document"),
    "bytes": (b"a: \xff", "found no YAML ("),
    "right to left": ('"a\u202eb": 1', r"a\u202eb: found 1"),
}


@pytest.mark.parametrize("case", CLAIMS)
def test_claims_that_would_fill_the_memory_or_are_no_values_are_refused_at_once_in_one_line(tmp_path, case):
    text, message = CLAIMS[case]
    path = tmp_path / "claims.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    # in a process of its own: the parser may end it
    code = "import sys; from advspectra_study.config.claims import read_claims\n"
    code += "try: read_claims([sys.argv[1]], schema_path=sys.argv[2])\nexcept ValueError as error: print(error)"
    command = [sys.executable, "-c", code, str(path), str(LIBRARY.parent / "schemas/claims.schema.yaml")]
    limited = ["sh", "-c", 'ulimit -v 4194304; exec timeout 10 "$@"', "sh", *command]
    environment = os.environ | {"PYTHONPATH": str(LIBRARY), "PYTHONUTF8": "1"}
    done = subprocess.run(limited, capture_output=True, text=True, env=environment)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and lines, done.stderr
    assert any(line.startswith(f"  {path}") and message in line for line in lines[1:]), lines
    assert all(line.isprintable() and len(line) < 500 for line in lines)


# a last line break is none there: Snakemake reads the value as YAML
@pytest.mark.parametrize("kind", [kind for kind in HOSTILE if kind not in ("half a character", "last line break")])
def test_hostile_text_on_the_command_line_is_refused_and_does_not_run(study, kind):
    done = snakemake(study, "--configfile", "study.yaml", "--config", f"study={HOSTILE[kind]}")
    output = done.stdout + done.stderr
    assert done.returncode == 1 and "  study" in output and "Traceback" not in output
    assert not list(study.folder.rglob("*PWNED*")) and not (study.folder / "results").exists()


NAMES = ["<img src=x onerror=alert(1)>", "$(touch PWNED)", "{wildcards.run} `touch PWNED`; touch PWNED"]
ARCHIVE = "x; touch PWNED_; $(touch PWNED_) `touch PWNED_` {os.system('touch PWNED_')} {{config}} '\".tar"


def hostile_images(path):
    generator = np.random.default_rng(0)
    with tarfile.open(path, "w") as archive:
        for split, count in (("train", 16), ("test", 4)):
            for name in NAMES:
                for number in range(count):
                    buffer = io.BytesIO()
                    Image.fromarray(generator.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(buffer, "PNG")
                    member = tarfile.TarInfo(f"{split}/{name}/{number}{name}.png")
                    member.size = buffer.tell()
                    buffer.seek(0)
                    archive.addfile(member, buffer)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study of images whose names, and whose archive's name, are hostile, with its report."""
    config = copy.deepcopy(CONFIG) | {"transfers": [], "lines": [], "claims": {}, "networks": CONFIG["networks"][:1]}
    config["dataset"] = {"name": "hostile", "source": "image_folder", "options": {"path": ARCHIVE}}
    config["attacks"] = [CONFIG["attacks"][0] | {"images": 6, "checkpoints": "all"}]

    def make(folder):
        study = Study(folder, config)
        hostile_images(folder / ARCHIVE)
        study.run()
        study.run("--report", "report.html")

    return shared(tmp_path_factory, "names", make)


@pytest.mark.slow
def test_hostile_names_of_images_run_nothing_on_the_way_to_the_report(finished):
    assert [path.name for path in finished.folder.rglob("*PWNED*")] == [ARCHIVE]
    figures = finished.folder / "results/tiny/figures"
    assert {path.suffix for path in figures.iterdir() if path.is_file()} == {".pdf", ".png", ".csv", ".md", ".json"}


@pytest.mark.slow
def test_hostile_names_of_images_stand_in_no_page(finished):
    pages = [path for suffix in ("md", "html", "csv") for path in finished.folder.rglob(f"*.{suffix}")]
    assert len(pages) > 20
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not [name for name in NAMES if name in text], page


@pytest.mark.slow
def test_what_the_report_writes_of_a_config_is_why_it_may_not_have_a_tag(finished):
    # Snakemake writes parameters into a script of the page; only < could end that script
    text = (finished.folder / "report.html").read_text(encoding="utf-8")
    assert "{os.system(" in text and "touch PWNED_" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attack": "__builtins__"}, "foolbox .* has no attack '__builtins__'"),
        ({"attack": "base"}, "has no attack 'base'"),
        ({"attack": "Attack"}, "has no attack|refuses the parameters"),
        ({"attack": "os.system"}, "has no attack 'os.system'"),
        ({"attack": "$(touch PWNED)"}, "has no attack"),
        ({"parameters": {"$(touch PWNED)": 1}}, "refuses the parameters"),
        ({"parameters": {"__class__": "os.system"}}, "refuses the parameters"),
    ],
    ids=str,
)
def test_foolbox_is_asked_for_its_attacks_only(options, message):
    from advspectra.perturb import build_attack

    with pytest.raises(ValueError, match=message):
        build_attack("foolbox", **{"attack": "LinfPGD", "epsilon": 0.1, "parameters": {}} | options)
