"""
Say what one frame is made with, and what became of it.

Imports interface.
"""
