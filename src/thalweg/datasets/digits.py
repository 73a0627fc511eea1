"""The handwritten digits that come with the package."""

from __future__ import annotations

from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.tensor import Tensor, wrap
from ..errors import DataError
from ..utils.data import TensorDataset

__all__ = ["Digits"]

_LARGEST = 16  # the pixels are counts of 4 x 4 dots
_TEST_EVERY = 5


class Digits(TensorDataset):
    """1,797 images of handwritten digits, 8×8 pixels, in ten classes: small, real, and inside the package.

    The split is fixed and stratified: of the images sorted by digit (in the source's order within a digit), each
    fifth one, from the first on, belongs to the test set. That makes 360 images for testing and 1,437 for training,
    within one of equal shares of each digit. The same people's writing is in both parts.

    Args:
        split: ``"train"``, ``"test"`` or None for all images. Each keeps the source's order.
        flatten: x has the shape (n, 64); otherwise (n, 1, 8, 8), as convolutions take it.
        normalize: pixels are between 0 and 1; otherwise whole numbers between 0 and 16. Both are float32.

    Attributes:
        x: the images.
        y: the digits, int64 of shape (n,).
        classes: the names of the classes, ``["0", …, "9"]``.

    Raises:
        DataError: no such split.

    Reference: E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository, https://doi.org/10.24432/C50P49, CC BY 4.0 (its test set).

    >>> from thalweg.datasets import Digits
    >>> train, test = Digits("train"), Digits("test")
    >>> train.x.shape, len(test), train[0][1].item()
    (thalweg.Size([1437, 64]), 360, 1)
    """

    classes: list[str]

    def __init__(self, split: str | None = "train", flatten: bool = True, normalize: bool = True) -> None:
        if split not in ("train", "test", None):
            raise DataError(f"Digits: split must be 'train', 'test' or None, not {split!r}")
        images, labels = _load()
        if split is not None:
            chosen = _in_test(labels) == (split == "test")
            images, labels = images[chosen], labels[chosen]
        x = images.astype(np.float32)
        if normalize:
            x /= _LARGEST
        n = len(x)
        super().__init__(wrap(x.reshape(n, 64) if flatten else x.reshape(n, 1, 8, 8)), wrap(labels.astype(np.int64)))
        self.classes = [str(digit) for digit in range(10)]

    @property
    def x(self) -> Tensor:
        """The images."""
        return self.tensors[0]

    @property
    def y(self) -> Tensor:
        """The digits."""
        return self.tensors[1]


def _load() -> tuple[NDArray[Any], NDArray[Any]]:
    with (
        resources.files(__package__).joinpath("data", "digits.npz").open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return arrays["images"], arrays["labels"]


def _in_test(labels: NDArray[Any]) -> NDArray[np.bool_]:
    chosen = np.zeros(len(labels), bool)
    chosen[np.argsort(labels, kind="stable")[::_TEST_EVERY]] = True
    return chosen
