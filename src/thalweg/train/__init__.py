"""Training runs: a table or the digits in, a run folder out. The command ``thalweg`` is its face.

``thalweg.train`` is imported on its own; ``import thalweg`` does not load it.
"""
