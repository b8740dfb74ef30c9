"""The explorer: its numbers are those of the result files, and in Chromium each choice changes what is shown."""

import base64
import json
import struct

import h5py
import numpy as np
import pytest
from browser import Browser
from synthetic_results import STATES, identity, write_checkpoints, write_development, write_run
from test_browser import PHONE, SCREEN, chromium  # noqa: F401  a fixture

from advspectra.explorer import content as explored
from advspectra.explorer.content import content, level, packed_spectrum, views_of
from advspectra.explorer.examples import Chosen, examples, shown_image
from advspectra.explorer.page import data, page
from advspectra.files.images import ImageSet
from advspectra.fourier import power_spectrum
from advspectra.results.runs import read_runs

NAMES = ("cat", "</script><script>document.title = 'taken'</script>", *"cdefghij")
RESNET = {"network": "resnet18", "activation": "relu", "depth": 17}


def images() -> ImageSet:
    pixels = np.random.default_rng(3).integers(0, 256, (60, 3, 16, 16), dtype=np.uint8)
    labels = np.arange(60) % 10
    return ImageSet(pixels, labels, pixels[::-1].copy(), labels, NAMES, {})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Results of ResNet18 over training in two seeds with a transfer, and of a linear network with two α."""
    folder = tmp_path_factory.mktemp("explored")
    for seed in (0, 1):
        who = identity(**RESNET, seed=seed)
        write_development(folder, who=who)
        write_development(folder, who=who, attack="moved", source="pgd")
        write_checkpoints(folder / f"{seed}" / "checkpoints.h5", who, 0.8, 0.01, epochs=20, states=STATES)
    for alpha in (0.1, 1):
        write_run(folder, who=identity(alpha=alpha) | {"step": 200, "epoch": 2}, failed=[0])
    return folder


def results(folder):
    return [path for kind in ("checkpoints", "perturbations", "spectra") for path in folder.rglob(f"{kind}.h5")]


@pytest.fixture(scope="module")
def found(folder):
    return content("tiny", read_runs(results(folder)), images(), convention="paper")


def test_the_bound_of_an_attack_is_in_255ths_of_the_largest_magnitude_alone():
    bounds = ((np.inf, 8 / 255), (np.inf, 0.03), (0.0, 10.0), (1.0, 12.0), (2.0, 1.0))
    words = ["L∞ at most 8/255", "L∞ at most 0.03", "L0 at most 10", "L1 at most 12", "L2 at most 1"]
    assert [explored.bound(*bound) for bound in bounds] == words


def view(found, network, alpha="1", attack="pgd"):
    wanted = {"network": network, "alpha": alpha, "attack": attack}
    (one,) = [view for view in found["views"] if wanted.items() <= view.items()]
    return one


def stored(folder, kind, *names, checkpoint="epoch=5", seeds=(0, 1)):
    """Arrays of the files of ResNet18 at a checkpoint under pgd, one list for each seed."""
    arrays = []
    for seed in seeds:
        with h5py.File(folder / f"resnet18-relu-17-1-{seed}/pgd/{checkpoint}/{kind}.h5") as file:
            arrays.append([file[name][...] for name in names])
    return arrays


def test_every_network_attack_and_checkpoint_that_all_seeds_have_is_there(found):
    assert [(one["network"], one["alpha"], one["attack"]) for one in found["views"]] == [
        ("Fully Connected (linear)", "0.1", "pgd"),
        ("Fully Connected (linear)", "1", "pgd"),
        ("ResNet18 (ReLU)", "1", "pgd"),
        ("ResNet18 (ReLU)", "1", "moved"),
    ]
    labels = [checkpoint["label"] for checkpoint in view(found, "ResNet18 (ReLU)")["checkpoints"]]
    assert labels[:4] == ["initialisation", "step 1", "step 10", "step 30"] and len(labels) == 9
    assert view(found, "ResNet18 (ReLU)", attack="moved")["about"].startswith("found by pgd on best")


def test_the_numbers_of_a_checkpoint_are_those_of_its_files(found, folder):
    one = view(found, "ResNet18 (ReLU)")["checkpoints"][6]
    assert one["label"] == "epoch 5"
    success, linf = map(np.concatenate, zip(*stored(folder, "perturbations", "success", "linf"), strict=True))
    names = ("paper/half_power_frequency", "paper/radial_energy")
    frequency, energy = map(np.concatenate, zip(*stored(folder, "spectra", *names), strict=True))
    assert (one["mean"]["successes"], one["mean"]["attacked"]) == (success.sum(), len(success)) and success.any()
    assert one["mean"]["f"] == pytest.approx(frequency.mean(), rel=1e-4)
    assert one["mean"]["linf"] == pytest.approx(np.median(linf[success]), rel=1e-4)
    shares = (energy / energy.sum(axis=1, keepdims=True)).mean(axis=0)
    assert one["mean"]["shares"] == pytest.approx(shares, rel=1e-4) and sum(shares) == pytest.approx(1)
    ((own,),) = stored(folder, "spectra", names[0], seeds=[1])
    assert one["each"][1]["f"] == pytest.approx(own.mean(), rel=1e-4)
    with h5py.File(folder / "1/checkpoints.h5") as file:
        assert one["each"][1]["accuracy"] == pytest.approx(file["states/epoch=5"].attrs["test_accuracy"], rel=1e-4)


def unpacked(spectrum):
    codes = np.frombuffer(base64.b64decode(spectrum["codes"]), dtype=np.uint8).reshape(spectrum["size"]).astype(float)
    powers = 10 ** (spectrum["low"] + (spectrum["high"] - spectrum["low"]) * (codes - 1) / 254)
    return np.where(codes > 0, powers, 0)


def test_a_spectrum_comes_back_within_its_eight_bits(found, folder):
    state = view(found, "ResNet18 (ReLU)")["checkpoints"][6]["each"][0]
    ((power,),) = stored(folder, "spectra", "paper/mean_power", seeds=[0])
    half_step = (state["spectrum"]["high"] - state["spectrum"]["low"]) / 254 / 2
    difference = np.log10(unpacked(state["spectrum"])) - np.log10(power / power.mean())
    assert np.abs(difference).max() < half_step + 1e-4 < 0.02


def test_white_noise_has_the_spectrum_one_and_the_curve_of_the_dotted_line(found):
    noise = np.random.default_rng(0).standard_normal((4000, 1, 16, 16))
    power = power_spectrum(noise, convention="paper").mean(axis=(0, 1))
    assert unpacked(packed_spectrum([(power, 4000)])) == pytest.approx(np.ones((16, 16)), abs=0.15)
    rings = np.rint(np.hypot(*np.meshgrid(np.arange(-8, 8), np.arange(-8, 8))))
    assert found["white"]["shares"] == pytest.approx(np.bincount(rings.astype(int).ravel()) / 256, rel=1e-4)


def test_a_spectrum_without_power_is_none_and_frequencies_without_are_zero():
    assert packed_spectrum([]) is None and packed_spectrum([(np.zeros((4, 4)), 2)]) is None
    power = np.zeros((4, 4))
    power[1, 2] = 3.0
    assert unpacked(packed_spectrum([(power, 2)])) == pytest.approx(np.where(power > 0, 16.0, 0.0), rel=1e-3, abs=0)


def test_large_spectra_are_means_over_blocks_that_keep_their_place():
    power = np.ones((160, 160))
    power[80 + 20, 80 - 30] = 1000.0  # at ky = 20, kx = -30
    small = packed_spectrum([(power, 1)])
    row, column = np.unravel_index(unpacked(small).argmax(), small["size"])
    low, high = explored.edges(160, explored.block(160, 160))
    side = (high - low) / small["size"][0]
    assert max(small["size"]) <= 64 and side == 3
    assert low + side * row <= 20 <= low + side * (row + 1) and low + side * column <= -30 <= low + side * (column + 1)
    assert unpacked(small).mean() == pytest.approx(1, rel=0.05)


def test_an_example_is_the_image_and_its_perturbation(found, folder):
    chosen = view(found, "ResNet18 (ReLU)")["checkpoints"][6]["examples"][0]
    index = int(chosen["image"].removeprefix("test image "))
    shown = found["images"][chosen["image"]]
    pixels = np.frombuffer(base64.b64decode(shown["pixels"]), dtype=np.uint8).reshape(16, 16, 3)
    assert np.array_equal(pixels, images().test_images[index].transpose(1, 2, 0)) and shown["label"] == index % 10
    names = ("perturbation", "image", "clean_prediction", "adversarial_prediction", "success")
    ((delta, image, before, after, success),) = stored(folder, "perturbations", *names, seeds=[0])
    (row,) = np.flatnonzero(image == index)
    codes = np.frombuffer(base64.b64decode(chosen["pixels"]), dtype=np.uint8).reshape(16, 16, 3).transpose(2, 0, 1)
    came_back = chosen["largest"] * (codes.astype(float) - 128) / 127
    assert np.abs(came_back - delta[row]).max() <= np.abs(delta[row]).max() / 254 + 1e-6
    assert (chosen["before"], chosen["after"], chosen["success"]) == (before[row], after[row], success[row])


def test_an_image_that_an_attack_did_not_try_has_no_example(folder):
    one = views_of(read_runs(results(folder)))[-1].first[0]
    found = examples(one, [Chosen("test", 6), Chosen("test", 4), Chosen("training", 3), Chosen("test", 3)])
    assert [example and example["image"] for example in found] == ["test image 6", None, None, "test image 3"]


def test_a_study_without_attacks_has_no_view():
    assert content("none", [], images(), convention="paper")["views"] == []


def test_of_a_large_image_the_centre_is_shown(monkeypatch):
    monkeypatch.setattr(Chosen, "WIDEST", 8)
    cut = shown_image(images(), Chosen("test", 5))
    pixels = np.frombuffer(base64.b64decode(cut["pixels"]), dtype=np.uint8).reshape(cut["size"])
    assert np.array_equal(pixels, images().test_images[5, :, 4:12, 4:12].transpose(1, 2, 0))


def test_a_large_study_shows_less_until_it_fits(folder):
    views = views_of(read_runs(results(folder)))
    shape = (3, 16, 16)
    levels = [level(views, shape, most) for most in (5_000_000, 140_000, 110_000, 60_000, 30_000, 0)]
    assert levels[0] == (True, 3) and levels[-1] == (False, 0)
    assert levels == sorted(levels, key=explored.LEVELS.index)
    for most in (5_000_000, 140_000, 60_000):
        made = content("tiny", read_runs(results(folder)), images(), convention="paper", most=most)
        without_images = {name: value for name, value in made.items() if name != "images"}
        assert len(json.dumps(without_images)) < most + 2000
    assert "each" not in made["views"][-1]["checkpoints"][0]


def test_no_name_of_a_class_stands_in_the_page_as_it_is(found):
    text = page(found)
    assert NAMES[1] not in text and text.count("<script") == 2
    assert json.loads(data(found))["classes"] == list(NAMES)
    assert json.loads(data(found | {"classes": ["ü 漢 𝄞"]}))["classes"] == ["ü 漢 𝄞"]


@pytest.fixture(scope="module")
def browser(chromium):  # noqa: F811
    with Browser() as started:
        yield started


@pytest.fixture(scope="module")
def address(found, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    path.write_text(page(found), encoding="utf-8")
    return path.as_uri()


def choose(browser, name, value):
    browser.evaluate(
        f"(() => {{ const one = document.getElementById({name!r}); one.value = {str(value)!r};"
        "one.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )


def shown(browser):
    """What a reader sees: the numbers by name, the picture of the spectrum, the curve, and the example's texts."""
    return json.loads(
        browser.evaluate(
            "JSON.stringify({numbers: Object.fromEntries([...document.querySelectorAll('#numbers div')].map("
            "one => [one.children[0].textContent, one.children[1].textContent])),"
            "spectrum: document.querySelector('#spectrum image')?.getAttribute('href') ?? null,"
            "curve: document.querySelector('#of-delta')?.getAttribute('points') ?? null,"
            "example: document.getElementById('example').textContent,"
            "when: document.getElementById('when').textContent,"
            "said: document.getElementById('checkpoint').getAttribute('aria-valuetext'),"
            "delta: document.querySelectorAll('#example canvas')[1]?.toDataURL()})"
        )
    )


