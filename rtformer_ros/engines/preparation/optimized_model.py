# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
ONNX Runtime's optimised form of a model, made by another process that gives way to this one.

    python -m rtformer_ros.engines.preparation.optimized_model MODEL OUTPUT

ONNX Runtime holds Python's interpreter while it optimises: for 0.1 s no thread of ours moves. To
load what has been optimised takes a quarter of that where the weights lie in a file of their own,
which is mapped and not read. The process has a low priority, and ends with its parent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import logging
import os
from pathlib import Path
import subprocess
import sys
from tempfile import TemporaryDirectory
import time

from rtformer_ros.errors import EngineBuildCancelled, ModelError
from rtformer_ros.processes.lifeline import end_with_standard_input, module_folders
from rtformer_ros.processes.priority import step_back

_logger = logging.getLogger(__name__)

_POLL_S = 0.02
_OPTIMIZED, _AS_IT_IS = 0, 3
_REPORTED_CHARACTERS = 300


@contextmanager
def optimized_model(model: Path, is_cancelled: Callable[[], bool]) -> Iterator[Path | None]:
    """
    Lend the optimised form of an ONNX file, to be loaded as it is; None where it has none.

    is_cancelled: asked again and again meanwhile. Raises ModelError for a file that ONNX Runtime
    does not load, or at which it crashes, and EngineBuildCancelled.
    """
    try:
        folder = TemporaryDirectory(prefix='rtformer_ros_', ignore_cleanup_errors=True)
    except OSError as error:
        _logger.debug('no place for an optimised model: %s', error)
        yield None
        return
    with folder as name:
        output, report = Path(name) / 'optimized.onnx', Path(name) / 'report'
        code = _run(model, output, report, is_cancelled)
        if code not in (_OPTIMIZED, _AS_IT_IS):
            raise ModelError(f'{model} cannot be loaded as an ONNX model: {_reason(code, report)}')
        yield output if code == _OPTIMIZED else None


def _run(model: Path, output: Path, report: Path, is_cancelled: Callable[[], bool]) -> int:
    """Return the exit code of the process."""
    with (
        report.open('wb') as log,
        subprocess.Popen(
            [sys.executable, '-m', __spec__.name, str(model.absolute()), str(output)],
            # The lifeline: closed when this process ends.
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            # It finds the modules that this process finds, none that lie where we were started.
            env={**os.environ, 'PYTHONPATH': module_folders()},
            cwd='/',
            start_new_session=True,
        ) as process,
    ):
        try:
            while (code := process.poll()) is None:
                if is_cancelled():
                    raise EngineBuildCancelled(f'the loading of {model} was called off')
                time.sleep(_POLL_S)
        finally:
            process.kill()
    return code


def _reason(code: int, report: Path) -> str:
    if code < 0:
        return f'the library crashed (signal {-code})'
    return report.read_text(errors='replace').strip()[-_REPORTED_CHARACTERS:]


def main(model: str, output: str) -> int:
    """Write the optimised form of a model; return the exit code."""
    # Here, as whoever waits for this process does without.
    import onnxruntime
    from rtformer_ros.engines.preparation.session_options import session_options

    options = session_options(threads=1)
    options.optimized_model_filepath = output
    options.add_session_config_entry(
        'session.optimized_model_external_initializers_file_name', f'{Path(output).stem}.weights'
    )
    try:
        onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider'])
        return _OPTIMIZED
    # The library's exceptions have no base of their own. It may be the writing that failed.
    except Exception as error:  # noqa: BLE001
        _logger.debug('%s', error)
    try:
        onnxruntime.InferenceSession(model, session_options(1), providers=['CPUExecutionProvider'])
    except Exception as error:  # noqa: BLE001
        print(error)  # noqa: T201
        return 1
    return _AS_IT_IS


if __name__ == '__main__':
    end_with_standard_input(lambda: os._exit(1))
    step_back()
    sys.exit(main(*sys.argv[1:]))
