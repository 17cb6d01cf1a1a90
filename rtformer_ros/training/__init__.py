"""
Train networks: data, losses, optimiser, and the loop that joins them.

Imports network, labels, imaging and files; only evaluation and tools import it.
"""
