# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The execution of a plan for frames of one size: context, memory and CUDA graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import logging
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.engines.tensorrt.frames.picture_execution import PictureExecution
from rtformer_ros.engines.tensorrt.run.buffers import TensorForm
from rtformer_ros.engines.tensorrt.run.execution import Execution, finished
from rtformer_ros.errors import EngineError
from rtformer_ros.segmentation import Segmentation

if TYPE_CHECKING:
    from rtformer_ros.engines.frames.camera_frame import CameraFrame
    from rtformer_ros.engines.tensorrt.run.buffers import TransferBuffer
    from rtformer_ros.engines.tensorrt.run.loaded_plan import LoadedPlan, Scratch
    from rtformer_ros.imaging.frame_sampling import FrameSampling

Shapes = Mapping[str, tuple[int, ...]]
"""Of the inputs, by name."""

OUTPUTS = ('class_map', 'network_class_map', 'confidence')
"""What a plan that takes frames returns, as bytes."""

_logger = logging.getLogger(__name__)
_PIXELS = ('frame', 'chroma')


class FrameExecution:
    """
    Frames of one size: the frame is copied to the device each time, its tables when they change.

    A picture is painted with a context of its own, which is made when it is first asked for.
    """

    def __init__(
        self,
        loaded: LoadedPlan,
        shapes: Shapes,
        dtypes: Mapping[str, np.dtype[Any]],
        lend: Callable[[int], Scratch],
        painters: Mapping[str, LoadedPlan],
    ) -> None:
        """
        Make a context for inputs of these shapes and allocate their memory.

        lend: returns memory of so many bytes or more for as long as this is open. painters: the
        plans of pictures by name, on the same device.
        Raises EngineError where TensorRT refuses that, or where memory is short.
        """
        rows, columns = shapes['mask_rows'][0], shapes['mask_columns'][0]
        use = f'masks of {columns} x {rows} pixels'
        context = loaded.new_context(use, has_scratch=False)
        self._execution = Execution(context, loaded.cuda, loaded.reason, use)
        self._tables: _Tables | None = None
        self._loaded, self._lend, self._plans = loaded, lend, painters
        self._painters: dict[str, PictureExecution | None] = {}
        self._use_graph = True

        def borrow() -> None:
            self._scratch = loaded.borrow_scratch(context, lend)

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

    @property
    def scratches(self) -> list[Scratch]:
        """Return what it borrows."""
        return [self._scratch, *(each.scratch for each in self._open_painters())]

    @property
    def nbytes(self) -> int:
        """Return how much it takes of the device, without scratch."""
        buffers = (*self._execution.inputs, *self._execution.outputs)
        own = sum(buffer.nbytes for buffer in buffers)
        return own + sum(each.nbytes for each in self._open_painters())

    def warm_up(self, *, use_graph: bool) -> str:
        """Run once and record the CUDA graph; return '' or why it runs without one."""
        self._use_graph = use_graph
        return self._execution.warm_up(use_graph=use_graph)

    def run(self, frame: CameraFrame) -> Segmentation:
        """
        Segment a frame of this size, and paint what is asked for.

        A picture that cannot be painted is left out. Raises EngineError where TensorRT or CUDA
        fails.
        """
        execution = self._execution
        # They run once when they are made, so before anything is under way.
        painters = {name: self._painter(name, frame) for name in sorted(frame.pictures)}
        painting = {name: each for name, each in painters.items() if each is not None}
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
        with finished(self._loaded.cuda):
            execution.enqueue(
                [pixels] if known == wanted else [pixels, tables],
                [maps, confidence] if frame.with_confidence else [maps],
            )
            for painter in painting.values():
                painter.enqueue(frame)
        self._tables = wanted
        pictures = {name: painter.picture(frame) for name, painter in painting.items()}
        ids_hw, small_hw = (execution.array(name)[0].copy() for name in OUTPUTS[:2])
        confidence_hw = (
            execution.array(OUTPUTS[2])[0].copy()
            if frame.with_confidence
            else np.zeros_like(ids_hw)
        )
        return Segmentation(ids_hw, confidence_hw, small_hw, pictures=pictures)

    def close(self) -> None:
        """Free everything but the scratch memory, which then nothing uses; safe repeatedly."""
        # Theirs first, which read what the frame's own have.
        for painter in self._open_painters():
            painter.close()
        self._painters = {}
        self._execution.close()

    def _painter(self, picture: str, frame: CameraFrame) -> PictureExecution | None:
        """Return what paints a picture, made if need be; None where that failed before."""
        if picture not in self._painters:
            self._painters[picture] = self._open_painter(picture, frame)
        return self._painters[picture]

    def _open_painter(self, picture: str, frame: CameraFrame) -> PictureExecution | None:
        loaded = self._plans.get(picture)
        if loaded is None:
            return None
        pixels, maps = self._execution.inputs[0], self._execution.outputs[0]
        lent = {
            form: buffer.addresses[form.name] for buffer in (pixels, maps) for form in buffer.forms
        }
        try:
            with loaded.listening():
                painter = PictureExecution(picture, loaded, frame, lent, self._lend)
                painter.warm_up(use_graph=self._use_graph)
        except EngineError as error:
            _logger.warning('the host draws %s of frames of this size: %s', picture, error)
            return None
        return painter

    def _open_painters(self) -> list[PictureExecution]:
        return [each for each in self._painters.values() if each is not None]


@dataclass(frozen=True)
class _Tables:
    """What the tables of a frame are made of."""

    sampling: FrameSampling
    remap: bytes
    threshold: int


def _fill(buffer: TransferBuffer, arrays: Mapping[str, Any]) -> None:
    for name, array in arrays.items():
        np.copyto(buffer.arrays[name], array)
