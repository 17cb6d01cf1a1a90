# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Change of precision: a model in FP16 or INT8, and what that costs in agreement and mIoU."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, TYPE_CHECKING

from rtformer_ros.engines import Engine, EngineRequest, open_engine
from rtformer_ros.engines.bundled_images import bundled_paths
from rtformer_ros.engines.fp32_model import fp32_model
from rtformer_ros.engines.sidecar import metadata_of
from rtformer_ros.engines.tensor_format import encode_images, input_size
from rtformer_ros.errors import ConfigError
from rtformer_ros.files.atomic_file import write_atomically
from rtformer_ros.files.packaged_files import find_labels
from rtformer_ros.files.sha256 import sha256_of
from rtformer_ros.labels.label_set import load_labels
from rtformer_ros.model_metadata import QUANTISED_FROM
from rtformer_ros.training.datasets.open_dataset import open_dataset

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import onnx
    from rtformer_ros.deploy.static_quantization import PictureEncoding
    from rtformer_ros.model_metadata import ModelMetadata
    from rtformer_ros.tools.build_engine.options import Scoring

ModelForm = Literal['fp16', 'int8', 'int8_cpu']
"""What a model is rewritten to; it is appended to the file's name. 'int8' is for TensorRT."""

_MOST_COMPARED = 16


def write_in_form(
    model: Path,
    output: Path,
    form: ModelForm,
    pictures: Sequence[Path],
    size: tuple[int, int] | None = None,
    rest: Literal['fp16', 'fp32'] = 'fp16',
) -> None:
    """
    Write an FP32 model in FP16, or in INT8 as calibrated on pictures; it describes itself.

    size: (height, width) in pixels for a model that takes any. rest: what form 'int8' leaves in
    floating point; 'fp32' for TensorRT 8.
    Raises ModelError and ConfigError as deploy does, and where `output` cannot be written.
    """
    import onnx
    from rtformer_ros.deploy.graph_precision import to_fp16
    from rtformer_ros.deploy.onnx_file import read_onnx

    if output.resolve() == model.resolve():
        raise ConfigError(f'{output} is the model itself; choose another --output')
    original = read_onnx(model)
    properties = _properties(original)
    # A foreign model is described beside itself, where its new form does not lie.
    metadata = metadata_of(model, properties)
    properties.update(metadata.to_properties())
    if form == 'fp16':
        changed = to_fp16(original)
    else:
        from rtformer_ros.deploy.quantize import quantize
        from rtformer_ros.deploy.quantize_cpu import quantize_for_cpu

        properties[QUANTISED_FROM] = sha256_of(model)
        images, encoding = _images(pictures), _encoding(model, metadata, size)
        changed = (
            quantize(original, images, rest=rest, encoding=encoding)
            if form == 'int8'
            else quantize_for_cpu(original, images, encoding=encoding)
        )
    onnx.helper.set_model_props(changed, {**_properties(changed), **properties})
    write_atomically(output, changed.SerializeToString(deterministic=True))


def _encoding(
    model: Path, metadata: ModelMetadata, size: tuple[int, int] | None
) -> PictureEncoding:
    """Return how a model is fed, whoever made it; raises ModelError and ConfigError."""
    from rtformer_ros.deploy.static_quantization import PictureEncoding
    from rtformer_ros.engines.onnx_session import OnnxSession

    request = EngineRequest(model, 'onnxruntime', device='cpu', threads=1, network_size=size)
    session = OnnxSession(request)
    return PictureEncoding(
        input_size(session, metadata, request),
        partial(encode_images, form=metadata.input, dtype=session.input_dtype),
    )


def find_pictures(folder: Path, limit: int) -> list[Path]:
    """Return up to `limit` pictures of a folder, evenly spaced; raises ConfigError for none."""
    from rtformer_ros.media.image_folder import is_picture

    if not folder.is_dir():
        raise ConfigError(f'there is no folder {folder}; give one that holds pictures')
    found = sorted(path for path in folder.iterdir() if is_picture(path))
    if not found:
        raise ConfigError(f'{folder} holds no picture; give one that does, ten or more')
    return evenly_spaced_paths(found, limit)


