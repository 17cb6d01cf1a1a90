"""
Turn a trained network into a file that a robot runs.

Imports network for export; the rest works on ONNX graphs alone.
"""
