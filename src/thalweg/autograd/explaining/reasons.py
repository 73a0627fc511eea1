"""What an operation does to a gradient, in words: the reasons, and what to do about them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.origin import Origin
from .findings import Blame
from .sizes import is_zero
from .steps import Step
from .wording import number, scope_words

__all__ = [
    "FACTORS",
    "SATURATING",
    "blame_at",
    "infinite_slope",
    "is_staircase",
    "multiplied_by_zero",
    "not_finite",
    "off_tape",
    "taken_off",
    "zero_derivative",
    "zero_output",
]

ROUNDING = frozenset({"floor", "ceil", "trunc", "round", "sign", "floor_divide"})  # derivatives that are 0 everywhere
SATURATING = frozenset({"sigmoid", "tanh", "softmax", "erf", "softplus", "exp", "expm1", "log_softmax", "logaddexp"})
FACTORS = frozenset({"mul", "matmul", "linear", "linear_relu", "convolution", "div"})
ROOTS = ("sqrt", "rsqrt", "log", "log2", "log10", "log1p")
PIECEWISE = frozenset(  # modules that are constant on one side or both
    {"ReLU6", "Hardtanh", "Hardsigmoid", "Hardswish", "Threshold", "Softshrink", "Hardshrink"}
)

BELOW = "add a small number to its input, or clamp it from below"
SURROGATE = (
    "use a smooth stand-in (softmax, sigmoid, a straight-through estimator), or an optimiser that needs costs only, "
    "such as optim.EvolutionStrategy"
)
BIASES = (
    "lower the learning rate, look at biases and the scale of the inputs, or use LeakyReLU, GELU or a normalisation"
)
SCALES = "scale the inputs, initialise with smaller weights, normalise before it, or use another activation"


def blame_at(step: Step, reason: str, suggestion: str = "", flat: bool = False) -> Blame:
    """A blame with the place of a step."""
    return blame_in(step.origin, step.name, reason, suggestion, flat)


def blame_in(origin: Origin, op: str, reason: str, suggestion: str = "", flat: bool = False) -> Blame:
    """A blame with a place."""
    return Blame(op, reason, scope_words(origin.scope), origin.line, suggestion, flat)


def is_staircase(step: Step) -> bool:
    """Whether an operation's result changes in steps only, or is a number of another kind."""
    return step.name in ROUNDING or not step.primitive.differentiable


def kind_of(step: Step) -> str:
    """The class of the module that a step belongs to."""
    return step.origin.scope.kind if step.origin.scope is not None else ""


def extent(value: Any) -> str:
    """The range of an array's values."""
    if not isinstance(value, np.ndarray) or not value.size:
        return "no values"
    if value.size == 1:
        return number(float(value.reshape(-1)[0]))
    low, high = number(float(np.min(value))), number(float(np.max(value)))
    return f"between {low} and {high}" if low != high else f"all {low}"


# -- gradients that end -----------------------------------------------------------------------------------


def zero_derivative(step: Step, position: int) -> Blame | None:
    """Why no gradient passes a step, apart from a factor that is 0; None if that is it."""
    name, x = step.name, _value(step, position)
    if (step.cotangent is not None and not np.size(step.cotangent)) or (x is not None and not x.size):
        return blame_at(
            step, "it works on an empty selection, so nothing reaches the loss", "look at the mask or index"
        )
    if is_staircase(step):
        return blame_at(step, "its derivative is 0 everywhere: a staircase", SURROGATE, flat=True)
    if name in ("relu", "linear_relu"):
        return _dead(step, _before_relu(step))
    if name == "clamp":
        reason = f"all inputs that count lie outside of its range, where it is constant{given(step)}"
        return blame_at(step, reason, BIASES, flat=True)
    if name in ("where", "maximum", "minimum"):
        return _not_taken(step, position)
    shape = np.shape(step.output if x is None else x)
    if name in ("softmax", "log_softmax") and shape and shape[step.params.get("dim", -1)] == 1:
        return blame_at(step, "over an axis of size 1 it is a constant", "give it at least two classes, or use sigmoid")
    if name in SATURATING:
        return blame_at(step, f"it is saturated{given(step)}: its derivative underflows to 0", SCALES, flat=True)
    if name in FACTORS and len(step.inputs) > 1:
        return None
    if name == "recompute":
        reason = "the gradient ends inside of what the checkpoint computes"
        return blame_at(step, reason, "call the function without checkpoint to see where")
    reason = f"its derivative is 0 here{given(step)}"
    return blame_at(step, reason, "", flat=True)


