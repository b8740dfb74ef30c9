"""A measure of the weights of a linear network: their squares over the least with which it could have the same map.

1 where training has found the least, as the theory of implicit regularisation has it; never less. Untrained networks of
default initial weights have 137 (fully connected, 2700 units), 1.4 (full width, 3 channels) and 3.9 (bounded width, 32
channels). Defined for one hidden layer that advspectra.networks.penalty knows; biases do not count.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from advspectra.claims.readers import MadeOf, Measure, Values
from advspectra.claims.reasons import Lack, NotThere
from advspectra.claims.sides import Conventions
from advspectra.claims.terms import Side
from advspectra.files.checkpoints import read_weights
from advspectra.files.predictors import read_predictor
from advspectra.networks.penalty import penalty_of_network
from advspectra.results.runs import Run
from advspectra.statistics.scale import Scale


def of_weights(title: str) -> Measure:
    """The measure, of the best checkpoint, which has a predictor."""

    def read(run: Run, side: Side, conventions: Conventions) -> Values:
        files = [run.files.get(kind, ()) for kind in ("checkpoints", "predictor")]
        if conventions.last or not all(files):
            raise NotThere(Lack.PREDICTOR, network=run.label)
        paths = [kind[0].path for kind in files]
        ratio = _over_least(*paths, *(path.stat().st_mtime_ns for path in paths))
        if ratio is None:
            raise NotThere(Lack.PENALTY, network=run.label)
        return Values((np.array([ratio]),))

    return Measure(title, Scale.RATIO, MadeOf.TRAINING, read)


@lru_cache(maxsize=1000)
def _over_least(checkpoints: Path, predictor: Path, *versions: int) -> float | None:
    """The ratio; None for a network of another form."""
    layers = read_weights(checkpoints, name="best")
    if set(layers) != {"hidden.0", "readout"}:
        return None
    weights = layers["hidden.0"].astype(float), layers["readout"].astype(float)
    least = penalty_of_network(*weights, read_predictor(predictor).beta)
    return least and sum(float((layer**2).sum()) for layer in weights) / least.value
