"""
Turn our values into ROS messages.

Imports interface, input and frames.
"""
