"""Files that outlive a crash: atomic writing, and state dicts as safetensors.

``thalweg.io`` is imported on its own; ``import thalweg`` does not load it.
"""

from __future__ import annotations

from .atomic import write_atomically
from .safetensors import load_file, save_file

__all__ = ["load_file", "save_file", "write_atomically"]
