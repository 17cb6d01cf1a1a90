"""
Frame: the configuration it is made with, its result, and the future of the next one.

Imports interface.
"""
