"""A study's numbers beside the paper's, rows in the paper's order.

`reference` is the content of paper.yaml: tables with rows keyed by network, activation and depth.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from advspectra.claims.cells import CELL_SDS
from advspectra.files.images import FORMAT
from advspectra.networks.identity import NetworkIdentity
from advspectra.results.replicates import Replicates
from advspectra.statistics.summaries import Spread, Statistics, statistics
from advspectra.table import Cell, Column

# tables of what the paper measured, on its images; the others are of settings
MEASURED = ("table1", "table2", "table4")


def paired_rows(
    rows: Sequence[Mapping], groups: Sequence[Replicates]
) -> Iterator[tuple[Mapping | None, Replicates | None]]:
    """Yield (row of the paper, networks of the study): the paper's rows in its order, then the study's further ones.

    Either may be None: a row of the paper that the study lacks, a network that the paper's table lacks.
    """
    left = list(groups)
    for row in rows:
        matching = [group for group in left if NetworkIdentity.of_row(row).includes(group.identity)]
        left = [group for group in left if group not in matching]
        for group in matching or [None]:
            yield row, group
    for group in left:
        yield None, group


def missing_note(rows: Sequence[Mapping], groups: Sequence[Replicates]) -> list[str]:
    """The note that names the rows of the paper which the study lacks; empty if it lacks none."""
    missing = [NetworkIdentity.of_row(row).label for row, group in paired_rows(rows, groups) if group is None]
    return [f"Not in this study: {', '.join(missing)}."] if missing else []


def not_the_papers(reference: Mapping, dataset: Mapping, image_shape: Sequence[int]) -> str:
    """Why a study's images are not the paper's, as a sentence; "" if they are.

    dataset : `name` and `source` of the configuration. The images count as CIFAR-10 if the source is `cifar10`, or if
    the name of the data set says so: cifar10 or cifar10_<anything>, such as cifar10_jpeg. image_shape : (C, H, W).
    """
    paper = reference["source"]["dataset"]
    word = paper.lower().replace("-", "")
    named = re.fullmatch(f"{word.replace('10', '_?10')}(_.*)?", dataset["name"])
    if dataset["source"] != word and not named:
        return f"The data set is {dataset['name']}, the paper's is {paper}: the numbers of its tables do not apply."
    if tuple(image_shape) != tuple(reference["source"]["image_shape"]):
        ours, theirs = (shape_in_words(shape) for shape in (image_shape, reference["source"]["image_shape"]))
        return f"The images have {ours}, the paper's {theirs}: the numbers of its tables do not apply."
    return ""


def shape_of_images(path: str | Path) -> tuple[int, int, int]:
    """(C, H, W) of the images in images.h5."""
    with FORMAT.opened(path, digest=False) as file:
        return tuple(int(size) for size in file["train/images"].shape[1:])


def classes_of_images(path: str | Path) -> int:
    """The number of classes of the images in images.h5."""
    with FORMAT.opened(path, digest=False) as file:
        return len(file["class_names"])


def shape_in_words(image_shape: Sequence[int]) -> str:
    """(C, H, W) as "48 × 48 pixels and 1 channel"."""
    channels, height, width = image_shape
    return f"{height} × {width} pixels and {channels} channel{'s' * (channels > 1)}"


def without_measured(reference: Mapping) -> dict:
    """The reference without what the paper measured: its tables MEASURED have no rows."""
    tables = {name: {**table, "rows": []} if name in MEASURED else table for name, table in reference["tables"].items()}
    return {**reference, "tables": tables}


def seeds_note(groups: Sequence[Replicates]) -> str:
    """The sentence that states the number of seeds."""
    counts = sorted({len(group.runs) for group in groups})
    return f"Seeds for each network: {' to '.join(str(count) for count in (counts[:1] + counts[1:][-1:]))}."


def quantity_columns(key: str, title: str) -> tuple[Column, ...]:
    """The columns of a quantity: ours, the paper's, the difference in the paper's sd, and over seeds."""
    return (
        Column(key, title, 2, spread=True, panel=title, within="ours"),
        Column(f"{key}_paper", f"{title} paper", 2, spread=True, optional=True, panel=title, within="paper"),
        Column(
            f"{key}_difference",
            f"{title} difference / paper's sd",
            1,
            optional=True,
            panel=title,
            within="Δ in sd",
            limit=CELL_SDS,
        ),
        Column(f"{key}_seeds", f"{title} over seeds", 2, spread=True, optional=True),
    )


def quantity_cells(
    key: str, measured: Statistics | None, row: Mapping | None, *, comparable: bool = True
) -> dict[str, Cell]:
    """The cells of quantity_columns.

    measured : the study's statistics, None without any value; row : the row of the paper, None if it has none.
    comparable : False where ours and the paper's follow different conventions: no difference is shown.
    """
    ours = measured and measured.values
    paper = Spread(**row[key]) if row else None
    difference = (ours.mean - paper.mean) / paper.sd if ours and paper and comparable else None
    return {
        key: ours,
        f"{key}_paper": paper,
        f"{key}_difference": difference,
        f"{key}_seeds": measured and measured.seeds,
    }


def image_cells(row: Mapping | None, group: Replicates | None, *, convention: str) -> dict[str, Cell]:
    """The cells `model`, `seeds`, `attacked` and `images` (attacked, and of these shown, over all seeds)."""
    if group is None:
        return {"model": NetworkIdentity.of_row(row).label}
    spectra = group.spectra(convention)
    return {
        "model": group.first.label,
        "seeds": len(group.runs),
        "attacked": sum(of_seed.attacked for of_seed in spectra) if spectra else None,
        "images": sum(of_seed.selected for of_seed in spectra) if spectra else None,
    }


IMAGE_COLUMNS = (
    Column("model", "Model"),
    Column("seeds", "seeds"),
    Column("attacked", "images attacked"),
    Column("images", "images shown"),
)


def perturbation_statistics(group: Replicates | None, *, convention: str) -> dict[str, Statistics | None]:
    """The statistics of `delta_l2` and `delta_l1` over the images of a network."""
    spectra = group.spectra(convention) if group else []
    return {
        "delta_l2": statistics([of_seed.norm_l2 for of_seed in spectra]),
        "delta_l1": statistics([of_seed.norm_l1 for of_seed in spectra]),
    }


def perturbation_notes(groups: Sequence[Replicates], *, convention: str) -> list[str]:
    """The notes on the images: which, under which convention, and the networks without any."""
    notes = []
    spectra = {group.first.label: group.spectra(convention) for group in groups}
    which = sorted({of_seed.images for seeds in spectra.values() for of_seed in seeds})
    if which:
        left_out = any(of_seed.zero_gradients for seeds in spectra.values() for of_seed in seeds)
        kept = " with a gradient" if left_out else ""
        words = {"successful": f"images{kept} whose attack succeeded", "all": f"all attacked images{kept}"}
        over = " / ".join(words.get(name, name) for name in which)
        notes.append(f"δ̂ under the convention `{convention}`, mean ± sd over {over}; the sd is pooled within seeds.")
    if convention != "paper":
        notes.append(f"The paper's δ̂ is compared under the convention `paper` only; this table shows `{convention}`.")
    empty = [label for label, seeds in spectra.items() if seeds and not any(of_seed.selected for of_seed in seeds)]
    if empty:
        notes.append(f"No successful attack: {', '.join(empty)}.")
    return notes
