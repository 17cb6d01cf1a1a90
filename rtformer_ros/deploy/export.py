# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Write a trained network as one ONNX file that takes images and returns class maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import io
from pathlib import Path
import warnings

import onnx
import rtformer_ros
from rtformer_ros.deploy.exportable import exportable, weights_in_graph
from rtformer_ros.deploy.graph_precision import to_fp16
from rtformer_ros.deploy.onnx_file import check_onnx, fold_shapes
from rtformer_ros.deploy.operators.check import check_operators
from rtformer_ros.deploy.operators.tables import OPSETS as TENSORRT_OPSETS
from rtformer_ros.deploy.quantised.exported_weights import exported_weights, WeightPrecision
from rtformer_ros.deploy.quantised.quantised_graph import quantise_convolutions
from rtformer_ros.errors import ConfigError, ModelError
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.files.sha256 import sha256_of
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.model_metadata import ModelMetadata
from rtformer_ros.network.image_segmenter import ImageSegmenter
from rtformer_ros.network.quantisation.layered_checkpoint import PRECISION_NOTE
from rtformer_ros.network.quantisation.parallel.parallel_checkpoint import ParallelCheckpoint
from rtformer_ros.network.registry import FAMILIES, Families
from rtformer_ros.network.weights.checkpoint import Checkpoint
from rtformer_ros.network.weights.class_prior import with_class_prior
import torch

INPUT = 'image'
OUTPUTS = ('class_map', 'confidence')
OPSETS = range(17, 21)
"""From the first with all operators used to the last that JetPack's TensorRT reads."""

DESCRIPTION_NOTE = 'description'
"""The note of a checkpoint that becomes the description in a model's metadata."""

_BATCH = 'n'


@dataclass(frozen=True)
class ImageSize:
    """The size of a model's input in pixels; raises ConfigError below 1."""

    height: int
    width: int

    def __post_init__(self) -> None:
        """Raise ConfigError for a size that no image has."""
        for name, value in (('height', self.height), ('width', self.width)):
            if value < 1:
                raise ConfigError(f'{name} is {value}; expected a number of pixels, 1 or more')


def export_onnx(
    checkpoint: Path | str,
    output: Path | str,
    height: int,
    width: int,
    *,
    labels: LabelSet | None = None,
    opset: int = 17,
    precision: WeightPrecision | None = None,
    prior_tau: float = 0.0,
    class_shares: Sequence[float] | None = None,
    families: Families = FAMILIES,
) -> ModelMetadata:
    """
    Write a checkpoint as a self-contained ONNX file for images of height x width pixels.

    Its input `image` is uint8 [n, height, width, 3], RGB; its outputs `class_map` and
    `confidence` are uint8 [n, height, width] as ImageSegmenter returns them; n is free.
    labels: the classes, where the checkpoint does not name them or names them badly.
    precision: None is FP32, or what parallel groups have. 'fp16' makes a file of half the size,
    for TensorRT; see to_fp16. 'int8' and lower are for layered weights and parallel groups and
    make symmetric INT8 with quantisers, the rest FP32. prior_tau,
    class_shares: see with_class_prior; it goes into the bias of the last layer. families: the
    known ones.
    Returns what the file says about itself. Raises CheckpointError for a bad checkpoint,
    ConfigError for a size, opset, name or labels that do not fit, ModelError when the file cannot
    be written or TensorRT would refuse it. The file appears whole or not at all.
    """
    size, checkpoint, output = ImageSize(height, width), Path(checkpoint), Path(output)
    _check_target(output, opset)
    weights = exported_weights(checkpoint, precision, families=families)
    loaded = with_class_prior(weights.checkpoint, prior_tau, class_shares)
    metadata = _metadata(loaded, labels_of(loaded, labels), size, sha256_of(checkpoint))
    model = traced(exportable(loaded.build(), height, width, weights.codes), size, opset)
    if weights.codes:
        quantise_convolutions(
            model, {weights_in_graph(name): each for name, each in weights.codes.items()}
        )
    if precision == 'fp16':
        model = to_fp16(model)
    _describe(model, metadata)
    _check(model, opset)
    content: bytes = model.SerializeToString(deterministic=True)
    write_atomically(output, content)
    return metadata


