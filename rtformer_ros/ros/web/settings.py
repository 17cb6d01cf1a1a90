# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Settings of the web page, from the parameters of its node."""

from __future__ import annotations

from dataclasses import dataclass
import ipaddress
from typing import Any, TYPE_CHECKING

from rtformer_ros.errors import ConfigError, quoted
from rtformer_ros.ros.interface.parameter_spec import ParameterSpec
from rtformer_ros.ros.interface.start.declaration import declare

if TYPE_CHECKING:
    from rclpy.node import Node

_LEAST_TOKEN_CHARACTERS = 16

_SPECS = (
    ParameterSpec(
        'node', '/segmentation_node', 'Full name of the node to show', read_only=True
    ),
    ParameterSpec(
        'address',
        '127.0.0.1',
        'IP address to serve on; on another than a loopback one only with a token',
        read_only=True,
    ),
    ParameterSpec('port', 8080, 'TCP port; 0: any that is free', 0, 65535, read_only=True),
    ParameterSpec(
        'token',
        '',
        "Secret that a browser must know; '' asks for none on a loopback address, and makes one "
        'for any other',
        read_only=True,
    ),
    ParameterSpec(
        'picture_width', 960, 'Greatest width of the pictures in pixels', 64, 8192, read_only=True
    ),
    ParameterSpec('jpeg_quality', 80, 'JPEG quality of the pictures', 1, 100, read_only=True),
)  # fmt: skip


@dataclass(frozen=True)
class WebSettings:
    """
    Settings of the web page; the fields are its node's parameters, described above.

    Raises ConfigError for a node's name, address or token that cannot be.
    """

    node: str
    address: str
    port: int
    token: str
    picture_width: int
    jpeg_quality: int

    def __post_init__(self) -> None:
        """Check what the declaration of the parameters cannot."""
        if not self.node.startswith('/') or self.node.endswith('/'):
            raise ConfigError(
                f"node is {quoted(self.node)}; expected a full name, as '/segmentation_node'"
            )
        try:
            ipaddress.ip_address(self.address)
        except ValueError as error:
            raise ConfigError(
                f"address is {quoted(self.address)}; expected an IP address, as '127.0.0.1' for "
                "this machine alone, or '0.0.0.0' for all networks"
            ) from error
        is_usable = self.token.isascii() and self.token.isalnum()
        if self.token and (not is_usable or len(self.token) < _LEAST_TOKEN_CHARACTERS):
            raise ConfigError(
                f'token has {len(self.token)} characters; expected at least '
                f'{_LEAST_TOKEN_CHARACTERS} letters and digits, or none, which makes one'
            )

    @property
    def is_loopback(self) -> bool:
        """Tell whether the address can be reached from this machine alone."""
        return ipaddress.ip_address(self.address).is_loopback


def read_web_settings(node: Node) -> WebSettings:
    """Declare the parameters; raises ConfigError for a value that is not allowed."""
    values: dict[str, Any] = declare(node, _SPECS)
    return WebSettings(**values)
