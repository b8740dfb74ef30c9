"""The plot of a run: how fast each contender is, relative to the plain way of its part."""

from collections.abc import Mapping, Sequence

from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, NullFormatter

from advspectra.drawing.plotting import new_figure
from benchmarks import attacks, training

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


def plot(found: Sequence[Mapping]):
    """A figure with a bar for each contender: its speed relative to the plain way of its part, on a log scale."""
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
    """(contender, speed relative to the plain way, its quartiles) in the order of the table."""
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