@pytest.mark.parametrize("width", [SCREEN, 1024, 830, 768, 640, 480, PHONE, 360, 320])
def test_the_explorer_is_quiet_asks_for_nothing_and_fits(browser, address, width):
    seen = browser.open(address, width=width)
    network, attack = (
        browser.evaluate(f"document.getElementById('{name}').clientWidth") for name in ("network", "attack")
    )
    assert min(network, attack) > 230  # the longest name of a network, and the arrow beside it
    assert seen["inner"] == width and seen["console"] == [] and seen["scroll"] == width
    assert [url for url in seen["requests"] if not url.startswith("data:")] == [address]


def test_the_slider_moves_over_training_and_changes_all_that_is_shown(browser, address, found):
    browser.open("about:blank", width=SCREEN)
    browser.open(address, width=SCREEN)
    last = shown(browser)  # it begins with the network of the most checkpoints, at its last one
    assert last["when"] == "epoch 20, the best (9 of 9)" and last["said"] == "epoch 20, the best"
    choose(browser, "checkpoint", 6)
    moved = shown(browser)
    assert {name for name in last if last[name] == moved[name]} == set()
    mean = view(found, "ResNet18 (ReLU)")["checkpoints"][6]["mean"]
    assert float(moved["numbers"]["f₀.₅"].split()[0]) == pytest.approx(mean["f"], rel=0.005)
    assert moved["numbers"]["attack succeeds"] == f"{mean['successes']} of 40 images"
    assert float(moved["numbers"]["test accuracy"].split()[0]) == pytest.approx(100 * mean["accuracy"], abs=0.06)
    rows = browser.evaluate("[...document.querySelectorAll('#rows tr')].map(row => row.children[1].textContent)")
    assert [float(cell) for cell in rows] == pytest.approx(mean["shares"], abs=6e-5)


