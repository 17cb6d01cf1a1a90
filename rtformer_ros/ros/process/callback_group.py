# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Callback group for subscriptions that come and go for as long as the node runs."""

from __future__ import annotations

from typing import Any

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup


class LastingCallbackGroup(MutuallyExclusiveCallbackGroup):
    """
    Mutually exclusive callback group that forgets what is no more.

    Those of rclpy keep a reference to all that was ever in them.
    """

    def add_entity(self, entity: Any) -> None:
        """Add a subscription, a timer or the like."""
        # In steps that no other thread, as the executor's, can come between.
        self.entities.difference_update([each for each in [*self.entities] if each() is None])
        super().add_entity(entity)
