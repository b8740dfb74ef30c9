"""Figures and tables of one attack or another say which it is, and of which networks."""

import pytest
from matplotlib.figure import Figure
from synthetic_results import identity, write_run

from advspectra.drawing.attack_note import noted
from advspectra.results.replicates import by_network
from advspectra.results.runs import read_runs
from advspectra.table import Column, Table


@pytest.fixture
def runs(tmp_path):
    """Three networks: two attacked by pgd, the third by another attack."""
    attacked = {"fully_connected": "pgd", "full_width": "pgd", "locally_connected": "minimal"}
    return read_runs(
        path
        for network, attack in attacked.items()
        for path in write_run(tmp_path, who=identity(network) | {"attack": attack}, images=2, kinds=["spectra"])
    )


def draw(runs, *, convention):
    return Figure(), f"Of {len(by_network(runs))} networks. Not in this study: VGG19."


def table(runs, *, convention):
    return Table("T", (Column("a", "A"),), ({"a": 1},), ("Not in this study: VGG19.", f"Under {convention}."))


def test_what_shows_another_attack_says_which(runs):
    _, caption = noted(draw, attack="minimal", others="none")(runs[2:], convention="paper")
    assert caption == (
        "Of 1 networks. Not shown: VGG19. Attack: minimal. Networks that it was not tried on are not shown."
    )


def test_a_network_without_the_summarys_attack_is_named_with_its_own(runs):
    lacking = [{"network": "vgg19", "activation": "relu", "depth": 16, "alpha": 1}]
    _, caption = noted(draw, attack="pgd", others=lacking)(runs, convention="paper")
    assert "Attack: pgd. Locally Connected (linear): minimal, as pgd was not tried on it." in caption
    assert caption.endswith("Without an attack on this checkpoint, and not shown: VGG19 (ReLU).")


def test_a_table_says_it_first_in_its_notes(runs):
    found = noted(table, attack="pgd", others=[])(runs, convention="rgb")
    said = "Locally Connected (linear): minimal, as pgd was not tried on it."
    assert found.notes == ("Attack: pgd.", said, "Not shown: VGG19.", "Under rgb.")
    assert found.rows == ({"a": 1},)
