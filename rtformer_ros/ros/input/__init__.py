"""
Subscriptions and their messages: from ROS messages to our values.

Imports interface.
"""
