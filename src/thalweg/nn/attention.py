"""Attention with several heads."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator
from typing import Any

from ..core.dtypes import dtype
from ..core.tensor import Tensor
from ..errors import ArgumentError
from ..ops.creation import empty
from ..ops.shape import permute
from . import functional as F
from . import init
from .linear import NonDynamicallyQuantizableLinear
from .module import Module
from .parameter import Parameter

__all__ = ["MultiheadAttention"]


class SDPBackend(enum.IntEnum):
    """PyTorch's ways to compute ``scaled_dot_product_attention``. Here there is one, whatever is asked for."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextlib.contextmanager
def sdpa_kernel(backends: SDPBackend | list[SDPBackend], set_priority: bool = False) -> Iterator[None]:
    """A context that changes nothing: there is one way to compute attention.

    Raises:
        TypeError: ``backends`` is no ``SDPBackend``, nor a list of some.

    >>> from thalweg.nn.attention import SDPBackend, sdpa_kernel
    >>> with sdpa_kernel(SDPBackend.MATH):
    ...     pass
    """
    for backend in backends if isinstance(backends, list) else [backends]:
        if not isinstance(backend, SDPBackend):
            raise TypeError(f"sdpa_kernel: backends must be SDPBackend or a list of these, not {backend!r}")
    yield


class MultiheadAttention(Module):
    """Attention in ``num_heads`` subspaces: projections of query, key and value, and one of the joined heads.

    query : (L, n, embed_dim), key : (S, n, kdim), value : (S, n, vdim)  ->  outputs (L, n, embed_dim), and the
    weights (n, L, S), averaged over the heads, or None without ``need_weights``; the batch n comes first with
    ``batch_first``, or may be missing

    Args:
        dropout: of the weights, in training.
        bias: of the projections.
        add_bias_kv: one learned key and value more.
        add_zero_attn: one key and value of zeros more.
        kdim, vdim: the sizes of keys and values if they are not ``embed_dim``.

    ``in_proj_weight`` (3 embed_dim, embed_dim) holds the three input projections, unless the sizes differ.

    Raises:
        ArgumentError: ``embed_dim`` is no multiple of ``num_heads``.
        ShapeError: the inputs don't fit.

    Reference: Vaswani et al. (2017), Attention is all you need.

    >>> import thalweg as tw
    >>> attention = tw.nn.MultiheadAttention(8, 2, batch_first=True)
    >>> x = tw.zeros(3, 5, 8)
    >>> y, weights = attention(x, x, x)
    >>> y.shape, weights.shape
    (thalweg.Size([3, 5, 8]), thalweg.Size([3, 5, 5]))
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0 or embed_dim % num_heads:
            raise ArgumentError(
                f"MultiheadAttention: embed_dim {embed_dim} must be a positive multiple of num_heads {num_heads}"
            )
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        self.add_zero_attn = add_zero_attn
        self._make_parameters(bias, add_bias_kv, {"device": device, "dtype": dtype})
        self._reset_parameters()

    def _make_parameters(self, bias: bool, add_bias_kv: bool, options: dict[str, Any]) -> None:
        embed, same = self.embed_dim, self._qkv_same_embed_dim
        shapes: dict[str, tuple[int, int] | None] = {
            "q_proj_weight": None if same else (embed, embed),
            "k_proj_weight": None if same else (embed, self.kdim),
            "v_proj_weight": None if same else (embed, self.vdim),
            "in_proj_weight": (3 * embed, embed) if same else None,
        }
        for name, shape in shapes.items():
            self.register_parameter(name, None if shape is None else Parameter(empty(*shape, **options)))
        self.register_parameter("in_proj_bias", Parameter(empty(3 * embed, **options)) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed, embed, bias=bias, **options)
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, Parameter(empty(1, 1, embed, **options)) if add_bias_kv else None)

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None and self.out_proj.bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The outputs, and the weights or None.

        Args:
            key_padding_mask: (n, S), True for keys that nobody may look at, or numbers to add to the scores.
            attn_mask: (L, S) or (n * heads, L, S), True where a query may not look at a key, or numbers to add.
            average_attn_weights: whether the weights are averaged over the heads.
            is_causal: says that ``attn_mask`` is causal, so that it need not be read.
        """
        swapped = self.batch_first and query._value.ndim == 3
        if swapped:
            query, key, value = _time_first(query, key, value)
        y, weights = F.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k,
            self.bias_v, self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias, self.training,
            key_padding_mask, need_weights, attn_mask, not self._qkv_same_embed_dim, self.q_proj_weight,
            self.k_proj_weight, self.v_proj_weight, average_attn_weights=average_attn_weights, is_causal=is_causal,
        )  # fmt: skip
        return permute(y, dims=(1, 0, 2)) if swapped else y, weights


def _time_first(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """All three with the first two axes exchanged; those that were one object remain one."""
    q = permute(query, dims=(1, 0, 2))
    k = q if key is query else permute(key, dims=(1, 0, 2))
    v = k if value is key else q if value is query else permute(value, dims=(1, 0, 2))
    return q, k, v
