# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
List the network families, and build a network by its public name.

Another family is one module in families, with its NetworkFamily, and one entry of FAMILIES.
"""

from __future__ import annotations

import inspect
from typing import Any

from rtformer_ros.errors import ConfigError
from rtformer_ros.network.families.rtformer import RTFORMER
from rtformer_ros.network.family import NetworkFamily, SegmentationNetwork

Families = tuple[NetworkFamily, ...]

FAMILIES: Families = (RTFORMER,)


def build_network(
    name: str, num_classes: int, *, families: Families = FAMILIES, **options: Any
) -> SegmentationNetwork:
    """
    Return a network in training mode with fresh weights.

    name: 'rtformer_slim', 'rtformer_base'; options: those of its family's builder, such as
    aux_head and bn_momentum, the others being as published; families: the known ones. Raises
    ConfigError for an unknown name or option and for a value that no network can have.
    """
    by_name = {known: family for family in families for known in family.variants}
    if name not in by_name:
        raise ConfigError(f"there is no network '{name}'; expected one of: {', '.join(by_name)}")
    family = by_name[name]
    known = [*inspect.signature(family.build).parameters][2:]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ConfigError(
            f'{name} has no option {", ".join(unknown)}; expected some of: {", ".join(known)}'
        )
    return family.build(family.variants[name], num_classes, **options)
