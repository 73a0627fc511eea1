"""``explain``: where the gradient died. What it does is imported with the first call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .explaining.findings import Explanation

__all__ = ["explain"]


def explain(loss: Any, model: Any, *args: Any, **kwargs: Any) -> Explanation:
    """Which parameters of a model get no gradient that they can learn from, and which operation is to blame.

    ``loss`` may be

    - a function that computes the loss from ``args`` and returns it, or calls ``backward()`` itself. It is run once, on
      the side: parameters, gradients, buffers and the default random state are afterwards as they were. Everything that
      it computes is looked at, so that the blame has an operation, the user's line and a module.
    - a compiled function: it is traced, and the trace evaluated on the values of now. Nothing is written, whatever the
      function does.
    - the loss itself, a tensor, after ``backward()``. Then the tape and the gradients tell what they can: which
      operations are on the way, not what their values were, unless ``backward(retain_graph=True)`` has kept them. Lines
      are known of what ran within ``detect_anomaly``; what was taken off the tape is not.

    A gradient is

    - "missing" if backward does not come to the parameter, though it requires a gradient: what has
      ``requires_grad=False`` is meant not to learn, and is left out;
    - "zero", "nan" or "infinite" if all its elements are 0, or one is not finite;
    - "tiny" if its root mean square is less than 1e-7 of that of the largest gradient, and of that of the weights; or
      where a saturated sigmoid, tanh, softmax or the like leaves less than 1e-4 of a gradient that was not small;
    - "huge" if its root mean square is more than 1e6 times that of the weights.

    "The weights" are the parameter's own or those of the whole model, whichever are larger. Rows of an embedding that
    do not occur, single units that are dead, and parameters without effect whose gradient is but rounding (a bias
    before a normalisation) are no findings.

    Args:
        loss: a function, a compiled function, or a tensor of one element.
        model: the module whose parameters are looked at.
        *args, **kwargs: what the function is called with.

    Returns:
        An Explanation: false and empty if all is well. It prints as sentences, has ``findings`` (parameter, shape,
        symptom, blame) and ``notes``: whether the loss is a staircase, or what has made it NaN.

    Raises:
        AutogradError: the function returns no tensor and calls no backward, or the loss has no tape since a compiled
            function has returned it.

    >>> import thalweg as tw
    >>> from thalweg import nn
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> _ = nn.init.constant_(model[0].bias, -10.0)
    >>> found = tw.autograd.explain(lambda x: model(x).square().mean(), model, tw.ones(5, 2))
    >>> found["0.bias"].symptom, found["0.bias"].blame.op, found["0.bias"].blame.module
    ('zero', 'relu', '1 (ReLU)')
    """
    from .explaining.explanation import explanation

    return explanation(loss, model, args, kwargs)
