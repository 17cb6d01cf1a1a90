"""
Run a model file: one module an engine, chosen by name from one table.

A new engine is a module with `open_model(request: EngineRequest) -> Engine` that imports its
library at the top and raises EngineUnavailable where its device is missing, one line in the table
below, and one parameter of test/contract/test_engine_contract.py.
"""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rtformer_ros.engines.base import Engine, EngineDescription
from rtformer_ros.engines.request import (
    BuildOptions,
    BuildProgress,
    BuildWatch,
    EngineRequest,
    Precision,
)
from rtformer_ros.errors import (
    ConfigError,
    EngineBuildCancelled,
    EngineError,
    EngineUnavailable,
    ModelError,
)

if TYPE_CHECKING:
    from rtformer_ros.labels.label_set import LabelSet

__all__ = [
    'BuildOptions',
    'BuildProgress',
    'BuildWatch',
    'Engine',
    'EngineDescription',
    'compiles',
    'engine_names',
    'needs_build',
    'open_engine',
]

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _EngineEntry:
    """
    Where an engine lives, the files that it runs, and how its library is installed.

    compiles: its module has `needs_build(request: EngineRequest) -> bool` too.
    """

    module: str
    suffixes: tuple[str, ...]
    install: str
    compiles: bool = False


# In order of preference: `auto` takes the first that runs the file and works here.
_ENGINES = {
    'tensorrt': _EngineEntry(
        'tensorrt.engine',
        ('.onnx', '.engine', '.plan'),
        'on a Jetson sudo apt-get install python3-libnvinfer, elsewhere pip install tensorrt',
        compiles=True,
    ),
    'onnxruntime': _EngineEntry('onnxruntime', ('.onnx',), 'pip install onnxruntime'),
    'torch': _EngineEntry('torch', ('.safetensors', '.pdparams'), 'pip install torch'),
}


def engine_names() -> tuple[str, ...]:
    """Return the names that `open_engine` knows beside 'auto', best first."""
    return tuple(_ENGINES)


def compiles(engine: str) -> bool:
    """Return whether an engine, of `engine_names`, compiles its models first; see `needs_build`."""
    return _ENGINES[engine].compiles


def open_engine(
    model: Path | str,
    engine: str = 'auto',
    *,
    device: str = 'auto',
    threads: int = 0,
    labels: LabelSet | None = None,
    network_size: tuple[int, int] | None = None,
    precision: Precision = 'auto',
    build: BuildOptions | None = None,
    watch: BuildWatch | None = None,
) -> Engine:
    """
    Open a model file and warm it up, so that the first call of `infer` is as fast as the others.

    model: an .onnx file, weights (.safetensors, .pdparams) or a TensorRT plan (.engine, .plan).
    engine: a name of `engine_names`, or 'auto' for the best that works here; the log of this
    module tells which and why. 'auto' does not compile again what could not be compiled before.
    device: 'auto', 'cpu', 'cuda' or 'cuda:N'; 'auto' takes CUDA where the library can.
    threads: CPU threads; 0 leaves one core free. labels: classes, instead of those in the model
    file. network_size: (height, width) in pixels for a model that takes any size. precision:
    'auto', 'fp32' or 'fp16', for engines that choose it when they open. build, watch: for engines
    that compile the model first, see `needs_build`.

    Raises ModelError for a file that is missing or broken, ConfigError for a setting that cannot
    be honoured, EngineUnavailable where library or device is missing, EngineError otherwise.
    """
    request = EngineRequest(
        Path(model),
        device,
        threads,
        labels,
        network_size,
        precision,
        build or BuildOptions(),
        watch or BuildWatch(),
        skips_failed=engine == 'auto',
    )
    if engine == 'auto':
        return _open_best(request)
    if engine not in _ENGINES:
        raise ConfigError(f"engine is '{engine}'; expected auto, {', '.join(_ENGINES)}")
    if request.model.suffix not in _ENGINES[engine].suffixes:
        raise ConfigError(
            f'the engine {engine} runs {_suffixes(engine)}, not {request.model.name}; {_who_runs()}'
        )
    return _open(engine, request)


def needs_build(
    model: Path | str,
    engine: str = 'auto',
    *,
    device: str = 'auto',
    labels: LabelSet | None = None,
    network_size: tuple[int, int] | None = None,
    precision: Precision = 'auto',
    build: BuildOptions | None = None,
) -> bool:
    """
    Return whether `open_engine` would compile the model first, which may take minutes.

    Takes what open_engine takes. An engine whose library or device is missing builds nothing.
    Raises ModelError and ConfigError as open_engine does.
    """
    request = EngineRequest(
        Path(model),
        device,
        labels=labels,
        network_size=network_size,
        precision=precision,
        build=build or BuildOptions(),
        skips_failed=engine == 'auto',
    )
    names = [engine] if engine in _ENGINES else list(_ENGINES)
    return any(_would_build(_ENGINES[name], request) for name in names)


def _would_build(entry: _EngineEntry, request: EngineRequest) -> bool:
    if not entry.compiles or request.model.suffix not in entry.suffixes:
        return False
    try:
        module = importlib.import_module(f'{__name__}.{entry.module}')
        return bool(module.needs_build(request))
    except (ImportError, EngineUnavailable):
        return False


def _open_best(request: EngineRequest) -> Engine:
    candidates = [n for n, entry in _ENGINES.items() if request.model.suffix in entry.suffixes]
    if not candidates:
        raise ModelError(f'no engine runs {request.model.name}; {_who_runs()}')
    failures: list[str] = []
    for name in candidates:
        try:
            opened = _open(name, request)
        except EngineUnavailable as error:
            failures.append(f'{name} is not available: {error}')
            continue
        except EngineBuildCancelled:
            raise
        except EngineError as error:
            # One that compiles also fails for want of memory, or on operators that it lacks.
            if not _ENGINES[name].compiles:
                raise
            failures.append(f'{name} cannot run it: {error}')
            continue
        opened.note_passed_over('; '.join(failures))
        because = '; '.join(failures) or f'the first choice for {request.model.suffix} files'
        _logger.info('engine auto: %s on %s (%s)', name, opened.description.device, because)
        return opened
    raise EngineUnavailable(f'nothing here runs {request.model.name}: {"; ".join(failures)}')


def _open(name: str, request: EngineRequest) -> Engine:
    entry = _ENGINES[name]
    try:
        module = importlib.import_module(f'{__name__}.{entry.module}')
    except ImportError as error:
        raise EngineUnavailable(
            f'the engine {name} needs a library that does not load here ({error}); '
            f'install it: {entry.install}'
        ) from error
    opened: Engine = module.open_model(request)
    return opened


def _suffixes(engine: str) -> str:
    *others, last = _ENGINES[engine].suffixes
    return f'{", ".join(others)} and {last}' if others else last


def _who_runs() -> str:
    return '; '.join(f'{name} runs {_suffixes(name)}' for name in _ENGINES)
