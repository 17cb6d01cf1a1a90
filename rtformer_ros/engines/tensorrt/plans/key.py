# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The key of a plan: whatever differs here needs another plan."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
import json
from typing import TYPE_CHECKING

from rtformer_ros.deploy.external_data import external_files
from rtformer_ros.engines.sidecar import read_sidecar, sidecar_path
from rtformer_ros.engines.tensorrt.device import Gpu
from rtformer_ros.errors import ConfigError
from rtformer_ros.files.sha256 import sha256_of, sha256_of_bytes
from rtformer_ros.model_metadata import ModelMetadata

if TYPE_CHECKING:
    from pathlib import Path

    from rtformer_ros.deploy.operators.tables import Release
    from rtformer_ros.engines.request import EngineRequest

# Raise it when the same model and options would be compiled to another plan than before.
_RECIPE, _FRAMES_RECIPE = 3, 4
_DIGEST_LETTERS = 16


@dataclass(frozen=True)
class Target:
    """What compiles and runs a plan: the full version of TensorRT ('10.3.0.26') and the GPU."""

    tensorrt_version: str
    gpu: Gpu

    @property
    def release(self) -> Release:
        """Return which of the tables of operators holds for this TensorRT."""
        return '8.6' if self.tensorrt_version.startswith('8.') else '10'


@dataclass(frozen=True)
class PlanKey:
    """
    The model, the machine and the options that a plan was asked for.

    onnx_sha256: of the model file, with the weights beside it if there are any. precision: as
    asked, 'fp16' or 'fp32'; network_size: (height, width) in pixels where the caller chose it, or
    else the sidecar of the model, else (0, 0). output_name: which output the sidecar names, ''
    for none; frame_encoding: of the frames that it takes, '' for images. The other options are
    those of BuildOptions.
    """

    onnx_sha256: str
    target: Target
    precision: str
    workspace_mib: int
    optimization_level: int
    max_batch: int
    network_size: tuple[int, int] = (0, 0)
    output_name: str = ''
    frame_encoding: str = ''
    recipe: int = _RECIPE

    @property
    def digest(self) -> str:
        """Return letters that stand for all of it in a file name."""
        text = json.dumps(asdict(self), sort_keys=True)
        return sha256_of_bytes(text.encode())[:_DIGEST_LETTERS]


def key_of(request: EngineRequest, target: Target) -> PlanKey:
    """Return the key of the plan that a request asks for; raises ModelError if unreadable."""
    described = _sidecar_of(request.model)
    return PlanKey(
        onnx_sha256=_digest_of(request.model),
        target=target,
        precision='fp32' if request.precision == 'fp32' else 'fp16',
        workspace_mib=request.build.workspace_mib,
        optimization_level=request.build.optimization_level,
        # Frames go through one by one, of however many cameras.
        max_batch=1 if request.frame_encoding else request.build.max_batch,
        network_size=request.network_size or (described.height, described.width),
        output_name=described.output_name,
        frame_encoding=request.frame_encoding,
        recipe=_FRAMES_RECIPE if request.frame_encoding else _RECIPE,
    )


def _sidecar_of(model: Path) -> ModelMetadata:
    """Return what lies beside a model; where that is no description, opening it says so."""
    path = sidecar_path(model)
    if path.is_file():
        with suppress(ConfigError):
            return read_sidecar(path)
    return ModelMetadata()


def _digest_of(model: Path) -> str:
    """Return the SHA-256 of a model, and of the files beside it that hold its weights, if any."""
    digest = sha256_of(model)
    digests = [sha256_of(path) for path in external_files(model)]
    if not digests:
        return digest
    return sha256_of_bytes(' '.join([digest, *digests]).encode())
