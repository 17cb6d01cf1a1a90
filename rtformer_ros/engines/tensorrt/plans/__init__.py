"""
Plans on disk: the cache of those that were built, and files that were built ahead of time.

Imports neither build nor run.
"""
