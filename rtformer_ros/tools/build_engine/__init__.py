"""Compile a model with TensorRT ahead of time; make FP16 and INT8 models on any machine."""
