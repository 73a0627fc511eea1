"""Summaries of modules: one traced call is measured (``measure``), put into rows (``rows``), and shown as a table."""

from .rows import Row
from .summary import Summary, summary

__all__ = ["Row", "Summary", "summary"]
