"""Compile ONNX models with TensorRT, keep the plans, and run them."""
