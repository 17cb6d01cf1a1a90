"""
Preparation of a model in a process of its own, so that an engine that runs keeps its core.

Imports what `engines` may.
"""
