"""
Files fetched over HTTP.

Imports errors and the other modules of files.
"""
