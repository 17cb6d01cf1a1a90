# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Compile an ONNX model into a plan for the GPU of this machine."""

from __future__ import annotations

from dataclasses import dataclass
import logging
import re
from typing import Any, TYPE_CHECKING

from rtformer_ros.engines.tensorrt.bindings import is_strongly_typed, load_tensorrt, version_text
from rtformer_ros.engines.tensorrt.build.progress import BuildReporter, make_progress_monitor
from rtformer_ros.engines.tensorrt.build.weak_typing import allow_precisions, relax_precisions
from rtformer_ros.engines.tensorrt.frames.frame_shapes import NO_SHAPES, ShapeRange
from rtformer_ros.engines.tensorrt.messages import (
    build_failure,
    is_none_left,
    listening,
    MessageLog,
    shared_logger,
)
from rtformer_ros.errors import EngineBuildCancelled, EngineBuildError, EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rtformer_ros.engines.precision import BuilderPrecision
    from rtformer_ros.engines.request import BuildOptions, BuildWatch
    from rtformer_ros.engines.tensorrt.bindings import Bindings

_logger = logging.getLogger(__name__)

_BYTES_PER_MIB = 1 << 20
_WRONG_GPU = re.compile('not supported by this TensorRT', re.IGNORECASE)


@dataclass(frozen=True)
class BuiltPlan:
    """A serialized plan, and the timings that make the next build on this GPU faster."""

    plan: bytes
    timing_cache: bytes


def build_plan(
    onnx_path: Path,
    precision: BuilderPrecision,
    options: BuildOptions,
    watch: BuildWatch,
    timing_cache: bytes = b'',
    shapes: Mapping[str, ShapeRange] = NO_SHAPES,
) -> BuiltPlan:
    """
    Compile a model; takes from seconds to many minutes.

    onnx_path: a model that carries its own precision, FP16 tensors or Q/DQ included. Its first
    axis may be dynamic: the plan takes one image or options.max_batch, and is tuned for both.
    precision: what the model is said to be in. 'fp32' also turns TF32 off, so that FP32 is FP32;
    before TensorRT 10 'fp16' and 'typed' allow the builder what the model asks for.
    timing_cache: of an earlier build, b'' or one that does not fit are replaced. shapes: of the
    inputs with other free axes, which then holds for all; the plan takes all between.
    Raises EngineUnavailable without TensorRT or GPU, EngineBuildError with TensorRT's own words
    (EngineBuildOutOfMemory where that was the cause), EngineBuildCancelled (before TensorRT 10
    only once TensorRT is done), and what `watch` raises.
    """
    trt = load_tensorrt()
    reporter = BuildReporter(watch)
    # Made here, so that it outlives every object of TensorRT that may call it.
    monitor = make_progress_monitor(trt, reporter) if is_strongly_typed(trt) else None
    with reporter.running():
        return _build(trt, onnx_path, precision, options, timing_cache, shapes, reporter, monitor)


def _build(
    trt: Bindings,
    onnx_path: Path,
    precision: BuilderPrecision,
    options: BuildOptions,
    timing_cache: bytes,
    shapes: Mapping[str, ShapeRange],
    reporter: BuildReporter,
    monitor: Any,
) -> BuiltPlan:
    builder, network = _make_network(trt)
    reporter.enter('reading the model')
    # The parser holds the weights: it has to live until the plan is there.
    parser = trt.OnnxParser(network, shared_logger(trt))
    _parse(trt, parser, network, onnx_path)
    config = _configure(trt, builder, options)
    if shapes:
        _set_shapes(trt, builder, config, onnx_path, shapes)
    else:
        _set_batches(builder, config, network, onnx_path, options.max_batch)
    if precision == 'fp32':
        config.clear_flag(trt.BuilderFlag.TF32)
    if monitor is None:
        allow_precisions(trt, config, network, precision)
    else:
        config.progress_monitor = monitor
    cache = _use_timings(config, timing_cache)
    reporter.enter('compiling')
    plan = _compile(trt, builder, network, config, onnx_path, options, reporter)
    reporter.enter('compiled', 100)
    return BuiltPlan(plan, _serialized(cache))


def _make_network(trt: Bindings) -> tuple[Any, Any]:
    """Return a builder and an empty network."""
    with listening() as messages:
        try:
            builder = trt.Builder(shared_logger(trt))
        except TypeError:  # from a null pointer
            builder = None
        network = None if builder is None else builder.create_network(_network_flags(trt))
    if network is None:
        raise EngineUnavailable(_no_gpu(trt, messages))
    return builder, network


def _no_gpu(trt: Bindings, messages: MessageLog) -> str:
    return (
        f'TensorRT {version_text(trt)} finds no GPU that it can use ({messages.reason()}); check '
        'with nvidia-smi that the driver sees one, that neither is too old or too new for this '
        'TensorRT, and that a container was started with its GPU; or set engine to onnxruntime'
    )


def _network_flags(trt: Bindings) -> int:
    flags = trt.NetworkDefinitionCreationFlag
    # By name: the numbers differ between versions, and each version lacks one of the two names.
    return 1 << int(flags.STRONGLY_TYPED if is_strongly_typed(trt) else flags.EXPLICIT_BATCH)


