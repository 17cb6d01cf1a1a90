# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""A plan that TensorRT has loaded for a GPU, with all that it is run with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TYPE_CHECKING

from rtformer_ros.engines.tensorrt.bindings import load_tensorrt, version_text
from rtformer_ros.engines.tensorrt.messages import listening, MessageLog, shared_logger
from rtformer_ros.errors import EngineError, EngineUnavailable

if TYPE_CHECKING:
    from rtformer_ros.engines.tensorrt.run.cuda import Cuda, MirroredMemory


class PlanRefused(EngineError):
    """Report a plan that TensorRT does not take, as it was made elsewhere or is broken."""


@dataclass(frozen=True, eq=False)
class Scratch:
    """Memory for intermediate results, on the device alone, and its size in bytes."""

    memory: MirroredMemory
    nbytes: int


class LoadedPlan:
    """
    A plan on the GPU, and the device that it runs on.

    trt: the module tensorrt; plan: its ICudaEngine; cuda: the device, current in this thread.
    Not thread-safe.
    """

    def __init__(self, content: bytes, cuda: Cuda, *, is_guest: bool = False) -> None:
        """
        Load a plan for a device, which is taken over, also where this fails.

        is_guest: the device stays another's to close.

        content: made by this very version of TensorRT for this GPU; it is executable, so let it
        come from a place that is trusted. Raises EngineUnavailable without TensorRT or GPU,
        PlanRefused with TensorRT's own words for a plan that does not load here.
        """
        self.cuda = cuda
        self._is_guest = is_guest
        self._runtime: Any = None
        self._messages = MessageLog()
        try:
            self.trt = load_tensorrt()
            cuda.make_current()
            with self.listening():
                self.plan: Any = self._deserialize(content)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Keep what TensorRT says during the block, for `reason`."""
        with listening() as self._messages:
            yield

    @property
    def library(self) -> str:
        """Return through what it runs, for people."""
        return self.cuda.library + (', mapped memory' if self.cuda.maps_memory else '')

    def reason(self) -> str:
        """Return what TensorRT said last, in one line for people."""
        return self._messages.reason()

    def new_context(self, use: str, *, has_scratch: bool, profile: int = 0) -> Any:
        """
        Return a new execution context.

        use: what it is for, in words; has_scratch: with memory of its own for intermediate
        results, else `give_scratch` lends it some; profile: that it runs. Raises EngineError where
        TensorRT refuses one.
        """
        if has_scratch:
            context = self.plan.create_execution_context()
        elif hasattr(self.trt, 'ExecutionContextAllocationStrategy'):
            strategy = self.trt.ExecutionContextAllocationStrategy.USER_MANAGED
            context = self.plan.create_execution_context(strategy)
        else:
            context = self.plan.create_execution_context_without_device_memory()
        if context is None:
            raise EngineError(f'TensorRT cannot make room for {use}: {self.reason()}')
        stream = self.cuda.stream
        if profile and not context.set_optimization_profile_async(profile, stream):
            raise EngineError(f'TensorRT refuses the profile {profile} for {use}: {self.reason()}')
        return context

    def scratch_bytes(self, context: Any = None) -> int:
        """
        Return the memory that intermediate results take.

        context: one with the shapes of its inputs, for which it is told where TensorRT does that;
        else it is for the largest that the plan takes.
        """
        if hasattr(context, 'update_device_memory_size_for_shapes'):
            return max(1, int(context.update_device_memory_size_for_shapes()))
        has_v2 = hasattr(self.trt.ICudaEngine, 'device_memory_size_v2')
        size = self.plan.device_memory_size_v2 if has_v2 else self.plan.device_memory_size
        return max(1, int(size))

    def give_scratch(self, context: Any, scratch: MirroredMemory, nbytes: int) -> None:
        """Lend memory of that size, at least, to a context; it may have several borrowers."""
        if hasattr(context, 'set_device_memory'):
            context.set_device_memory(scratch.address, nbytes)
        else:
            context.device_memory = scratch.address

    def borrow_scratch(self, context: Any, lend: Callable[[int], Scratch]) -> Scratch:
        """Give a context memory that `lend` returns for so many bytes; returns that memory."""
        nbytes = self.scratch_bytes(context)
        scratch = lend(nbytes)
        self.give_scratch(context, scratch.memory, nbytes)
        return scratch

    def close(self) -> None:
        """Let go of the plan, of which no context is left, then of the device."""
        self.plan = None
        self._runtime = None
        if self._is_guest:
            return
        # After an error on the device every call fails; what can be given back still is.
        with suppress(EngineError):
            self.cuda.close()

    def _deserialize(self, content: bytes) -> Any:
        try:
            self._runtime = self.trt.Runtime(shared_logger(self.trt))
        # Its factory returns a null pointer, which the bindings call a TypeError.
        except TypeError as error:
            raise EngineUnavailable(
                f'TensorRT {version_text(self.trt)} cannot start on this GPU ({error}): '
                f'{self.reason()}'
            ) from error
        plan = self._runtime.deserialize_cuda_engine(content)
        if plan is None:
            raise PlanRefused(
                f'TensorRT {version_text(self.trt)} cannot load the plan, which fits only the '
                f'version and the GPU that it was built with: {self.reason()}'
            )
        return plan
