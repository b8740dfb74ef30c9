"""measures.csv: every measure of every network, attack and checkpoint of a study, with its interval and its sources.

The measures are those of advspectra.claims.measures. The interval is that of a claim's number, from
advspectra.statistics.crossed: 95 %, over seeds and images; with one seed over images alone. A row:

    network, activation, depth, alpha   the network; seeds with the same weights count as one, as in claims
    attack, transfer_of, found_on       blank where no attack is measured; of a transfer: whose perturbations it tries
    checkpoint, step                    the checkpoint, or `all checkpoints` where checkpoints are compared; its step if
                                        all seeds have the same
    measure, title                      its name in claims, and in words with its unit
    variant                             of δ̂ the convention; of β̂ raw or rescaled; of lines their end
    mean, mean_low, mean_high           the mean over seeds and its interval; blank where there is none
    seeds, images, values               n: seeds; images of each seed; those with a value, summed over seeds
    why                                 why there is no mean
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from advspectra.claims.evaluate import SEED, originals
from advspectra.claims.measures import MEASURES
from advspectra.claims.readers import MadeOf, Values
from advspectra.claims.reasons import NotThere
from advspectra.claims.sides import Conventions
from advspectra.claims.terms import Side
from advspectra.lines.comparison import ENDS
from advspectra.results.replicates import Replicates, by_network
from advspectra.results.runs import STATE_KINDS, Run
from advspectra.statistics.crossed import infer
from advspectra.table import Cell, Column, Table

ALL_CHECKPOINTS = "all checkpoints"
FORMS = ("raw", "rescaled")

COLUMNS = tuple(
    Column(name, name, interval=name == "mean")
    for name in (
        *("network", "activation", "depth", "alpha", "attack", "transfer_of", "found_on", "checkpoint", "step"),
        *("measure", "title", "variant", "mean", "seeds", "images", "values", "why"),
    )
)


def measures_table(runs: Sequence[Run], *, convention: str, band: Mapping[str, float] | None = None) -> Table:
    """The table; convention : of δ̂. band : as advspectra.claims.sides.Conventions has it."""
    own = Conventions(convention, {}, band=band)
    rows = [row for group in by_network(runs) for row in _rows(Replicates(tuple(originals(group.runs))), own)]
    return Table("Measures", COLUMNS, tuple(rows))


def at(run: Run, attack: str, checkpoint: str | None = None) -> Run:
    """The run with the files of one attack, on one checkpoint or all, and with those that are of no attack."""
    files = {
        kind: tuple(file for file in files if file.attack == attack and checkpoint in (None, file.checkpoint))
        if kind in STATE_KINDS
        else files
        for kind, files in run.files.items()
    }
    return replace(run, files={kind: kept for kind, kept in files.items() if kept})


def _rows(group: Replicates, own: Conventions) -> Iterator[dict[str, Cell]]:
    about = {name: getattr(group.first, name) for name in ("network", "activation", "depth", "alpha")}
    forms = {MadeOf.PREDICTOR: FORMS, MadeOf.TRAINING: (None,)}
    for name, measure in MEASURES.items():
        for form in forms.get(measure.made_of, ()):
            best = {**about, "checkpoint": "best"}
            yield from _row(best, name, form, group.runs, Side(predictor=form), own)
    for attack, source in group.attacks.items():
        attacked = {**about, "attack": attack}
        attacked |= {"transfer_of": source and source.attack, "found_on": source and source.found_on}
        yield from _rows_of_attack(group, attack, attacked, own)


def _rows_of_attack(
    group: Replicates, attack: str, about: Mapping[str, Cell], own: Conventions
) -> Iterator[dict[str, Cell]]:
    conventions = replace(own, attacks={"this": attack})
    variants = dict.fromkeys((MadeOf.DELTA, MadeOf.LINK), (own.spectra,))
    variants |= {MadeOf.IMAGES: (None,), MadeOf.LINES: tuple(ENDS)}
    checkpoints = _checkpoints(group, attack)
    for checkpoint, step in checkpoints.items():
        runs = [at(run, attack, checkpoint) for run in group.runs]
        here = {**about, "checkpoint": checkpoint, "step": step}
        for name, measure in MEASURES.items():
            for variant in variants.get(measure.made_of, ()):
                end = variant if measure.made_of is MadeOf.LINES else None
                side = Side(attack="this", checkpoint=checkpoint, end=end)
                yield from _row(here, name, variant, runs, side, conventions)
    if len(checkpoints) > 1:
        whole = {**about, "checkpoint": ALL_CHECKPOINTS}
        for name, measure in MEASURES.items():
            if measure.made_of is MadeOf.ALL_CHECKPOINTS:
                yield from _row(whole, name, None, group.runs, Side(attack="this"), conventions)


def _checkpoints(group: Replicates, attack: str) -> dict[str, int | None]:
    """The checkpoints that any seed has files of an attack on, in order: name -> step, None if seeds differ."""
    steps: dict[str, set] = {}
    for run in group.runs:
        for file in (file for kind in STATE_KINDS for file in run.files.get(kind, ()) if file.attack == attack):
            steps.setdefault(file.checkpoint, set()).add(file.step)
    order = sorted(steps, key=lambda name: (min(step or 0 for step in steps[name]), name))
    return {name: next(iter(steps[name])) if len(steps[name]) == 1 else None for name in order}


def _row(
    about: Mapping[str, Cell],
    name: str,
    variant: str | None,
    runs: Sequence[Run],
    side: Side,
    conventions: Conventions,
) -> Iterator[dict[str, Cell]]:
    """Yield the row of a measure; none where no run has what it is made of."""
    each = []
    for run in runs:
        try:
            with np.errstate(invalid="ignore"):  # of images without any perturbation: NaN
                each.append(MEASURES[name].read(run, side, conventions))
        except NotThere:
            continue
    if not each:
        return
    row = {**about, "measure": name, "title": MEASURES[name].title, "variant": variant, "seeds": len(each)}
    if each[0].image is not None:
        row |= {"images": len(each[0].image), "values": sum(_with_value(values) for values in each)}
    try:
        samples = [values.sample() for values in each]
        row["mean"] = infer(samples, scale=MEASURES[name].scale, generator=np.random.default_rng(SEED)).interval
    except ValueError as error:
        row["why"] = str(error)
    yield row


def _with_value(values: Values) -> int:
    """How many images have a value in all arrays."""
    finite = [np.isfinite(array).reshape(-1, array.shape[-1]).all(axis=0) for array in values.arrays]
    return int(np.all(finite, axis=0).sum())
