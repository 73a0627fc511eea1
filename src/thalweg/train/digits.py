"""The lecture's job: handwritten digits, told apart by a network of three linear layers."""

from __future__ import annotations
