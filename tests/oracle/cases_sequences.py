"""Recurrent layers, attention and transformers beside PyTorch's."""

from __future__ import annotations

from typing import Any

from .harness import Case, In, Layer, idx, mask

F = "nn.functional."
NEG = -float("inf")
RNN_ARGS: list[dict[str, Any]] = [
    {}, {"num_layers": 2, "bidirectional": True}, {"bias": False, "batch_first": True}, {"bidirectional": True},
]  # fmt: skip
CAUSAL = [[0.0, NEG, NEG], [0.0, 0.0, NEG], [0.0, 0.0, 0.0]]
HIDDEN = mask([[False, True, False], [False, False, True]])
SOME = mask([[True, False, True], [False, True, True], [True, True, False]])
MHA: list[dict[str, Any]] = [
    {}, {"bias": False}, {"add_bias_kv": True}, {"add_zero_attn": True}, {"kdim": 3, "vdim": 5},
    {"add_bias_kv": True, "add_zero_attn": True, "batch_first": True},
]  # fmt: skip
MASKS: list[dict[str, Any]] = [
    {}, {"attn_mask": ~0}, {"key_padding_mask": HIDDEN}, {"attn_mask": ~0, "key_padding_mask": HIDDEN},
    {"need_weights": False}, {"need_weights": False, "attn_mask": ~0}, {"average_attn_weights": False},
    {"need_weights": False, "key_padding_mask": HIDDEN},
]  # fmt: skip


def call(arguments: dict[str, Any], attn_mask: Any) -> dict[str, Any]:
    return {k: attn_mask if v == ~0 and not isinstance(v, bool) else v for k, v in arguments.items()}


def small(*shape: int) -> In:
    return In(*shape, low=-1.0, high=1.0)


QKV = [small(3, 2, 4), small(3, 2, 4), small(3, 2, 4)]
ENCODER: list[dict[str, Any]] = [{}, {"norm_first": True, "activation": "gelu"}, {"bias": False, "batch_first": True}]

