"""
Converters and publishers: from our values to ROS messages.

Imports interface, input and frames.
"""
