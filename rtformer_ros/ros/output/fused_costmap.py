# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Publisher of the one costmap that those of several cameras make together."""

from __future__ import annotations

import array
import threading
from typing import TYPE_CHECKING

from nav_msgs.msg import OccupancyGrid
import numpy as np
from rtformer_ros.geometry.grids.placed_grid import fused, PlacedGrid
from rtformer_ros.ros.input.stamp import stamp_ns, stamp_s
from rtformer_ros.ros.interface.qos import output_profile, PublisherEventCallbacks
from rtformer_ros.ros.interface.topics import COSTMAP
from rtformer_ros.ros.output.subscribers import has_subscriber

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.publisher import Publisher
    from rtformer_ros.ros.interface.settings import TopicQos

_TOPIC = f'~/{COSTMAP}'
# Without a memory the costmap of a camera that is silent for longer no longer counts.
_LEAST_KEPT_S = 1.0


class FusedCostmap:
    """
    Publisher of ~/costmap for several cameras; thread-safe.

    It is made anew with each costmap of a camera, of the last one of each, which must be in one
    frame and of one size and resolution: another begins anew.
    """

    def __init__(self, node: Node) -> None:
        """Keep the node; nothing is offered before `configure`."""
        self._node = node
        self._lock = threading.Lock()
        self._publisher: Publisher | None = None
        self._qos: TopicQos | None = None
        self._last: dict[str, OccupancyGrid] = {}

    def configure(self, qos: TopicQos | None) -> None:
        """Offer the topic with this QoS, or withdraw it for None."""
        with self._lock:
            if qos == self._qos:
                return
            if self._publisher is not None:
                self._node.destroy_publisher(self._publisher)
            self._publisher, self._qos = None, qos
            self._last.clear()
            if qos is not None:
                self._publisher = self._node.create_publisher(
                    OccupancyGrid,
                    _TOPIC,
                    output_profile(qos, self._node, _TOPIC, is_latched=True),
                    event_callbacks=PublisherEventCallbacks(use_default_callbacks=False),
                )

    @property
    def publishers(self) -> list[Publisher]:
        """Return its publisher, none where it is not offered."""
        with self._lock:
            return [] if self._publisher is None else [self._publisher]

    @property
    def is_wanted(self) -> bool:
        """Return whether it is offered and somebody subscribes to it; waits for nothing."""
        return has_subscriber(self._publisher)

    def add(self, camera: str, grid: OccupancyGrid, decay_s: float) -> None:
        """
        Publish the costmaps of all cameras, this one being the newest of a camera.

        decay_s: how long cameras remember; one whose last costmap is farther from this one in
        time, but for a second, is left out. The message is kept, and must not change.
        """
        with self._lock:
            if self._publisher is None or not has_subscriber(self._publisher):
                self._last.clear()
                return
            kept_s = max(decay_s, _LEAST_KEPT_S)
            self._last = {
                name: other
                for name, other in self._last.items()
                if name != camera and _fits(other, grid, kept_s)
            }
            self._last[camera] = grid
            self._publisher.publish(_fused_message([*self._last.values()]))

    def forget(self, camera: str) -> None:
        """Leave out a camera that is no more."""
        with self._lock:
            self._last.pop(camera, None)


def _fits(other: OccupancyGrid, grid: OccupancyGrid, kept_s: float) -> bool:
    """Return whether two costmaps are of one form and about one time."""
    return (
        abs(stamp_s(other.header) - stamp_s(grid.header)) <= kept_s
        and other.header.frame_id == grid.header.frame_id
        and other.info.resolution == grid.info.resolution
        and (other.info.height, other.info.width) == (grid.info.height, grid.info.width)
    )


def _fused_message(grids: list[OccupancyGrid]) -> OccupancyGrid:
    """Return all in the window, and with the stamp, of the newest."""
    grids = sorted(grids, key=lambda grid: stamp_ns(grid.header))
    newest = grids[-1]
    costs_hw = fused([_placed(grid) for grid in grids]).costs_hw
    return OccupancyGrid(
        header=newest.header, info=newest.info, data=array.array('b', costs_hw.tobytes())
    )


def _placed(grid: OccupancyGrid) -> PlacedGrid:
    info = grid.info
    costs_hw = np.frombuffer(grid.data, np.int8).reshape(info.height, info.width)
    corner = info.origin.position
    return PlacedGrid(
        costs_hw, round(corner.y / info.resolution), round(corner.x / info.resolution)
    )
