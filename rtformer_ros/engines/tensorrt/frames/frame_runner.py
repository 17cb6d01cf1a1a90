# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The runner of a plan that takes camera frames, of any size within its profile."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
import logging
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.engines.tensorrt.frames.frame_execution import (
    FrameExecution,
    OUTPUTS,
    Shapes,
)
from rtformer_ros.engines.tensorrt.frames.frame_plans import FramePlans
from rtformer_ros.engines.tensorrt.run.loaded_plan import LoadedPlan, Scratch
from rtformer_ros.engines.tensorrt.run.open_cuda import open_cuda
from rtformer_ros.engines.tensorrt.run.tensors import numpy_dtype
from rtformer_ros.errors import EngineError, ImageError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rtformer_ros.engines.frames.camera_frame import CameraFrame
    from rtformer_ros.engines.tensorrt.run.cuda import Cuda
    from rtformer_ros.imaging.frame_sampling import FrameSampling
    from rtformer_ros.segmentation import Segmentation

    # What the shapes of a frame's inputs follow from: its sampling, and the shapes of its planes.
    _Form = tuple[FrameSampling, tuple[tuple[int, ...], ...]]

_logger = logging.getLogger(__name__)

MOST_SIZES = 4
"""Sizes of frames that are ready to run at once."""

_MOST_BYTES = 256 << 20
_Key = tuple[tuple[str, tuple[int, ...]], ...]


