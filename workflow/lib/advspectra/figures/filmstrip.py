"""A filmstrip of the training: one image's perturbation, and the mean spectrum of all, checkpoint by checkpoint.

As a film, an animated WebP: python -m advspectra.figures.filmstrip FILM.webp CONVENTION FILE..., the files being the
perturbations.h5 and spectra.h5 of one attack on one network.
"""

import io
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from PIL import Image

from advspectra.drawing import captions, energy, plotting, power_spectra
from advspectra.drawing.drawn import stands_for
from advspectra.drawing.learning_curves import NO_ATTACK, counts_sentence, pooled, spread
from advspectra.files.perturbations import AttackedImages
from advspectra.files.spectra import Spectra
from advspectra.results.replicates import Replicates, as_one, only_network
from advspectra.results.runs import AttackedCheckpoint, Run, read_runs

INPUTS = {"per": "attack", "files": ["perturbations", "spectra"], "activations": None, "alphas": None}

PICTURES = 8  # at the most
WIDTH = 5  # of them: a strip of fewer has pictures as small
RANGE = (0.1, 10)  # of densities, white noise having 1
SECONDS, LAST = 1.2, 4  # that a picture of the film stands, and the last one
Frame = tuple[AttackedCheckpoint, list[AttackedImages], list[Spectra]]


def draw(runs: Sequence[Run], *, convention: str) -> tuple[Figure, str]:
    """The figure and its caption: a column for each checkpoint at which the attack succeeds, PICTURES at the most.

    runs : of one network, with one attack on several checkpoints.
    convention : of the spectra, a key of advspectra.fourier.CONVENTIONS.
    """
    group = only_network(runs)
    title = "The perturbations while the network learns."
    with plotting.style():
        frames = list(_frames(group, convention)) if group else []
        if not frames:
            return plotting.message_figure(NO_ATTACK), captions.joined(title, NO_ATTACK)
        chosen = [frames[place] for place in spread([checkpoint for checkpoint, *_ in frames], PICTURES)]
        image = _image(chosen)
        columns = max(len(chosen), WIDTH)
        figure = plotting.new_figure(1 + 17 / columns)
        panels = figure.subplots(3, columns, squeeze=False, sharey="row", height_ratios=[1, 1, 1.1])
        for axes in panels[:, len(chosen) :].flat:
            axes.set_axis_off()
        top = _largest(chosen)
        for column, frame in zip(panels.T, chosen, strict=False):
            shown = _draw_frame(column, frame, image, top)
        power_spectra.outer_labels(panels[1:2, : len(chosen)])
        power_spectra.colour_bar(figure, shown, panels[:, : len(chosen)], "density", shrink=0.3, fraction=0.03)
        for axes, text in zip(panels[:, 0], (r"$\delta$", r"$|\hat{\delta}|^2$", "radial\ndensity"), strict=True):
            plotting.row_label(axes, text)
        panels[2, 0].set_xlabel("$k_r$ (cycles/image)")
    caption = captions.joined(
        title,
        f"Top: of {chosen[0][1][0].images_of} image {image}, its own largest magnitude the end of the scale; percent: "
        "images with success. Middle, bottom: mean power of a frequency over that of all, at each checkpoint; colours "
        f"from {RANGE[0]:g} to {RANGE[1]:g}.",
        "Grey: white noise, density 1.",
        counts_sentence(group, transfers=False),
        captions.convention_sentence(convention),
    )
    return figure, caption


def _frames(group: Replicates, convention: str) -> Iterator[Frame]:
    """The checkpoints with spectra of at least one perturbation, and of each seed the attacked images and spectra."""
    for seeds in group.attacked(group.attack) if group.attack else ():
        images, spectra = [one.perturbations() for one in seeds], [one.spectra(convention) for one in seeds]
        if None not in (*images, *spectra) and any(one.selected for one in spectra):
            yield as_one(seeds), images, spectra


def _image(frames: Sequence[Frame]) -> int:
    """The first image of the first seed that is attacked with success at the most of these checkpoints."""
    counts = Counter(int(image) for _, (first, *_), _ in frames for image in first.image[first.success])
    counts = counts or Counter(frames[0][1][0].image.tolist())
    return min(counts, key=lambda image: (-counts[image], image))


def _largest(frames: Sequence[Frame]) -> float:
    """The end of the axis of radial densities: that of the colours, or above the largest."""
    densities = [energy.radial(spectra).density.mean(axis=0).max() for *_, spectra in frames]
    return max(RANGE[1], 1.3 * max(densities))


def _draw_frame(column: Sequence[Axes], frame: Frame, image: int, top: float):
    checkpoint, images, spectra = frame
    perturbation, power, radial = column
    success = pooled(images, "success").mean()
    perturbation.set_title(f"{checkpoint.label}\n{100 * success:.0f} %")
    delta = images[0].perturbation(image) if image in images[0].image else np.zeros((1, 1, 1))
    label = checkpoint.label
    plotting.show_image(perturbation, delta, limit=float(np.abs(delta).max()), label=label)
    mean = power_spectra.mean_of_powers(spectra)
    first = spectra[0]
    frequencies = first.frequency_y, first.frequency_x
    shown = power_spectra.show_power(power, mean / mean.mean(), *frequencies, LogNorm(*RANGE), label=label)
    stands_for(shown, value_is="density")
    measured = energy.radial(spectra)
    radial.plot(measured.x, measured.density.mean(axis=0), color=plotting.ROLES["adversarial"], label=label)
    radial.axhline(1, **energy.WHITE)
    radial.set(yscale="log", ylim=(RANGE[0], top), xlim=(0, measured.x[-1]))
    stands_for(radial, x_axis=energy.RADIAL, y_axis="density")
    return shown


def film(path: str, runs: Sequence[Run], *, convention: str) -> None:
    """Write the same as an animated WebP: a picture for each checkpoint, with the curves of those before in grey."""
    frames = list(_frames(only_network(runs), convention))
    image, top, pictures = _image(frames), _largest(frames), []
    with plotting.style():
        for count, frame in enumerate(frames, 1):
            figure = plotting.new_figure(2.3)
            panels = figure.subplots(1, 3)
            for _, _, spectra in frames[: count - 1]:
                before = energy.radial(spectra)
                panels[2].plot(before.x, before.density.mean(axis=0), color="0.85", linewidth=1)
            shown = _draw_frame(panels, frame, image, top)
            power_spectra.colour_bar(figure, shown, panels[1], r"density of $|\hat{\delta}|^2$")
            panels[2].set(xlabel="$k_r$ (cycles/image)", ylabel="radial density")
            with io.BytesIO() as drawn:
                figure.savefig(drawn, dpi=115)
                pictures.append(Image.open(drawn).convert("RGB"))
    durations = [round(1000 * SECONDS)] * (len(pictures) - 1) + [1000 * LAST]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=durations, loop=0, quality=75, method=6)


if __name__ == "__main__":
    film(sys.argv[1], read_runs(sys.argv[3:]), convention=sys.argv[2])
