# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The job of the child process that compiles, and its result, as lines of JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
import json
from typing import Any, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtformer_ros.deploy.operators.tables import Release
    from rtformer_ros.engines.precision import CompilePrecision


@dataclass(frozen=True)
class CompileJob:
    """
    What to compile and how.

    onnx_path: the model; precision: to compute in, where the file does not carry its own;
    network_size: (height, width) for a model that takes any size, else None; labels: the classes
    as LabelSet.to_dict gives them, None for the model's own; plan_fd, timing_fd: descriptors of
    files, inherited: an empty one for the plan, one that holds the timing cache and takes the new.
    work_folder: for temporary files; the parent removes it. frame_encoding: of the frames that
    the plan takes, '' for images of the network's size. release: whose table of operators a graph
    that is refused is held against.
    The other fields are those of BuildOptions.
    """

    onnx_path: str
    precision: CompilePrecision
    workspace_mib: int
    optimization_level: int
    max_batch: int
    network_size: tuple[int, int] | None = None
    labels: dict[str, Any] | None = None
    plan_fd: int = -1
    timing_fd: int = -1
    work_folder: str = ''
    frame_encoding: str = ''
    release: Release = '10'

    def to_line(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self)) + '\n'

    @classmethod
    def from_line(cls, line: str) -> CompileJob:
        """Read what `to_line` wrote."""
        data = json.loads(line)
        size = data['network_size']
        return cls(**{**data, 'network_size': tuple(size) if size else None})


@dataclass(frozen=True)
class CompileResult:
    """
    What came of a job.

    plan_sha256, plan_bytes: of the plan that was written; precision: what it computes in;
    is_typed: the file carries its own precision, no other can be had from it; agreement: share of
    pixels, 0..1, on which the plan agrees with ONNX Runtime; properties, is_self_described: see
    PlanRecord; workspace_mib: that there was memory for, 0 for what was asked. notes: what else is
    to be known of the plan.
    """

    plan_sha256: str
    plan_bytes: int
    precision: str
    is_typed: bool
    agreement: float
    properties: dict[str, str]
    is_self_described: bool
    workspace_mib: int = 0
    notes: Sequence[str] = ()
