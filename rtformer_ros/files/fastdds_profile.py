# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""FastDDS profile: room for images, where it is the middleware and the user chose no profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtformer_ros.files.packaged_files import share_directories

if TYPE_CHECKING:
    from collections.abc import Mapping

PROFILE_VARIABLES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')
"""What Jazzy and older read, and what Kilted and newer read."""

_PROFILE = 'config/fastdds_large_images.xml'
_MIDDLEWARE_VARIABLE = 'RMW_IMPLEMENTATION'


def profile_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """
    Return the variables to add to the environment of a process that publishes images.

    Empty where another middleware than FastDDS is chosen (FastDDS is the default of ROS 2), where
    the user has set a profile of their own under either name, or where the file is missing.
    """
    middleware = environment.get(_MIDDLEWARE_VARIABLE) or 'rmw_fastrtps_cpp'
    if not middleware.startswith('rmw_fastrtps'):
        return {}
    if any(environment.get(name) for name in PROFILE_VARIABLES):
        return {}
    for share in share_directories():
        if (share / _PROFILE).is_file():
            return dict.fromkeys(PROFILE_VARIABLES, str(share / _PROFILE))
    return {}
