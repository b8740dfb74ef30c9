"""Any attack of Foolbox by its class name, with its parameters (Rauber et al., 2017; arXiv 1707.04131)."""

import foolbox
import torch

from advspectra.attack import Attack
from advspectra.progress import NOTHING_KEPT, Part

SPEC = {
    "options": {
        "attack": {
            "type": "string",
            "description": "class name in foolbox.attacks, such as LinfPGD (Table 6), L2PGD or L2DeepFoolAttack",
        },
        "epsilon": {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "examples": ["8/255"], "pattern": "^[1-9][0-9]*/[1-9][0-9]*$"},
                {"type": "null"},
            ],
            "description": "largest norm of a perturbation, in units of the pixel range [0, 1], such as 8/255 "
            "(Table 6); null for an attack that looks for the smallest perturbation without a bound",
        },
        "parameters": {
            "type": "object",
            "description": "arguments of the class, such as steps, rel_stepsize or abs_stepsize, random_start",
            "default": {},
        },
    },
    "required": ["attack", "epsilon"],
}


def check(options):
    """Yield what is wrong with options that their schema allows: keys, text. It is run alone, see plugins.own_check."""
    from advspectra_study.attack_checks import class_faults

    yield from class_faults(options)


def build(*, attack: str, epsilon: float | None, parameters: dict) -> Attack:
    """Return the attack named, ready to run.

    attack : class name in foolbox.attacks; epsilon : bound of the norm that the attack measures, inputs in [0, 1].
    parameters : keyword arguments of the class.
    Raises ValueError for a class that Foolbox lacks, or arguments that it refuses.
    """
    factory = getattr(foolbox.attacks, attack, None)
    if not (isinstance(factory, type) and issubclass(factory, foolbox.attacks.base.Attack)):
        raise ValueError(f"foolbox {foolbox.__version__} has no attack {attack!r}")
    return attack_of(instance_of(factory, parameters, name=attack), epsilon)


def instance_of(factory: type, parameters: dict, *, name: str):
    """Return the instance of a class of Foolbox's, or one derived from it; `name` is that of Foolbox's.

    Raises ValueError for parameters that the class refuses.
    """
    try:
        return factory(**parameters)
    except (TypeError, ValueError) as error:
        raise ValueError(f"foolbox.attacks.{name} refuses the parameters {parameters}: {error}") from error


def attack_of(
    instance: foolbox.attacks.base.AttackWithDistance, epsilon: float | None, *, keeps: bool = False
) -> Attack:
    """Return the attack that runs `instance` of Foolbox on images in [0, 1]; its result lies within epsilon.

    Without an epsilon it looks for the boundary, and runs in float32: another precision has that elsewhere.
    keeps : the instance takes the argument `part`, where it keeps what it has finished.
    """

    def run(
        network: torch.nn.Module, inputs: torch.Tensor, labels: torch.Tensor, part: Part = NOTHING_KEPT
    ) -> torch.Tensor:
        model = foolbox.PyTorchModel(network, bounds=(0, 1), device=inputs.device)
        _, clipped, _ = instance(model, inputs, labels, epsilons=epsilon, **({"part": part} if keeps else {}))
        return clipped

    precision = "float32" if epsilon is None else None
    return Attack(run=run, norm=float(instance.distance.p), epsilon=epsilon, precision=precision)
