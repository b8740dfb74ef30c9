"""Archives of images, good ones and ones with any members."""

import io
import tarfile

import numpy as np
from PIL import Image

from advspectra.datasets import image_folder

RNG = np.random.default_rng(0)


def pixels(height=4, width=4, mode="RGB"):
    return Image.fromarray(RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode)


def encode(image, kind="PNG", **how):
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def good_files():
    return {f"{split}/{name}/1.png": encode(pixels()) for split in ("train", "test") for name in ("cat", "dog")}


def member(name, data=b"", **about):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in about.items():
        setattr(info, key, value)
    return info, data


def tar(*members, mode="w", good=True, format=tarfile.PAX_FORMAT):
    """The bytes of an archive of good images, if `good`, and of the members (info, data)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=format) as archive:
        for info, data in [member(*item) for item in good_files().items() if good] + list(members):
            archive.addfile(info, io.BytesIO(data) if data else None)
    return buffer.getvalue()


def load(path, **options):
    return image_folder.load(**{"path": str(path), "image_size": None, "resize": "none", "channels": 3} | options)


def loaded(tmp_path, data, **options):
    (tmp_path / "images.tar").write_bytes(data)
    return load(tmp_path / "images.tar", **options)


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


SPECIAL = {
    "symlink": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "character device": tarfile.CHRTYPE,
    "block device": tarfile.BLKTYPE,
    "fifo": tarfile.FIFOTYPE,
    "contiguous": tarfile.CONTTYPE,
    "unknown": b"Z",
}
OUTSIDE = ["/{}/train/cat/9.png", "../train/cat/9.png", "train/../../train/cat/9.png", "//x/train/cat/9.png"]
