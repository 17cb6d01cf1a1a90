"""
Compile ONNX models with TensorRT, keep the plans, and run them.

build, plans and run are the three rooms; engine joins them. tensorrt itself is imported by
bindings alone.
"""