class FrameRunner:
    """
    A plan on the GPU for frames of one encoding.

    largest_frame: (height, width) of frames and masks, at most; pictures: those that it paints;
    how: in what way it runs, for people. What was made for a size, a CUDA graph among it, stays
    for its next frame: of the MOST_SIZES that were used last, as long as they take less than 256
    MiB of the device.
    It is not thread-safe; what `run` returns belongs to the caller.
    """

    largest_frame: tuple[int, int]
    pictures: frozenset[str]
    how: str

    def __init__(
        self,
        plan: bytes,
        *,
        device_index: int = 0,
        use_graph: bool = True,
        cuda: Cuda | None = None,
        most_bytes: int = _MOST_BYTES,
    ) -> None:
        """
        Load the plans of a file and run that of masks once, at its smallest size.

        plan: as FramePlans writes it; as with cuda, see PlanRunner. A plan of a picture that does
        not load is left out, under a warning. most_bytes: of the device, for all sizes but the one
        in use.
        Raises EngineUnavailable without TensorRT or GPU, PlanRefused for a plan that does not load
        here, ModelError for one that takes no frames, EngineError for one that does not run.
        """
        self._use_graph, self._most_bytes = use_graph, most_bytes
        self._executions: OrderedDict[_Key, FrameExecution] = OrderedDict()
        self._known: OrderedDict[_Form, Shapes] = OrderedDict()
        self._scratches: list[Scratch] = []
        self._painters: dict[str, LoadedPlan] = {}
        plans = FramePlans.from_bytes(plan)
        self._loaded: LoadedPlan | None = LoadedPlan(plans.masks, cuda or open_cuda(device_index))
        try:
            with self._loaded.listening():
                self._ranges, self._dtypes = _read_inputs(self._loaded)
                self.largest_frame = (
                    self._ranges['mask_rows'][1][0],
                    self._ranges['mask_columns'][1][0],
                )
                self.how = self._try_out()
            self._load_painters(plans)
        except BaseException:
            self.close()
            raise
        self.pictures = frozenset(self._painters)

    def run(self, frame: CameraFrame) -> Segmentation:
        """
        Segment a frame of the encoding that the plan was built for.

        A size that is new runs at once, which takes longer. Raises ImageError for one that the
        plan does not take, EngineError where TensorRT or CUDA fails.
        """
        assert self._loaded is not None, 'used after close()'
        # Which device is current belongs to the thread, and this may be another than last time.
        self._loaded.cuda.make_current()
        shapes = self._shapes_of(frame)
        key = tuple(shapes.items())
        with self._loaded.listening():
            execution = self._executions.get(key) or self._open_beside(key, shapes)
            self._executions.move_to_end(key)
            try:
                return execution.run(frame)
            finally:
                # Pictures, too, are made while frames run.
                self._keep_within_bound()

    def close(self) -> None:
        """Free everything on the GPU, in the order that TensorRT asks for; safe repeatedly."""
        loaded = self._loaded
        if loaded is None:
            return
        # After an error on the device every call fails; what can be given back still is.
        with suppress(EngineError):
            loaded.cuda.make_current()
        self._close_but(0)
        self._loaded = None
        for painter in self._painters.values():
            painter.close()
        loaded.close()

    def _load_painters(self, plans: FramePlans) -> None:
        assert self._loaded is not None
        for picture, content in plans.pictures.items():
            try:
                painter = LoadedPlan(content, self._loaded.cuda, is_guest=True)
            except EngineError as error:
                _logger.warning('the host draws %s: %s', picture, error)
            else:
                self._painters[picture] = painter
        if self._painters:
            self.how += f', paints {" and ".join(sorted(self._painters))}'

    def _try_out(self) -> str:
        """Run the smallest frame, which is black, and return how."""
        assert self._loaded is not None
        smallest = {name: low for name, (low, _) in self._ranges.items()}
        why_plain = self._open((), smallest)
        self._close_but(0)
        how = f'no CUDA graph ({" ".join(why_plain.split())})' if why_plain else 'CUDA graph'
        return f'{how}, {self._loaded.library}'

    def _open_beside(self, key: _Key, shapes: Shapes) -> FrameExecution:
        """Make what frames of a size need; the sizes that were not used for longest make room."""
        self._close_but(MOST_SIZES - 1)
        try:
            why_plain = self._open(key, shapes)
        except EngineError as error:
            if not self._executions:
                raise
            _logger.info('other sizes of frames make room for a new one: %s', error)
            self._close_but(0)
            why_plain = self._open(key, shapes)
        _logger.info(
            'frames of a new size, masks of %d x %d pixels: %s',
            *(shapes[name][0] for name in ('mask_columns', 'mask_rows')),
            why_plain or 'CUDA graph',
        )
        return self._executions[key]

    def _open(self, key: _Key, shapes: Shapes) -> str:
        """Make an execution, the newest, and run it once; return why without a CUDA graph."""
        assert self._loaded is not None
        try:
            execution = FrameExecution(
                self._loaded, shapes, self._dtypes, self._lend, self._painters
            )
            # Before it runs: whatever comes, it is closed with the others.
            self._executions[key] = execution
            return execution.warm_up(use_graph=self._use_graph)
        except BaseException:
            if key in self._executions:
                self._executions.pop(key).close()
            self._free_unused()
            raise

    def _lend(self, nbytes: int) -> Scratch:
        """Return memory that is large enough; one call runs at a time, so all may share it."""
        assert self._loaded is not None
        largest = max(self._scratches, key=lambda each: each.nbytes, default=None)
        if largest is None or largest.nbytes < nbytes:
            # Graphs of other sizes hold the address of the smaller one, which therefore stays.
            largest = Scratch(self._loaded.cuda.reserve(nbytes), nbytes)
            self._scratches.append(largest)
        return largest

    def _keep_within_bound(self) -> None:
        while len(self._executions) > 1 and self._nbytes() > self._most_bytes:
            self._close_but(len(self._executions) - 1)

    def _close_but(self, count: int) -> None:
        """Close the sizes that were not used for longest, until so many are left."""
        while len(self._executions) > count:
            _, execution = self._executions.popitem(last=False)
            execution.close()
        self._free_unused()

    def _free_unused(self) -> None:
        assert self._loaded is not None
        used = {id(each) for open_ in self._executions.values() for each in open_.scratches}
        for scratch in [each for each in self._scratches if id(each) not in used]:
            self._scratches.remove(scratch)
            with suppress(EngineError):
                self._loaded.cuda.free(scratch.memory)

    def _shapes_of(self, frame: CameraFrame) -> Shapes:
        """Return the shapes of the inputs; for a form that is new the tables are made for it."""
        form = (frame.sampling, tuple(plane.shape for plane in frame.planes))
        shapes = self._known.get(form)
        if shapes is None:
            inputs = {**frame.pixels(), **frame.tables()}
            shapes = {name: array.shape for name, array in inputs.items()}
            self._check(shapes)
            while len(self._known) >= MOST_SIZES:
                self._known.popitem(last=False)
            self._known[form] = shapes
        self._known.move_to_end(form)
        return shapes

    def _nbytes(self) -> int:
        scratch = sum(each.nbytes for each in self._scratches)
        return scratch + sum(each.nbytes for each in self._executions.values())

    def _check(self, shapes: Shapes) -> None:
        if shapes.keys() != self._ranges.keys():
            raise ImageError(
                f'a frame has {", ".join(shapes)}, but the plan takes {", ".join(self._ranges)}: '
                'it is for another encoding'
            )
        for name, shape in shapes.items():
            low, high = self._ranges[name]
            is_within = len(shape) == len(low) and all(
                least <= length <= most
                for least, length, most in zip(low, shape, high, strict=True)
            )
            if not is_within:
                raise ImageError(
                    f'the plan takes {name} of {list(low)} to {list(high)}, not {list(shape)}; '
                    'decode and resize the frame first'
                )


def _read_inputs(
    loaded: LoadedPlan,
) -> tuple[Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]], Mapping[str, np.dtype[Any]]]:
    """
    Return smallest and largest shape of each input by name, and the types of all tensors.

    Raises ModelError for a plan that takes no frames.
    """
    plan, modes = loaded.plan, loaded.trt.TensorIOMode
    names = [plan.get_tensor_name(i) for i in range(plan.num_io_tensors)]
    inputs = [name for name in names if plan.get_tensor_mode(name) == modes.INPUT]
    dtypes = {name: numpy_dtype(plan, name) for name in names}
    outputs = {name: dtypes[name] for name in names if name not in inputs}
    is_ours = outputs == dict.fromkeys(OUTPUTS, np.dtype(np.uint8))
    if not is_ours or not {'frame', 'mask_rows', 'mask_columns'} <= set(inputs):
        raise ModelError(
            f'the plan has the inputs {inputs} and the outputs {list(outputs)}; expected those of '
            'a graph that takes frames'
        )
    ranges = {}
    for name in inputs:
        shape = tuple(plan.get_tensor_shape(name))
        low, high = shape, shape
        if -1 in shape:
            low, _, high = (tuple(each) for each in plan.get_tensor_profile_shape(name, 0))
        ranges[name] = (low, high)
    return ranges, dtypes
