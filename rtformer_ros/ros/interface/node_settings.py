# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Settings of the node, read from the values of all parameters."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, TYPE_CHECKING

from rtformer_ros.engines import BuildOptions
from rtformer_ros.files.packaged_files import check_allowed, expanded_path
from rtformer_ros.geometry.costmap import CostmapSettings
from rtformer_ros.geometry.scan import ScanSettings
from rtformer_ros.ros.interface.parameters import SETTINGS_FIELDS, SPECS
from rtformer_ros.ros.interface.settings import (
    CameraPoseSettings,
    CameraSettings,
    CoverageSettings,
    DepthSettings,
    FrameSettings,
    InputSettings,
    ModelSettings,
    OutputSettings,
    PointsSettings,
    RegionsSettings,
    TopicQos,
)
from rtformer_ros.ros.interface.topics import tunable_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rtformer_ros.ros.interface.parameter_spec import ParameterValue


@dataclass(frozen=True)
class NodeSettings:
    """
    All settings of the node, checked as far as it can be without the model's labels.

    engine_fallback: the engine that segments while a model is built, '' for none. cameras: their
    names, ('',) for a single one without. snapshot_folder: '' for the default one. values: the
    parameters that all this was read from.
    """

    model: ModelSettings
    engine_fallback: str
    model_open_timeout_s: float
    frame: FrameSettings
    cameras: tuple[str, ...]
    camera: CameraSettings
    batch_wait_s: float
    diagnostics_period_s: float
    snapshot_folder: str
    snapshot_timeout_s: float
    autostart: bool
    values: Mapping[str, ParameterValue] = field(compare=False, repr=False)

    @classmethod
    def from_values(cls, values: Mapping[str, ParameterValue]) -> NodeSettings:
        """Read the values of all parameters; raises ConfigError for one that is not allowed."""
        found: dict[str, Any] = {}
        for name, spec in SPECS.items():
            spec.check(values[name])
            # Each type was checked when ROS declared the parameter, by its default.
            found[SETTINGS_FIELDS[name]] = spec.convert(values[name])
        # One image of each camera is the most that the engine gets at once.
        found['model.build.max_batch'] = len(found['cameras'])
        for section, new in _SECTIONS.items():
            found[section] = new(**_take(found, section))
        settings = cls(**found, values=dict(values))
        for name in ('snapshot.folder', 'ignore_mask'):
            path = str(values[name])
            if path:
                check_allowed(expanded_path(path), settings.model.allowed_folders, name)
        return settings

    def with_model_of(self, other: NodeSettings) -> NodeSettings:
        """Return these settings with another's model."""
        model_values = {name: other.values[name] for name in MODEL_PARAMETERS}
        return replace(self, model=other.model, values={**self.values, **model_values})

    def of_fallback(self) -> NodeSettings:
        """Return these settings with the engine that fills in; raises ConfigError."""
        changes = {'engine': self.engine_fallback, **_FALLBACK_VALUES}
        return NodeSettings.from_values({**self.values, **changes})


# A compiler times the kernels of the device, which must have no other work while it does; a CPU
# prepares frames faster than it computes graphs that take them.
_FALLBACK_VALUES: Mapping[str, ParameterValue] = {
    'device': 'cpu',
    'precision': 'auto',
    'frame_encoding': 'none',
}

# What holds the fields of each section, inner ones first.
_SECTIONS: Mapping[str, Callable[..., Any]] = {
    'model.build': BuildOptions,
    'model': ModelSettings,
    'frame.camera': CameraPoseSettings,
    'frame.costmap': CostmapSettings,
    'frame.scan': ScanSettings,
    'frame.points': PointsSettings,
    'frame.regions': RegionsSettings,
    'frame.coverage': CoverageSettings,
    'frame': FrameSettings,
    'camera.input.image_qos': TopicQos,
    'camera.input.camera_info_qos': TopicQos,
    'camera.input.depth.qos': TopicQos,
    'camera.input.depth': DepthSettings,
    'camera.input': InputSettings,
    **{f'camera.output.qos.{topic}': TopicQos for topic in tunable_topics()},
    'camera.output.qos': dict,
    'camera.output.publish': dict,
    'camera.output': OutputSettings,
    'camera': CameraSettings,
}


def _take(found: dict[str, Any], section: str) -> dict[str, Any]:
    """Move the fields of a section out of what was found, and return them by their own names."""
    prefix = f'{section}.'
    return {
        name.removeprefix(prefix): found.pop(name) for name in [*found] if name.startswith(prefix)
    }


def _parameters_of(section: str) -> tuple[str, ...]:
    """Return the parameters that fill a section of the settings."""
    return tuple(n for n, filled in SETTINGS_FIELDS.items() if filled.startswith(f'{section}.'))


MODEL_PARAMETERS = _parameters_of('model')
"""The parameters that ModelSettings is read from."""

FRAME_CONFIG_PARAMETERS = (*MODEL_PARAMETERS, *_parameters_of('frame'))
"""Those, and the parameters that FrameSettings is read from."""
