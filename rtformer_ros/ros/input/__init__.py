"""
Turn ROS messages into our values.

Imports interface.
"""
