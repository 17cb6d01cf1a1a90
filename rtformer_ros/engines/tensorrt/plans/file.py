# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Plan files that were built ahead of time, by this package or by another program."""

from __future__ import annotations

from dataclasses import dataclass
import os
import stat
from typing import TYPE_CHECKING

from rtformer_ros.engines.sidecar import read_sidecar, sidecar_path
from rtformer_ros.engines.tensorrt.plans.record import read_record, sidecar_of
from rtformer_ros.errors import ConfigError, ModelError
from rtformer_ros.labels.label_set import load_labels
from rtformer_ros.model_metadata import ModelMetadata

if TYPE_CHECKING:
    from pathlib import Path

    from rtformer_ros.engines.tensorrt.plans.key import Target
    from rtformer_ros.engines.tensorrt.plans.record import PlanRecord


@dataclass(frozen=True)
class PlanFile:
    """A plan as it lay in a file, what its model says about itself, and where it comes from."""

    plan: bytes
    metadata: ModelMetadata
    origin: str


def open_plan_file(path: Path, target: Target) -> PlanFile:
    """
    Read a plan of this user, and the file beside it that describes it.

    That is the record that build_engine wrote (PLAN.json), else PLAN's name with .yaml: a
    description as ONNX models of other programs have, or just a label file. Without any, the plan
    has to take and return what exported models of this package do.
    target: what runs it. Raises ModelError for a file that is not to be trusted, that its record
    does not fit, or that was built for another machine; ConfigError for a broken description.
    """
    plan = read_own_file(path)
    record = read_record(path)
    if record is not None:
        _check_record(path, plan, record, target)
        return PlanFile(plan, record.metadata(), f'{record.precision.upper()}, built ahead')
    return PlanFile(plan, _described(path), 'plan of another program')


def read_own_file(path: Path) -> bytes:
    """
    Return the content of a file that only this user could have written.

    Raises ModelError for one that belongs to somebody else or that everybody may write.
    """
    try:
        with path.open('rb') as file:
            # Of the open file: what is checked is what is read.
            status = os.fstat(file.fileno())
            if status.st_uid != os.geteuid():
                raise ModelError(
                    f'{path} belongs to user {status.st_uid} and this process to user '
                    f'{os.geteuid()}; a plan runs like a program, so only your own are loaded. If '
                    'you trust it, make a copy of it'
                )
            if status.st_mode & stat.S_IWOTH:
                raise ModelError(
                    f'{path} can be written by everybody, and a plan runs like a program; build '
                    f'it again, or if you trust it: chmod o-w {path}'
                )
            return file.read()
    except OSError as error:
        raise ModelError(f'cannot read {path}: {error.strerror}') from error


def _check_record(path: Path, plan: bytes, record: PlanRecord, target: Target) -> None:
    if not record.describes(plan):
        raise ModelError(
            f'{path} is not the plan that {sidecar_of(path).name} describes: it was cut short or '
            'changed; build it again with build_engine'
        )
    built_for = record.key.target
    if built_for != target:
        raise ModelError(
            f'{path} was built with TensorRT {built_for.tensorrt_version} for {built_for.gpu}, '
            f'but here is TensorRT {target.tensorrt_version} on {target.gpu}; build it again here '
            'with build_engine'
        )


def _described(path: Path) -> ModelMetadata:
    sidecar = sidecar_path(path)
    if not sidecar.is_file():
        return ModelMetadata()
    try:
        return ModelMetadata(labels=load_labels(sidecar))
    except ConfigError:
        # No label file, so the description of a model; what is wrong with it is said of that.
        return read_sidecar(sidecar)
