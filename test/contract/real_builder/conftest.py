# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Give the checks models, a cache and the compiler, and print at the end what was built."""

from dataclasses import dataclass
from pathlib import Path
import sys
import time

import pytest
from rtformer_ros.engines import BuildOptions, EngineRequest
from rtformer_ros.engines.tensorrt.bindings import load_tensorrt, version_text
from rtformer_ros.engines.tensorrt.build.find_or_build import prepare_plan
from rtformer_ros.engines.tensorrt.device import Gpu
from rtformer_ros.engines.tensorrt.plans.cache import PlanCache
from rtformer_ros.engines.tensorrt.plans.key import Target

from real_builder.models import Exports

COMPILER = (sys.executable, str(Path(__file__).with_name('compiler.py')))
ROWS = pytest.StashKey[list]()


def pytest_addoption(parser):
    parser.addoption('--whole', action='store_true', help='every export, not only a few')


def pytest_configure(config):
    config.stash[ROWS] = []


def pytest_terminal_summary(terminalreporter, config):
    rows = config.stash[ROWS]
    if not rows:
        return
    trt = load_tensorrt()
    terminalreporter.write_line(f'\nTensorRT {version_text(trt)}, no GPU: plans of')
    head = ('model', 'asked', 'of', 'a call', 'plan', 'MiB', 'seconds', 'graph agrees')
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        cells = [str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)]
        terminalreporter.write_line('  '.join(cells).rstrip())


@dataclass(frozen=True)
class Bench:
    """A cache of plans that no GPU can run, and the process that compiles them."""

    folder: Path
    rows: list

    @property
    def cache(self):
        return PlanCache(self.folder / 'plans')

    def request(self, model, engine='tensorrt', *, max_batch=1, **changes):
        return EngineRequest(model, engine, build=BuildOptions(max_batch=max_batch), **changes)

    def prepare(self, request):
        """Get the plan of a request, as the node does, and note what came of it."""
        target = Target(version_text(load_tensorrt()), Gpu('no GPU', '0.0', 0))
        started_s = time.monotonic()
        prepared = prepare_plan(request, target=target, cache=self.cache, compiler=COMPILER)
        record = prepared.record
        if prepared.is_new:
            self.rows.append(
                (
                    record.model_name,
                    request.precision,
                    request.frame_encoding or 'images',
                    f'1 and {request.build.max_batch}' if request.build.max_batch > 1 else '1',
                    f'{record.precision}, level {record.optimization_level}',
                    f'{record.plan_bytes / 2**20:.1f}',
                    f'{time.monotonic() - started_s:.1f}',
                    f'{record.agreement:.2%}',
                )
            )
        return prepared


@pytest.fixture
def bench(tmp_path, pytestconfig):
    return Bench(tmp_path, pytestconfig.stash[ROWS])


@pytest.fixture(scope='session')
def exports(tmp_path_factory):
    return Exports(tmp_path_factory.mktemp('exports'))
