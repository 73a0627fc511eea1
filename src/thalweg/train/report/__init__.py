"""The report of a run: one page, made from what the run's folder holds."""

from .data import RunData, load_run_data
from .writing import show_page, try_report, write_comparison, write_report

__all__ = ["RunData", "load_run_data", "show_page", "try_report", "write_comparison", "write_report"]
