# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A model, a machine that is not there, and plans made for them by a compiler that stands in."""

from __future__ import annotations

from dataclasses import dataclass, replace
import json
from pathlib import Path
import sys

import numpy as np
from rtformer_ros.engines import BuildOptions, BuildWatch, EngineRequest
from rtformer_ros.engines.tensorrt.build.find_or_build import (
    must_compile,
    prepare_plan,
    PreparedPlan,
)
from rtformer_ros.engines.tensorrt.device import Gpu
from rtformer_ros.engines.tensorrt.plans.cache import PlanCache
from rtformer_ros.engines.tensorrt.plans.key import Target
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.model_metadata import ModelMetadata

TARGET = Target('10.3.0.26', Gpu('Orin', '8.7', 16))
STAND_IN = Path(__file__).with_name('stand_in_compiler.py')


@dataclass(frozen=True)
class Workbench:
    """A folder with a model, a cache and the log of the builds."""

    folder: Path

    @property
    def model(self) -> Path:
        return self.folder / 'model.onnx'

    @property
    def cache_folder(self) -> Path:
        return self.folder / 'home' / 'rtformer_ros' / 'plans'

    def compiler(self, **script) -> list[str]:
        script['log'] = str(self.folder / 'builds.log')
        return [sys.executable, str(STAND_IN), json.dumps(script)]

    def request(
        self, engine: str = 'tensorrt', *, watch: BuildWatch | None = None, **changes
    ) -> EngineRequest:
        build = BuildOptions(**changes.pop('build', {}))
        watch = watch or BuildWatch()
        return EngineRequest(self.model, engine, build=build, watch=watch, **changes)

    def prepare(
        self, request=None, *, target=TARGET, cache=None, force=False, is_exact=False, **script
    ) -> PreparedPlan:
        return prepare_plan(
            request or self.request(),
            target=target,
            cache=cache or PlanCache(self.cache_folder),
            compiler=self.compiler(**script),
            force=force,
            is_exact=is_exact,
        )

    def needs_build(self, request=None, target=TARGET) -> bool:
        cache = PlanCache(self.cache_folder)
        return must_compile(request or self.request(), target=target, cache=cache)

    def builds(self) -> list[str]:
        """The settings of all builds so far, 'fp16@3'."""
        return [line.split()[1] for line in self._log()]

    def compiler_ids(self) -> list[int]:
        return [int(line.split()[0]) for line in self._log()]

    def timing_sizes(self) -> list[int]:
        return [int(line.split()[2]) for line in self._log()]

    def compiled_paths(self) -> list[Path]:
        """The files that were compiled."""
        return [Path(line.split()[3]) for line in self._log()]

    def visible_gpus(self) -> list[str]:
        """CUDA_VISIBLE_DEVICES of the compilers."""
        return [line.split()[4] for line in self._log()]

    def _log(self) -> list[str]:
        path = self.folder / 'builds.log'
        return path.read_text().splitlines() if path.exists() else []


def other_machine(**changes) -> Target:
    version = changes.pop('tensorrt_version', TARGET.tensorrt_version)
    return Target(version, replace(TARGET.gpu, **changes))


def write_model(path: Path, *, bias: float = 0.0, half: bool = False) -> Path:
    """
    Write a model of two classes: is the middle of a pixel's channels brighter than 127.5 + bias?

    half: the file carries FP16 weights.
    """
    # Here, as a process that only loads a plan is seen to need none of it.
    import onnx
    from onnx import helper, numpy_helper, TensorProto

    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    weights = np.array([[0, 0], [-1, 1], [0, 0]], np.float16 if half else np.float32)
    offset = np.array([127.5 + bias, -127.5 - bias], weights.dtype)
    graph = helper.make_graph(
        [
            helper.make_node('Cast', ['image'], ['pixels'], 'cast', to=kind),
            helper.make_node('MatMul', ['pixels', 'weights'], ['products'], 'multiply'),
            helper.make_node('Add', ['products', 'offset'], ['logits'], 'add'),
            helper.make_node('ArgMax', ['logits'], ['ids'], 'best', axis=3, keepdims=0),
            helper.make_node('Cast', ['ids'], ['float_ids'], 'to_float', to=TensorProto.FLOAT),
            helper.make_node('Cast', ['float_ids'], ['class_map'], 'bytes', to=TensorProto.UINT8),
            helper.make_node('Identity', ['class_map'], ['confidence'], 'sure'),
        ],
        'brightness',
        [helper.make_tensor_value_info('image', TensorProto.UINT8, ['n', 48, 64, 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.UINT8, ['n', 48, 64])
            for name in ('class_map', 'confidence')
        ],
        [numpy_helper.from_array(weights, 'weights'), numpy_helper.from_array(offset, 'offset')],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    metadata = ModelMetadata(labels=LabelSet.generic(2), height=48, width=64, exporter='test')
    helper.set_model_props(model, metadata.to_properties())
    onnx.save(model, path)
    return path
