"""
Check a graph for what TensorRT's ONNX importer refuses.

Imports nothing but errors and deploy's reading of ONNX files.
"""
