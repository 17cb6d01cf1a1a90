# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
The table of engines, and how one of them is chosen and opened.

A new engine is a module with a subclass of Engine that imports its library at the top, one line in
the table below, and one parameter of test/contract/test_engine_contract.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
import importlib
import logging
from typing import TYPE_CHECKING

from rtformer_ros.engines.openvino.preference import Preference, preference_here
from rtformer_ros.engines.tensorrt.device import find_gpu
from rtformer_ros.errors import (
    ConfigError,
    EngineBuildCancelled,
    EngineBuildNeeded,
    EngineError,
    EngineUnavailable,
    ModelError,
    pip_install,
    RtformerError,
)

if TYPE_CHECKING:
    from rtformer_ros.engines.base import Engine
    from rtformer_ros.engines.request import EngineRequest

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineEntry:
    """
    Where an engine lives, the files that it runs, and how its library is installed.

    module: within this package; engine_class: its subclass of Engine; suffixes: of model files;
    compiles: it may have to compile a model first, see Engine.needs_build. devices, precisions: of
    EngineRequest, that it understands beside 'auto'; the machine may still lack them.
    preference: tells, without its library, what 'auto' had better do with a request.
    """

    module: str
    engine_class: str
    suffixes: tuple[str, ...]
    install: str
    compiles: bool = False
    devices: tuple[str, ...] = ('cpu', 'cuda')
    precisions: tuple[str, ...] = ('fp32', 'fp16', 'int8')
    preference: Callable[[EngineRequest], Preference] = lambda _: Preference()

    def load(self) -> type[Engine]:
        """Import the engine's class; raises ImportError where its library does not load."""
        module = importlib.import_module(f'rtformer_ros.engines.{self.module}')
        loaded: type[Engine] = getattr(module, self.engine_class)
        return loaded


def _tensorrt_preference(request: EngineRequest) -> Preference:
    # Without a GPU, what runs TensorRT need not even be loaded, for which a start would wait.
    # Plans are nobody else's.
    try:
        if request.device == 'auto' and request.model.suffix == '.onnx':
            find_gpu()
    except EngineUnavailable as error:
        return Preference(str(error))
    return Preference()


# In order of preference: `auto` takes the first that runs the file and works here.
ENGINES = {
    'tensorrt': EngineEntry(
        'tensorrt.engine',
        'TensorRTEngine',
        ('.onnx', '.engine', '.plan'),
        'on a Jetson sudo apt-get install python3-libnvinfer, elsewhere pip install tensorrt',
        compiles=True,
        preference=_tensorrt_preference,
    ),
    'openvino': EngineEntry(
        'openvino.engine',
        'OpenVinoEngine',
        ('.onnx',),
        pip_install('openvino'),
        devices=('cpu', 'gpu', 'npu'),
        precisions=('fp32', 'fp16', 'bf16', 'int8'),
        preference=preference_here,
    ),
    'onnxruntime': EngineEntry(
        'onnxruntime', 'OnnxRuntimeEngine', ('.onnx',), pip_install('onnxruntime')
    ),
    'torch': EngineEntry(
        'torch',
        'TorchEngine',
        ('.safetensors', '.pdparams'),
        f'{pip_install("torch")}; on a Jetson the one for its JetPack, see docs/jetson.md',
        precisions=('fp32', 'fp16'),
    ),
}


def engine_names() -> tuple[str, ...]:
    """Return the names that `open_engine` knows beside 'auto', best first."""
    return tuple(ENGINES)


def compiles(engine: str) -> bool:
    """Return whether an engine of `engine_names` compiles its models first; see `needs_build`."""
    return ENGINES[engine].compiles


def open_engine(request: EngineRequest) -> Engine:
    """
    Open a model file and warm it up, so that the first call of `infer` is as fast as the others.

    For 'auto', this module logs which engine was chosen and why.
    Raises ModelError for a file that is broken, ConfigError for a setting that cannot be honoured,
    EngineUnavailable where library or device is missing, EngineBuildNeeded for a model that must
    be compiled where the request does not allow that, EngineError otherwise.
    """
    name = request.engine
    if name == 'auto':
        return _open_best(request)
    if name not in ENGINES:
        raise ConfigError(f"engine is '{name}'; expected auto, {', '.join(ENGINES)}")
    if request.model.suffix not in ENGINES[name].suffixes:
        raise ConfigError(
            f'the engine {name} runs {_suffixes(name)}, not {request.model.name}; {_who_runs()}'
        )
    return _open(name, request)


