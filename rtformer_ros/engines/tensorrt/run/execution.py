# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The execution of a plan for a fixed number of images: context, memory and CUDA graph."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.engines.tensorrt.run.buffers import TensorForm, TransferBuffer
from rtformer_ros.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from rtformer_ros.engines.tensorrt.run.cuda import Cuda, CudaGraph
    from rtformer_ros.engines.tensorrt.run.tensors import PlanTensors

# Share of equal bytes above which a replayed graph counts as doing the same as what it recorded.
_SAME = 0.99


class Execution:
    """
    An execution context whose shapes and addresses are set once.

    A CUDA graph holds only for the shapes, addresses and scratch memory of the context that it
    was recorded from, so each number of images has a context of its own.
    """

    def __init__(
        self,
        context: Any,
        tensors: PlanTensors,
        batch: int,
        cuda: Cuda,
        reason: Callable[[], str],
    ) -> None:
        """
        Take over a context (tensorrt.IExecutionContext), allocate its memory and bind it.

        reason: returns what TensorRT logged last. Raises EngineError where TensorRT refuses the
        shape or an address, or where memory is short.
        """
        self._context, self._cuda, self._reason = context, cuda, reason
        self._graph: CudaGraph | None = None
        self._inputs: TransferBuffer | None = None
        self._outputs: TransferBuffer | None = None
        self.batch = batch
        try:
            self._bind(tensors)
        except BaseException:
            self.close()
            raise

    def _bind(self, tensors: PlanTensors) -> None:
        image = tensors.image_form(self.batch)
        self._check(self._context.set_input_shape(image.name, image.shape), f'shape {image.shape}')
        forms = [
            TensorForm(name, self._output_shape(name), dtype)
            for name, dtype in zip(tensors.outputs, tensors.output_dtypes, strict=True)
        ]
        self._inputs = TransferBuffer(self._cuda, [image])
        self._outputs = TransferBuffer(self._cuda, forms)
        for name, address in {**self._inputs.addresses, **self._outputs.addresses}.items():
            self._check(self._context.set_tensor_address(name, address), f'address of {name}')
        self.image: npt.NDArray[Any] = self._inputs.arrays[image.name]
        self.outputs: list[npt.NDArray[Any]] = [self._outputs.arrays[f.name] for f in forms]

    def warm_up(self, *, use_graph: bool) -> str:
        """
        Run once and record the CUDA graph.

        Returns '' or why it runs without one. Raises EngineError where it does not run at all.
        """
        # The first enqueue after a change of shape does what cannot be recorded.
        self.run()
        if not use_graph:
            return 'not asked for'
        try:
            self._graph = self._cuda.capture(self._enqueue)
            self._check_graph()
        except EngineError as error:
            self._close_graph()
            # What a failed recording leaves behind shows here and not with the first image.
            self.run()
            return str(error)
        return ''

    def run(self) -> None:
        """Segment what is in `image`; the results are in `outputs` until the next call."""
        assert self._inputs is not None, 'used after close()'
        assert self._outputs is not None
        self._inputs.upload()
        if self._graph is not None:
            self._graph.replay()
        elif not self._enqueue():
            raise EngineError(f'TensorRT refuses to run the plan: {self._reason()}')
        self._outputs.download()
        self._cuda.synchronize()

    def close(self) -> None:
        """Wait for what runs, then free graph, context and memory, in this order."""
        # After an error on the device every call fails; what can be given back still is.
        with suppress(EngineError):
            self._cuda.synchronize()
        with suppress(EngineError):
            self._close_graph()
        self._context = None
        self.outputs, self.image = [], np.empty(0, np.uint8)
        for buffer in (self._inputs, self._outputs):
            if buffer is not None:
                with suppress(EngineError):
                    buffer.close()
        self._inputs = self._outputs = None

    def _enqueue(self) -> bool:
        return bool(self._context.execute_async_v3(self._cuda.stream))

    def _check_graph(self) -> None:
        """Raise EngineError unless the graph writes what running without it wrote."""
        assert self._outputs is not None
        outputs = [output.reshape(-1).view(np.uint8) for output in self.outputs]
        expected = [output.copy() for output in outputs]
        # An output that the graph leaves alone differs in every byte.
        for output in outputs:
            np.invert(output, out=output)
        self._outputs.upload()
        self.run()
        same = min(float((o == e).mean()) for o, e in zip(outputs, expected, strict=True))
        if same < _SAME:
            raise EngineError(f'the recorded CUDA graph returns something else ({same:.1%} equal)')

    def _close_graph(self) -> None:
        graph, self._graph = self._graph, None
        if graph is not None:
            graph.close()

    def _output_shape(self, name: str) -> tuple[int, ...]:
        shape = tuple(self._context.get_tensor_shape(name))
        self._check(min(shape, default=0) >= 0, f'output {name} {list(shape)} of unknown size')
        return shape

    def _check(self, is_accepted: bool, what: str) -> None:
        if not is_accepted:
            raise EngineError(
                f'TensorRT refuses the {what} for {self.batch} image(s): {self._reason()}'
            )
