# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The execution of a plan at fixed shapes: context, memory and CUDA graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.engines.tensorrt.run.buffers import TensorForm, TransferBuffer
from rtformer_ros.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt
    from rtformer_ros.engines.tensorrt.run.cuda import Cuda, CudaGraph

NOTHING_LENT: Mapping[TensorForm, int] = MappingProxyType({})
"""For those who fill all inputs themselves."""

# Share of equal bytes above which a replayed graph counts as doing the same as what it recorded.
_SAME = 0.99


@contextmanager
def finished(cuda: Cuda) -> Iterator[None]:
    """Wait for what the block enqueues; where that fails, for what came before, too."""
    try:
        yield
    except EngineError:
        # What got as far as the stream may still read what the next call writes.
        with suppress(EngineError):
            cuda.synchronize()
        raise
    cuda.synchronize()


class Execution:
    """
    An execution context whose shapes and addresses are set once.

    A CUDA graph holds only for the shapes, addresses and scratch memory of the context that it
    was recorded from, so each number of images, and each size of frames, has a context of its own.
    inputs, outputs: its memory, by groups that are copied together.
    """

    def __init__(self, context: Any, cuda: Cuda, reason: Callable[[], str], use: str) -> None:
        """
        Take over a context (tensorrt.IExecutionContext).

        reason: returns what TensorRT logged last; use: what it is for, in words.
        """
        self._context, self._cuda, self._reason, self._use = context, cuda, reason, use
        self._graph: CudaGraph | None = None
        self.inputs: list[TransferBuffer] = []
        self.outputs: list[TransferBuffer] = []

    def bind(
        self,
        inputs: Sequence[Sequence[TensorForm]],
        outputs: Sequence[Mapping[str, np.dtype[Any]]],
        prepare: Callable[[], None] = lambda: None,
        tables: Sequence[TensorForm] = (),
        lent: Mapping[TensorForm, int] = NOTHING_LENT,
    ) -> None:
        """
        Allocate memory for groups of tensors, and bind it.

        prepare: called once TensorRT knows all shapes. tables: one more group of inputs, the last,
        which is seldom written. lent: inputs that others fill, with their addresses.
        Raises EngineError where TensorRT refuses a shape or an address, or where memory is short.
        """
        for form in (*(form for group in inputs for form in group), *tables, *lent):
            is_taken = self._context.set_input_shape(form.name, form.shape)
            self._check(is_taken, f'shape {form.shape}')
        prepare()
        for forms in inputs:
            self.inputs.append(TransferBuffer(self._cuda, forms))
        if tables:
            self.inputs.append(TransferBuffer(self._cuda, tables, is_table=True))
        for group in outputs:
            forms = [TensorForm(name, self._output_shape(name), group[name]) for name in group]
            self.outputs.append(TransferBuffer(self._cuda, forms))
        addresses = {form.name: address for form, address in lent.items()}
        for buffer in (*self.inputs, *self.outputs):
            addresses.update(buffer.addresses)
        for name, address in addresses.items():
            is_taken = self._context.set_tensor_address(name, address)
            self._check(is_taken, f'address of {name}')

    def array(self, name: str) -> npt.NDArray[Any]:
        """Return a tensor's side of the host: of an input, to be filled, or of an output."""
        for buffer in (*self.inputs, *self.outputs):
            if name in buffer.arrays:
                return buffer.arrays[name]
        raise KeyError(name)

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

    def run(
        self,
        changed: Sequence[TransferBuffer] | None = None,
        read: Sequence[TransferBuffer] | None = None,
    ) -> None:
        """
        Run on what is in the inputs; the results are in the outputs until the next call.

        changed, read: as of enqueue.
        """
        with finished(self._cuda):
            self.enqueue(changed, read)

    def enqueue(
        self,
        changed: Sequence[TransferBuffer] | None = None,
        read: Sequence[TransferBuffer] | None = None,
    ) -> None:
        """
        Do the same without waiting for the end: until then nobody may touch inputs and outputs.

        changed: the inputs that are copied to the device, read: the outputs that are copied from
        there; None for all. Those that the device shares with the host are not copied.
        """
        assert self.inputs, 'used after close()'
        for buffer in self.inputs if changed is None else changed:
            buffer.upload()
        if self._graph is not None:
            self._graph.replay()
        elif not self._enqueue():
            raise EngineError(f'TensorRT refuses to run the plan: {self._reason()}')
        for buffer in self.outputs if read is None else read:
            buffer.download()

    def close(self) -> None:
        """Wait for what runs, then free graph, context and memory, in this order."""
        # After an error on the device every call fails; what can be given back still is.
        with suppress(EngineError):
            self._cuda.synchronize()
        with suppress(EngineError):
            self._close_graph()
        self._context = None
        for buffer in (*self.inputs, *self.outputs):
            with suppress(EngineError):
                buffer.close()
        self.inputs, self.outputs = [], []

    def _enqueue(self) -> bool:
        return bool(self._context.execute_async_v3(self._cuda.stream))

    def _check_graph(self) -> None:
        """Raise EngineError unless the graph writes what running without it wrote."""
        arrays = [array for buffer in self.outputs for array in buffer.arrays.values()]
        outputs = [array.reshape(-1).view(np.uint8) for array in arrays]
        expected = [output.copy() for output in outputs]
        # An output that the graph leaves alone differs in every byte.
        for output in outputs:
            np.invert(output, out=output)
        for buffer in self.outputs:
            buffer.upload()
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
            raise EngineError(f'TensorRT refuses the {what} for {self._use}: {self._reason()}')