def needs_build(request: EngineRequest) -> bool:
    """
    Return whether `open_engine` would compile the model first, which may take minutes.

    An engine whose library or device is missing builds nothing.
    Raises ModelError and ConfigError as open_engine does.
    """
    names = [request.engine] if request.engine in ENGINES else list(ENGINES)
    return any(_would_build(name, request) for name in names)


def _would_build(name: str, request: EngineRequest) -> bool:
    entry = ENGINES[name]
    if not entry.compiles or request.model.suffix not in entry.suffixes:
        return False
    if request.engine == 'auto' and entry.preference(request).reason_against:
        return False
    try:
        _check_reach(name, request)
        return entry.load().needs_build(request)
    except (ImportError, EngineUnavailable):
        return False


def _open_best(request: EngineRequest) -> Engine:
    candidates = [n for n, entry in ENGINES.items() if request.model.suffix in entry.suffixes]
    if not candidates:
        raise ModelError(f'no engine runs {request.model.name}; {_who_runs()}')
    preferences = {name: ENGINES[name].preference(request) for name in candidates}
    untried = [name for name, preference in preferences.items() if preference.is_untried]
    if request.trials_later and untried:
        others = {n: preference for n, preference in preferences.items() if n not in untried}
        try:
            return _open_first(others, request, untried[0])
        except (EngineBuildCancelled, EngineBuildNeeded):
            raise
        except RtformerError as error:
            _logger.debug('%s is tried at once, as no other runs it: %s', untried[0], error)
    return _open_first(preferences, request)


def _open_first(
    preferences: Mapping[str, Preference], request: EngineRequest, untried: str = ''
) -> Engine:
    """Open the first engine that can be; untried: the one that is left out for now."""
    failures = [f'{untried} is yet to be tried with this model'] if untried else []
    broken: ModelError | None = None
    for name, preference in preferences.items():
        try:
            if preference.reason_against:
                raise EngineUnavailable(preference.reason_against)
            opened = _open(name, request)
        except EngineUnavailable as error:
            failures.append(f'{name} is not available: {error}')
            continue
        except (EngineBuildCancelled, EngineBuildNeeded):
            raise
        except ModelError as error:
            # The next may know an operator that this one lacks; a broken file it refuses too.
            broken = error
            failures.append(f'{name} cannot read it: {error}')
            continue
        except EngineError as error:
            # One that compiles also fails for want of memory, or on operators that it lacks.
            if not ENGINES[name].compiles:
                raise
            failures.append(f'{name} cannot run it: {error}')
            continue
        opened.note_choice('; '.join(failures), untried)
        because = '; '.join(failures) or f'the first choice for {request.model.suffix} files'
        described = opened.description
        _logger.info(
            'engine auto: %s on %s (%s; %s)', name, described.device, because, described.detail
        )
        return opened
    if broken is not None:
        raise broken
    raise EngineUnavailable(f'nothing here runs {request.model.name}: {"; ".join(failures)}')


def _open(name: str, request: EngineRequest) -> Engine:
    _check_reach(name, request)
    try:
        engine_class = ENGINES[name].load()
    except ImportError as error:
        raise EngineUnavailable(
            f'the engine {name} needs a library that does not load here ({error}); '
            f'install it: {ENGINES[name].install}'
        ) from error
    opened = engine_class.open(request)
    if request.frame_encoding and not opened.frame_encodings and not opened.awaited_frames:
        _logger.warning(
            'no frame goes into the model as it comes: %s. Those of %s are prepared on the host',
            opened.description.frames_refused or f'the engine {name} takes none',
            request.frame_encoding,
        )
    return opened


def _check_reach(name: str, request: EngineRequest) -> None:
    """Raise an error where an engine does not know the device or the precision of a request."""
    entry = ENGINES[name]
    kind = request.device.partition(':')[0]
    if kind not in ('auto', *entry.devices):
        users = [other for other, each in ENGINES.items() if kind in each.devices]
        raise EngineUnavailable(
            f'device is {request.device}, which the engine {name} cannot use; use the engine '
            f'{" or ".join(users)}'
        )
    if request.precision not in ('auto', *entry.precisions):
        message = (
            f'precision is {request.precision}, but the engine {name} computes in '
            f'{", ".join(entry.precisions)}'
        )
        # Another engine may know it.
        raise EngineUnavailable(message) if request.engine == 'auto' else ConfigError(message)


def _suffixes(engine: str) -> str:
    *others, last = ENGINES[engine].suffixes
    return f'{", ".join(others)} and {last}' if others else last


def _who_runs() -> str:
    return '; '.join(f'{name} runs {_suffixes(name)}' for name in ENGINES)