def labels_of(checkpoint: Checkpoint, given: LabelSet | None) -> LabelSet:
    """Return the labels given, else the checkpoint's, else generic ones; raises ConfigError."""
    labels = given or checkpoint.labels or LabelSet.generic(checkpoint.num_classes)
    if len(labels) != checkpoint.num_classes:
        raise ConfigError(
            f"label set '{labels.name}' has {len(labels)} classes, the checkpoint "
            f'{checkpoint.num_classes}; give the labels that it was trained with'
        )
    return labels


def _check_target(output: Path, opset: int) -> None:
    if opset not in OPSETS:
        raise ConfigError(f'opset is {opset}; expected {OPSETS.start} to {OPSETS.stop - 1}')
    if output.suffix != '.onnx':
        raise ConfigError(f"{output} is to be an ONNX file; choose a name that ends in '.onnx'")


def _metadata(
    checkpoint: Checkpoint, labels: LabelSet, size: ImageSize, sha256: str
) -> ModelMetadata:
    described = [checkpoint.notes.get(DESCRIPTION_NOTE, '')]
    if 'prior_tau' in checkpoint.notes:
        described.append(f'class prior with tau {checkpoint.notes["prior_tau"]}')
    if PRECISION_NOTE in checkpoint.notes:
        described.append(f'layered weights of {checkpoint.notes[PRECISION_NOTE]} bits as INT8')
    if isinstance(checkpoint, ParallelCheckpoint):
        groups = checkpoint.precision
        described.append(f'{groups.groups} parallel groups of {groups.bits} bits as INT8')
    return ModelMetadata(
        labels=labels,
        variant=checkpoint.variant,
        height=size.height,
        width=size.width,
        checkpoint_sha256=sha256,
        exporter=f'rtformer_ros {rtformer_ros.__version__}, torch {torch.__version__}',
        description=', '.join(filter(None, described)),
    )


def traced(segmenter: ImageSegmenter, size: ImageSize, opset: int) -> onnx.ModelProto:
    """Return the graph of what `exportable` made; weights keep the names that they have there."""
    images = torch.zeros(1, size.height, size.width, 3, dtype=torch.uint8)
    # The tracing exporter needs no further package and keeps n free in every operator, because
    # the network's shapes are plain numbers; the warnings are about just those numbers.
    traced = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter('ignore')
        try:
            torch.onnx.export(
                segmenter,
                (images,),
                traced,  # type: ignore[arg-type]  # any file; the hints name paths only
                dynamo=False,
                opset_version=opset,
                input_names=[INPUT],
                output_names=list(OUTPUTS),
                dynamic_axes={name: {0: _BATCH} for name in (INPUT, *OUTPUTS)},
            )
        except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
            raise ModelError(f'PyTorch cannot export this network: {error}') from error
    model = onnx.load_model_from_string(traced.getvalue())
    fold_shapes(model)
    return model


def _describe(model: onnx.ModelProto, metadata: ModelMetadata) -> None:
    """Set the metadata of a model and the full shapes of its outputs."""
    for value in model.graph.output:
        dims = value.type.tensor_type.shape.dim
        for dim, length in zip(dims[1:], (metadata.height, metadata.width), strict=True):
            dim.dim_value = length
    model.producer_name, model.producer_version = 'rtformer_ros', rtformer_ros.__version__
    onnx.helper.set_model_props(model, metadata.to_properties())


def _check(model: onnx.ModelProto, opset: int) -> None:
    """Raise ModelError unless the graph is valid and every TensorRT of its opset takes it."""
    check_onnx(model, 'the exported graph')
    for release, opsets in TENSORRT_OPSETS.items():
        findings = check_operators(model, release) if opset in opsets else []
        if findings:
            raise ModelError(
                f'TensorRT {release} would refuse the exported graph in {len(findings)} place(s), '
                f'first {findings[0]}'
            )
