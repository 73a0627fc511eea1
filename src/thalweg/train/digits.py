"""The lecture's job: handwritten digits, told apart by a network of three linear layers."""

from __future__ import annotations

from ..datasets import Digits
from ..ops.random import Generator
from .examples import Images
from .jobs import Job
from .loop import Part
from .split import split_rows
from .table import NumberFeature, Preprocessor
from .targets import ClassTarget

__all__ = ["digits_job"]

HELD_OUT = 0.1  # of the training images, to choose the best epoch by
SIDE = 8  # pixels
LARGEST = 16.0  # a pixel counts the dots in a square of 4 x 4


def digits_job(seed: int) -> Job:
    """The digits inside the package: 64 pixels to one of ten classes.

    The test images are the package's own, the same for every seed, and only reported on. A table to predict has the
    pixels, 0 to 16, row by row in columns ``x.0`` to ``x.63``: an npz file with an array ``x`` (n, 64) gives those.
    """
    train, test = Digits("train"), Digits("test")
    x, y = train.x.numpy(), train.y.numpy()
    rows, held_out = split_rows(y, [round(HELD_OUT * len(y))], Generator().manual_seed(seed))
    pixels = tuple(NumberFeature(f"x.{i}", mean=0.0, scale=LARGEST, fill=0.0) for i in range(x.shape[1]))
    return Job(
        name="digits",
        source="digits",
        preprocessor=Preprocessor(pixels),
        target=ClassTarget("digit", tuple(train.classes)),
        train=Part(x[rows], y[rows]),
        validation=Part(x[held_out], y[held_out]),
        test=Part(test.x.numpy(), test.y.numpy()),
        notes=["digits: handwritten, 8×8 pixels, ten classes"],
        examples=Images(test.x.numpy(), SIDE, SIDE),
    )
