"""
Process of any node: executor, signals, logs.

Imports nothing of this package but errors.
"""
