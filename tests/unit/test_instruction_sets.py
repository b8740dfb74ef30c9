"""ResNet18 on processors without AVX-512: no crash in the backward pass, whatever the images' size and the width."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_models import DEEP, build
from torch import nn

pytestmark = pytest.mark.slow

LIBRARY = Path(__file__).parents[2] / "workflow/lib"
# the fault was where there are few channels; a full width takes long
FORMS = [(width, size) for width in (1 / 16, 1 / 8, 1 / 4) for size in (32, 46, 48, 56, 64)] + [(1, 32)]
# A step of training and two of attacks, as a study makes them. A line for each width and size that it gets through.
PROGRAM = f"""
import numpy as np
import torch
from torch.nn import functional

from advspectra.perturb import build_attack, perturb
from advspectra.networks.build import build_network
from advspectra.split import Split

torch.set_num_threads(1)
attack = build_attack("linf_pgd", epsilon=8 / 255, parameters={{"steps": 1, "rel_stepsize": 0.5}})
form = {{"classes": 2, "activation": "relu", "depth": 17, "alpha": 1, "alpha_scaling": "plain", "seed": 0}}
settings = {{"batch_size": 2, "precision": "float32", "seed": 0}}
for width, size in {FORMS}:
    network = build_network("resnet18", options={{"width": width}}, image_shape=(3, size, size), **form)
    split = Split(torch.randint(0, 256, (2, 3, size, size), dtype=torch.uint8), torch.arange(2))
    inputs, labels = split.batch(slice(None))
    functional.cross_entropy(network(inputs), labels).backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())
    for simplify in (False, True):
        perturb(network, split, np.arange(2), attack, simplify=simplify, **settings)
    print(width, size)
"""


# "ALL" is what this processor has
@pytest.mark.parametrize("instructions", ["SSE41", "AVX2", "ALL"])
def test_resnet18_trains_and_is_attacked_with_the_instructions_of_any_processor(instructions):
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": instructions, "PYTHONPATH": str(LIBRARY)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}{done.stderr}"
    assert len(done.stdout.splitlines()) == len(FORMS)


@pytest.mark.parametrize("architecture", DEEP)
def test_no_network_has_a_1x1_convolution_with_a_stride(architecture):
    options, depth = DEEP[architecture]
    layers = build(architecture, options, depth=depth).modules()
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    assert convolutions and not any(max(one.kernel_size) == 1 < max(one.stride) for one in convolutions)


@pytest.mark.parametrize("size", [32, 16, 13])
def test_the_shortcut_of_resnet18_is_the_1x1_convolution_with_a_stride(size):
    shortcut = build("resnet18", {"width": 1 / 4}, depth=17).stage2[0].downsample
    usual = nn.Sequential(nn.Conv2d(16, 32, 1, stride=2, bias=False), nn.BatchNorm2d(32))
    usual.load_state_dict(shortcut.state_dict())
    outcomes = []
    for layers in (shortcut[:-1], usual[:-1]):
        generator = torch.Generator().manual_seed(0)
        inputs = torch.randn(8, 16, size, size, generator=generator).to(memory_format=torch.channels_last)
        outputs = layers(inputs.requires_grad_())
        towards = torch.randn(outputs.shape, generator=generator)
        outcomes.append([outputs, *torch.autograd.grad(outputs, (inputs, *layers.parameters()), towards)])
    (*found, of_weight), (*expected, of_usual_weight) = outcomes
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))
    # of an odd size oneDNN sums the usual one in another order
    torch.testing.assert_close(of_weight, of_usual_weight, rtol=1e-5, atol=1e-4)
