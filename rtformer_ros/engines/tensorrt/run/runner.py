# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The runner of a plan, for batches of any number of images."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TYPE_CHECKING

import numpy as np
from rtformer_ros.engines.tensor_format import decode_outputs, encode_images
from rtformer_ros.engines.tensorrt.run.execution import Execution
from rtformer_ros.engines.tensorrt.run.loaded_plan import LoadedPlan
from rtformer_ros.engines.tensorrt.run.open_cuda import open_cuda
from rtformer_ros.engines.tensorrt.run.tensors import read_tensors
from rtformer_ros.errors import EngineError
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
        self._metadata = metadata
        self._executions: dict[int, Execution] = {}
        self._scratch: MirroredMemory | None = None
        self._loaded: LoadedPlan | None = LoadedPlan(plan, cuda or open_cuda(device_index))
        loaded = self._loaded
        try:
            with loaded.listening():
                self._tensors = read_tensors(loaded.trt, loaded.plan, metadata, network_size)
                self.how = f'{self._prepare(loaded, use_graph=use_graph)}, {loaded.library}'
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
        assert self._loaded is not None, 'used after close()'
        # Which device is current belongs to the thread, and this may be another than last time.
        self._loaded.cuda.make_current()
        tensor = encode_images(images_nhwc, self._metadata.input, self._tensors.image.dtype)
        results: list[npt.NDArray[Any]] = []
        for chunk in chunks(len(tensor), self.batches):
            execution = self._executions[chunk.size]
            image = execution.array(self._tensors.image.name)
            np.copyto(image[: chunk.count], tensor[chunk.first :][: chunk.count])
            with self._loaded.listening():
                execution.run()
            outputs = [execution.array(name) for name in self._tensors.outputs]
            if not results:
                results = [np.empty((len(tensor), *o.shape[1:]), o.dtype) for o in outputs]
            for result, output in zip(results, outputs, strict=True):
                result[chunk.first :][: chunk.count] = output[: chunk.count]
        return results

    def close(self) -> None:
        """Free everything on the GPU, in the order that TensorRT asks for; safe repeatedly."""
        loaded, self._loaded = self._loaded, None
        if loaded is None:
            return
        # After an error on the device every call fails; what can be given back still is.
        with suppress(EngineError):
            loaded.cuda.make_current()
        for execution in self._executions.values():
            execution.close()
        self._executions = {}
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            with suppress(EngineError):
                loaded.cuda.free(scratch)
        loaded.close()

    def _prepare(self, loaded: LoadedPlan, *, use_graph: bool) -> str:
        """Make one execution for the smallest, one for the largest number; return how it runs."""
        smallest, *larger = self._tensors.profiles
        if larger:
            # One call runs at a time, so that all contexts can share it.
            self._scratch = loaded.cuda.reserve(loaded.scratch_bytes())
        why_plain = self._open_execution(loaded, smallest, use_graph=use_graph)
        remarks = []
        for largest in larger:
            try:
                why = self._open_execution(loaded, largest, use_graph=use_graph)
                why_plain = why or why_plain
                remarks = [f'batches of {smallest} and {largest}']
            except EngineError as error:
                # TensorRT 8 gives no two contexts the same profile; or memory is short.
                remarks = [f'batches of {smallest} only ({error})']
        how = f'no CUDA graph ({why_plain})' if why_plain else 'CUDA graph'
        # TensorRT's words may have several lines; this is one.
        return ' '.join(', '.join([how, *remarks]).split())

    def _open_execution(self, loaded: LoadedPlan, batch: int, *, use_graph: bool) -> str:
        """Prepare calls of so many images; return why they run without a CUDA graph, or ''."""
        tensors, use = self._tensors, f'calls of {batch} image(s)'
        context = loaded.new_context(
            use, has_scratch=self._scratch is None, profile=tensors.profiles[batch]
        )
        if self._scratch is not None:
            loaded.give_scratch(context, self._scratch, loaded.scratch_bytes())
        execution = Execution(context, loaded.cuda, loaded.reason, use)
        try:
            outputs = dict(zip(tensors.outputs, tensors.output_dtypes, strict=True))
            execution.bind([[tensors.image_form(batch)]], [outputs])
            why_plain = execution.warm_up(use_graph=use_graph)
        except BaseException:
            execution.close()
            raise
        self._executions[batch] = execution
        return why_plain
