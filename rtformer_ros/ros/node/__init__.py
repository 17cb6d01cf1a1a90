"""
The node: its life, its cameras, its worker thread, its services and diagnostics.

Imports all rooms of ros but programs.
"""
