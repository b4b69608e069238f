"""A rehearsal at the paper's size, with random weights: `python -m precompute.rehearse`.

It shows before the weights are here that a machine holds a run. Nobody imports it.
"""
