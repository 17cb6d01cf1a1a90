"""
Relate pixels to metres.

Imports labels and segmentation; NumPy and OpenCV's calibration do the arithmetic.
"""
