"""
Reduced precision: what a CPU computes in fast, and the INT8 files that lie beside a model.

Imports values and the request.
"""