def evenly_spaced_paths(paths: Sequence[Path], limit: int) -> list[Path]:
    """Return up to `limit` paths at even distances."""
    count = min(limit, len(paths))
    return [paths[index * len(paths) // count] for index in range(count)]


def describe_agreement(
    before: Path, after: Path, pictures: Sequence[Path], size: tuple[int, int] | None
) -> str:
    """
    Return in words on how many pixels two models agree, run by ONNX Runtime on the CPU.

    On the bundled photographs, and on some of `pictures`, which the new model may have seen.
    """
    sets = [('bundled photographs', bundled_paths())]
    if pictures:
        chosen = evenly_spaced_paths(pictures, _MOST_COMPARED)
        sets.append((f'images of {chosen[0].parent}, calibrated on', chosen))
    parts = [
        f'{agreement(before, after, paths, size):.2%} of the pixels of {len(paths)} {name}'
        for name, paths in sets
    ]
    return f'{after.name} agrees with {before.name} on {"; ".join(parts)}'


def agreement(
    before: Path, after: Path, pictures: Sequence[Path], size: tuple[int, int] | None
) -> float:
    """Return the share of pixels, 0..1, to which two models give the same class."""
    from rtformer_ros.segmenter import Segmenter, SegmentSettings

    with _opened(before, size) as first, _opened(after, size) as second:
        segmenters = [
            Segmenter(e, SegmentSettings(output_size='network')) for e in (first, second)
        ]
        equal, total = 0, 0
        for image_hwc in _images(pictures):
            one, other = (each.segment(image_hwc).class_map_hw for each in segmenters)
            equal += int((one == other).sum())
            total += one.size
    return equal / total


def describe_scores(scoring: Scoring, before: float, after: float) -> str:
    """Return in words the mIoU, 0..1, of two models on a data set."""
    return (
        f'mIoU on {scoring.dataset} {scoring.split} ({scoring.root}'
        f'{f", {scoring.limit} images" if scoring.limit else ""}): {before:.2%} before, '
        f'{after:.2%} after ({100 * (after - before):+.2f} points)'
    )


def mean_iou(model: Path, scoring: Scoring, size: tuple[int, int] | None) -> float:
    """Return the mIoU, 0..1, of a model that ONNX Runtime runs on the CPU as the node would."""
    from rtformer_ros.evaluation.scores import check_classes, evaluate, evenly_spaced
    from rtformer_ros.segmenter import Segmenter, SegmentSettings

    with _opened(model, size) as engine:
        own = engine.description.labels
        labels = own if scoring.dataset == 'folder' else load_labels(find_labels(scoring.dataset))
        whole = open_dataset(scoring.dataset, scoring.root, scoring.split, labels)
        dataset = replace(whole, samples=evenly_spaced(whole.samples, scoring.limit))
        check_classes(own, labels, model.name)
        segmenter = Segmenter(engine, SegmentSettings())
        evaluation = evaluate(
            dataset, lambda image_hwc: segmenter.segment(image_hwc).class_map_hw, worst_count=0
        )
    return float(evaluation.scores.mean_iou)


@contextmanager
def _opened(model: Path, size: tuple[int, int] | None) -> Iterator[Engine]:
    with fp32_model(model) as path:
        request = EngineRequest(path, 'onnxruntime', device='cpu', network_size=size)
        with closing(open_engine(request)) as engine:
            yield engine


def _images(pictures: Sequence[Path]) -> Iterator[npt.NDArray[np.uint8]]:
    from rtformer_ros.imaging.codecs import read_image_file

    return map(read_image_file, pictures)


def _properties(model: onnx.ModelProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}
