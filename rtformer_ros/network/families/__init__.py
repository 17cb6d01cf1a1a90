"""
Hold the networks, a family each: its layers, its settings, and its NetworkFamily.

Imports blocks and family of network; only the registry and builders of one family import it.
"""
