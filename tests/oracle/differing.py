"""What is not compared at corner cases, and why; docs/differences.md says what differs."""

from __future__ import annotations

ORDER = "which of equal elements is found is not said"
ZETA = "PyTorch's zeta and polygamma are infinite where they have no value"
SAMPLES = "pools of equal elements, by random samples"
# -- special values: not compared
NOT_SPECIAL = {
    "sign": "of NaN is NaN, PyTorch's 0", "sgn": "as sign",
    "nn.functional.hardswish": "of -inf is 0, PyTorch's NaN",
    "nn.functional.soft_margin_loss": "does not overflow, PyTorch's does",
    "nn.functional.multilabel_soft_margin_loss": "exact for infinite scores",
    "nn.functional.binary_cross_entropy_with_logits": "exact for infinite logits",
    "nn.functional.kl_div": "0 log 0 is 0",
    "polygamma": ZETA, "special.polygamma": ZETA, "special.zeta": ZETA,
    "var_mean": "the mean beside infinities is theirs, PyTorch's NaN", "std_mean": "as var_mean",
    "trapezoid": "sums of 1e300 overflow in another order", "trapz": "as trapezoid",
    "nn.functional.multi_margin_loss": "sees NaN, which PyTorch leaves out",
    "nn.functional.multilabel_margin_loss": "as multi_margin_loss",
    "topk": ORDER, "kthvalue": ORDER, "mode": "NaN is not found",
    "nn.functional.fractional_max_pool2d_with_indices": SAMPLES,
    "nn.functional.fractional_max_pool3d_with_indices": SAMPLES,
}  # fmt: skip
# -- the same, by the text of a case
NOT_THESE_SPECIAL = {
    "pow(3x4, -0.5)": "PyTorch takes the reciprocal root, which is NaN at -inf",
    "lerp(3x4, 3x4, 3x1)": "sums of infinities in another order",
}
# -- derivatives at special values: not compared
NOT_IN_SLOPE = {
    "acosh": "infinite at -1, beyond its domain, with the other sign", "arccosh": "as acosh",
    "special.polygamma": ZETA, "special.entr": "0 log 0 is 0 with the derivative 0",
}  # fmt: skip
# -- empty and 0-d tensors: not compared
NOT_EMPTY = {
    "nn.functional.dropout2d": "needs its dimensions", "nn.functional.dropout3d": "needs its dimensions",
    "nn.functional.feature_alpha_dropout": "needs its dimensions",
    "adjoint": "PyTorch's takes a 0-d tensor, with a warning", "roll": "PyTorch's asks nothing of an empty tensor",
    "var_mean": "fewer elements than the correction: PyTorch leaves the gradient of var out",
}  # fmt: skip
INTEGERS = "thalweg computes in floats, or takes them where PyTorch has no kernel"
CUT = "PyTorch cuts the factors to integers"
HALF = "LAPACK has no float16 and no integers; PyTorch's composites have"
SINGULAR = "what stands in place of the inverse of a singular matrix"
WEIGHTS = "wants weights or targets of the same dtype, which the case does not give"
NAMES_OF = {
    INTEGERS: "relu square argmax argmin any all trapezoid trapz cumulative_trapezoid gradient avg_pool1d "
    "softmax log_softmax nn.functional.relu nn.functional.relu6 nn.functional.hardtanh "
    "nn.functional.softmax nn.functional.log_softmax nn.functional.softmin nn.functional.dropout "
    "nn.functional.dropout1d nn.functional.dropout2d nn.functional.dropout3d nn.functional.upsample "
    "nn.functional.upsample_bilinear nn.functional.avg_pool1d nn.functional.avg_pool2d nn.functional.avg_pool3d "
    "nn.functional.lp_pool2d nn.functional.interpolate nn.functional.affine_grid "
    "nn.functional.local_response_norm nn.functional.embedding_bag "
    "nn.functional.kl_div nn.functional.gaussian_nll_loss nn.functional.hinge_embedding_loss",
    CUT: "addmv addr baddbmm addbmm",
    HALF: "matrix_power linalg.matrix_power linalg.vander det linalg.det matrix_exp linalg.matrix_exp",
    SINGULAR: "linalg.inv_ex linalg.solve_ex",
    WEIGHTS: "nn.functional.cross_entropy nn.functional.nll_loss nn.functional.multi_margin_loss "
    "nn.functional.binary_cross_entropy nn.functional.batch_norm histogram addmm cholesky_solve "
    "nn.functional.soft_margin_loss",
    ORDER: "kthvalue topk",
    SAMPLES: "nn.functional.fractional_max_pool2d nn.functional.fractional_max_pool3d "
    "nn.functional.fractional_max_pool2d_with_indices nn.functional.fractional_max_pool3d_with_indices",
}
NOT_THESE_DTYPES = {("pow", "uint8"): "negative powers of unsigned integers wrap round, PyTorch refuses them"}
NOT_INTEGER = {name for reason in (INTEGERS, CUT) for name in NAMES_OF[reason].split()}
NOT_TYPED = {name for reason, names in NAMES_OF.items() if reason not in (INTEGERS, CUT) for name in names.split()}
