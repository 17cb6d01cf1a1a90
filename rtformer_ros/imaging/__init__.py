"""
Image processing for machines: encodings, codecs, resampling.

Imports errors alone; NumPy and OpenCV do the arithmetic.
"""
