"""Measure the node's own cost a frame beside the bare network's."""