def given(step: Step) -> str:
    """What a step was given, if it is known, or else what it gave."""
    x = _value(step, 0)
    if x is not None:
        return f" (its inputs are {extent(x)})"
    return f" (its outputs are {extent(step.output)})" if isinstance(step.output, np.ndarray) else ""


def _value(step: Step, position: int) -> Any:
    x = step.inputs[position] if position < len(step.inputs) else None
    return x if isinstance(x, np.ndarray) else None


def _before_relu(step: Step) -> Any:
    if step.name == "relu" or len(step.inputs) < 3 or step.inputs[0] is None or step.inputs[1] is None:
        return _value(step, 0) if step.name == "relu" else None
    x, weight, bias = step.inputs[:3]
    return x @ weight.T + (0.0 if bias is None else bias)


def _dead(step: Step, x: Any) -> Blame:
    """A ReLU that lets nothing through."""
    if (x is None and (step.output is None or is_zero(step.output))) or (x is not None and (x <= 0).all()):
        size = "" if x is None else f": all {x.size} inputs are <= 0"
        return blame_at(
            step, f"it is dead on the whole batch{size}, so its output and derivative are 0", BIASES, flat=True
        )
    reason = "the gradient arrives only at units that are dead: their inputs are <= 0"
    return blame_at(step, reason, BIASES, flat=True)


def _not_taken(step: Step, position: int) -> Blame:
    condition = _value(step, 0)
    if kind_of(step) in PIECEWISE:
        reason = "all inputs that count lie where it is constant, so nothing passes"
        return blame_at(step, reason, BIASES, flat=True)
    if step.name == "where" and condition is not None and condition.dtype == bool:
        outcome = "False" if position == 1 else "True"
        if (condition == (position != 1)).all():
            source = step.sources[0]
            what = f"condition ({source.name})" if isinstance(source, Step) else "mask"
            reason = f"its {what} is {outcome} everywhere, so this branch is never taken"
            return blame_at(step, reason, f"look at the {what.partition(' ')[0]}", flat=True)
    reason = "it takes the other branch wherever the gradient arrives"
    return blame_at(step, reason, "look at what decides between the branches", flat=True)


def zero_output(step: Step) -> Blame:
    """Why the output of a step, which is a factor, is 0 everywhere though its inputs are not."""
    name = step.name
    if name in ("relu", "linear_relu"):
        return _dead(step, _before_relu(step))
    if is_staircase(step):
        return blame_at(step, "it gives 0 everywhere", SURROGATE, flat=True)
    if name in SATURATING:
        reason = f"it underflows to 0{given(step)}"
        return blame_at(step, reason, SCALES, flat=True)
    if name == "sub":
        return blame_at(step, "the two values are equal, so that their difference, a factor of the gradient, is 0")
    return blame_at(step, "its output, a factor of the gradient, is 0 everywhere")


def multiplied_by_zero(step: Step) -> Blame:
    """A product with the number 0."""
    if "Dropout" in kind_of(step):
        return blame_at(step, "it drops everything (p=1)", "lower p, or call eval()")
    return blame_at(step, "it multiplies by 0", "look at that factor")


# -- values that are off the tape --------------------------------------------------------------------------


