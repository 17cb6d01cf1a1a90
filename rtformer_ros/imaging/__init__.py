"""
Turn pixels into pixels for machines: encodings, files, depth, sizes.

Imports errors alone.
"""