CASES = [
    *[Layer(f"nn.{k}", 3, 4, inputs=[In(5, 2, 3)], **a) for k in ("RNN", "LSTM", "GRU") for a in RNN_ARGS],
    Layer("nn.RNN", 3, 4, nonlinearity="relu", inputs=[In(4, 2, 3)]),
    Layer("nn.RNN", 3, 4, 2, inputs=[In(4, 2, 3), In(2, 2, 4)]), Layer("nn.GRU", 3, 4, 2, inputs=[In(4, 2, 3),
      In(2, 2, 4)]),
    Layer("nn.LSTM", 3, 4, inputs=[In(4, 2, 3), (In(1, 2, 4), In(1, 2, 4))]),
    *[Layer("nn.LSTM", 3, 4, proj_size=2, inputs=[In(4, 2, 3)], **a) for a in RNN_ARGS],
    *[Layer(f"nn.{k}", 3, 4, inputs=[In(5, 3)], bidirectional=True) for k in ("RNN", "LSTM", "GRU")],
    Layer("nn.LSTM", 3, 4, inputs=[In(4, 3), (In(1, 4), In(1, 4))]),
    *[Layer(f"nn.{k}Cell", 3, 4, inputs=[x], **a) for k in ("RNN", "LSTM", "GRU") for x in (In(2, 3),
      In(3)) for a in ({}, {"bias": False})],
    Layer("nn.RNNCell", 3, 4, nonlinearity="relu", inputs=[In(2, 3), In(2, 4)]), Layer("nn.GRUCell", 3, 4,
      inputs=[In(2, 3), In(2, 4)]),
    Layer("nn.LSTMCell", 3, 4, inputs=[In(2, 3), (In(2, 4), In(2, 4))]),
    # -- attention
    *[Case(f"{F}scaled_dot_product_attention", In(2, 3, 4), In(2, 3, 4), In(2, 3, 2), **a) for a in (
        {}, {"is_causal": True}, {"scale": 0.3}, {"attn_mask": SOME}, {"attn_mask": In(3, 3)},
          {"attn_mask": In(2, 3, 3)},
        {"attn_mask": mask([[False] * 3, [True] * 3, [True, False, True]])}, {"attn_mask": In(values=CAUSAL)})],
    Case(f"{F}scaled_dot_product_attention", In(2, 4, 3, 2), In(2, 2, 5, 2), In(2, 2, 5, 2), enable_gqa=True),
    Case(f"{F}scaled_dot_product_attention", In(2, 4), In(5, 4), In(5, 3), is_causal=True),
    *[Layer("nn.MultiheadAttention", 4, 2, inputs=QKV if "kdim" not in a else [small(3, 2, 4), small(3, 2, 3),
      small(3, 2, 5)], **a,
            call=call(m, v))
      for a in MHA if not a.get("batch_first") for m in MASKS for v in (SOME, In(values=CAUSAL))
      if not ("key_padding_mask" in m and "attn_mask" in m and v is not SOME)],
    Layer("nn.MultiheadAttention", 4, 2, inputs=[small(2, 3, 4), small(2, 3, 4), small(2, 3, 4)], **MHA[-1]),
    Layer("nn.MultiheadAttention", 4, 2, inputs=[small(3, 4), small(5, 4), small(5, 4)]),
    Layer("nn.MultiheadAttention", 4, 2, inputs=QKV, call={"attn_mask": small(4, 3, 3), "need_weights": False}),
    Layer("nn.MultiheadAttention", 4, 2, inputs=QKV, call={"attn_mask": In(values=CAUSAL),
      "need_weights": False, "is_causal": True}),
    *[Layer("nn.TransformerEncoderLayer", 4, 2, 6, 0.0, inputs=[small(3, 2, 4)
      if "batch_first" not in a else small(2, 3, 4)], **a, call=c)
      for a in ENCODER for c in ({}, {"src_mask": In(values=CAUSAL)}, {"src_mask": SOME,
        "src_key_padding_mask": HIDDEN})],
    *[Layer("nn.TransformerDecoderLayer", 4, 2, 6, 0.0, inputs=[small(3, 2, 4), small(4, 2, 4)], **a, call=c)
      for a in ENCODER[:2] for c in ({}, {"tgt_mask": In(values=CAUSAL)}, {"tgt_key_padding_mask": HIDDEN})],
    Layer("nn.TransformerDecoderLayer", 4, 2, 6, 0.0, inputs=[small(2, 3, 4), small(2, 4, 4)],
      batch_first=True, bias=False),
    Layer("nn.Transformer", 4, 2, 2, 2, 6, 0.0, inputs=[small(3, 2, 4), small(3, 2, 4)],
      call={"tgt_mask": In(values=CAUSAL)}),
    Layer("nn.Transformer", 4, 2, 1, 1, 6, 0.0, "gelu", inputs=[small(2, 3, 4), small(2, 3, 4)],
      batch_first=True, norm_first=True),
    Case("nn.Transformer.generate_square_subsequent_mask", 3, order=0, memory_orders=False),
    Case("nn.utils.rnn.pad_sequence", [In(3, 2), In(1, 2), In(2, 2)], batch_first=True, padding_value=1.5),
    Case("nn.utils.rnn.pad_sequence", [In(3), In(1)], padding_side="left"),
    Case("nn.utils.rnn.pack_padded_sequence", In(3, 2, 2), [3, 1]),
    Case("nn.utils.rnn.pack_padded_sequence", In(2, 3), [1, 3], batch_first=True, enforce_sorted=False),
    Case("nn.utils.rnn.pack_sequence", [In(3, 2), In(1, 2)]), Case("nn.utils.rnn.pack_sequence", [In(1), In(2)], False),
    Case("nn.utils.rnn.unpad_sequence", In(3, 2, grad=False), idx([3, 1])),
]  # fmt: skip
