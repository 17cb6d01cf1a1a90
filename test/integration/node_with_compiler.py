# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Run the segmentation node with one engine more, which compiles its models in a process of its own.

The engine 'standin' comes first of all, as a compiling engine does. Its compiler is a process that
writes its number to MODEL.pid and waits for MODEL.verdict: 'done' makes a plan, MODEL.plan, and
anything else is the reason of a failure. With a plan for the same options there is nothing to
compile, and ONNX Runtime runs the model under the name of this engine. With a frame_encoding
there is a second plan, in the files MODEL.frames.*, which the engine opens without.

The engine 'trier' compiles nothing, but `engine: auto` has it tried, for models with a file
MODEL.trial beside them: it waits for the verdict in the same way, and opens on 'done'. The node is
started by `python -m node_with_compiler`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
import subprocess
import sys
import time

from rtformer_ros.engines import BuildProgress, BuildWatch, Engine, engine_table, EngineRequest
from rtformer_ros.engines.onnxruntime import OnnxRuntimeEngine
from rtformer_ros.engines.openvino.preference import Preference
from rtformer_ros.errors import EngineBuildCancelled, EngineBuildError, EngineError

_COMPILER = """
import select, sys
from pathlib import Path
verdict = Path(sys.argv[1])
while not verdict.exists():
    if select.select([sys.stdin], [], [], 0.02)[0]:
        sys.exit('the node has ended')
sys.exit(verdict.read_text().replace('done', ''))
"""


class StandInEngine(OnnxRuntimeEngine):
    """Compiles a model and opens it with ONNX Runtime."""

    _asked: EngineRequest

    @staticmethod
    def needs_build(request: EngineRequest) -> bool:
        return _is_missing(request, request.model)

    @classmethod
    def open(cls, request: EngineRequest) -> Engine:
        if cls.needs_build(request):
            _compile(request, request.model)
        engine = super().open(replace(request, precision='auto', frame_encoding=''))
        detail = _options(request)
        engine._description = replace(engine.description, engine='standin', detail=detail)
        engine._asked = request
        if request.frame_encoding and not _is_missing(request, _of_frames(request)):
            engine.add_frames(BuildWatch())
        return engine

    @property
    def awaited_frames(self) -> str:
        is_awaited = not (self.frame_encodings or self.description.frames_refused)
        return self._asked.frame_encoding if is_awaited else ''

    def add_frames(self, watch: BuildWatch) -> None:
        request = replace(self._asked, watch=watch)
        if _is_missing(request, _of_frames(request)):
            try:
                _compile(request, _of_frames(request))
            except EngineBuildError as error:
                self._description = replace(self._description, frames_refused=str(error))
                raise
        other = OnnxRuntimeEngine.open(replace(request, precision='auto'))
        with self._turn():
            self._frame_session = other._frame_session
            self._frame_encodings = other.frame_encodings
            detail = f'{self._description.detail}, frames too'
            self._description = replace(self._description, detail=detail)


class TrierEngine(OnnxRuntimeEngine):
    """Waits for a verdict about a model and opens it with ONNX Runtime."""

    @classmethod
    def open(cls, request: EngineRequest) -> Engine:
        try:
            _compile(request, request.model)
        except EngineBuildError as error:
            raise EngineError(str(error)) from error
        engine = super().open(request)
        engine._description = replace(engine.description, engine='trier')
        return engine


def _of_frames(request: EngineRequest) -> Path:
    return request.model.with_suffix('.frames.onnx')


def _is_missing(request: EngineRequest, model: Path) -> bool:
    plan = model.with_suffix('.plan')
    return not plan.exists() or plan.read_text() != _options(request)


def _options(request: EngineRequest) -> str:
    build = request.build
    return (
        f'{request.precision}, {build.workspace_mib} MiB, level {build.optimization_level}, '
        f'{build.max_batch} image(s)'
    )


def _compile(request: EngineRequest, model: Path) -> None:
    started_s = time.monotonic()
    command = [sys.executable, '-c', _COMPILER, model.with_suffix('.verdict')]
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    model.with_suffix('.pid').write_text(str(child.pid))
    try:
        while child.poll() is None:
            if request.watch.is_cancelled():
                raise EngineBuildCancelled('the build was called off')
            elapsed_s = time.monotonic() - started_s
            request.watch.report(BuildProgress('timing kernels', 42.0, elapsed_s))
            time.sleep(0.05)
    finally:
        child.kill()
        _, reason = child.communicate()
    if reason.strip():
        raise EngineBuildError(reason.strip())
    model.with_suffix('.plan').write_text(_options(request))


def _is_for_trial(request: EngineRequest) -> bool:
    return request.model.with_suffix('.trial').exists()


def _preference_for_trier(request: EngineRequest) -> Preference:
    if not _is_for_trial(request):
        return Preference('nothing is to be tried')
    return Preference(is_untried=not request.model.with_suffix('.verdict').exists())


def _preference_for_standin(request: EngineRequest) -> Preference:
    return Preference('the trial is of another engine' if _is_for_trial(request) else '')


def offer_standin() -> None:
    """Put the engines on the table; to be called before the node reads that."""
    sys.modules['rtformer_ros.engines.standin'] = sys.modules[__name__]
    row = ('.onnx',), 'it is there'
    standin = engine_table.EngineEntry(
        'standin', 'StandInEngine', *row, compiles=True, preference=_preference_for_standin
    )
    trier = engine_table.EngineEntry(
        'standin', 'TrierEngine', *row, preference=_preference_for_trier
    )
    engine_table.ENGINES = {'standin': standin, 'trier': trier, **engine_table.ENGINES}


def main() -> int:
    """Run the node with that engine."""
    offer_standin()
    from rtformer_ros.ros.programs import segmentation_node

    return segmentation_node.main()


if __name__ == '__main__':
    sys.exit(main())
