"""What a side of a claim is about: the conventions of a study, and the checkpoint that it names, attacked."""

from collections.abc import Mapping
from dataclasses import dataclass

from advspectra.claims.reasons import Lack, NotThere
from advspectra.claims.terms import Side
from advspectra.files.perturbations import AttackedImages
from advspectra.results.runs import AttackedCheckpoint, Run


@dataclass(frozen=True)
class Conventions:
    """What the paper leaves open and a study need not run again for.

    spectra : of advspectra.fourier, for perturbations. attacks : the name of the attack or transfer for each role that
    one has in claims: final and those of wording.ATTACKS. predictor : "raw" or "rescaled", for claims that do not say;
    cells : the same for the cells of the paper's tables. band : where the classes of the data set differ, `low` and
    `high` in cycles/image; None for data that do not say. checkpoint : what takes the place of the best one under the
    final attack, as the study's summary says.
    last : whether the last epoch that is kept takes the place of the best; what is made of a predictor, which only the
    best has, is not tested then.
    """

    spectra: str
    attacks: Mapping[str, str]
    predictor: str = "raw"
    cells: str = "rescaled"
    band: Mapping[str, float] | None = None
    checkpoint: str = "best"
    last: bool = False


def attacked_checkpoints(run: Run, side: Side, conventions: Conventions) -> list[AttackedCheckpoint]:
    """The checkpoints that the attack of a side was tried on, in the order of training."""
    attack = conventions.attacks.get(side.attack)
    if attack is None:
        raise NotThere(Lack.ROLE, role=side.attack)
    attacked = run.attacked(attack)
    if not attacked:
        raise NotThere(Lack.RESULTS, network=run.label, attack=attack)
    return attacked


def attacked_checkpoint(run: Run, side: Side, conventions: Conventions) -> AttackedCheckpoint:
    """The checkpoint of a side, attacked."""
    attacked = attacked_checkpoints(run, side, conventions)
    wanted = side.checkpoint
    if wanted == "best" and conventions.last:
        epochs = [one for one in attacked if one.checkpoint.startswith("epoch=")]
        if not epochs:
            raise NotThere(Lack.CHECKPOINT, network=run.label, checkpoint="of an epoch", attack=attacked[0].attack)
        return epochs[-1]
    if wanted == "best" and side.attack == "final":
        wanted = conventions.checkpoint
    checkpoints = run.checkpoints()
    best = None if checkpoints is None else checkpoints.kept["best"].step
    if wanted == "first" and attacked[0].step == 0:
        return attacked[0]
    if wanted == "last":
        fitting = [one for one in attacked[-1:] if best is None or one.step >= best]
    elif wanted == "first_epoch":  # and not the last: it would be compared with itself
        # a checkpoint within an epoch, step=3 say, has that epoch's number too
        fitting = [one for one in attacked[:-1] if one.epoch == 1 and not one.checkpoint.startswith("step=")]
    elif wanted == "best":
        fitting = [one for one in attacked if one.best or one.step == best]
    else:
        fitting = [one for one in attacked if wanted in (one.checkpoint, f"step={one.step}")]
    if not fitting:
        raise NotThere(Lack.CHECKPOINT, network=run.label, checkpoint=wanted, attack=attacked[0].attack)
    return fitting[0]


def perturbations_of(attacked: AttackedCheckpoint) -> AttackedImages:
    """The attacked images of a checkpoint; NotThere without their file."""
    perturbations = attacked.perturbations()
    if perturbations is None:
        raise lacks_file("perturbations", attacked)
    return perturbations


def lacks_file(kind: str, attacked: AttackedCheckpoint) -> NotThere:
    """The reason that a checkpoint has no file of a kind."""
    return NotThere(Lack.FILE, file=kind, attack=attacked.attack, checkpoint=attacked.checkpoint)
