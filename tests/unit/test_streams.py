"""Streams of random numbers against what independence and SHA-256 ask of them."""

import numpy as np
import torch

from advspectra.networks.build import build_network
from advspectra.streams import stream

SHA_256_OF_START = "dad06d63bb6d1a90f8644828f4b9b2978269575c0224b9c74d81db7e4a5874a5"

PURPOSES = ("initial weights", "order of the images", "start of the attack", "random directions")


def test_a_stream_is_the_first_63_bits_of_sha_256():
    """`printf 'start of the attack/0' | sha256sum` prints the digest."""
    assert stream(0, "start of the attack") == int(SHA_256_OF_START[:16], 16) // 2


def test_each_seed_and_purpose_has_a_stream_of_its_own():
    streams = {stream(seed, purpose) for seed in range(100) for purpose in PURPOSES}
    assert len(streams) == 400 and all(0 <= one < 2**63 for one in streams)


def test_the_start_of_an_attack_does_not_repeat_initial_weights():
    """Both draw uniform numbers: with one generator seed their correlation is 1."""
    network = build_network(
        "fully_connected",
        options={"hidden_units": 4},
        image_shape=(3, 32, 32),
        classes=10,
        activation="relu",
        depth=1,
        alpha=1.0,
        alpha_scaling="plain",
        seed=0,
    )
    weights = network.hidden[0].weight.detach().flatten()
    torch.manual_seed(stream(0, "start of the attack"))
    start = torch.empty(4, 3, 32, 32).uniform_(-1, 1).flatten()
    assert abs(np.corrcoef(weights, start)[0, 1]) < 0.04
