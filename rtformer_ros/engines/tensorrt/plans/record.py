# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The record beside a plan: what it was made from, how, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
import json
from pathlib import Path
from typing import Any

from rtformer_ros.engines.sidecar import metadata_of
from rtformer_ros.engines.tensorrt.device import Gpu
from rtformer_ros.engines.tensorrt.plans.key import PlanKey, Target
from rtformer_ros.errors import ConfigError, ModelError, quoted
from rtformer_ros.files.json_text import parse_json
from rtformer_ros.files.sha256 import sha256_of_bytes
from rtformer_ros.files.text_file import read_text
from rtformer_ros.model_metadata import ModelMetadata

_FORMAT = 1


@dataclass(frozen=True)
class PlanRecord:
    """
    All that is known about a plan.

    key: what was asked for. model_name: file name of the ONNX model. plan_sha256, plan_bytes: of
    the plan's content. precision: what it computes in, 'fp16', 'fp32' or 'int8'.
    optimization_level: of the attempt that succeeded. agreement: share of pixels, 0..1, on which
    it agrees with ONNX Runtime. build_s: seconds that building took. built_at: ISO 8601, UTC.
    notes: the settings that were tried before and why they were given up; what else was lacking.
    properties: metadata of the model as its text properties. is_self_described: they are the
    model's own; else they come from the YAML file beside it, which may change.
    """

    key: PlanKey
    model_name: str
    plan_sha256: str
    plan_bytes: int
    precision: str
    optimization_level: int
    agreement: float
    build_s: float
    built_at: str
    properties: dict[str, str]
    is_self_described: bool
    notes: tuple[str, ...] = ()

    def metadata(self, model: Path | None = None) -> ModelMetadata:
        """
        Return what the model says about itself.

        model: the ONNX file where it is at hand; a YAML file beside it may have changed since.
        Raises ModelError or ConfigError where that file is missing or broken.
        """
        if model is not None and not self.is_self_described:
            return metadata_of(model, {})
        return ModelMetadata.from_properties(self.properties, f'sidecar of {self.model_name}')

    def describes(self, plan: bytes) -> bool:
        """Return whether this is the very plan that the record was written for."""
        return len(plan) == self.plan_bytes and sha256_of_bytes(plan) == self.plan_sha256

    def to_json(self) -> bytes:
        """Return the content of the sidecar file."""
        return json.dumps({'format': _FORMAT, **asdict(self)}, indent=1).encode()

    @classmethod
    def from_json(cls, content: bytes, source: str) -> PlanRecord:
        """Read what `to_json` wrote; raises ModelError, naming `source`, for anything else."""
        try:
            data = parse_json(content.decode(), 'it')
            if data.pop('format') != _FORMAT:
                raise ValueError('it was written by another version')
            record = cls(
                **{**data, 'key': _key_from(data['key']), 'notes': tuple(data.get('notes', ()))}
            )
            ModelMetadata.from_properties(record.properties, source)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError(
                f'{source} is no sidecar of a plan ({quoted(error)}); delete it'
            ) from error
        return record


def sidecar_of(plan: Path) -> Path:
    """Return where the record of a plan lies: NAME.plan.json beside NAME.plan."""
    return plan.with_name(f'{plan.name}.json')


def read_record(plan: Path) -> PlanRecord | None:
    """Return the record beside a plan, None where there is none; raises ModelError if broken."""
    path = sidecar_of(plan)
    if not path.exists():
        return None
    try:
        content = read_text(path, 'record of a plan')
    except ConfigError as error:
        raise ModelError(str(error)) from error
    return PlanRecord.from_json(content.encode(), str(path))


def _key_from(data: Mapping[str, Any]) -> PlanKey:
    target = data['target']
    return PlanKey(
        **{
            **data,
            'target': Target(**{**target, 'gpu': Gpu(**target['gpu'])}),
            'network_size': tuple(data['network_size']),
        }
    )