def test_the_slider_obeys_the_keyboard(browser, address):
    browser.open("about:blank", width=PHONE)
    browser.open(address, width=PHONE)
    browser.evaluate("document.getElementById('checkpoint').focus()")
    for kind in ("rawKeyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key="ArrowLeft", code="ArrowLeft", windowsVirtualKeyCode=37)
    assert shown(browser)["when"] == "epoch 10 (8 of 9)"


def test_every_choice_changes_what_is_shown_and_a_reload_keeps_it(browser, address):
    browser.open("about:blank", width=SCREEN)
    browser.open(address, width=SCREEN)
    seen = [shown(browser)]
    for name, value in (
        ("attack", "moved"),
        ("seed", 1),
        ("image", 1),
        ("network", "Fully Connected (linear)"),
        ("alpha", "0.1"),
    ):
        choose(browser, name, value)
        seen.append(shown(browser))
    assert all(one != other for one, other in zip(seen, seen[1:], strict=False))
    chosen = browser.evaluate("location.hash")
    assert "network=Fully+Connected" in chosen and "alpha=0.1" in chosen
    browser.open("about:blank", width=SCREEN)
    browser.open(address + chosen, width=SCREEN)
    assert shown(browser) == seen[-1]


def test_what_was_not_found_is_said(browser, address):
    browser.open("about:blank", width=SCREEN)
    browser.open(address, width=SCREEN)
    choose(browser, "checkpoint", 0)  # no attack succeeds there, so that no spectrum is kept
    seen = shown(browser)
    assert seen["numbers"]["f₀.₅"].startswith("–") and seen["spectrum"] is None and seen["curve"] is None
    assert "No attacked image" in browser.evaluate("document.getElementById('spectrum').textContent")


def test_the_picture_has_the_colours_of_the_spectrum(browser, address, found):
    browser.open("about:blank", width=SCREEN)
    browser.open(address, width=SCREEN)
    spectrum = unpacked(view(found, "ResNet18 (ReLU)")["checkpoints"][-1]["mean"]["spectrum"])
    png = base64.b64decode(shown(browser)["spectrum"].partition(",")[2])
    assert struct.unpack(">II", png[16:24]) == (16, 16)
    red, blue = (
        browser.evaluate(f"colour({np.log10(spectrum[place])})")
        for place in (np.unravel_index(spectrum.argmax(), (16, 16)), np.unravel_index(spectrum.argmin(), (16, 16)))
    )
    assert red[0] > red[2] and blue[2] > blue[0]
    assert browser.evaluate("colour(0)") == [245, 241, 232]


def test_without_script_a_reader_is_told_where_the_results_are(browser, address):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.events.clear()
    browser.call("Page.navigate", url=address + "?without")
    if not any(event.get("method") == "Page.loadEventFired" for event in browser.events):
        browser._until(lambda one: one.get("method") == "Page.loadEventFired")
    root = browser.call("DOM.getDocument", depth=0)["root"]["nodeId"]
    # where scripts run, the content of noscript is text, and no element
    sentence = browser.call("DOM.querySelector", nodeId=root, selector="noscript p.warning")["nodeId"]
    html = browser.call("DOM.getOuterHTML", nodeId=sentence)["outerHTML"]
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert "JavaScript" in html and "report.html" in html
