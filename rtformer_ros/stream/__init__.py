"""
What a live stream of frames needs, without ROS: queue, rate, cache, statistics, smoothing.

Imports segmentation alone.
"""
