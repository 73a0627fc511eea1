"""The valley: level curves of a loss over two directions of its weights, and the paths of gradient descent in it."""

from .descent import Path, descend
from .landscape import Landscape, Profile, landscape
from .plane import Plane
from .trajectory import Trajectory, trajectory

__all__ = ["Landscape", "Path", "Plane", "Profile", "Trajectory", "descend", "landscape", "trajectory"]
