"""
What a live stream of frames needs, without ROS: queue, rate, statistics, smoothing.

Imports segmentation alone.
"""