def off_tape(step: Step, position: int) -> Blame | None:
    """Why a step is not on the tape though its input is; None if the input was cut off before."""
    if is_staircase(step):
        return blame_at(step, "it has no gradient: its result changes in steps only", SURROGATE, flat=True)
    if step.cut[position]:
        return None
    if not step.recording:
        reason = "it ran under no_grad, so it was not recorded"
        return blame_at(step, reason, "compute what is to be learnt outside of no_grad")
    if step.name == "convert":
        reason = f"it makes {np.asarray(step.output).dtype} of floating-point numbers, which has no gradient"
        return blame_at(step, reason, SURROGATE, flat=True)
    return blame_at(step, "it has no derivative", SURROGATE, flat=True)


TAKEN = {
    "detach": ("detach() takes the value off the tape", "leave detach() out"),
    "data": (".data takes the value off the tape", "use the tensor itself"),
    "__bool__": ("Python branches on the value, which has no gradient", "use tw.where, or a smooth stand-in"),
}


def taken_off(how: str, origin: Origin) -> Blame:
    """A value that the user has taken off the tape."""
    name = how.strip("_")
    reason, suggestion = TAKEN.get(
        how,
        (f"{name}() gives a value without its history; what is computed from it is a constant",
         "stay with tensors and thalweg's operations"),
    )  # fmt: skip
    return blame_in(origin, name, reason, suggestion, flat=how == "__bool__")


# -- values that are not finite ---------------------------------------------------------------------------


def not_finite(step: Step) -> Blame:
    """Why the output of a step is NaN or infinite though its inputs are finite."""
    name, x = step.name, _value(step, 0)
    nan = bool(np.isnan(step.output).any())
    known = given(step)
    if x is not None and not x.size:
        return blame_at(step, "it is taken over nothing: its input is empty", "look at the mask, index or batch")
    if name in ("exp", "expm1"):
        suggestion = "use tw.softmax, log_softmax or logsumexp, which subtract the maximum first, or clamp its input"
        return blame_at(step, f"it overflows {step.output.dtype}{known}", suggestion)
    if name in ROOTS:
        what = f"the {'logarithm' if name.startswith('log') else 'root'} of {'a negative number' if nan else '0'}"
        return blame_at(step, f"it is {what}{known}", BELOW)
    if name in ("div", "reciprocal"):
        return blame_at(step, "0 is divided by 0" if nan else "it divides by 0, or overflows", BELOW)
    if name == "sub" and nan:
        return blame_at(step, "infinity is subtracted from infinity", "look at what has become infinite")
    if name in FACTORS and nan and not _all_finite(step):
        return blame_at(step, "0 is multiplied by infinity, or infinities cancel", "look at what has become infinite")
    if name in ("softmax", "log_softmax") and nan:
        return blame_at(step, "a whole row is -inf: everything in it is masked", "leave at least one place in each row")
    if name == "convert":
        return blame_at(step, f"the number is too large for {step.output.dtype}", "keep the wider dtype, or scale")
    if name == "pow":
        exponent = _extent_of(step.inputs[1] if len(step.inputs) > 1 else None)
        return blame_at(step, f"the power is no finite number{known}, exponent {exponent}", "look at the base")
    what = "NaN" if nan else "an infinity"
    return blame_at(step, f"it makes {what} of finite numbers{known}", "look at the size of its inputs")


def _extent_of(value: Any) -> str:
    return extent(value) if isinstance(value, np.ndarray) else "unknown" if value is None else f"{value:g}"


def _all_finite(step: Step) -> bool:
    return all(np.isfinite(v).all() for v in step.inputs if isinstance(v, (np.ndarray, float)))


def infinite_slope(step: Step, position: int) -> Blame:
    """Why the gradient is not finite where the values are."""
    name, x = step.name, _value(step, position)
    if x is None and name == "sqrt":
        x = step.output
    if name in (*ROOTS, "reciprocal", "pow") and x is not None and (x == 0).any():
        reason = f"its derivative at 0 is infinite, and {int((x == 0).sum())} of its {x.size} inputs are 0"
        return blame_at(step, reason, BELOW)
    if name == "div":
        return blame_at(step, "it divides by a number that is 0, or almost", BELOW)
    return blame_at(step, f"its derivative is no finite number{given(step)}", "look at the size of its inputs")
