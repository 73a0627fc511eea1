"""A run that is watched while it trains, in a browser on the same machine."""

from .feed import Live
from .server import LiveServer

__all__ = ["Live", "LiveServer"]
