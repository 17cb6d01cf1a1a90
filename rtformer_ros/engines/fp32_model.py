# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""ONNX models of lower precision, rewritten in FP32 for CPUs, which compute only that right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from rtformer_ros.engines.sidecar import metadata_of
from rtformer_ros.errors import EngineUnavailable, pip_install
from rtformer_ros.model_metadata import HALF_QUANTISED


@contextmanager
def fp32_model(model: Path) -> Iterator[Path]:
    """
    Lend an ONNX file with the weights and quantisers of `model` that computes in FP32.

    It is the model itself where that does so already. What a sidecar says of the model is in the
    file that is lent. Raises ModelError and ConfigError for a model or sidecar that is broken.
    """
    # What runs FP32 models alone does without onnx, which these import.
    import onnx
    from rtformer_ros.deploy.graph_precision import precision_of, to_fp32
    from rtformer_ros.deploy.onnx_file import read_onnx

    original = read_onnx(model)
    if precision_of(original) == 'fp32':
        yield model
        return
    properties = {entry.key: entry.value for entry in original.metadata_props}
    properties.update(metadata_of(model, properties).to_properties())
    properties.pop(HALF_QUANTISED, None)
    rewritten = to_fp32(original)
    onnx.helper.set_model_props(rewritten, properties)
    with TemporaryDirectory() as folder:
        path = Path(folder) / model.name
        path.write_bytes(rewritten.SerializeToString(deterministic=True))
        yield path


@contextmanager
def without_half_quantisers(model: Path) -> Iterator[Path]:
    """
    Lend a model that quantises from half precision as one that a CPU computes right.

    Raises EngineUnavailable where it cannot be rewritten, and all that fp32_model does.
    """
    try:
        with fp32_model(model) as rewritten:
            yield rewritten
    except ImportError as error:
        raise EngineUnavailable(
            f'{model.name} quantises from half precision, which a CPU gets wrong; it is '
            f'rewritten in single precision first, which needs onnx ({error}): '
            f'{pip_install("onnx")}'
        ) from error
