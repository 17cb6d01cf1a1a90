"""
Interface of the node: its parameters, topics and QoS, and the settings they are read into.

Imports no other room of ros.
"""
