"""Games of two numbers: the field of their gradients, and the paths that optimisers take in it."""

from .playing import play
from .vector_field import VectorField, vector_field

__all__ = ["VectorField", "play", "vector_field"]
