"""Folders of images."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import thalweg as tw
from thalweg.datasets import ImageFolder, image_to_tensor
from thalweg.errors import DataError, DependencyError, ShapeError
from thalweg.utils.data import DataLoader

Image = pytest.importorskip("PIL.Image")

RED = np.zeros((2, 3, 3), np.uint8)
RED[..., 0] = 255
GREY = np.array([[0, 51, 255], [102, 0, 0]], np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("dog", "cat", "cat/more", ".hidden"):
        (tmp_path / name).mkdir()
    Image.fromarray(RED).save(tmp_path / "dog" / "1.png")
    Image.fromarray(GREY).save(tmp_path / "cat" / "b.PNG")
    Image.fromarray(GREY).save(tmp_path / "cat" / "a.bmp")
    Image.fromarray(GREY).save(tmp_path / "cat" / "more" / "c.png")
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "cat" / "._b.png").write_text("no image either")
    (tmp_path / "loose.png").write_text("not in a class")
    return tmp_path


def test_classes_and_files_are_sorted(root: Path) -> None:
    data = ImageFolder(root)
    assert data.classes == ["cat", "dog"]
    assert data.class_to_idx == {"cat": 0, "dog": 1}
    assert [Path(path).relative_to(root).as_posix() for path, _ in data.samples] == [
        "cat/a.bmp",
        "cat/b.PNG",
        "cat/more/c.png",
        "dog/1.png",
    ]
    assert data.targets == [0, 0, 0, 1]
    assert len(data) == 4
    assert repr(data) == f"ImageFolder({str(root)!r}: 4 images of 2 classes)"


def test_values_in_colour_and_in_grey(root: Path) -> None:
    x, y = ImageFolder(root)[3]
    assert (y, x.dtype, x.shape) == (1, tw.float32, (3, 2, 3))
    np.testing.assert_array_equal(x.numpy(), RED.transpose(2, 0, 1) / np.float32(255))
    x, y = ImageFolder(root, mode="L")[1]
    assert y == 0
    np.testing.assert_array_equal(x.numpy(), GREY[None] / np.float32(255))


def test_transforms_get_the_pil_image_and_the_class(root: Path) -> None:
    data = ImageFolder(root, transform=lambda image: image.size, target_transform=lambda y: y + 10)
    assert data[3] == ((3, 2), 11)


def test_in_a_loader(root: Path) -> None:
    (x, y), *rest = DataLoader(ImageFolder(root, mode="L"), batch_size=3)
    assert x.shape == (3, 1, 2, 3)
    assert y.tolist() == [0, 0, 0]
    assert len(rest) == 1


@pytest.mark.parametrize("content", [b"", b"not an image"])
def test_an_unreadable_image_is_named(root: Path, content: bytes) -> None:
    (root / "dog" / "1.png").write_bytes(content)
    with pytest.raises(DataError, match=r"1.png: it can't be read as an image"):
        ImageFolder(root)[3]


def test_an_image_cut_short_is_named(root: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)
    path = root / "dog" / "1.png"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(DataError, match=r"1.png: it can't be read as an image"):
        ImageFolder(root)[3]


def test_folders_that_do_not_fit(tmp_path: Path, root: Path) -> None:
    (root / "empty").mkdir()
    with pytest.raises(DataError, match="empty: there are no images in it"):
        ImageFolder(root)
    with pytest.raises(DataError, match="more: there are no folders in it"):
        ImageFolder(root / "cat" / "more")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        ImageFolder(tmp_path / "nowhere")
    with pytest.raises(DataError, match="mode must be 'RGB' or 'L', not 'CMYK'"):
        ImageFolder(root, mode="CMYK")


def test_without_pillow(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(DependencyError, match=r"needs pillow; install it with pip install 'thalweg\[images\]'"):
        ImageFolder(root)


def test_image_to_tensor() -> None:
    floats = np.array([[[0.5, 2.0]]])
    assert image_to_tensor(floats).tolist() == [[[0.5]], [[2.0]]]
    fresh: Any = np.zeros((1, 1), np.float32)
    assert image_to_tensor(fresh).tolist() == [[[0.0]]]
    with pytest.raises(ShapeError, match=r"2 or 3 dimensions, got shape \(3,\)"):
        image_to_tensor(np.zeros(3))
