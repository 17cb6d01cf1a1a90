# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Run a model file: one module an engine, chosen by name from one table.

Imports values, network (for torch) and deploy (to read and rewrite ONNX graphs); each engine's
library is imported in its own module alone, which is loaded when it is asked for.
"""

from rtformer_ros.engines.base import Engine, EngineDescription
from rtformer_ros.engines.engine_table import compiles, engine_names, needs_build, open_engine
from rtformer_ros.engines.precision import EnginePrecision
from rtformer_ros.engines.request import BuildOptions, BuildProgress, BuildWatch, EngineRequest

__all__ = [
    'BuildOptions',
    'BuildProgress',
    'BuildWatch',
    'Engine',
    'EngineDescription',
    'EnginePrecision',
    'EngineRequest',
    'compiles',
    'engine_names',
    'needs_build',
    'open_engine',
]
