# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Log handler that forwards the package's Python log records to a ROS logger."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rclpy.impl.rcutils_logger import RcutilsLogger

_PACKAGE_LOGGER = 'rtformer_ros'


class RosLogHandler(logging.Handler):
    """Log handler: forwards records of Python's logging to a ROS logger."""

    def __init__(self, logger: RcutilsLogger) -> None:
        """Take the logger of a node."""
        super().__init__(logging.INFO)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record at its level."""
        text = record.getMessage()
        # rclpy allows a line of code one severity, so each has its own.
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        else:
            self._logger.info(text)


def bridge_logs(logger: RcutilsLogger) -> RosLogHandler:
    """Add a handler for the package's records, and return it, to remove it."""
    handler = RosLogHandler(logger)
    package_logger = logging.getLogger(_PACKAGE_LOGGER)
    package_logger.setLevel(logging.INFO)
    package_logger.addHandler(handler)
    return handler


def end_bridge(handler: RosLogHandler) -> None:
    """Remove a handler that bridge_logs added; harmless when that was done before."""
    logging.getLogger(_PACKAGE_LOGGER).removeHandler(handler)