def _parse(trt: Bindings, parser: Any, network: Any, onnx_path: Path) -> None:
    with listening() as messages:
        is_parsed = parser.parse_from_file(str(onnx_path))
        # An empty file is a valid model to it, of which no plan can be made.
        if is_parsed and network.num_outputs:
            return
        errors = [_parser_error(parser.get_error(index)) for index in range(parser.num_errors)]
        errors += ['it has no outputs'] if is_parsed else []
    raise EngineBuildError(
        f'TensorRT {version_text(trt)} cannot read {onnx_path}: '
        f'{"; ".join(errors) or messages.reason()}. Export the model anew with this package, '
        'which uses only what TensorRT takes'
    )


def _parser_error(error: Any) -> str:
    # 8.x knows neither.
    name, operator = (
        getattr(error, member)() if hasattr(error, member) else ''
        for member in ('node_name', 'node_operator')
    )
    where = f' (node {name or "without a name"}, {operator})' if operator else ''
    return f'{error.desc()}{where}'


def _configure(trt: Bindings, builder: Any, options: BuildOptions) -> Any:
    config = builder.create_builder_config()
    workspace = trt.MemoryPoolType.WORKSPACE
    config.set_memory_pool_limit(workspace, options.workspace_mib * _BYTES_PER_MIB)
    if hasattr(trt.IBuilderConfig, 'builder_optimization_level'):
        config.builder_optimization_level = options.optimization_level
    else:
        _logger.info('TensorRT %s has no optimization levels', version_text(trt))
    return config


def _set_batches(builder: Any, config: Any, network: Any, onnx_path: Path, max_batch: int) -> None:
    """
    Say for each input with a dynamic first axis which numbers of images it gets.

    For one image the axis is fixed: the shapes that are computed in the graph become constants.
    For more there are two profiles, of one image and of the most, so that both are tuned.
    """
    inputs = [network.get_input(index) for index in range(network.num_inputs)]
    dynamic = [tensor for tensor in inputs if -1 in tuple(tensor.shape)]
    for tensor in dynamic:
        batch, *image = tuple(tensor.shape)
        if batch != -1 or -1 in image:
            raise EngineBuildError(
                f'the input {tensor.name} of {onnx_path} has the shape {[batch, *image]}; only '
                'the first axis may be dynamic (-1): export the model for one image size'
            )
        if max_batch == 1:
            tensor.shape = (1, *image)
    for count in (1, max_batch) if dynamic and max_batch > 1 else ():
        profile = builder.create_optimization_profile()
        for tensor in dynamic:
            shape = (count, *tuple(tensor.shape)[1:])
            profile.set_shape(tensor.name, shape, shape, shape)
        if config.add_optimization_profile(profile) < 0:
            raise EngineBuildError(
                f'TensorRT refuses batches of {count} for {onnx_path}; use a smaller max_batch'
            )


def _set_shapes(
    trt: Bindings,
    builder: Any,
    config: Any,
    onnx_path: Path,
    shapes: Mapping[str, ShapeRange],
) -> None:
    """Say from which to which size the inputs are; several contexts may run at a time."""
    profile = builder.create_optimization_profile()
    for name, each in shapes.items():
        profile.set_shape(name, each.smallest, each.usual, each.largest)
    if config.add_optimization_profile(profile) < 0:
        raise EngineBuildError(f'TensorRT refuses the sizes of frames for {onnx_path}')
    # From 10 on contexts share profiles by themselves; on 8.5 one size runs at a time.
    if not is_strongly_typed(trt) and hasattr(trt.PreviewFeature, 'PROFILE_SHARING_0806'):
        config.set_preview_feature(trt.PreviewFeature.PROFILE_SHARING_0806, True)


def _use_timings(config: Any, timing_cache: bytes) -> Any:
    """Return the cache that the build fills, None where TensorRT makes none."""
    for content in (timing_cache, b''):
        cache = config.create_timing_cache(content)
        if cache is not None and config.set_timing_cache(cache, False):
            return cache
        _logger.info('the timing cache is broken, or of another GPU or TensorRT: it is not used')
    return None


def _serialized(cache: Any) -> bytes:
    memory = None if cache is None else cache.serialize()
    return b'' if memory is None else bytes(memory)


def _compile(
    trt: Bindings,
    builder: Any,
    network: Any,
    config: Any,
    onnx_path: Path,
    options: BuildOptions,
    reporter: BuildReporter,
) -> bytes:
    if reporter.is_cancelled:
        raise _cancelled(onnx_path)
    serialized, messages = _serialize(builder, network, config)
    # Verification then says whether what was computed in FP16 against the model's will is right.
    if (
        serialized is None
        and not reporter.is_cancelled
        and not is_strongly_typed(trt)
        and is_none_left(messages)
        and relax_precisions(trt, config)
    ):
        _logger.warning('built again with precisions as wishes: %s', messages.reason())
        serialized, messages = _serialize(builder, network, config)
    if reporter.is_cancelled:
        raise _cancelled(onnx_path)
    if serialized is None and _WRONG_GPU.search(messages.reason()):
        raise EngineUnavailable(_no_gpu(trt, messages))
    if serialized is None:
        raise build_failure(messages, onnx_path, options)
    return bytes(serialized)


def _serialize(builder: Any, network: Any, config: Any) -> tuple[Any, MessageLog]:
    """Return the plan, None for none, and what TensorRT said."""
    with listening() as messages:
        try:
            return builder.build_serialized_network(network, config), messages
        except (RuntimeError, MemoryError) as error:
            messages.add(str(error) or 'out of memory', is_error=True)
    return None, messages


def _cancelled(onnx_path: Path) -> EngineBuildCancelled:
    return EngineBuildCancelled(f'the building of {onnx_path} was called off; nothing was kept')
