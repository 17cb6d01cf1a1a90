"""
Projective geometry: camera model and pose, the ground plane, occupancy grid, scan and point cloud.

Imports errors, labels and segmentation; NumPy and OpenCV's calibration do the arithmetic.
"""
