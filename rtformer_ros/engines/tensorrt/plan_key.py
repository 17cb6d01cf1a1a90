"""Say what a plan was made for: whatever differs here needs another plan."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rtformer_ros.engines.tensorrt.device import Gpu
from rtformer_ros.network.atomic_file import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from rtformer_ros.engines.request import EngineRequest

# Raise it when the same model and options would be compiled to another plan than before.
_RECIPE = 1
_DIGEST_LETTERS = 16
# MODEL.onnx.data of PyTorch, MODEL.onnx_data of others; MODEL.onnx itself stays as it is when
# they change.
_WEIGHTS_SUFFIXES = ('.data', '_data')


@dataclass(frozen=True)
class Target:
    """What compiles and runs a plan: the full version of TensorRT ('10.3.0.26') and the GPU."""

    tensorrt_version: str
    gpu: Gpu


@dataclass(frozen=True)
class PlanKey:
    """
    The model, the machine and the options that a plan was asked for.

    onnx_sha256: of the model file, with the weights beside it if there are any. precision: as
    asked, 'fp16' or 'fp32'; network_size: (height, width) in pixels where the caller chose it,
    else (0, 0). The other options are those of BuildOptions.
    """

    onnx_sha256: str
    target: Target
    precision: str
    workspace_mib: int
    optimization_level: int
    max_batch: int
    network_size: tuple[int, int] = (0, 0)
    recipe: int = _RECIPE

    @property
    def digest(self) -> str:
        """Return letters that stand for all of it in a file name."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LETTERS]


def key_of(request: EngineRequest, target: Target) -> PlanKey:
    """Return the key of the plan that a request asks for; raises ModelError if unreadable."""
    return PlanKey(
        onnx_sha256=_digest_of(request.model),
        target=target,
        precision='fp32' if request.precision == 'fp32' else 'fp16',
        workspace_mib=request.build.workspace_mib,
        optimization_level=request.build.optimization_level,
        max_batch=request.build.max_batch,
        network_size=request.network_size or (0, 0),
    )


def _digest_of(model: Path) -> str:
    """Return the SHA-256 of a model, and of its weights where exporters put them beside it."""
    beside = [model.with_name(model.name + suffix) for suffix in _WEIGHTS_SUFFIXES]
    digests = [sha256_of(path) for path in (model, *beside) if path == model or path.is_file()]
    if len(digests) == 1:
        return digests[0]
    return hashlib.sha256(' '.join(digests).encode()).hexdigest()
