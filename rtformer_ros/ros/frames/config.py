# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Configuration of a frame: the engine and all settings that it is made with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
import threading
from typing import TYPE_CHECKING

import numpy as np
from rtformer_ros.drawing.class_colors import overlay_opacity
from rtformer_ros.drawing.rendering import RenderSettings
from rtformer_ros.engines.frames.painting import Painting
from rtformer_ros.errors import quoted
from rtformer_ros.files.packaged_files import expanded_path
from rtformer_ros.labels.class_options import (
    parse_class_filter,
    parse_class_remap,
    parse_colors,
)
from rtformer_ros.labels.label_set import distinct_colors, LabelClass, LabelSet
from rtformer_ros.labels.palette import palette_rgb
from rtformer_ros.labels.published_classes import chosen_ids, published_classes, PublishedClass
from rtformer_ros.media.ignore_mask import read_ignore_mask
from rtformer_ros.segmentation import UNLABELED_ID
from rtformer_ros.segmenter import Segmenter, SegmentSettings

if TYPE_CHECKING:
    from rtformer_ros.engines.base import Engine
    from rtformer_ros.geometry.cloud import CloudSettings
    from rtformer_ros.imaging.resize import Size
    from rtformer_ros.labels.label_set import PlannerGroup
    from rtformer_ros.ros.interface.settings import FrameSettings
    from rtformer_ros.segmentation import UnseenPixels


@dataclass(frozen=True)
class FrameConfig:
    """
    Configuration of a frame, all of it or nothing: engine, settings, rendering, classes.

    classes: what the ids of a mask mean, see published_classes(). cloud: which points are made.
    region_ids: the classes whose regions are told. settings: what all this was made from.
    """

    segmenter: Segmenter
    render: RenderSettings
    classes: tuple[PublishedClass, ...]
    cloud: CloudSettings
    region_ids: frozenset[int]
    settings: FrameSettings

    @property
    def engine(self) -> Engine:
        """Return the engine that runs the frames."""
        return self.segmenter.engine

    def reason_against_frames(self, encoding: str) -> str:
        """Return why frames of that encoding are prepared on the host, '' where they are not."""
        taken = self.engine.frame_encodings
        if encoding not in taken:
            return f'the engine takes {", ".join(sorted(taken)) or "none"}, not {quoted(encoding)}'
        if self.settings.temporal_smoothing:
            return 'temporal_smoothing compares images of the size of the network'
        if self.segmenter.settings.roi or self.segmenter.settings.ignored:
            return 'a region of interest and an ignore mask hold there alone'
        return ''

    def reason_against_size(self, source: Size) -> str:
        """Return why frames of that size are prepared on the host, '' where they are not."""
        largest = self.engine.largest_frame
        for size in (source, self.segmenter.output_size(source)):
            if largest is not None and (size[0] > largest[0] or size[1] > largest[1]):
                return (
                    f'the engine takes frames and makes masks of {largest[1]} x {largest[0]} '
                    f'pixels at most, not {size[1]} x {size[0]}'
                )
        return ''

    @cached_property
    def painting(self) -> Painting:
        """Return what pictures look like, for engines that paint them."""
        render = self.render
        opacity = overlay_opacity(render.overlay_alpha, render.shown_ids)
        return Painting(render.palette_rgb, opacity)

    @cached_property
    def group_by_id(self) -> dict[int, PlannerGroup]:
        """
        Return the planner group of each class that a mask may hold.

        The unlabelled have none, so that no cost of 'other' makes them known, and no scan free.
        """
        return {
            each.class_id: each.group for each in self.classes if each.class_id != UNLABELED_ID
        }


def open_ignore_mask(text: str) -> UnseenPixels | None:
    """Return the ignore mask of a file, None for ''; raises ConfigError for one that is none."""
    return read_ignore_mask(expanded_path(text)) if text else None


def configure_frames(
    engine: Engine, settings: FrameSettings, ignored: UnseenPixels | None = None
) -> FrameConfig:
    """
    Fit the settings to the engine's classes; raises ConfigError where they do not fit.

    ignored: what `open_ignore_mask` returned for the settings.
    """
    labels = engine.description.labels
    segment = SegmentSettings(
        resize=settings.resize,
        output_size=settings.output_size,
        class_remap=parse_class_remap(settings.class_remap, labels),
        confidence_threshold=settings.confidence_threshold,
        roi=settings.roi,
        ignored=ignored,
    )
    render = _render_settings(settings, labels)
    classes = published_classes(labels, segment.class_remap, render.palette_rgb, render.shown_ids)
    cloud = _cloud_settings(settings, labels)
    region_ids = chosen_ids(settings.regions.classes, classes, labels)
    return FrameConfig(Segmenter(engine, segment), render, classes, cloud, region_ids, settings)


class CurrentConfig:
    """
    Holder of the current configuration, under a lock while a frame is made with it.

    Whoever waits to replace it has the next turn, even where frames follow one another at once.
    """

    def __init__(self) -> None:
        """Start without a configuration."""
        # A thread that gives a lock back and takes it at once again is quicker than one that waits
        # for it, so whoever waits keeps the others from coming near.
        self._entrance = threading.Lock()
        self._lock = threading.Lock()
        self._config: FrameConfig | None = None

    @property
    def config(self) -> FrameConfig | None:
        """Return the current configuration, to look at."""
        return self._config

    @contextmanager
    def in_use(self) -> Iterator[FrameConfig | None]:
        """Lock the current configuration while a frame is made with it."""
        with self._entrance:
            self._lock.acquire()
        try:
            yield self._config
        finally:
            self._lock.release()

    def replace(self, config: FrameConfig | None) -> None:
        """Replace the configuration, after the frame that is being made."""
        with self._entrance, self._lock:
            self._config = config


def _render_settings(settings: FrameSettings, labels: LabelSet) -> RenderSettings:
    if settings.palette == 'distinct':
        labels = _recolored(labels)
    palette = palette_rgb(labels, parse_colors(settings.colors, labels))
    shown = parse_class_filter(settings.class_filter, labels)
    shown_ids = None
    if shown is not None:
        shown_ids = np.isin(np.arange(256), list(shown))
        palette[~shown_ids] = 0
    return RenderSettings(palette, shown_ids, settings.overlay_alpha, settings.jpeg_quality)


def _cloud_settings(settings: FrameSettings, labels: LabelSet) -> CloudSettings:
    shown = parse_class_filter(settings.points.class_filter, labels)
    if shown is None:
        return settings.points
    return replace(settings.points, shown_ids=bytes(int(i in shown) for i in range(256)))


def _recolored(labels: LabelSet) -> LabelSet:
    colors = distinct_colors(len(labels))
    classes = zip(labels.classes, colors, strict=True)
    return LabelSet(labels.name, tuple(LabelClass(c.name, color, c.group) for c, color in classes))
