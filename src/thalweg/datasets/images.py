"""Folders of images."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap
from ..errors import DataError, ShapeError
from ..utils.data import Dataset
from .extras import require

__all__ = ["ImageFolder", "image_to_tensor"]

_ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
_CHANNELS = {"RGB": 3, "L": 1}


class ImageFolder(Dataset[tuple[Any, int]]):
    """Images sorted into one folder for each class: ``root/cat/1.png``, ``root/dog/a/2.jpg``.

    Sample i is (image, class). Classes are the sorted names of root's folders; within a class the files come in the
    order of their paths. Names that start with a dot are passed over. Needs pillow (``pip install
    'thalweg[images]'``).

    The names are torchvision's. There the image is a PIL image if there is no transform; here it is a float32 tensor
    of shape (channels, height, width) between 0 and 1, as ``image_to_tensor`` makes it.

    Args:
        root: the folder.
        transform: called with the PIL image; what it returns is the sample's image.
        target_transform: called with the class's number.
        mode: ``"RGB"``, or ``"L"`` for one channel of grey.

    Attributes:
        classes: the classes' names; class_to_idx: their numbers.
        samples: the (path, class) of each image; targets: the classes alone.

    Raises:
        DataError: no folders in root, a folder without images, an unknown mode; on reading, an image that can't be
            decoded, by its path.
        DependencyError: pillow is not installed.
    """

    classes: list[str]
    class_to_idx: dict[str, int]
    samples: list[tuple[str, int]]
    targets: list[int]

    def __init__(
        self,
        root: str | Path,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        mode: str = "RGB",
    ) -> None:
        require("PIL.Image", "pillow", "images", "ImageFolder")
        if mode not in _CHANNELS:
            raise DataError(f"ImageFolder: mode must be 'RGB' or 'L', not {mode!r}")
        self.root = Path(root)
        self.transform = transform
        self.target_transform = target_transform
        self.mode = mode
        self.classes = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not _hidden(entry.name))
        if not self.classes:
            raise DataError(
                f"{root}: there are no folders in it; put the images of each class into a folder of its own"
            )
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}
        self.samples = [
            (path, number) for name, number in self.class_to_idx.items() for path in _images_in(self.root / name)
        ]
        self.targets = [number for _, number in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        path, target = self.samples[index]
        image = self._open(path)
        sample = image_to_tensor(image) if self.transform is None else self.transform(image)
        return sample, target if self.target_transform is None else self.target_transform(target)

    def _open(self, path: str) -> Any:
        pillow = require("PIL.Image", "pillow", "images", "ImageFolder")
        try:
            with pillow.open(path) as image:
                return image.convert(self.mode)
        except (OSError, ValueError, SyntaxError, EOFError, pillow.DecompressionBombError) as error:
            raise DataError(f"{path}: it can't be read as an image ({error})") from None

    def __repr__(self) -> str:
        return f"ImageFolder({str(self.root)!r}: {len(self)} images of {len(self.classes)} classes)"


def image_to_tensor(image: Any) -> Tensor:
    """A PIL image, or an array (height, width) or (height, width, channels), as a tensor (channels, height, width).

    uint8 values are divided by 255; the result is float32.

    Raises:
        ShapeError: an array of another number of dimensions.

    >>> import numpy as np
    >>> from thalweg.datasets import image_to_tensor
    >>> image_to_tensor(np.array([[0, 255, 51]], np.uint8))
    tensor([[[0.0000, 1.0000, 0.2000]]])
    """
    array = np.asarray(image)
    if array.ndim not in (2, 3):
        raise ShapeError(f"image_to_tensor: an image has 2 or 3 dimensions, got shape {array.shape}")
    channels_last = array[:, :, None] if array.ndim == 2 else array
    values = np.ascontiguousarray(channels_last.transpose(2, 0, 1), dtype=np.float32)
    if array.dtype == np.uint8:
        values /= 255
    return wrap(values)


def _hidden(name: str) -> bool:
    return name.startswith(".")


def _images_in(folder: Path) -> list[str]:
    paths = [
        os.path.join(place, name)
        for place, _, names in os.walk(folder, followlinks=True)
        for name in names
        if name.lower().endswith(_ENDINGS) and not _hidden(name)
    ]
    if not paths:
        raise DataError(f"{folder}: there are no images in it; the endings are {', '.join(_ENDINGS)}")
    return sorted(paths)
