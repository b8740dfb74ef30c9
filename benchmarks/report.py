"""The results of a run as a table (CSV and Markdown) and a plot."""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import torch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, NullFormatter

from advspectra.devices import describe
from advspectra.plotting import new_figure, style
from advspectra.table import Column, Table
from benchmarks import arrays, attacks, training
from benchmarks.timing import Measurement

PACKAGES = ("torch", "foolbox", "torchattacks", "adversarial-robustness-toolbox", "numpy", "snakemake")
PARTS = {  # part -> the plain way, which the plot takes for 1
    "attack": attacks.FROZEN,
    "training": training.PLAIN,
    "convolution": "spatial",
    "spectra": "numpy loop",
    "snakemake": None,
}
COLOURS = {
    "ours": "#0072B2",
    attacks.PLAIN: "#D55E00",
    attacks.FROZEN: "#E69F00",
    "Torchattacks": "#009E73",
    "ART": "#CC79A7",
    training.LAYERED: "#56B4E9",
}
GAP = 1.2  # between the groups of bars, in bars
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
    """Return a row (key of COLUMNS -> value) for each measurement: medians and quartiles over the repeats.

    times_ours : of the same round, so that what slows down the machine for a while falls out.
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
    """Return what the run's speed depends on: processor, device, threads, versions."""
    versions = []
    for name in PACKAGES:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            versions.append(f"{name} absent")
    return {
        "processor": f"{_processor()}, {os.cpu_count()} processors, {torch.backends.cpu.get_cpu_capability()}",
        "device": f"{describe(device)}, {threads} thread(s)",
        "versions": f"Python {platform.python_version()}, " + ", ".join(versions),
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def markdown(found: Sequence[Mapping], about: Mapping[str, str]) -> str:
    """Return the report."""
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
                f"Time of a step does not depend on their number: Foolbox with {row['steps']} steps takes {ratio:.3f} "
                f"times as long for a step as with {short['steps']} ({row['case']})."
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


def plot(found: Sequence[Mapping]):
    """Return a figure with a bar for each contender: its speed, relative to the plain way of its part, log scale."""
    groups = [
        (part, case, _bars(part, [row for row in found if (row["part"], row["case"]) == (part, case)]))
        for part, case in dict.fromkeys((row["part"], row["case"]) for row in found if PARTS[row["part"]])
    ]
    attack = [group for group in groups if group[0] == "attack"]
    others = [group for group in groups if group[0] != "attack"]
    sides = [side for side in (attack, others) if side]
    shown = [[bar for _, _, bars in side for bar in bars if bar[0] != attacks.FLOOR] for side in sides]
    tallest = max((len(bars) + GAP * len(side) for bars, side in zip(shown, sides, strict=True)), default=1)
    figure = new_figure(0.9 + 0.16 * tallest)
    for axes, side in zip(figure.subplots(1, max(1, len(sides)), squeeze=False)[0], sides, strict=False):
        _draw(axes, side, height=tallest)
    return figure


def _bars(part: str, chosen: Sequence[Mapping]) -> list[tuple[str, float, float, float]]:
    """Return (contender, speed relative to the plain way, its quartiles) in the order of the table."""
    plain = next(row for row in chosen if row["contender"] == PARTS[part])
    one = plain["seconds_per_unit"]
    return [
        (
            row["contender"],
            one / row["seconds_per_unit"],
            one / row["seconds_per_unit_q3"],
            one / row["seconds_per_unit_q1"],
        )
        for row in chosen
        if not row["contender"].endswith(" steps")
    ]


def _draw(axes, groups, *, height: float) -> None:
    """Draw groups of bars, (part, case, bars of _bars), one below the other; height : of the axes, in bars."""
    place, ticks, names = 0.0, [], []
    halo = [withStroke(linewidth=3, foreground="white")]
    for part, case, bars in groups:
        title = case if part in ("attack", "training") else f"{part}, {case}"
        axes.text(0.01, place, title, transform=axes.get_yaxis_transform(), weight="bold", va="center")
        first = place + 0.5
        for name, speed, low, high in (bar for bar in bars if bar[0] != attacks.FLOOR):
            place += 1
            axes.barh(place, speed, height=0.75, color=COLOURS.get(name, "0.6"))
            axes.plot([low, high], [place, place], color="0.2", linewidth=0.8)
            text = {"xytext": (3, 0), "textcoords": "offset points", "va": "center", "path_effects": halo}
            axes.annotate(_short(speed), (max(high, speed), place), **text)
            ticks.append(place)
            names.append(name)
        for speed in (bar[1] for bar in bars if bar[0] == attacks.FLOOR):
            axes.plot([speed, speed], [first, place + 0.5], color="black", linewidth=1.2, linestyle=(0, (2, 1)))
        place += GAP
    axes.axvline(1, color="0.6", linewidth=0.6, zorder=0)
    axes.set(xscale="log", ylim=(height, -0.8), yticks=ticks, yticklabels=names)
    axes.tick_params(axis="y", length=0)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.4), high * 2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if groups[0][0] == "attack":
        axes.set_title("L$_\\infty$ PGD, 1000 steps")
        axes.set_xlabel(
            "speed relative to Foolbox with frozen parameters\ndashed: floor, the network's passes for 1000 steps"
        )
    else:
        plain = ", ".join(dict.fromkeys(PARTS[part] for part, _, _ in groups))
        axes.set_title("Training, one epoch; and the rest")
        axes.set_xlabel(f"speed relative to the plain way\n({plain})")


def _short(speed: float) -> str:
    return f"{speed:.0f}" if speed >= 10 else f"{speed:.2g}"
