"""
Parameters between ROS and the node: declared at the start, read as their user means them.

Imports no other room of ros.
"""
