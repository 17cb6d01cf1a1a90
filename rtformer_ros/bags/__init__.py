"""
Add masks to recorded bags, without a ROS installation.

Imports media for the bags, segmenter and engines for the masks; knows no ROS.
"""
