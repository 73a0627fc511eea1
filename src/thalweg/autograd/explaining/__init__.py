"""Where the gradient died: which operation is to blame for a gradient that is missing, 0, or out of scale."""

from .explain import explain
from .findings import Blame, Explanation, Finding

__all__ = ["Blame", "Explanation", "Finding", "explain"]
