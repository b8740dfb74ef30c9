"""L-infinity PGD with no more steps than the statistics of a study need, as some of its images, the controls, show.

The control images take all the steps. The attack then makes the first number of steps, out of those at which `linf_pgd`
looks for cycles, from which on every statistic stays within a tolerance of its value after the last step. Statistics:
mean L1 and L2 norm of the perturbations, share of each radial frequency in their energy (convention `rgb` of
advspectra.fourier), fraction of images that are classified wrongly.
"""

from dataclasses import replace

import eagerpy
import foolbox
import numpy as np
import torch

from advspectra.attacks import linf_pgd
from advspectra.fourier import power_spectrum, radial_energy
from advspectra.perturb import Attack

SPEC = {
    "options": {
        "epsilon": {
            "$ref": "#/$defs/fraction",
            "maximum": 1,
            "description": "largest magnitude of a perturbation, in units of the pixel range [0, 1]",
        },
        "parameters": {
            "type": "object",
            "description": "arguments of foolbox.attacks.LinfPGD; `steps` is the largest number of steps",
            "default": {},
        },
        "tolerance": {
            "type": "number",
            "exclusiveMinimum": 0,
            "description": "largest error of a statistic: relative for the norms, absolute for shares and fractions",
            "default": 0.01,
        },
        "control_images": {
            "type": "integer",
            "minimum": 1,
            "description": "images that take all the steps first (images), evenly spaced among those attacked",
            "default": 100,
        },
    },
    "required": ["epsilon"],
    "foolbox_class": "LinfPGD",
}


def build(*, epsilon: float, parameters: dict, tolerance: float, control_images: int) -> Attack:
    """The attack, still to be tuned on the images that it will meet.

    Tuning gives the `steps` that it makes, `control_images`, and for each statistic `error_<name>`: the difference on
    the control images from all the steps, measured by running it on them; of the shares the sum of magnitudes.
    """
    untuned = linf_pgd.build(epsilon=epsilon, parameters=parameters)

    def tune(network: torch.nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> tuple[Attack, dict[str, float]]:
        count = min(control_images, len(inputs))
        control = torch.arange(count, device=labels.device) * len(labels) // count
        inputs, labels = inputs[control], labels[control]
        full = linf_pgd.CycleDetectingLinfPGD(**parameters)
        model = foolbox.PyTorchModel(network, bounds=(0, 1), device=inputs.device)
        with torch.random.fork_rng():  # the same random start below: the steps are the only difference
            seen = [
                (steps, _statistics(network, inputs, labels, images))
                for steps, images in full.iterates(model, *map(eagerpy.astensor, (inputs, labels)), epsilon)
            ]
        last = seen[-1][1]
        settled = full.steps
        for steps, statistics in reversed(seen):
            if max(_errors(statistics, last).values()) > tolerance:
                break
            settled = steps
        tuned = linf_pgd.build(epsilon=epsilon, parameters={**parameters, "steps": settled})
        statistics = _statistics(network, inputs, labels, tuned.run(network, inputs, labels))
        errors = {f"error_{name}": error for name, error in _errors(statistics, last).items()}
        return tuned, {"steps": settled, "control_images": count, **errors}

    return replace(untuned, tune=tune)


@torch.no_grad()
def _statistics(network, inputs, labels, images) -> dict[str, np.ndarray]:
    perturbation = images - inputs
    energy = radial_energy(power_spectrum(perturbation.cpu().numpy(), convention="rgb")).mean(axis=0)
    return {
        "l1": perturbation.flatten(1).norm(1, dim=1).mean().item(),
        "l2": perturbation.flatten(1).norm(2, dim=1).mean().item(),
        "radial_energy": energy / (energy.sum() or 1),
        "wrong": (network(images).argmax(dim=1) != labels).float().mean().item(),
    }


def _errors(statistics: dict, last: dict) -> dict[str, float]:
    # where no gradient moves an image, norms and energy are 0 after any number of steps
    return {
        **{name: abs(statistics[name] - last[name]) / (last[name] or 1) for name in ("l1", "l2")},
        "radial_energy": float(np.abs(statistics["radial_energy"] - last["radial_energy"]).sum()),
        "wrong": abs(statistics["wrong"] - last["wrong"]),
    }
