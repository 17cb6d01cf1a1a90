"""
Find, write, lock and fetch files.

Imports nothing of this package but errors.
"""
