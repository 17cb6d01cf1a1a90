"""
Make a plan of an ONNX model.

The way leads find_or_build -> attempts -> parent | child -> steps -> builder; the bar is the line
between two processes. Imports plans, and run where a new plan is tried.
"""
