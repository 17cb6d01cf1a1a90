# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The execution of a plan that paints a picture of frames of one size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import logging
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.engines.tensorrt.run.buffers import TensorForm
from rtformer_ros.engines.tensorrt.run.execution import Execution

if TYPE_CHECKING:
    from rtformer_ros.engines.frames.camera_frame import CameraFrame
    from rtformer_ros.engines.frames.painting import Painting
    from rtformer_ros.engines.tensorrt.run.loaded_plan import LoadedPlan, Scratch
    from rtformer_ros.segmentation import Pixels


_logger = logging.getLogger(__name__)


class PictureExecution:
    """
    A picture of frames of one size, painted of what lies on the device: the frame and its mask.

    scratch: what it borrows; nbytes: on the device, without scratch.
    """

    scratch: Scratch

    def __init__(
        self,
        picture: str,
        loaded: LoadedPlan,
        frame: CameraFrame,
        lent: Mapping[TensorForm, int],
        lend: Callable[[int], Scratch],
    ) -> None:
        """
        Make a context for pictures of a frame's size and allocate their memory.

        lent: `class_map` and the pixels of the frame, with their addresses, of which it takes what
        it needs. lend: as of FrameExecution.
        Raises EngineError where TensorRT refuses that, or where memory is short.
        """
        self._picture = picture
        self._painting: Painting | None = None
        context = loaded.new_context(f'the picture {picture}', has_scratch=False)
        self._execution = Execution(context, loaded.cuda, loaded.reason, f'the picture {picture}')

        def borrow() -> None:
            self.scratch = loaded.borrow_scratch(context, lend)

        tables = [
            TensorForm(name, table.shape, table.dtype)
            for name, table in frame.picture_tables(picture).items()
        ]
        try:
            kinds = [{picture: np.dtype(np.uint8)}]
            self._execution.bind([], kinds, borrow, tables, _taken(loaded, lent))
            self._fill(frame)
        except BaseException:
            self.close()
            raise
        buffers = (*self._execution.inputs, *self._execution.outputs)
        self.nbytes = sum(buffer.nbytes for buffer in buffers)

    def warm_up(self, *, use_graph: bool) -> None:
        """Run once and record the CUDA graph; raises EngineError, then closed, if that fails."""
        try:
            why_plain = self._execution.warm_up(use_graph=use_graph)
        except BaseException:
            self.close()
            raise
        _logger.info('the GPU paints %s: %s', self._picture, why_plain or 'CUDA graph')

    def enqueue(self, frame: CameraFrame) -> None:
        """Enqueue the painting, after what makes the mask, and the way back to the host."""
        is_known = frame.painting is self._painting
        # Unknown until it has arrived.
        self._painting = None
        if not is_known:
            self._fill(frame)
        self._execution.enqueue([] if is_known else None)

    def picture(self, frame: CameraFrame) -> Pixels:
        """Return the picture, RGB, uint8 [H, W, 3], once what was enqueued for it is done."""
        self._painting = frame.painting
        painted: Pixels = self._execution.array(self._picture)[0].copy()
        return painted

    def close(self) -> None:
        """Free everything but the scratch memory, which then nothing uses; safe repeatedly."""
        self._execution.close()

    def _fill(self, frame: CameraFrame) -> None:
        for name, table in frame.picture_tables(self._picture).items():
            np.copyto(self._execution.array(name), table)


def _taken(loaded: LoadedPlan, lent: Mapping[TensorForm, int]) -> Mapping[TensorForm, int]:
    """Return what of the memory that is lent the plan reads."""
    names = {loaded.plan.get_tensor_name(i) for i in range(loaded.plan.num_io_tensors)}
    return {form: address for form, address in lent.items() if form.name in names}
