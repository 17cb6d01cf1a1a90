"""
Run any node as a process: executor, signals, logs.

Imports nothing of this package but errors.
"""
