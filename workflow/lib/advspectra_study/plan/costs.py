"""Estimates of each job's time and memory for the scheduler, from the configuration and the size of images.h5.

A job that reaches its limits runs again with twice as much (`attempt`), so estimates need not be good, only rarely too
low. They are calibrated on CIFAR-10 (shallow networks at full size, VGG19 and ResNet18 at a quarter of their width
and at all of it) on cores of an AVX-512 server processor. Nothing here imports torch, and NumPy only to read the size
of the images: snakemake reads it each time.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, hypot, prod, sqrt
from pathlib import Path

from advspectra_study.entries import Network
from advspectra_study.study import Study


@dataclass(frozen=True)
class Layer:
    """Seconds of one core for a forward and backward pass of an image of 3 x 32 x 32 through one layer.

    That of the option `width` at `reference`; it grows with that option to the power `power`.
    """

    seconds: float
    width: str | None = None
    reference: float = 1
    power: int = 1


LAYERS = {
    "fully_connected": Layer(1e-3, "hidden_units", 2700),
    "locally_connected": Layer(4e-4, "channels", 32),
    "full_width_convolution": Layer(1e-4, "channels", 3),
    "bounded_width_convolution": Layer(3e-4, "channels", 32),
    "shallow_resnet": Layer(7e-4, "channels", 32),
    "shallow_resnet_as_run": Layer(4.5e-4, "channels", 32),  # 0.7 of the former's, as timed side by side
    "vgg19": Layer(2.1e-3, "width", power=2),
    "resnet18": Layer(3.4e-3, "width", power=2),
}
UNKNOWN = Layer(1e-3)  # an architecture that is not among them
SMALLEST_LAYER = 3e-5  # seconds: what a layer takes however narrow it is

PASSES_PER_POINT = 6  # forward and backward passes for a point of a line
PASSES_PER_EXACT_IMAGE = 15_000  # for the lines of an image that are followed from breakpoint to breakpoint
FEW_SECONDS = 10  # spectra, predictors, jobs of the whole study
STARTING = 3  # seconds of a job before it computes, as measured: Python, PyTorch or Matplotlib

MARGIN = 3  # limit / estimate, since processors, file systems and networks differ
START = 60  # seconds of a job that are not computing: mostly importing PyTorch, from a file system that may be slow
# A GPU counts as so many cores of a processor. Low on purpose: small networks do not fill it.
GPU_CORES = 4
LIGHT = 600  # seconds of one core: a run all of whose jobs together are estimated below it is light

# MB, for images of 3 x 32 x 32; all but BASE grows with their size, and less in narrow networks and small batches. Of
# training per MB of images too, which it holds as floats, in batches and in PyTorch's caches of freed memory
MEMORY = {"train": 1500, "attack": 2500, "transfer": 2000, "predictor": 1500, "spectra": 1000, "lines": 5000}
BASE = 700  # Python, PyTorch and the package
MEMORY_PER_MB_OF_IMAGES = 30
USUAL_MEMORY = 2000  # MB of a rule that is not in MEMORY
BATCH = 128  # images that MEMORY is for
# MB for each MB of the arrays that a job reads or makes for all images, or classes, at once
MEMORY_PER_MB_OF_ARRAYS = {"attack": 3, "transfer": 3, "lines": 6, "predictor": 4}
# bytes of an attacked image beside pixels and logits, and of a line
ATTACKED_BYTES, LINE_BYTES = 50, 112


class Costs:
    """Estimates and limits for the jobs of a study.

    A job is its rule, its run (by its folder; None of a job of the whole study) and, but for train and predictor, its
    attack or transfer (by its name).
    """

    def __init__(self, study: Study, images: Path):
        """images : images.h5, which need not exist yet. Once it does, its size counts, not what the options say; where
        they do not say the size of an image or how many classes there are, that of images.h5 counts, too.
        """
        self._study, self._images = study, images
        items = {"attack": study.attacks, "transfer": study.transfers, "lines": study.lines}
        self._jobs = {rule: study.jobs_of(some) for rule, some in items.items()}
        self._light: dict[str, bool] = {}

    def megabytes(self, rule: str, run: str | None = None, attack: str | None = None, *, attempt: int) -> int:
        """The memory limit of a job of a rule; without its run what jobs take for few images."""
        larger = 1 if rule == "spectra" else max(1.0, self._larger(rule, run, attack))  # spectra: some images at once
        needed = BASE + (MEMORY.get(rule, USUAL_MEMORY) - BASE) * larger
        if rule == "train":
            needed += MEMORY_PER_MB_OF_IMAGES * self._images_bytes(measured=True) / 1e6
        if run is not None and rule in MEMORY_PER_MB_OF_ARRAYS:
            arrays = self._rows(rule, run, attack) * self._image_bytes() * (8 if rule == "predictor" else 4)
            needed += MEMORY_PER_MB_OF_ARRAYS[rule] * arrays / 1e6
        return ceil(needed) * 2 ** (attempt - 1)

    def _larger(self, rule: str, run: str | None, attack: str | None) -> float:
        """How much larger the activations of a batch are than those of BATCH images of 3 x 32 x 32 at width 1."""
        size = self._image_bytes() / 3072
        if run is None:
            return size
        network = self._study.runs[run].entry
        batch = BATCH
        if rule == "train":
            batch = network.training["batch_size"]
        elif rule in ("attack", "transfer"):
            batch = self._study.attack_named[attack].batch_size
        return size * min(1, _width(network)) * min(1, batch / BATCH)

    def result_bytes(self, rule: str | None, run: str | None, attack: str | None = None) -> float:
        """The size of what a job makes, before compression; 0 of checkpoints, whose networks are not known here, and of
        what is small: tables, figures, logs.
        """
        if rule == "images":
            return self._images_bytes(measured=True)
        if run is None or rule not in ("attack", "transfer", "predictor", "spectra", "lines"):
            return 0
        rows, image_bytes = self._rows(rule, run, attack), self._image_bytes()
        if rule == "lines":
            return rows * 3 * LINE_BYTES
        _, height, width = self._shape(measured=True)
        power = 8 * (4 + 1 + round(hypot(height // 2, width // 2)))  # norms and rings of a spectrum
        if rule == "predictor":
            return rows * (8 * image_bytes + 2 * power) + 2 * 8 * height * width
        if rule == "spectra":
            settings = self._study.config["spectra"]
            each = rows * (power + 8 * settings["angular_bins"]) + 8 * height * width
            return len(settings["conventions"]) * each
        return rows * (4 * image_bytes + 8 * self._classes() + ATTACKED_BYTES)

    def _rows(self, rule: str, run: str, attack: str | None) -> int:
        """How many images, or classes, the arrays of a job have a row for."""
        if rule == "predictor":
            return self._classes()
        if rule == "lines":
            return self._study.lines_of(attack, self._study.runs[run].entry).images
        return self._study.attack_named[attack].images

    def minutes(
        self, rule: str, run: str | None, attack: str | None = None, *, threads: int, gpus: int, attempt: int
    ) -> int:
        """The time limit of a job."""
        # threads beyond the first are worth less than the first
        speed = GPU_CORES if gpus else sqrt(threads)
        estimate = self.seconds(rule, run, attack, measured=True)
        return ceil((START + MARGIN * estimate / speed) / 60) * 2 ** (attempt - 1)

    def is_light(self, run: str) -> bool:
        """Whether all jobs of a run together are estimated to take less than LIGHT seconds of one core.

        It does not change when images.h5 is made: Snakemake asks in several processes, before and after.
        """
        if run not in self._light:
            jobs = [("train", None)]
            for rule, attacks in self._jobs.items():
                jobs += [(rule, attack) for attack, checkpoints in attacks[run].items() for _ in checkpoints]
            self._light[run] = sum(self.seconds(rule, run, attack) for rule, attack in jobs) < LIGHT
        return self._light[run]

    def of_job(self, rule: str | None, run: str | None, attack: str | None) -> float:
        """The seconds that a job of any rule takes on one core, its start included; 0 for the rule `all`.

        rule : its kind; None of a rule that is not of this workflow.
        """
        if rule == "all":
            return 0
        return STARTING + (self.seconds(rule, run, attack, measured=True) if rule in MEMORY else 0)

    def seconds(self, rule: str, run: str | None, attack: str | None = None, *, measured: bool = False) -> float:
        """The seconds that a job is estimated to take on one core.

        measured : whether images.h5 counts, if it exists.
        """
        if run is None:
            return FEW_SECONDS
        key = self._study.runs[run]
        network = key.entry
        layer = LAYERS.get(network.architecture, UNKNOWN)
        one_layer = SMALLEST_LAYER + layer.seconds * _width(network) ** layer.power
        image_bytes = self._image_bytes(measured=measured)
        one_pass = key.depth * one_layer * image_bytes / 3072  # forward and backward, of one image
        if rule == "train":
            return self._epochs(network) * self._images_bytes(measured=measured) / image_bytes * one_pass
        if rule == "attack":
            settings = self._study.attack_named[attack]
            if settings.simplified and key.linear:
                one_pass = SMALLEST_LAYER * image_bytes / 3072  # the network as one matrix
            return settings.images * settings.attempts * settings.steps * one_pass
        if rule == "transfer":
            return 2 * self._study.attack_named[attack].images * one_pass
        if rule == "lines":
            lines = self._study.lines_of(attack, network)
            points = lines.images * lines.samples * PASSES_PER_POINT
            return (points + lines.exact_images * PASSES_PER_EXACT_IMAGE) * one_pass
        return FEW_SECONDS

    def _images_bytes(self, *, measured: bool) -> float:
        if measured and self._images.exists():
            return self._images.stat().st_size
        return self._study.dataset.images * self._image_bytes(measured=measured)

    def _image_bytes(self, *, measured: bool = True) -> int:
        """The values of an image, which is stored as bytes."""
        return prod(self._shape(measured=measured))

    def _shape(self, *, measured: bool) -> tuple[int, int, int]:
        """(C, H, W) of the images; measured : whether images.h5 counts, if it exists."""
        dataset = self._study.dataset
        stored = self._stored() if measured and dataset.stated_size is None else None
        return stored[1:] if stored else (dataset.channels, *dataset.image_size)

    def _classes(self) -> int:
        """How many classes the images have."""
        dataset = self._study.dataset
        stored = self._stored() if dataset.stated_classes is None else None
        return stored[0] if stored else dataset.classes

    def _stored(self) -> tuple[int, int, int, int] | None:
        """(K, C, H, W) of images.h5: its classes and the shape of an image; None without it."""
        return _read(self._images, self._images.stat().st_mtime_ns) if self._images.exists() else None

    def _epochs(self, network: Network) -> int:
        search = self._study.config["training"]["search"]
        tries = search if network.learning_rate == "search" else {"divisors": [], "patience": 0}
        # a try that fails does so in epoch `patience`, hardly ever later
        return network.training["epochs"] + len(tries["divisors"]) * tries["patience"]


@lru_cache
def _read(images: Path, changed: int) -> tuple[int, int, int, int] | None:
    """(K, C, H, W) of images.h5; None if it cannot be read. changed : its time, for the cache."""
    from advspectra.files.images import FORMAT  # here, as it imports h5py

    try:
        with FORMAT.opened(images, digest=False) as file:
            found = (*file["class_names"].shape, *file["train/images"].shape[1:])
    except Exception:  # damaged: the jobs that need it say so
        return None
    return found if len(found) == 4 and all(found) else None


def _width(network: Network) -> float:
    """Its width, in widths of the network that LAYERS was measured with."""
    layer = LAYERS.get(network.architecture, UNKNOWN)
    return network.options.get(layer.width, layer.reference) / layer.reference
