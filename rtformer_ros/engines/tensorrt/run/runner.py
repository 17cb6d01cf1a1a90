# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The runner of a plan, for batches of any number of images."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.engines.tensor_format import decode_outputs, encode_images
from rtformer_ros.engines.tensorrt.bindings import load_tensorrt, version_text
from rtformer_ros.engines.tensorrt.messages import listening, MessageLog, shared_logger
from rtformer_ros.engines.tensorrt.run.execution import Execution
from rtformer_ros.engines.tensorrt.run.open_cuda import open_cuda
from rtformer_ros.engines.tensorrt.run.tensors import read_tensors
from rtformer_ros.errors import EngineError, EngineUnavailable
from rtformer_ros.segmentation import SegmentationBatch, UNLABELED_ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt
    from rtformer_ros.engines.tensorrt.run.cuda import Cuda, MirroredMemory
    from rtformer_ros.model_metadata import ModelMetadata


@dataclass(frozen=True)
class Chunk:
    """Images first .. first + count - 1, in a call of `size` images; the rest of it is padding."""

    first: int
    count: int
    size: int


def chunks(total: int, sizes: Sequence[int]) -> Iterator[Chunk]:
    """
    Divide `total` images into calls of as few images as hold them, largest first.

    sizes: numbers of images that a call may have, ascending, at least one. Only the smallest is
    ever padded.
    """
    first = 0
    while first < total:
        left = total - first
        size = max((each for each in sizes if each <= left), default=sizes[0])
        yield Chunk(first, min(size, left), size)
        first += size


class PlanRefused(EngineError):
    """Report a plan that TensorRT does not take, as it was made elsewhere or is broken."""


