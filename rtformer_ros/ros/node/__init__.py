"""
Lifecycle node: its cameras, its worker thread, its services and diagnostics.

Imports all rooms of ros but programs.
"""
