"""
Executables, and what only they need.

May import every room of ros; nothing imports a program.
"""
