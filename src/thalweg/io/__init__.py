"""Files: atomic writing, safetensors, ``tw.save`` and ``tw.load``, and PyTorch's checkpoints."""

from __future__ import annotations

from .atomic import open_atomically, write_atomically
from .safetensors import load_file, load_metadata, save_file
from .saving import load, save
from .torch_reader import load_torch
from .torch_writer import save_torch

__all__ = [
    "load",
    "load_file",
    "load_metadata",
    "load_torch",
    "open_atomically",
    "save",
    "save_file",
    "save_torch",
    "write_atomically",
]
