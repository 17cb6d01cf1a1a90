# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Stamps of messages as numbers, whatever a publisher writes into them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from std_msgs.msg import Header

_NS_PER_S = 1_000_000_000


def stamp_ns(header: Header) -> int:
    """
    Return a stamp in nanoseconds.

    It may be negative or far away, which rclpy.time.Time refuses; differences of two are exact.
    """
    return int(header.stamp.sec) * _NS_PER_S + int(header.stamp.nanosec)


def stamp_s(header: Header) -> float:
    """Return a stamp in seconds, as `stamp_ns`."""
    return stamp_ns(header) / _NS_PER_S
