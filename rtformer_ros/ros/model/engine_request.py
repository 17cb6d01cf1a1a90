# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The engine request of the node's model settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtformer_ros.engines import BuildWatch, EngineRequest
from rtformer_ros.files.packaged_files import find_labels, find_model
from rtformer_ros.labels.label_set import load_labels

if TYPE_CHECKING:
    from rtformer_ros.ros.interface.settings import ModelSettings


def engine_request(
    settings: ModelSettings, watch: BuildWatch | None = None, *, gives_way: bool = False
) -> EngineRequest:
    """
    Find the model and label files that the settings name, and return what to open.

    watch, gives_way: as of EngineRequest.
    Raises ModelError where there is no such model, ConfigError for labels that cannot be read or
    a value that cannot be.
    """
    allowed = settings.allowed_folders
    return EngineRequest(
        find_model(settings.model, allowed),
        settings.engine,
        device=settings.device,
        threads=settings.threads,
        labels=load_labels(find_labels(settings.labels, allowed)) if settings.labels else None,
        labels_override=settings.labels_override,
        network_size=settings.network_size,
        precision=settings.precision,
        build=settings.build,
        watch=watch or BuildWatch(),
        gives_way=gives_way,
        frame_encoding=settings.frame_encoding,
        # The node does not wait for either.
        frames_later=True,
        trials_later=True,
    )
