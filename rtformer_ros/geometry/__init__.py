"""Relate pixels to metres."""
