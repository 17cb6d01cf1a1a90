# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The execution of a plan for frames of one size: context, memory and CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.engines.tensorrt.run.buffers import TensorForm
from rtformer_ros.engines.tensorrt.run.execution import Execution
from rtformer_ros.segmentation import Segmentation

if TYPE_CHECKING:
    from rtformer_ros.engines.frames.camera_frame import CameraFrame
    from rtformer_ros.engines.tensorrt.run.buffers import TransferBuffer
    from rtformer_ros.engines.tensorrt.run.cuda import MirroredMemory
    from rtformer_ros.engines.tensorrt.run.loaded_plan import LoadedPlan
    from rtformer_ros.imaging.frame_sampling import FrameSampling

Shapes = Mapping[str, tuple[int, ...]]
"""Of the inputs, by name."""

OUTPUTS = ('class_map', 'network_class_map', 'confidence')
"""What a plan that takes frames returns, as bytes."""

_PIXELS = ('frame', 'chroma')


@dataclass(frozen=True, eq=False)
class Scratch:
    """Memory for intermediate results, on the device alone, and its size in bytes."""

    memory: MirroredMemory
    nbytes: int


class FrameExecution:
    """
    Frames of one size: the frame is copied to the device each time, its tables when they change.

    scratch: what it borrows; nbytes: on the device, without scratch.
    """

    scratch: Scratch

    def __init__(
        self,
        loaded: LoadedPlan,
        shapes: Shapes,
        dtypes: Mapping[str, np.dtype[Any]],
        lend: Callable[[int], Scratch],
    ) -> None:
        """
        Make a context for inputs of these shapes and allocate their memory.

        lend: returns memory of so many bytes or more for as long as this is open.
        Raises EngineError where TensorRT refuses that, or where memory is short.
        """
        rows, columns = shapes['mask_rows'][0], shapes['mask_columns'][0]
        use = f'masks of {columns} x {rows} pixels'
        context = loaded.new_context(use, has_scratch=False)
        self._execution = Execution(context, loaded.cuda, loaded.reason, use)
        self._tables: _Tables | None = None

        def borrow() -> None:
            nbytes = loaded.scratch_bytes(context)
            self.scratch = lend(nbytes)
            loaded.give_scratch(context, self.scratch.memory, nbytes)

        forms = [TensorForm(name, shape, dtypes[name]) for name, shape in shapes.items()]
        pixels, tables = (
            [form for form in forms if (form.name in _PIXELS) == is_pixels]
            for is_pixels in (True, False)
        )
        kinds = [{name: dtypes[name] for name in group} for group in (OUTPUTS[:2], OUTPUTS[2:])]
        try:
            self._execution.bind([pixels], kinds, borrow, tables)
        except BaseException:
            self.close()
            raise
        buffers = (*self._execution.inputs, *self._execution.outputs)
        self.nbytes = sum(buffer.nbytes for buffer in buffers)

    def warm_up(self, *, use_graph: bool) -> str:
        """Run once and record the CUDA graph; return '' or why it runs without one."""
        return self._execution.warm_up(use_graph=use_graph)

    def run(self, frame: CameraFrame) -> Segmentation:
        """Segment a frame of this size; raises EngineError where TensorRT or CUDA fails."""
        execution = self._execution
        pixels, tables = execution.inputs
        maps, confidence = execution.outputs
        _fill(pixels, frame.pixels())
        known, wanted = (
            self._tables,
            _Tables(frame.sampling, frame.remap.tobytes(), frame.threshold),
        )
        # Unknown until they have arrived.
        self._tables = None
        if known != wanted:
            _fill(tables, frame.tables())
        execution.run(
            [pixels] if known == wanted else [pixels, tables],
            [maps, confidence] if frame.with_confidence else [maps],
        )
        self._tables = wanted
        ids_hw, small_hw = (execution.array(name)[0].copy() for name in OUTPUTS[:2])
        if not frame.with_confidence:
            return Segmentation(ids_hw, np.zeros_like(ids_hw), small_hw)
        return Segmentation(ids_hw, execution.array(OUTPUTS[2])[0].copy(), small_hw)

    def close(self) -> None:
        """Free everything but the scratch memory, which then nothing uses; safe repeatedly."""
        self._execution.close()


@dataclass(frozen=True)
class _Tables:
    """What the tables of a frame are made of."""

    sampling: FrameSampling
    remap: bytes
    threshold: int


def _fill(buffer: TransferBuffer, arrays: Mapping[str, Any]) -> None:
    for name, array in arrays.items():
        np.copyto(buffer.arrays[name], array)
