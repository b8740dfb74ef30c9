"""The study's images as images.h5: CIFAR-10 from the archive that travels along, or at toy size the embedded ones."""

import sys
from pathlib import Path

from advspectra.datasets import band_features, image_folder
from advspectra.files.images import write_images
from benchmarks.networks import EMBEDDED
from benchmarks.timing import ROOT

ARCHIVE = ROOT / ".gpu/images.tar.xz"
TOY = EMBEDDED | {"train_per_class": 30, "test_per_class": 10}


def main() -> None:
    """Write the file that the command line names, whole or not at all."""
    path, size = Path(sys.argv[1]), sys.argv[2]
    if size == "toy":
        images = band_features.load(**TOY)
    else:
        images = image_folder.load(path=str(ARCHIVE), image_size=None, resize="none", channels=3)
    write_images(path, images)


if __name__ == "__main__":
    main()
