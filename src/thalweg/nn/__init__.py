"""Modules: layers, containers, losses, and the functions and initialisations behind them."""

from __future__ import annotations

from . import functional
from .module import Module
from .parameter import Buffer, Parameter