class PlanRunner:
    """
    A plan on the GPU, ready to run.

    height, width: pixels of its input. batches: the numbers of images that go through the GPU in
    one go; `run` takes any number. how: in what way it runs, for people.

    It is not thread-safe: TensorRTEngine's lock sees to it that one call runs at a time, in
    whatever thread. What `run` returns are copies that belong to the caller.
    """

    def __init__(
        self,
        plan: bytes,
        metadata: ModelMetadata,
        *,
        device_index: int = 0,
        network_size: tuple[int, int] | None = None,
        use_graph: bool = True,
        cuda: Cuda | None = None,
    ) -> None:
        """
        Load a plan and run it once for each number of images that it is made for.

        plan: made by this very version of TensorRT for this GPU; it is executable, so let it come
        from a place that is trusted. metadata: how it is fed and what it returns. network_size:
        (height, width) for a plan that takes several, instead of that in metadata. cuda: an open
        device, which is taken over, instead of number `device_index`.
        Raises EngineUnavailable without TensorRT or GPU, PlanRefused with TensorRT's own words for
        a plan that does not load here, EngineError for one that does not run, ModelError for one
        that does not segment images, ConfigError for a size that it does not take.
        """
        self._trt = load_tensorrt()
        self._metadata = metadata
        self._runtime: Any = None
        self._plan: Any = None
        self._executions: dict[int, Execution] = {}
        self._scratch: MirroredMemory | None = None
        self._messages = MessageLog()
        self._cuda: Cuda | None = cuda or open_cuda(device_index)
        try:
            with listening() as self._messages:
                self._cuda.make_current()
                self._plan = self._deserialize(plan)
                self._tensors = read_tensors(self._trt, self._plan, metadata, network_size)
                self.how = f'{self._prepare(use_graph=use_graph)}, {self._cuda.library}'
        except BaseException:
            self.close()
            raise
        self.height, self.width = self._tensors.height, self._tensors.width
        self.batches = tuple(sorted(self._executions))

    def run(
        self, images_nhwc: npt.NDArray[np.uint8], num_classes: int = UNLABELED_ID
    ) -> SegmentationBatch:
        """
        Segment RGB images, uint8 [N, height, width, 3], N >= 1.

        num_classes: class indices from there on are unlabelled, for plans that return indices.
        Raises EngineError where TensorRT or CUDA fails.
        """
        outputs = self.run_tensors(images_nhwc)
        size = (self.height, self.width)
        metadata = self._metadata
        return decode_outputs(outputs, metadata.output, size, num_classes, metadata.output_layout)

    def run_tensors(self, images_nhwc: npt.NDArray[np.uint8]) -> list[npt.NDArray[Any]]:
        """Return the plan's outputs, all of them and as they are, for images as `run` takes."""
        assert self._cuda is not None, 'used after close()'
        # Which device is current belongs to the thread, and this may be another than last time.
        self._cuda.make_current()
        tensor = encode_images(images_nhwc, self._metadata.input, self._tensors.image.dtype)
        results: list[npt.NDArray[Any]] = []
        for chunk in chunks(len(tensor), self.batches):
            execution = self._executions[chunk.size]
            np.copyto(execution.image[: chunk.count], tensor[chunk.first :][: chunk.count])
            with listening() as self._messages:
                execution.run()
            if not results:
                results = [
                    np.empty((len(tensor), *o.shape[1:]), o.dtype) for o in execution.outputs
                ]
            for result, output in zip(results, execution.outputs, strict=True):
                result[chunk.first :][: chunk.count] = output[: chunk.count]
        return results

    def close(self) -> None:
        """Free everything on the GPU, in the order that TensorRT asks for; safe repeatedly."""
        cuda, self._cuda = self._cuda, None
        if cuda is None:
            return
        # After an error on the device every call fails; what can be given back still is.
        with suppress(EngineError):
            cuda.make_current()
        for execution in self._executions.values():
            execution.close()
        self._executions = {}
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            with suppress(EngineError):
                cuda.free(scratch)
        self._plan = None
        self._runtime = None
        with suppress(EngineError):
            cuda.close()

    def _deserialize(self, plan: bytes) -> Any:
        try:
            self._runtime = self._trt.Runtime(shared_logger(self._trt))
        # Its factory returns a null pointer, which the bindings call a TypeError.
        except TypeError as error:
            raise EngineUnavailable(
                f'TensorRT {version_text(self._trt)} cannot start on this GPU ({error}): '
                f'{self._reason()}'
            ) from error
        engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise PlanRefused(
                f'TensorRT {version_text(self._trt)} cannot load the plan, which fits only the '
                f'version and the GPU that it was built with: {self._reason()}'
            )
        return engine

    def _prepare(self, *, use_graph: bool) -> str:
        """Make one execution for the smallest, one for the largest number; return how it runs."""
        assert self._cuda is not None
        smallest, *larger = self._tensors.profiles
        if larger:
            # One call runs at a time, so that all contexts can share it.
            self._scratch = self._cuda.reserve(self._scratch_bytes())
        why_plain = self._open_execution(smallest, use_graph=use_graph)
        remarks = []
        for largest in larger:
            try:
                why_plain = self._open_execution(largest, use_graph=use_graph) or why_plain
                remarks = [f'batches of {smallest} and {largest}']
            except EngineError as error:
                # TensorRT 8 gives no two contexts the same profile; or memory is short.
                remarks = [f'batches of {smallest} only ({error})']
        how = f'no CUDA graph ({why_plain})' if why_plain else 'CUDA graph'
        # TensorRT's words may have several lines; this is one.
        return ' '.join(', '.join([how, *remarks]).split())

    def _scratch_bytes(self) -> int:
        """Return the memory that intermediate results take in the largest profile."""
        has_v2 = hasattr(self._trt.ICudaEngine, 'device_memory_size_v2')
        size = self._plan.device_memory_size_v2 if has_v2 else self._plan.device_memory_size
        return max(1, int(size))

    def _open_execution(self, batch: int, *, use_graph: bool) -> str:
        """Prepare calls of so many images; return why they run without a CUDA graph, or ''."""
        assert self._cuda is not None
        execution = Execution(
            self._make_context(batch), self._tensors, batch, self._cuda, self._reason
        )
        try:
            why_plain = execution.warm_up(use_graph=use_graph)
        except BaseException:
            execution.close()
            raise
        self._executions[batch] = execution
        return why_plain

    def _make_context(self, batch: int) -> Any:
        assert self._cuda is not None
        if self._scratch is None:
            context = self._plan.create_execution_context()
        elif hasattr(self._trt, 'ExecutionContextAllocationStrategy'):
            strategy = self._trt.ExecutionContextAllocationStrategy.USER_MANAGED
            context = self._plan.create_execution_context(strategy)
        else:
            context = self._plan.create_execution_context_without_device_memory()
        if context is None:
            raise EngineError(
                f'TensorRT cannot make room for calls of {batch} image(s): {self._reason()}'
            )
        if self._scratch is not None:
            address, size = self._scratch.address, self._scratch_bytes()
            if hasattr(context, 'set_device_memory'):
                context.set_device_memory(address, size)
            else:
                context.device_memory = address
        profile = self._tensors.profiles[batch]
        is_taken = profile == 0 or context.set_optimization_profile_async(
            profile, self._cuda.stream
        )
        if not is_taken:
            raise EngineError(
                f'TensorRT refuses the profile {profile} for calls of {batch} images: '
                f'{self._reason()}'
            )
        return context

    def _reason(self) -> str:
        return self._messages.reason()
