"""Attacks on many images in parts, resumed where an earlier job was killed; the attacks themselves know of neither."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch

from advspectra.files.progress import Part

# Images attacked together, by device type; on others all at once. On a CPU 96 to 128 were the fastest or within 12 % of
# it for eight networks, from one matrix (400 at once: 1.5 times as long) to ResNet18. On a GPU 512 images need 10 GB
# with ResNet18 at full width.
CHUNK = {"cpu": 128, "cuda": 512}


@dataclass(frozen=True)
class Stage:
    """An unfinished attack from which it can be resumed; the last stage is the finished attack.

    images : so far, (N, C, H, W). tensors, facts : what else the rest of it depends on, facts as JSON can hold them.
    share : of the work that is done, 0 to 1.
    """

    images: torch.Tensor
    tensors: Mapping[str, torch.Tensor]
    facts: Mapping[str, int]
    share: float


def resumed(stages: Callable[[Stage | None], Iterator[Stage]], part: Part, device: torch.device) -> torch.Tensor:
    """The images of the last stage, (N, C, H, W).

    stages : yields those after the stage given, or all. Each may be saved in `part`, and an earlier job's last one is
    where this one begins; PyTorch's random generators are then as they were. device : of the stage given.
    """
    stage = begun = None
    if saved := part.load():
        tensors = {name: tensor.to(device) for name, tensor in saved[0].items()}
        stage = begun = Stage(tensors.pop("images"), tensors, saved[1], 0.0)
    for stage in stages(begun):
        if part.due():
            part.save({"images": stage.images, **stage.tensors}, **stage.facts)
        part.tell(stage.share)
    return stage.images


def chunk_count(images: int, device: torch.device) -> int:
    """The number of chunks of about equal size that so many images on `device` are attacked in."""
    return -(-images // CHUNK.get(device.type, max(1, images)))


def in_chunks(
    attack: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], inputs: torch.Tensor, labels: torch.Tensor, part: Part
) -> torch.Tensor:
    """attack(inputs, labels) of one chunk after the other, (N, C, H, W); `part` : as in `resumed`."""
    count = chunk_count(len(inputs), inputs.device)
    chunks = list(zip(inputs.tensor_split(count), labels.tensor_split(count), strict=True))

    def stages(stage: Stage | None) -> Iterator[Stage]:
        images, done = ([stage.images], stage.facts["chunks"]) if stage else ([], 0)
        for number, chunk in enumerate(chunks[done:], start=done + 1):
            images.append(attack(*chunk))
            yield Stage(torch.cat(images), {}, {"chunks": number}, number / count)

    return resumed(stages, part, inputs.device)
