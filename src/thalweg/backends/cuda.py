"""NVIDIA's CUDA, which is not there. Its switches can be set, as scripts do, and change nothing."""

from __future__ import annotations

from types import SimpleNamespace

from ..core.absent import is_available

__all__ = ["enable_flash_sdp", "enable_math_sdp", "enable_mem_efficient_sdp", "is_built", "matmul"]

is_built = is_available
matmul = SimpleNamespace(
    allow_tf32=False, allow_fp16_reduced_precision_reduction=True, allow_bf16_reduced_precision_reduction=True
)


def enable_flash_sdp(enabled: bool) -> None:
    """Nothing: it chooses between CUDA's programs for attention."""


enable_math_sdp = enable_mem_efficient_sdp = enable_flash_sdp
