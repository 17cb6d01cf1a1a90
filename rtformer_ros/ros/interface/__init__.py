"""
All that a user of the node can see: parameters, topics, QoS, and the settings they are read into.

Imports no other room of ros.
"""
