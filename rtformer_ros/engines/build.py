"""Describe the building of a plan: what is asked of it, how far it is, and how it is called off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rtformer_ros.errors import ConfigError

OPTIMIZATION_LEVELS = range(6)


@dataclass(frozen=True)
class BuildOptions:
    """
    How an engine that compiles its model goes about it; the others ignore it.

    workspace_mib: scratch memory in MiB that the compiler may take. optimization_level: 0 (fast
    build) to 5 (fast plan). max_batch: the largest number of images in one call.
    Raises ConfigError for a value out of range.
    """

    workspace_mib: int = 1024
    optimization_level: int = 3
    max_batch: int = 1

    def __post_init__(self) -> None:
        """Check every field."""
        for name in ('workspace_mib', 'max_batch'):
            if getattr(self, name) < 1:
                raise ConfigError(f'{name} is {getattr(self, name)}; expected 1 or more')
        if self.optimization_level not in OPTIMIZATION_LEVELS:
            raise ConfigError(
                f'optimization_level is {self.optimization_level}; expected 0 to '
                f'{OPTIMIZATION_LEVELS.stop - 1}'
            )


@dataclass(frozen=True)
class BuildProgress:
    """How far a build is: what it does, percent (0..100, -1 where unknown), seconds so far."""

    phase: str
    percent: float
    elapsed_s: float


def _ignore(progress: BuildProgress) -> None:
    del progress


def _never() -> bool:
    return False


@dataclass(frozen=True)
class BuildWatch:
    """
    What the caller of a build wants to hear and say.

    report: called about once a second, from any thread. is_cancelled: asked as often; once it
    says True the build ends soon with EngineBuildCancelled.
    """

    report: Callable[[BuildProgress], None] = _ignore
    is_cancelled: Callable[[], bool] = _never
