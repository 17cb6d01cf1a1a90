# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Node of the page: its settings, feeds and clients."""

from __future__ import annotations

from rclpy.node import Node
from rtformer_ros.ros.web.feeds import Feeds, RosThread
from rtformer_ros.ros.web.remote_node import RemoteNode
from rtformer_ros.ros.web.settings import read_web_settings


class PageNode(Node):
    """Node that listens to another one, as far as somebody looks, and calls its services."""

    def __init__(self) -> None:
        """Declare the parameters; raises ConfigError for a value that is not allowed."""
        super().__init__('web')
        self.settings = read_web_settings(self)
        self.thread = RosThread(self)
        self.feeds = Feeds(self, self.thread)
        self.remote = RemoteNode(self, self.thread, self.settings.node)
