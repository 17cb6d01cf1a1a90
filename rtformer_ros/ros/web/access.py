# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Access to the page: who may ask for what, by address, token and origin."""

from __future__ import annotations

from dataclasses import dataclass
import hmac
import ipaddress
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rtformer_ros.ros.web.settings import WebSettings

TOKEN_COOKIE = 'rtformer_ros_token'

_TOKEN_BYTES = 16


@dataclass(frozen=True)
class Access:
    """What a request must show; token: '' where none is asked for, on loopback addresses alone."""

    token: str

    @classmethod
    def of(cls, settings: WebSettings) -> Access:
        """Return that of the settings; makes a token where one is needed and none is given."""
        if settings.token or settings.is_loopback:
            return cls(settings.token)
        return cls(secrets.token_hex(_TOKEN_BYTES))

    def refusal(
        self, headers: Mapping[str, str], cookie: str, *, is_change: bool
    ) -> tuple[int, str] | None:
        """
        Return status and reason for a request that is refused, None for one that is not.

        cookie: the one that holds the token. is_change: the request changes something.
        """
        host, origin = headers.get('Host', ''), headers.get('Origin', '')
        # Else a page of another site could reach a server on this machine by a name of its own
        # (DNS rebinding).
        if not self.token and not _is_loopback_host(host):
            return 403, f'the host {host[:80]!r} is not this machine; open http://127.0.0.1'
        if self.token and not self._knows_token(headers, cookie):
            return 401, 'the token is missing or wrong; open the address that the node printed'
        if origin and _host_of(origin) != host:
            return 403, 'the request comes from a page of another site'
        if headers.get('Sec-Fetch-Site', 'none') in ('cross-site', 'same-site'):
            return 403, 'the request comes from a page of another site'
        if is_change and headers.get('Content-Type', '').partition(';')[0] != 'application/json':
            # Forms of other sites cannot send this type.
            return 415, 'expected Content-Type: application/json'
        return None

    def is_token(self, text: str) -> bool:
        """Tell whether a text is the token, in a time that does not depend on where it is not."""
        return hmac.compare_digest(text.encode(errors='replace'), self.token.encode())

    def _knows_token(self, headers: Mapping[str, str], cookie: str) -> bool:
        kind, _, given = headers.get('Authorization', '').partition(' ')
        return self.is_token(given if kind == 'Bearer' else cookie)


def _host_of(origin: str) -> str:
    """Return host and port of an origin, '' for a text that is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ''


def _is_loopback_host(host: str) -> bool:
    try:
        # With any port: a tunnel has another one at its other end.
        name = urlsplit(f'//{host}').hostname or ''
        return name == 'localhost' or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
