# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Write the models that are compiled: every export of the package, and foreign forms."""

from __future__ import annotations

from pathlib import Path

from foreign_onnx import ForeignModel
import numpy as np
import onnx
from rtformer_ros.deploy.export import export_onnx
from rtformer_ros.deploy.graph_precision import to_fp16
from rtformer_ros.deploy.quantize import quantize
from rtformer_ros.engines.bundled_images import bundled_images
from rtformer_ros.labels.label_set import LabelSet, load_labels
from rtformer_ros.network import save_checkpoint
from rtformer_ros.tools.random_checkpoint import random_checkpoint

REPOSITORY = Path(__file__).resolve().parents[3]
FORMS = ('fp32', 'fp16', 'int8', 'int8, rest fp32')
"""What a file computes in; the rest of 'int8' is FP16."""

RGB = {'layout': 'nchw_float', 'scale': 1 / 255}
LABELS = LabelSet.generic(4, 'four').to_dict()
FOREIGN = {
    'logits': (ForeignModel(shape=('n', 3, 48, 64)), 'logits'),
    'logits in fp16': (ForeignModel(dtype=np.float16, shape=('n', 3, 48, 64)), 'logits'),
    'logits of half the size': (ForeignModel(pool=2, shape=('n', 3, 48, 64)), 'logits'),
    'logits of any size': (ForeignModel(shape=('n', 3, 'h', 'w')), 'logits'),
    'one image a call': (ForeignModel(shape=(1, 3, 48, 64)), 'logits'),
    'indices in int64': (ForeignModel('class_index', shape=('n', 3, 48, 64)), 'class_index'),
    'indices in int32': (
        ForeignModel('class_index', shape=('n', 3, 48, 64), index_dtype=np.int32, keepdims=1),
        'class_index',
    ),
    'indices in uint8': (
        ForeignModel('class_index', shape=('n', 3, 48, 64), index_dtype=np.uint8),
        'class_index',
    ),
}
"""By name: a foreign model, and what its description says that it returns."""


class Exports:
    """Exports in a folder, each made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, variant: str, size: tuple[int, int], form: str) -> Path:
        """Return an ONNX file of the package's own making."""
        path = self._folder / f'{variant}_{size[0]}x{size[1]}_{form.replace(", rest ", "_")}.onnx'
        if path.exists():
            return path
        if form == 'fp32':
            export_onnx(self._weights(variant), path, *size)
        else:
            onnx.save(_rewritten(onnx.load(self.get(variant, size, 'fp32')), form, size), path)
        return path

    def _weights(self, variant: str) -> Path:
        if variant == 'slim':
            return REPOSITORY / 'models' / 'rtformer_slim_camvid.safetensors'
        path = self._folder / f'{variant}.safetensors'
        if not path.exists():
            labels = load_labels(REPOSITORY / 'config' / 'labels' / 'camvid.yaml')
            photo_hwc = bundled_images((360, 480))[0]
            save_checkpoint(random_checkpoint(variant, labels, photo_hwc), path)
        return path


def write_foreign(path: Path, name: str) -> Path:
    """Write a foreign model and its description."""
    form, output = FOREIGN[name]
    return form.write(path, {'input': RGB, 'output': output, 'labels': LABELS})


def _rewritten(model: onnx.ModelProto, form: str, size: tuple[int, int]) -> onnx.ModelProto:
    if form == 'fp16':
        return to_fp16(model)
    rest = 'fp32' if form.endswith('fp32') else 'fp16'
    return quantize(model, list(bundled_images(size)), rest=rest)
