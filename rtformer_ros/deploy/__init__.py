"""
Turn a trained network into a file that a robot runs.

Imports network for export and imaging for calibration; the rest works on ONNX graphs alone.
"""
