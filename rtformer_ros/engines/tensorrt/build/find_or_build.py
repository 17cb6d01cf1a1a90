# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Get the plan for a model: from the cache, or by compiling and trying it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
import logging
import os
from pathlib import Path
import time
from typing import TYPE_CHECKING

from rtformer_ros.engines.request import BuildProgress
from rtformer_ros.engines.tensorrt.bindings import load_tensorrt, version_text
from rtformer_ros.engines.tensorrt.build.attempts import compile_safely
from rtformer_ros.engines.tensorrt.build.job import CompileJob
from rtformer_ros.engines.tensorrt.build.parent import COMPILER
from rtformer_ros.engines.tensorrt.device import find_gpu
from rtformer_ros.engines.tensorrt.memory import shared_memory
from rtformer_ros.engines.tensorrt.plans.cache import PlanCache, StoredPlan
from rtformer_ros.engines.tensorrt.plans.cache_folder import default_cache_folder, remove_plan
from rtformer_ros.engines.tensorrt.plans.key import key_of, PlanKey, Target
from rtformer_ros.engines.tensorrt.plans.record import PlanRecord
from rtformer_ros.errors import (
    EngineBuildCancelled,
    EngineBuildError,
    EngineBuildNeeded,
    EngineBuildOutOfMemory,
    EngineError,
    EngineUnavailable,
)

if TYPE_CHECKING:
    from rtformer_ros.engines.request import EngineRequest
    from rtformer_ros.engines.tensorrt.build.attempts import Success
    from rtformer_ros.model_metadata import ModelMetadata

_logger = logging.getLogger(__name__)
_HEARTBEAT_S = 1.0


@dataclass(frozen=True)
class PreparedPlan:
    """
    A plan that may be run.

    plan: its bytes, checked; path: where they lie, None where no cache would take them.
    record: what is known of it; metadata: what the model says about itself; is_new: it was built
    just now.
    """

    plan: bytes
    path: Path | None
    record: PlanRecord
    metadata: ModelMetadata
    is_new: bool


def find_target(request: EngineRequest) -> Target:
    """Return what would compile and run here; raises EngineUnavailable, naming what is missing."""
    if request.device == 'cpu':
        raise EngineUnavailable(
            'device is cpu, but TensorRT runs on NVIDIA GPUs only; set device to auto or cuda'
        )
    # The driver first: without it the bindings' own message is hard to read.
    gpu = find_gpu(request.cuda_index)
    return Target(version_text(load_tensorrt()), gpu)


def must_compile(
    request: EngineRequest, *, target: Target | None = None, cache: PlanCache | None = None
) -> bool:
    """
    Return whether prepare_plan would compile, which takes minutes.

    Raises EngineUnavailable where nothing can, ModelError for a model that cannot be read.
    """
    target = target or find_target(request)
    cache = cache or PlanCache(default_cache_folder())
    key = key_of(request, target)
    return cache.load_serving(key) is None and not _known_failure(request, key, cache)


def prepare_plan(
    request: EngineRequest,
    *,
    target: Target | None = None,
    cache: PlanCache | None = None,
    compiler: Sequence[str] = COMPILER,
    force: bool = False,
    is_exact: bool = False,
) -> PreparedPlan:
    """
    Return the plan that a request asks for; compile it where the cache does not have it.

    Another process that compiles the same plan is waited for. target: this machine's by default;
    cache: the user's; compiler: the command that compiles; force: compile in any case; is_exact:
    a plan for more images a call does not do, though it takes fewer, too.
    Raises EngineUnavailable, EngineBuildError, EngineBuildCancelled, EngineBuildNeeded where the
    request does not allow to compile, ModelError and ConfigError.
    """
    target = target or find_target(request)
    cache = cache or PlanCache(default_cache_folder())
    key = key_of(request, target)
    load = cache.load if is_exact else cache.load_serving
    stored = None if force else load(key)
    if stored is None:
        if not request.may_build:
            raise _not_built(request, key, cache)
        with cache.locked(key, _waiting(request)):
            stored = None if force else load(key)
            if stored is None:
                failure = '' if force else _known_failure(request, key, cache)
                if failure:
                    raise EngineBuildError(failure)
                return _build(request, key, cache, compiler)
    return _from_cache(stored, request)


def discard_plan(prepared: PreparedPlan) -> None:
    """Delete a plan from the cache, as far as it lets us, because it does not load."""
    if prepared.path is not None:
        remove_plan(prepared.path)


def _known_failure(request: EngineRequest, key: PlanKey, cache: PlanCache) -> str:
    """Return why it is not tried to build, '' where it is."""
    failure = cache.load_failure(key) if request.skips_failed else ''
    how = '' if request.frame_encoding else 'with engine tensorrt, '
    return failure and (
        f'its plan could not be built, {failure}. It is tried again {how}by build_engine, with '
        'other options, another model or another TensorRT, and six hours after memory was short'
    )


