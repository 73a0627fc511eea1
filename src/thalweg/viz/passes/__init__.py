"""Values on block diagrams: a forward and a backward pass, block by block."""

from .backprop import Backprop, backprop

__all__ = ["Backprop", "backprop"]
