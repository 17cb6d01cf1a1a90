# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Report of what was measured on a GPU: the values, as JSON and as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
import json
import math

from rtformer_ros.tools.benchmark.table import Column, Table
from rtformer_ros.tools.verify_gpu.installation import InstalledItem
from rtformer_ros.tools.verify_gpu.power import Power
from rtformer_ros.tools.verify_gpu.timing import GpuTiming

_FORMAT = 2
_RUNTIME_COLUMNS = (
    Column('runtime'),
    Column('agrees %', 2),
    Column('p50 ms', 2),
    Column('p95 ms', 2),
    Column('max ms', 2),
    Column('images/s', 1),
    Column('mean W', 1),
    Column('peak W', 1),
    Column('mJ an image'),
)
_STREAM_COLUMNS = (
    Column('node'),
    Column('frame'),
    Column('subscribed'),
    Column('lost'),
    Column('sent'),
    Column('p50 ms', 1),
    Column('p95 ms', 1),
    Column('max ms', 1),
    Column('CPU ms', 1),
    Column('infer ms', 2),
    Column('overhead ms', 2),
    Column('mean W', 1),
)


@dataclass(frozen=True)
class Measurement:
    """
    One way to run one model.

    runtime: engine, precision and mode ('TensorRT FP16, CUDA graph'). agreement: share of pixels,
    0..1, of real images on which its classes are those of ONNX Runtime on the CPU. timing: of
    calls with `batch` images. build_s: seconds that compiling took, 0 where nothing is compiled.
    state: the GPU's readings right after. missing: why there are no figures, '' where there are;
    has_failed: because what is here does not work. note: what else is to be known. power: of more
    such calls; power_missing: why there is none.
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
    power: Power | None = None
    power_missing: str = ''

    @property
    def is_wrong(self) -> bool:
        """Return whether it ran and says something else than it should."""
        if self.agreement is None or self.least_agreement is None:
            return False
        return self.agreement < self.least_agreement

    @property
    def name(self) -> str:
        """Return the runtime, with the number of images where there are several."""
        return f'{self.runtime}, batch {self.batch}' if self.batch > 1 else self.runtime

    @property
    def remarks(self) -> str:
        """Return in words what figures do not say, '' where that is nothing."""
        wrong = f'WRONG, at least {self.least_agreement:.0%} is expected' if self.is_wrong else ''
        built = f'built in {self.build_s:.0f} s' if self.build_s else ''
        return ', '.join(filter(None, (wrong, built, self.note)))


@dataclass(frozen=True)
class StreamMeasurement:
    """
    Frames of a camera that does not wait, through the node, which runs one variant of a model.

    node: its engine and the variant; width, height: pixels; outputs: what is subscribed;
    encoding: of the frames.
    sent, lost: frames that count, and those of them without a mask. p50_ms, p95_ms, max_ms: from
    the camera's publish to the mask's arrival in another process. cpu_ms: CPU time of the node a
    mask; infer_p50_ms, overhead_p50_ms: by its own diagnostics, with and without the engine.
    missing, has_failed, power, power_missing: as those of Measurement.
    """

    model: str
    node: str
    width: int
    height: int
    rate_hz: float
    outputs: str
    sent: int = 0
    lost: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    max_ms: float | None = None
    cpu_ms: float | None = None
    infer_p50_ms: float | None = None
    overhead_p50_ms: float | None = None
    engine_detail: str = ''
    missing: str = ''
    has_failed: bool = False
    power: Power | None = None
    power_missing: str = ''
    encoding: str = 'rgb8'

    @property
    def name(self) -> str:
        """Return what was streamed, in words."""
        frame = f'{self.width}x{self.height} {self.encoding} at {self.rate_hz:g} Hz'
        return f'camera to {self.outputs}, {frame}, {self.node}'

    @property
    def remarks(self) -> str:
        """Return in words what figures do not say."""
        return self.engine_detail


Row = Measurement | StreamMeasurement


@dataclass(frozen=True)
class GpuReport:
    """
    All measurements of a run of verify_gpu, and what was installed.

    made_at: ISO 8601, UTC. left_out: what --quick does not measure. is_complete: False as long as
    the run goes on, and in what is left of one that was ended. took_s: seconds until then, those
    for compiling among them.
    """

    made_at: str
    conditions: dict[str, str]
    measurements: tuple[Measurement, ...]
    installation: tuple[InstalledItem, ...] = ()
    streams: tuple[StreamMeasurement, ...] = ()
    left_out: tuple[str, ...] = ()
    is_complete: bool = True
    took_s: float = 0.0

    @property
    def rows(self) -> tuple[Row, ...]:
        """Return the measurements of both kinds."""
        return (*self.measurements, *self.streams)

    def to_json(self) -> str:
        """Return the content of a report file."""
        return json.dumps({'format': _FORMAT, **asdict(self)}, indent=1) + '\n'

    def tables(self) -> list[Table]:
        """Return the figures: of each model a table of runtimes, then one of streams."""
        tables = []
        for model in dict.fromkeys(row.model for row in self.rows):
            runtimes = [row for row in self.measurements if row.model == model]
            streams = [row for row in self.streams if row.model == model]
            tables += [_runtimes(runtimes, model), _streams(streams, model)]
        return [table for table in tables if table.rows]

    def gaps(self) -> Iterator[str]:
        """Yield what was not measured and why."""
        for row in self.rows:
            if row.missing:
                failed = 'FAILED: ' if row.has_failed else ''
                yield f'{row.model}: {row.name}: {failed}{row.missing}'
        for why in dict.fromkeys(row.power_missing for row in self.rows if row.power_missing):
            yield f'power: {why}'

    def text(self) -> str:
        """Return lines for a terminal."""
        lines = [line for table in self.tables() for line in table.lines()]
        gaps = list(self.gaps())
        return '\n'.join([*lines, *(['', 'not measured:', *gaps] if gaps else [])])


def _runtimes(rows: Sequence[Measurement], model: str) -> Table:
    title = f'{model}: a call, from pixels on the host to class map and confidence on the host'
    cells = tuple(_runtime_cells(row) for row in rows if not row.missing)
    return Table(title, _RUNTIME_COLUMNS, cells, _notes(rows), bars=('p50 ms',))


def _streams(rows: Sequence[StreamMeasurement], model: str) -> Table:
    title = f"{model}: the node, from the camera's publish to the mask in another process"
    cells = tuple(_stream_cells(row) for row in rows if not row.missing)
    return Table(title, _STREAM_COLUMNS, cells, _notes(rows), bars=('p50 ms', 'p95 ms'))


def _notes(rows: Sequence[Measurement] | Sequence[StreamMeasurement]) -> tuple[str, ...]:
    """Return the remarks on rows; one that several share is made once."""
    names: dict[str, list[str]] = {}
    for row in rows:
        if row.remarks and not row.missing:
            names.setdefault(row.remarks, []).append(row.name)
    return tuple(f'{"; ".join(named)}: {remark}' for remark, named in names.items())


def _runtime_cells(row: Measurement) -> tuple[str | float, ...]:
    times, power = row.timing, row.power
    agreement = math.nan if row.agreement is None else 100 * row.agreement
    figures = (
        (times.p50_ms, times.p95_ms, times.max_ms, times.images_per_s)
        if times
        else (math.nan,) * 4
    )
    watts = (power.mean_w, power.peak_w) if power else (math.nan,) * 2
    energy_mj = 1e3 * watts[0] / figures[-1] if figures[-1] else math.nan
    return (row.name, agreement, *figures, *watts, energy_mj)


def _stream_cells(row: StreamMeasurement) -> tuple[str | float, ...]:
    times = (row.p50_ms, row.p95_ms, row.max_ms)
    parts = (row.cpu_ms, row.infer_p50_ms, row.overhead_p50_ms)
    return (
        row.node,
        f'{row.width}x{row.height} {row.encoding}, {row.rate_hz:g} Hz',
        row.outputs,
        row.lost,
        row.sent,
        *(math.nan if value is None else value for value in (*times, *parts)),
        row.power.mean_w if row.power else math.nan,
    )
