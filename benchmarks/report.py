"""The results of a run: a table as CSV and as Markdown, with the plot beside it."""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch

from advspectra.drawing.plotting import style
from advspectra.machine.devices import place
from advspectra.table import Column, Table
from benchmarks import arrays, attacks, training
from benchmarks.plot import PARTS, plot
from benchmarks.timing import Measurement

PACKAGES = ("torch", "foolbox", "torchattacks", "adversarial-robustness-toolbox", "numpy", "snakemake")
EXPLANATION = (
    "Medians and quartiles over the rounds; time / ours is the ratio within a round. Where processor time / time is "
    "below 1, something else had the processor. Peak memory is that of the contender's own process, above what it "
    "takes after its imports; Snakemake's is the whole of its main process.",
    "",
)
COLUMNS = (
    Column("part", "part"),
    Column("case", "case"),
    Column("contender", "contender"),
    Column("images", "images"),
    Column("steps", "steps"),
    Column("batch_size", "batch size"),
    Column("layout", "layout"),
    Column("repeats", "repeats"),
    Column("seconds", "seconds of one run"),
    Column("seconds_q1", "lower quartile"),
    Column("seconds_q3", "upper quartile"),
    Column("per_second", "images/s; of attacks: image-steps/s, all 1000 steps counted"),
    Column("seconds_per_unit", "seconds for an image (attacks: 1000 steps of it); for a run of Snakemake"),
    Column("seconds_per_unit_q1", "lower quartile"),
    Column("seconds_per_unit_q3", "upper quartile"),
    Column("times_ours", "time / ours"),
    Column("times_ours_q1", "lower quartile"),
    Column("times_ours_q3", "upper quartile"),
    Column("processor_share", "processor time / time"),
    Column("times_ours_processor", "processor time / ours"),
    Column("peak_memory_mib", "peak memory, MiB"),
    Column("accuracy_after", "accuracy on the attacked images"),
    Column("computed_share", "image-steps computed / all"),
    Column("jobs", "jobs planned"),
)


def rows(measurements: Sequence[Measurement]) -> list[dict]:
    """A row (key of COLUMNS -> value) for each measurement: medians and quartiles over the repeats.

    times_ours : compared within the same round, so that a temporary slowdown of the machine cancels out.
    """
    ours = {(one.contender.part, one.contender.case): one for one in measurements if one.contender.name == "ours"}
    return [_row(one, ours.get((one.contender.part, one.contender.case))) for one in measurements]


def _row(one: Measurement, ours: Measurement | None) -> dict:
    contender = one.contender
    each = np.array(one.seconds) / contender.amount
    row = {
        "part": contender.part,
        "case": contender.case,
        "contender": contender.name,
        **contender.about,
        "repeats": len(one.seconds),
        **_quartiles("seconds", one.seconds),
        **_quartiles("seconds_per_unit", each),
        "processor_share": float(np.median(np.array(one.processor) / one.seconds)),
        "peak_memory_mib": one.memory,
        **one.facts,
    }
    if contender.part != "snakemake":
        row["per_second"] = (attacks.STEPS if contender.part == "attack" else 1) / row["seconds_per_unit"]
    else:
        del row["processor_share"]  # it works in processes of its own
    if ours is not None:
        row |= _quartiles("times_ours", each / (np.array(ours.seconds) / ours.contender.amount))
        busy = np.array(one.processor) / contender.amount / (np.array(ours.processor) / ours.contender.amount)
        row["times_ours_processor"] = float(np.median(busy))
    return row


def _quartiles(name: str, values) -> dict[str, float]:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return {name: float(middle), f"{name}_q1": float(low), f"{name}_q3": float(high)}


def write(folder: Path, measurements: Sequence[Measurement], *, about: Mapping[str, str]) -> None:
    """Write bench.csv, bench.md and bench.png; about : name -> text, the conditions of the run."""
    found = rows(measurements)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.csv").write_text(Table("", COLUMNS, tuple(found)).to_csv())
    (folder / "bench.md").write_text(markdown(found, about))
    with style():
        plot(found).savefig(folder / "bench.png", dpi=150)


def machine(device: torch.device, threads: int) -> dict[str, str]:
    """What the run's speed depends on: processor, device, threads, versions."""
    versions = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            versions.append(f"{name} absent")
    return {
        "processor": f"{_processor()}, {os.cpu_count()} processors, {torch.backends.cpu.get_cpu_capability()}",
        "device": f"{place(device)['device']}, {threads} thread(s)",
        "versions": f"Python {platform.python_version()}, " + ", ".join(versions),
    }


def with_conditions(table: Table, about: Mapping[str, str]) -> str:
    """The table in Markdown, below the conditions of its run, name -> text."""
    return "".join(f"- {name}: {text}\n" for name, text in about.items()) + f"\n{table.to_markdown()}"


def write_table(folder: Path, name: str, table: Table, about: Mapping[str, str]) -> None:
    """Write <name>.csv, and <name>.md with the conditions of the run."""
    (folder / f"{name}.csv").write_text(table.to_csv())
    (folder / f"{name}.md").write_text(with_conditions(table, about))


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def markdown(found: Sequence[Mapping], about: Mapping[str, str]) -> str:
    """The report."""
    parts = ["# Benchmarks", "", *(f"- {name}: {text}" for name, text in about.items()), "", *EXPLANATION]
    for one in PARTS:
        chosen = [row for row in found if row["part"] == one]
        if chosen:
            parts += [table.to_markdown() for table in TABLES[one](chosen)]
    return "\n".join(parts)


