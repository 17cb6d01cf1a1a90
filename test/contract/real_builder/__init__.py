# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Drive the package's own build with a real parser and builder of NVIDIA's, without a GPU.

TensorRT-RTX has TensorRT's interface, ONNX parser, type checks and graph optimiser, and its
builder works without a GPU. It is not the TensorRT of JetPack: docs/tensorrt.md says what it does
not prove. as_tensorrt/tensorrt.py makes it the module `tensorrt` of the processes that are
started here; `compiler` is the compile child, in which ONNX Runtime runs what was compiled in
place of the GPU; `models` writes what is compiled. The tests are the files check_*.py in checks;
scripts/build_with_tensorrt.py downloads the library and starts pytest with them.
"""
