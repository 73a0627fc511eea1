"""nn.utils: fused normalisations, and modules made without drawing."""

import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import ArgumentError


class Norm(tw.nn.Module):
    """The state of a BatchNorm1d in eval mode, and what it computes."""

    def __init__(self, n, affine=True):
        super().__init__()
        self.num_features, self.eps = n, 1e-3
        self.weight = tw.nn.Parameter(tw.linspace(0.5, 2, n)) if affine else None
        self.bias = tw.nn.Parameter(tw.linspace(-1, 1, n)) if affine else None
        self.register_buffer("running_mean", tw.linspace(1, 2, n))
        self.register_buffer("running_var", tw.linspace(0.1, 4, n))

    def forward(self, x):
        y = (x - self.running_mean) / (self.running_var + self.eps).sqrt()
        return y if self.weight is None else y * self.weight + self.bias


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_the_fused_layer_computes_what_both_do(bias, affine):
    linear, norm, x = tw.nn.Linear(3, 4, bias=bias).eval(), Norm(4, affine).eval(), tw.randn(5, 3)
    fused = tw.nn.utils.fuse_linear_bn_eval(linear, norm)
    np.testing.assert_allclose(fused(x).detach().numpy(), norm(linear(x)).detach().numpy(), rtol=1e-5, atol=1e-5)
    assert fused is not linear and isinstance(fused.bias, tw.nn.Parameter) and fused.bias.is_leaf


def test_the_channels_of_a_convolution_are_scaled():
    weight, ones = tw.arange(12.0).view(2, 3, 2), tw.ones(2)
    w, b = tw.nn.utils.fuse_conv_bn_weights(weight, None, ones, 4 * ones, 0.0, tw.tensor([2.0, 4.0]), None)
    assert w.tolist() == (weight * tw.tensor([1.0, 2.0]).view(2, 1, 1)).tolist() and b.tolist() == [-1, -2]
    three = tw.ones(3)
    scale = tw.tensor([2.0, 4.0, 6.0])
    w, _ = tw.nn.utils.fuse_conv_bn_weights(weight, None, three, 4 * three, 0.0, scale, None, transpose=True)
    assert w.tolist() == (weight * tw.tensor([1.0, 2.0, 3.0]).view(1, 3, 1)).tolist()


def test_what_can_not_be_fused_is_refused():
    linear, norm = tw.nn.Linear(3, 4), Norm(4)
    with pytest.raises(ArgumentError, match="eval mode"):
        tw.nn.utils.fuse_linear_bn_eval(linear, norm.eval())
    with pytest.raises(ArgumentError, match="4 outputs, the normalisation 3 features"):
        tw.nn.utils.fuse_linear_bn_eval(linear.eval(), Norm(3).eval())
    norm.running_mean = None
    with pytest.raises(ArgumentError, match="no running mean"):
        tw.nn.utils.fuse_linear_bn_eval(linear, norm)


def test_skip_init_draws_nothing():
    tw.manual_seed(5)
    expected = tw.rand(3).tolist()
    tw.manual_seed(5)
    layer = tw.nn.utils.skip_init(tw.nn.Linear, 2, 1, bias=False)
    assert layer.weight.shape == (1, 2) and layer.bias is None
    assert tw.rand(3).tolist() == expected