def _not_built(request: EngineRequest, key: PlanKey, cache: PlanCache) -> EngineError:
    """Return why there is no plan for one who does not wait for it."""
    failure = _known_failure(request, key, cache)
    if failure:
        return EngineBuildError(failure)
    return EngineBuildNeeded(f'the plan of {_subject(request)} has to be built first')


def _waiting(request: EngineRequest) -> Callable[[], None]:
    """Return what to do while another process builds: tell so, and see whether to give up."""
    started_s = time.monotonic()
    reported_s = 0.0

    def wait() -> None:
        nonlocal reported_s
        if request.watch.is_cancelled():
            raise EngineBuildCancelled(
                f'the plan of {_subject(request)} is being built by another process; the waiting '
                'for it was called off'
            )
        now_s = time.monotonic()
        if now_s - reported_s >= _HEARTBEAT_S:
            reported_s = now_s
            phase = 'waiting for another process that builds this plan'
            request.watch.report(BuildProgress(phase, -1, now_s - started_s))

    return wait


def _from_cache(stored: StoredPlan, request: EngineRequest) -> PreparedPlan:
    wanted, largest = request.build.max_batch, stored.record.key.max_batch
    if largest != wanted and not request.frame_encoding:
        _logger.info(
            'the plan of %s for up to %d images a call serves %d; build_engine --batch %d makes '
            'one that is tuned for them',
            request.model.name,
            largest,
            wanted,
            wanted,
        )
    metadata = stored.record.metadata(request.model)
    return PreparedPlan(stored.plan, stored.path, stored.record, metadata, is_new=False)


def _build(
    request: EngineRequest, key: PlanKey, cache: PlanCache, compiler: Sequence[str]
) -> PreparedPlan:
    started_s = time.monotonic()
    _logger.info(
        'building the TensorRT %s plan of %s for %s; this can take minutes, once',
        key.target.tensorrt_version,
        _subject(request),
        key.target.gpu,
    )
    memory = shared_memory()
    if memory is not None and memory.advice:
        _logger.warning('memory may not suffice to build the plan: %s', memory.advice)
    try:
        success = compile_safely(
            _job(request, key),
            cache.load_timings(key.target),
            request.watch,
            command=compiler,
            environment=_environment(request.cuda_index),
        )
    except EngineBuildError as error:
        cache.store_failure(key, str(error), may_pass=isinstance(error, EngineBuildOutOfMemory))
        raise
    if key_of(request, key.target) != key:
        raise EngineBuildError(
            f'{request.model} changed while it was compiled; nothing was kept: open it again'
        )
    compiled = success.compiled
    record = _record_of(success, request, key, time.monotonic() - started_s)
    path = cache.store(compiled.plan, record)
    cache.store_timings(key.target, compiled.timing_cache)
    _logger.info(
        'built the plan in %.0f s: %s, agrees with ONNX Runtime on %.2f %% of the pixels, %s',
        record.build_s,
        record.precision.upper(),
        100 * record.agreement,
        path or 'kept in memory only',
    )
    return PreparedPlan(compiled.plan, path, record, record.metadata(), is_new=True)


def _record_of(
    success: Success, request: EngineRequest, key: PlanKey, build_s: float
) -> PlanRecord:
    result = success.compiled.result
    return PlanRecord(
        key=key,
        model_name=request.model.name,
        plan_sha256=result.plan_sha256,
        plan_bytes=result.plan_bytes,
        precision=result.precision,
        optimization_level=success.attempt.optimization_level,
        agreement=result.agreement,
        build_s=round(build_s, 1),
        built_at=datetime.now(timezone.utc).isoformat(timespec='seconds'),
        properties=result.properties,
        is_self_described=result.is_self_described,
        notes=success.notes,
    )


def _job(request: EngineRequest, key: PlanKey) -> CompileJob:
    return CompileJob(
        # Not where a link leads: what describes a foreign model lies beside the link.
        onnx_path=str(request.model.absolute()),
        precision='fp32' if key.precision == 'fp32' else 'fp16',
        workspace_mib=key.workspace_mib,
        optimization_level=key.optimization_level,
        max_batch=key.max_batch,
        network_size=request.network_size,
        labels=request.labels.to_dict() if request.labels else None,
        frame_encoding=request.frame_encoding,
        release=key.target.release,
    )


def _subject(request: EngineRequest) -> str:
    """Return what a plan is of, for people."""
    encoding = request.frame_encoding
    return f'{request.model.name}{f" for frames of {encoding}" if encoding else ""}'


def _environment(cuda_index: int) -> dict[str, str] | None:
    """Return variables under which the compiler sees the wanted GPU as its first."""
    if not cuda_index:
        return None
    visible = os.environ.get('CUDA_VISIBLE_DEVICES', '').split(',')
    chosen = visible[cuda_index] if cuda_index < len(visible) else str(cuda_index)
    return {**os.environ, 'CUDA_VISIBLE_DEVICES': chosen}
