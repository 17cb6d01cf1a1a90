# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Power while something runs, as tegrastats reads it on a Jetson and nvidia-smi elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
import math
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from types import TracebackType

_INTERVAL_MS = 100
_END_S = 1.0
_LONGEST_LINE = 200
# 'VDD_IN 4824mW/4830mW' and 'VIN 28548mW': the first is of now, what follows an average. JetPack
# 4 leaves the unit out, as in 'POM_5V_IN 1750/1628'.
_RAIL = re.compile(r'\b([A-Z][A-Z0-9_]+) (-?\d+)mW|\b((?:POM|VDD)_\w+) (-?\d+)/-?\d+(?=\s|$)')
# Rails that make up the whole module, by board: Orin Nano and NX, Xavier NX; Nano; AGX Orin; Thor,
# whose VIN counts the carrier, too; AGX Xavier.
_WHOLE_MODULE = (
    ('VDD_IN',),
    ('POM_5V_IN',),
    ('VDD_GPU_SOC', 'VDD_CPU_CV', 'VIN_SYS_5V0'),
    ('VDD_GPU', 'VDD_CPU_SOC_MSS', 'VIN_SYS_5V0'),
    ('GPU', 'CPU', 'SOC', 'CV', 'VDDRQ', 'SYS5V'),
)
_GPU = 'the GPU alone'


@dataclass(frozen=True)
class Power:
    """
    Power in watts while something ran.

    source: the program that read it; scope: what it is of, rails or 'the GPU alone'.
    mean_w, peak_w: of the scope; rails_w: mean of each rail by its name; readings: how many.
    """

    source: str
    scope: str
    mean_w: float
    peak_w: float
    readings: int
    rails_w: dict[str, float]


def rails_of(line: str) -> dict[str, float]:
    """Return watts by rail, as a line of tegrastats gives them; {} for any other text."""
    found = (
        (name or old_name, int(value or old_value) / 1e3)
        for name, value, old_name, old_value in _RAIL.findall(line)
    )
    return {name: watts for name, watts in found if name != 'NC'}


class PowerWatch:
    """
    A program that prints power as long as a `with` block lasts, in a process of its own.

    It ends with the block; after this process was killed it ends at its next line, which nobody
    takes.
    """

    def __init__(self) -> None:
        """Find the program; start nothing."""
        self._found = next((each for each in _PROGRAMS if shutil.which(each)), '')
        self._readings: list[tuple[float, dict[str, float]]] = []
        self._process: subprocess.Popen[str] | None = None
        self._last_line = ''
        self._error = ''

    @property
    def is_possible(self) -> bool:
        """Return whether there is a program that reads power."""
        return bool(self._found)

    def power(self, from_s: float = -math.inf, to_s: float = math.inf) -> Power | None:
        """Return what was read in that time of the monotonic clock; None where nothing was."""
        readings = [rails for at_s, rails in list(self._readings) if from_s <= at_s <= to_s]
        if not readings:
            return None
        # A board has the same rails all the time; a line that was cut has fewer.
        names = max(readings, key=len).keys()
        whole = [rails for rails in readings if rails.keys() == names]
        scope = _scope_of(whole[0])
        totals = [sum(rails[name] for name in scope) for rails in whole]
        return Power(
            self._found,
            ' + '.join(scope),
            sum(totals) / len(totals),
            max(totals),
            len(totals),
            {name: sum(rails[name] for rails in whole) / len(whole) for name in names},
        )

    @property
    def missing(self) -> str:
        """Return why there is no power, '' where there is."""
        if self._readings:
            return ''
        if not self._found:
            return f'there is neither {" nor ".join(_PROGRAMS)} to read it'
        if self._error or not self._last_line:
            return self._error or f'{self._found} printed nothing'
        line = self._last_line[:_LONGEST_LINE]
        root = '; some releases of it show power to root alone' * (self._found == 'tegrastats')
        return f'{self._found} printed no power{root}: {line}'

    def __enter__(self) -> PowerWatch:
        """Start to read."""
        if self._found:
            command, parse = _PROGRAMS[self._found]
            try:
                self._process = subprocess.Popen(
                    [self._found, *command],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors='replace',
                    start_new_session=True,
                )
            except OSError as error:
                self._error = f'{self._found} does not start: {error}'
                return self
            self._reader = threading.Thread(
                target=self._read, args=(self._process, parse), name='power', daemon=True
            )
            self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the program, whatever state it is in."""
        process, self._process = self._process, None
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, PermissionError):
                # With what it started, which would hold the pipe open.
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)
                break
        self._reader.join(_END_S)
        if process.stdout is not None and not self._reader.is_alive():
            process.stdout.close()

    def _read(
        self, process: subprocess.Popen[str], parse: Callable[[str], dict[str, float]]
    ) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            rails = parse(line)
            if rails:
                self._readings.append((time.monotonic(), rails))
            self._last_line = ' '.join(line.split()) or self._last_line


def measure_power(call: Callable[[], object], least_s: float) -> tuple[Power | None, str]:
    """
    Call for that many seconds, over and over, while power is read; return it, or why not.

    Timed calls are made before, so that the program which reads takes nothing from them.
    """
    with PowerWatch() as watch:
        if watch.is_possible:
            started_s = time.monotonic()
            while time.monotonic() - started_s < least_s:
                call()
        return watch.power(), watch.missing


def _scope_of(rails: Mapping[str, float]) -> tuple[str, ...]:
    """Return the rails that are the whole module; of an unknown board all there are."""
    for names in _WHOLE_MODULE:
        if all(name in rails for name in names):
            return names
    return tuple(rails)


def _gpu_power(line: str) -> dict[str, float]:
    """Return the watts that nvidia-smi printed, if it is a number."""
    try:
        return {_GPU: float(line)}
    except ValueError:
        return {}


_PROGRAMS: dict[str, tuple[list[str], Callable[[str], dict[str, float]]]] = {
    'tegrastats': (['--interval', str(_INTERVAL_MS)], rails_of),
    'nvidia-smi': (
        [
            '--id=0',
            '--query-gpu=power.draw',
            '--format=csv,noheader,nounits',
            f'--loop-ms={_INTERVAL_MS}',
        ],
        _gpu_power,
    ),
}
