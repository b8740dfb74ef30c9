"""An attack of Foolbox by its class name, with its parameters (Rauber et al., 2017; arXiv 1707.04131).

docs/configuration.md lists the attacks that can be used. Those that start from a misclassified image look for one
themselves; an image for which they find none stays as it is, and counts as a failure.
"""

import eagerpy
import foolbox
import numpy as np
import torch
from foolbox.attacks.base import FlexibleDistanceMinimizationAttack
from foolbox.attacks.gradient_descent_base import BaseGradientDescent
from foolbox.criteria import Misclassification

from advspectra.files.progress import NOTHING_KEPT, Part
from advspectra.perturb import Attack

# classes of Foolbox, and those derived from them, that follow the gradient of the cross-entropy
ON_CROSS_ENTROPY = (BaseGradientDescent, foolbox.attacks.DDNAttack)

SPEC = {
    "options": {
        "attack": {
            "type": "string",
            "description": "class name in foolbox.attacks, such as LinfPGD (Table 6), L2PGD or L2DeepFoolAttack; "
            "docs/configuration.md says which cannot be used",
        },
        "epsilon": {
            "anyOf": [{"$ref": "#/$defs/fraction"}, {"type": "null"}],
            "description": "largest norm of a perturbation, in units of the pixel range [0, 1], such as 8/255 "
            "(Table 6); null for an attack that looks for the smallest perturbation without a bound",
        },
        "parameters": {
            "type": "object",
            "description": "arguments of the class, such as steps, rel_stepsize or abs_stepsize, random_start; "
            "distance is l0, l1, l2 or linf, init_attack a mapping with the keys attack and parameters",
            "default": {},
        },
    },
    "required": ["attack", "epsilon"],
    "foolbox_class": "attack",
}


def build(*, attack: str, epsilon: float | None, parameters: dict) -> Attack:
    """The attack named, ready to run.

    attack : class name in foolbox.attacks; epsilon : bound of the norm that the attack measures, inputs in [0, 1].
    parameters : keyword arguments of the class.
    Raises ValueError for a class that Foolbox lacks, or arguments that it refuses.
    """
    return _attack_of(_named(attack, parameters), epsilon)


def _named(attack: str, parameters: dict):
    factory = getattr(foolbox.attacks, attack, None)
    if not (isinstance(factory, type) and issubclass(factory, foolbox.attacks.base.Attack)):
        raise ValueError(f"foolbox {foolbox.__version__} has no attack {attack!r}")
    arguments, distance = dict(parameters), None
    if issubclass(factory, FlexibleDistanceMinimizationAttack):
        distance = arguments.pop("distance", None)
    if start := arguments.get("init_attack"):
        arguments["init_attack"] = _named(start["attack"], start.get("parameters", {}))
    instance = instance_of(factory, arguments, name=attack)
    if distance is not None:
        # not as an argument, which PointwiseAttack lacks
        instance._distance = getattr(foolbox.distances, distance)
    return instance


def instance_of(factory: type, parameters: dict, *, name: str):
    """An instance of a class of Foolbox's, or of one derived from it; `name` is that of Foolbox's.

    Raises ValueError for parameters that the class refuses.
    """
    try:
        return factory(**parameters)
    except (TypeError, ValueError) as error:
        raise ValueError(f"foolbox.attacks.{name} refuses the parameters {parameters}: {error}") from error


def _attack_of(instance: foolbox.attacks.base.AttackWithDistance, epsilon: float | None) -> Attack:
    """The attack that runs `instance` of Foolbox on images in [0, 1]; its result lies within epsilon.

    Without an epsilon it looks for the boundary, and runs in float32: in another precision the boundary is elsewhere.
    """

    def run(
        network: torch.nn.Module, inputs: torch.Tensor, labels: torch.Tensor, part: Part = NOTHING_KEPT
    ) -> torch.Tensor:
        model = foolbox.PyTorchModel(network, bounds=(0, 1), device=inputs.device)
        if first := _first_attack(instance):
            return _from_starting_points(instance, first, model, inputs, labels, epsilon)
        _, clipped, _ = instance(model, inputs, labels, epsilons=epsilon)
        return clipped

    precision = "float32" if epsilon is None else None
    loss = "cross_entropy" if isinstance(instance, ON_CROSS_ENTROPY) else None
    return Attack(run=run, norm=float(instance.distance.p), epsilon=epsilon, precision=precision, loss=loss)


def _from_starting_points(instance, first, model: foolbox.Model, inputs, labels, epsilon) -> torch.Tensor:
    """The result of an attack that starts from misclassified images; `inputs` where there is none to start from.

    first : looks for them. If one image lacks its start, Foolbox gives no result for the others either.
    """
    np.random.seed(torch.initial_seed() % 2**32)  # PointwiseAttack draws from NumPy's generator
    starts = first.run(model, inputs, Misclassification(labels), early_stop=epsilon)
    misled = model(starts).argmax(dim=1) != labels
    images = inputs.clone()
    if misled.any():
        # FMN attacks take no tensors of PyTorch's there
        points = eagerpy.astensor(starts[misled])
        _, images[misled], _ = instance(model, inputs[misled], labels[misled], epsilons=epsilon, starting_points=points)
    return images


def _first_attack(instance) -> foolbox.attacks.base.MinimizationAttack | None:
    """The attack that finds the starting points of another: what its argument says, or Foolbox's default."""
    attacks = foolbox.attacks
    if getattr(instance, "init_attack", None) is not None:
        return instance.init_attack
    if isinstance(instance, attacks.BoundaryAttack | attacks.HopSkipJumpAttack):
        return attacks.LinearSearchBlendedUniformNoiseAttack(steps=50)
    if isinstance(instance, attacks.brendel_bethge.BrendelBethgeAttack):
        return attacks.LinearSearchBlendedUniformNoiseAttack()
    return attacks.SaltAndPepperNoiseAttack() if isinstance(instance, attacks.PointwiseAttack) else None
