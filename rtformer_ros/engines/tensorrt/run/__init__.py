"""
Run a plan on the GPU.

Imports neither build nor plans; torch and cuda-python only where the one in use is opened.
"""
