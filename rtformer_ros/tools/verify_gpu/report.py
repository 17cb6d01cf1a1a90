# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Report of what was measured on a GPU: a table for people, and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
import json

from rtformer_ros.tools.verify_gpu.installation import InstalledItem
from rtformer_ros.tools.verify_gpu.timing import GpuTiming

_FORMAT = 1
_COLUMNS = f'{"runtime":34} {"agrees":>8} {"p50 ms":>8} {"p95 ms":>8} {"images/s":>9}  '


@dataclass(frozen=True)
class Measurement:
    """
    One way to run one model.

    runtime: engine, precision and mode ('TensorRT FP16, CUDA graph'). agreement: share of pixels,
    0..1, of real images on which its classes are those of ONNX Runtime on the CPU. timing: of
    calls with `batch` images. build_s: seconds that compiling took, 0 where nothing is compiled.
    state: the GPU's readings right after. missing: why there are no figures, '' where there are;
    has_failed: because what is here does not work. note: what else is to be known.
    """

    model: str
    runtime: str
    batch: int = 1
    agreement: float | None = None
    least_agreement: float | None = None
    timing: GpuTiming | None = None
    build_s: float = 0.0
    state: dict[str, str] = field(default_factory=dict)
    missing: str = ''
    has_failed: bool = False
    note: str = ''

    @property
    def is_wrong(self) -> bool:
        """Return whether it ran and says something else than it should."""
        if self.agreement is None or self.least_agreement is None:
            return False
        return self.agreement < self.least_agreement


@dataclass(frozen=True)
class GpuReport:
    """
    All measurements of a run of verify_gpu, and what was installed.

    made_at: ISO 8601, UTC.
    """

    made_at: str
    conditions: dict[str, str]
    measurements: tuple[Measurement, ...]
    installation: tuple[InstalledItem, ...] = ()

    def to_json(self) -> str:
        """Return the content of a report file."""
        return json.dumps({'format': _FORMAT, **asdict(self)}, indent=1) + '\n'


def table_of(measurements: Sequence[Measurement]) -> str:
    """Return lines of text, grouped by model."""
    lines: list[str] = []
    for model in dict.fromkeys(each.model for each in measurements):
        lines += ['', model, _COLUMNS]
        lines += [_line(each) for each in measurements if each.model == model]
    return '\n'.join(lines)


def _line(each: Measurement) -> str:
    name = f'{each.runtime}, batch {each.batch}' if each.batch > 1 else each.runtime
    if each.missing:
        return f'{name:34} {"FAILED" if each.has_failed else "--"} {each.missing}'
    agreement = '' if each.agreement is None else f'{each.agreement:.2%}'
    times = each.timing
    figures = f'{times.p50_ms:8.2f} {times.p95_ms:8.2f} {times.images_per_s:9.1f}' if times else ''
    built = f'built in {each.build_s:.0f} s' if each.build_s else ''
    wrong = f'WRONG, at least {each.least_agreement:.0%} is expected' if each.is_wrong else ''
    remarks = ', '.join(filter(None, (wrong, built, each.note)))
    return f'{name:34} {agreement:>8} {figures}  {remarks}'.rstrip()
