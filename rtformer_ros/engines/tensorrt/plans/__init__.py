"""
Keep plans on disk and open those that fit.

Imports neither build nor run.
"""
