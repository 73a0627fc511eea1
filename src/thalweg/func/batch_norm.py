"""Batch normalisation without the running averages, which belong to no sample and to no model of a stack."""

from __future__ import annotations

from ..nn.module import Module
from ..nn.normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d

__all__ = ["replace_all_batch_norm_modules_"]


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Take the running averages from every BatchNorm in ``root``, which is changed and returned.

    They then normalise by the batch at hand, in evaluation too, and can be used inside ``vmap``.

    >>> import thalweg as tw
    >>> tw.func.replace_all_batch_norm_modules_(tw.nn.BatchNorm1d(2)).running_mean is None
    True
    """
    for module in root.modules():
        if isinstance(module, (BatchNorm1d, BatchNorm2d, BatchNorm3d)) and module.track_running_stats:
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
