"""CIFAR-10 (Krizhevsky 2009) from the official archive, downloaded or local.

The official files are pickles. torchvision's own class reads them, and only after its checksums have shown that the
archive and each batch in it are the published ones.
"""

import tarfile
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from advspectra.files.images import ImageSet

SPEC = {
    "options": {
        "archive": {
            "type": ["string", "null"],
            "minLength": 1,
            "default": None,
            "description": "local copy of the official cifar-10-python.tar.gz; null: download it",
        },
        "cache": {
            "type": "string",
            "minLength": 1,
            "default": "results/.downloads",
            "description": "folder that keeps the downloaded archive",
        },
    },
    "required": [],
}

# Seconds before the second, third and fourth try: enough for a short outage, short enough to watch.
WAITS = (5, 20, 60)


def load(*, archive: str | None, cache: str) -> ImageSet:
    """CIFAR-10: 50,000 training and 10,000 test images, (N, 3, 32, 32) uint8, in the official order.

    archive : path of the official archive, or None to download it into `cache`, where a later call finds it.
    Nothing is unpacked before the archive has the published checksum.
    Raises ValueError if the archive is missing, altered or truncated, or cannot be downloaded in several
    tries.
    """
    # imported here because it takes seconds, which reading SPEC need not spend
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import calculate_md5, download_url

    if archive is None:
        path = Path(cache) / CIFAR10.filename
        Path(cache).mkdir(parents=True, exist_ok=True)  # fails at once, not after the waits for a network
        _retry(lambda: download_url(CIFAR10.url, cache, CIFAR10.filename, CIFAR10.tgz_md5), url=CIFAR10.url)
    else:
        path = Path(archive)
        if not path.is_file():
            raise ValueError(f"cifar10: expected the official archive {CIFAR10.filename} at {path}, found no file")
    checksum = calculate_md5(path)
    if checksum != CIFAR10.tgz_md5:
        raise ValueError(
            f"cifar10: {path} is not the official archive or is damaged: expected md5 {CIFAR10.tgz_md5}, "
            f"found {checksum} ({path.stat().st_size} bytes)"
        )

    with TemporaryDirectory(prefix="cifar10-") as folder:
        try:
            with tarfile.open(path) as packed:
                packed.extractall(folder, filter="data")
            train, test = CIFAR10(folder, train=True), CIFAR10(folder, train=False)
        except (tarfile.TarError, EOFError, OSError, RuntimeError) as error:
            raise ValueError(f"cifar10: {path} cannot be read: {error}") from error
    return ImageSet(
        train_images=_channels_first(train.data),
        train_labels=np.array(train.targets, dtype=np.int64),
        test_images=_channels_first(test.data),
        test_labels=np.array(test.targets, dtype=np.int64),
        class_names=tuple(train.classes),
        source={"source": "cifar10", "url": CIFAR10.url, "archive_md5": checksum},
    )


def _channels_first(images: np.ndarray) -> np.ndarray:
    """(N, C, H, W) from (N, H, W, C)."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2))


def _retry(download: Callable[[], None], *, url: str) -> None:
    """Call `download` until it succeeds, at most 1 + len(WAITS) times; then ValueError with the last reason.

    A network fails as OSError (URLError and timeouts are) or HTTPException, a wrong checksum as RuntimeError.
    """
    for wait in (*WAITS, None):
        try:
            download()
            return
        except (OSError, HTTPException, RuntimeError) as error:
            if wait is None:
                raise ValueError(
                    f"cifar10: {url} could not be downloaded in {1 + len(WAITS)} tries "
                    f"(last error: {error}); without network, set the option `archive` to a local copy"
                ) from error
            time.sleep(wait)
