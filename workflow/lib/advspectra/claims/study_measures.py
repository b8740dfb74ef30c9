"""measures.csv: every measure of every network, attack and state of a study, with its interval and what it is made of.

The measures are those of advspectra.claims.measures, and an interval is made as that of a claim is, by
advspectra.statistics.inference: 95 %, over seeds and images; with one seed over images alone. A row:

    network, activation, depth, alpha   the network; seeds with the same weights count as one, as in claims
    attack, transfer_of, found_on       blank where no attack is measured; of a transfer: whose perturbations it tries
    checkpoint, step                    the state, or `all states` where states are compared; its step if all seeds
                                        have the same
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
from advspectra.claims.measures import MEASURES, Conventions, NotThere, Values
from advspectra.lines.comparison import ENDS
from advspectra.results.replicates import Replicates, by_network
from advspectra.results.runs import STATE_KINDS, Run
from advspectra.statistics.inference import Sample, infer
from advspectra.table import Cell, Column, Table

OF_LINES = ("relu_changes", "roughness", "relative_roughness")
OVER_STATES = ("success_accuracy_correlation", "success_gain", "accuracy_gain")
ALL_STATES = "all states"
FORMS = ("raw", "rescaled")

COLUMNS = tuple(
    Column(name, name, interval=name == "mean")
    for name in (
        *("network", "activation", "depth", "alpha", "attack", "transfer_of", "found_on", "checkpoint", "step"),
        *("measure", "title", "variant", "mean", "seeds", "images", "values", "why"),
    )
)


def measures_table(runs: Sequence[Run], *, convention: str) -> Table:
    """Return the table; convention : of δ̂."""
    rows = [row for group in by_network(runs) for row in _rows(Replicates(tuple(originals(group.runs))), convention)]
    return Table("Measures", COLUMNS, tuple(rows))


def at(run: Run, attack: str, checkpoint: str | None = None) -> Run:
    """Return the run with the files of one attack, on one state or all, beside those that are of no attack."""
    files = {
        kind: tuple(one for one in files if one.attack == attack and checkpoint in (None, one.checkpoint))
        if kind in STATE_KINDS
        else files
        for kind, files in run.files.items()
    }
    return replace(run, files={kind: found for kind, found in files.items() if found})


def _rows(group: Replicates, convention: str) -> Iterator[dict[str, Cell]]:
    about = {name: getattr(group.first, name) for name in ("network", "activation", "depth", "alpha")}
    for name in MEASURES:
        for form in FORMS if name.startswith("beta_") else (None,) if name == "test_accuracy" else ():
            best = {**about, "checkpoint": "best"}
            yield from _row(best, name, form, group.runs, {"predictor": form}, Conventions(convention, {}))
    for attack, source in group.attacks.items():
        whose = {"transfer_of": source and source.attack, "found_on": source and source.found_on}
        conventions = Conventions(convention, {"this": attack})
        states = _states(group, attack)
        for checkpoint, step in states.items():
            runs = [at(run, attack, checkpoint) for run in group.runs]
            state = {**about, "attack": attack, **whose, "checkpoint": checkpoint, "step": step}
            side = {"attack": "this", "state": checkpoint}
            for name in MEASURES:
                if name in OF_LINES:
                    for end in ENDS:
                        yield from _row(state, name, end, runs, {**side, "end": end}, conventions)
                elif name not in OVER_STATES and not name.startswith("beta_") and name != "test_accuracy":
                    yield from _row(state, name, _variant(name, convention), runs, side, conventions)
        if len(states) > 1:
            whole = {**about, "attack": attack, **whose, "checkpoint": ALL_STATES}
            for name in OVER_STATES:
                yield from _row(whole, name, None, group.runs, {"attack": "this"}, conventions)


def _variant(name: str, convention: str) -> str | None:
    return convention if name.startswith("delta_") else None


def _states(group: Replicates, attack: str) -> dict[str, int | None]:
    """Return the states that any seed has files of an attack on, in order: name -> step, None if seeds differ in it."""
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
    side: Mapping,
    conventions: Conventions,
) -> Iterator[dict[str, Cell]]:
    """Yield the row of a measure, none where no run has what it is made of."""
    found = []
    for run in runs:
        try:
            with np.errstate(invalid="ignore"):  # of images without any perturbation: NaN
                found.append(MEASURES[name].read(run, side, conventions))
        except NotThere:
            continue
    if not found:
        return
    row = {**about, "measure": name, "title": MEASURES[name].title, "variant": variant, "seeds": len(found)}
    if found[0].image is not None:
        row |= {"images": len(found[0].image), "values": sum(_with_value(one) for one in found)}
    try:
        samples = [Sample(one.arrays, one.statistic) for one in found]
        row["mean"] = infer(samples, generator=np.random.default_rng(SEED)).interval
    except ValueError as error:
        row["why"] = str(error)
    yield row


def _with_value(values: Values) -> int:
    """Return of how many images there is a value, in all arrays."""
    finite = [np.isfinite(array).reshape(-1, array.shape[-1]).all(axis=0) for array in values.arrays]
    return int(np.all(finite, axis=0).sum())