def _attack_tables(found: Sequence[Mapping]) -> list[Table]:
    shown = (attacks.PLAIN, attacks.FROZEN, "Torchattacks", "ART")
    columns = (
        Column("case", "network"),
        *(Column(name, name, 2, optional=True) for name in shown),
        Column("of_floor", "ours / floor", 2),
        Column("computed_share", "steps computed", 2),
    )
    summary = []
    for case, times in _by_case(found).items():
        first = next(row for row in found if row["case"] == case and row["contender"] == "ours")
        row = {name: times.get(name) for name in shown}
        floor = times.get(attacks.FLOOR)
        summary.append(
            {
                "case": case,
                **row,
                "of_floor": 1 / floor if floor else None,
                "computed_share": first.get("computed_share"),
            }
        )
    notes = [
        "Time of each attack / time of ours, for an image attacked by 1000 steps; medians of the ratios of each round. "
        "Ours includes simplifying the network.",
        "Floor: the passes forward and backward to the images that 1000 steps take, through the simplified network at "
        "the fastest of a few batch sizes and layouts. Ours stays below it where PGD cycles and steps need not be "
        "computed.",
        "Frozen: the parameters of the network ask for no gradient.",
        *_proportionality(found),
    ]
    title = "Attack, L-infinity PGD with 1000 steps: how many times ours is faster"
    return [
        Table(title, columns, tuple(summary), tuple(notes)),
        _detail("Attack: what was timed", found),
    ]


def _proportionality(found: Sequence[Mapping]) -> list[str]:
    sentences = []
    for row in found:
        if row["contender"].startswith(f"{attacks.FROZEN}, "):
            short = next(one for one in found if one["case"] == row["case"] and one["contender"] == attacks.FROZEN)
            ratio = row["seconds_per_unit"] / short["seconds_per_unit"]
            sentences.append(
                f"All but ours are timed on fewer than 1000 steps: Foolbox with {row['steps']} takes {ratio:.3f} times "
                f"as long for a step as with {short['steps']} ({row['case']})."
            )
    return sentences


def _by_case(found: Sequence[Mapping]) -> dict[str, dict[str, float]]:
    cases: dict[str, dict[str, float]] = {}
    for row in found:
        cases.setdefault(row["case"], {})[row["contender"]] = row.get("times_ours")
    return cases


def _detail(title: str, found: Sequence[Mapping], notes: Sequence[str] = ()) -> Table:
    attack = found[0]["part"] == "attack"
    columns = (
        Column("case", "network" if found[0]["part"] in ("attack", "training") else "case"),
        Column("contender", "contender"),
        Column("images", "images", optional=True),
        Column("steps", "steps", optional=True),
        Column("batch_size", "batch size", optional=True),
        Column("rate", "image-steps/s" if attack else "images/s", optional=True),
        Column("each", "s for 1000 steps of an image [quartiles]" if attack else "s for a run [quartiles]"),
        Column("times", "time / ours [quartiles]", optional=True),
        Column("times_ours_processor", "processor time / ours", 2, optional=True),
        Column("processor_share", "processor time / time", 2, optional=True),
        Column("peak_memory_mib", "peak memory, MiB", 0, optional=True),
        Column("accuracy_after", "accuracy after", 3, optional=True),
        Column("jobs", "jobs", optional=True),
    )
    keys = {column.key for column in columns}
    shown = []
    for row in found:
        kept = {key: value for key, value in row.items() if key in keys}
        kept["rate"] = f"{row['per_second']:.4g}" if "per_second" in row else None
        kept["each"] = _interval(row, "seconds_per_unit" if attack else "seconds")
        kept["times"] = _interval(row, "times_ours") if "times_ours" in row else None
        shown.append(kept)
    return Table(title, columns, tuple(shown), tuple(notes))


def _interval(row: Mapping, key: str) -> str:
    return f"{row[key]:.3g} [{row[f'{key}_q1']:.3g}, {row[f'{key}_q3']:.3g}]"


TABLES = {
    "attack": _attack_tables,
    "training": lambda found: [
        _detail(
            "Training: one epoch",
            found,
            (
                "DataLoader: PyTorch's loop over a TensorDataset of floats, no workers, the network layer by layer in "
                "PyTorch's memory layout. Locally connected layers and circular convolutions are ours in it too, "
                "since PyTorch has none.",
                f"Our time includes an evaluation of {training.TEST_IMAGES} images at the end of the epoch.",
            ),
        )
    ],
    "convolution": lambda found: [
        _detail("Circular convolution, forward and backward (ours: FFT)", found),
    ],
    "spectra": lambda found: [
        _detail(
            f"Spectra under {', '.join(arrays.CONVENTIONS)} (ours with spectra.h5 written)",
            found,
        )
    ],
    "snakemake": lambda found: [_detail("Snakemake where nothing is to be computed", found)],
}
