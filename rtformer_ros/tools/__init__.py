"""
Offer the package on the command line.

May import everything but ros, which tools start as processes; nothing imports a tool.
"""
