# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Chromium of the system, in which the web page is tested; none is ever downloaded."""

from __future__ import annotations

import shutil

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable')


def find_chromium() -> str | None:
    """Return the program, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)
