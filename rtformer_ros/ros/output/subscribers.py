# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Subscribers of a publisher, asked for from any thread, while another one may withdraw it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rclpy.exceptions import InvalidHandle

if TYPE_CHECKING:
    from rclpy.publisher import Publisher


def has_subscriber(publisher: Publisher | None) -> bool:
    """Tell whether somebody subscribes to what is published; nobody does where it is withdrawn."""
    try:
        return publisher is not None and publisher.get_subscription_count() > 0
    except InvalidHandle:
        return False
