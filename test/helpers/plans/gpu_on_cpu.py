# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A GPU that is not there: ONNX Runtime on the CPU stands for TensorRT's plans and CUDA."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from rtformer_ros import engines
from rtformer_ros.engines.tensorrt import device
from rtformer_ros.engines.tensorrt.device import Gpu
from rtformer_ros.tools.verify_gpu import measurements
from rtformer_ros.tools.verify_gpu.runtimes import openings
from rtformer_ros.tools.verify_gpu.variants import WrittenModel

ORIN = Gpu('Orin', '8.7', 16)


@dataclass
class GpuOnCpu:
    """
    What the stand-in does.

    shift: what a plan adds to its classes; failure: of a build; plan_path: where plans are kept;
    levels: the optimisation levels of the plans that were asked for.
    """

    shift: int = 0
    failure: Exception | None = None
    plan_path: Path | None = None
    levels: list[int] | None = None

    def compile(self, trial, variant, folder, batch):
        if self.failure:
            return self.failure
        self.levels = [*(self.levels or []), trial.scope.optimization_level]
        record = SimpleNamespace(
            precision=variant.plan_precision, build_s=12.0, notes=('FP16: too wrong',)
        )
        plan = SimpleNamespace(is_new=True, path=self.plan_path, record=record, model=trial.model)
        return measurements._Compiled(variant, WrittenModel(trial.model, 'how it was made'), plan)

    def opening_plan(self, plan, *, use_graph):
        @contextmanager
        def opening():
            engine = engines.open_engine(
                engines.EngineRequest(plan.model, 'onnxruntime', device='cpu')
            )
            yield lambda images: engine.infer(images).class_map_nhw + self.shift, 'how'
            engine.close()

        return opening


def stand_in_for_gpu(monkeypatch: pytest.MonkeyPatch) -> GpuOnCpu:
    """Let the measurements take the CPU for a GPU; return what says how it behaves."""
    stand_in, real = GpuOnCpu(), engines.open_engine
    monkeypatch.setattr(
        openings,
        'open_engine',
        lambda request: real(
            replace(request, engine='onnxruntime', device='cpu', precision='auto')
        ),
    )
    monkeypatch.setattr(measurements, '_compile', stand_in.compile)
    monkeypatch.setattr(measurements, 'opening_plan', stand_in.opening_plan)
    monkeypatch.setattr(device, 'find_gpu', lambda: ORIN)
    return stand_in
