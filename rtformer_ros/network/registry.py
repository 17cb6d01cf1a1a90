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
from rtformer_ros.network.families.ddrnet.network import DDRNET, DDRNET_CLASSIFIER
from rtformer_ros.network.families.mixformer.network import MIXFORMER, MIXFORMER_CLASSIFIER
from rtformer_ros.network.families.pale.network import PALE, PALE_CLASSIFIER
from rtformer_ros.network.families.rtformer import RTFORMER
from rtformer_ros.network.families.rtformer_classifier import RTFORMER_CLASSIFIER
from rtformer_ros.network.family import (
    ClassificationNetwork,
    NetworkFamily,
    NetworkTask,
    SegmentationNetwork,
)

Families = tuple[NetworkFamily, ...]

FAMILIES: Families = (
    RTFORMER, DDRNET, MIXFORMER, PALE,
    RTFORMER_CLASSIFIER, DDRNET_CLASSIFIER, MIXFORMER_CLASSIFIER, PALE_CLASSIFIER,
)  # fmt: skip


def build_network(
    name: str, num_classes: int, *, families: Families = FAMILIES, **options: Any
) -> SegmentationNetwork:
    """
    Return a segmentation network in training mode with fresh weights.

    name: one of network_names('segmentation'), as 'rtformer_slim' or 'ddrnet23_slim'; options:
    those of its family's builder, such as aux_head and bn_momentum, the others being as
    published; families: the known ones. Raises ConfigError for an unknown name or option and for
    a value that no network can have.
    """
    family = _family_of(name, 'segmentation', families)
    network = family.build(family.variants[name], num_classes, **_known(name, family, options))
    assert isinstance(network, SegmentationNetwork)
    return network


def build_classifier(
    name: str, num_classes: int = 1000, *, families: Families = FAMILIES, **options: Any
) -> ClassificationNetwork:
    """
    Return a network for images as a whole, in training mode with fresh weights.

    Its backbone has the names of the segmentation network that `name` builds there. Otherwise as
    build_network.
    """
    family = _family_of(name, 'classification', families)
    network = family.build(family.variants[name], num_classes, **_known(name, family, options))
    assert isinstance(network, ClassificationNetwork)
    return network


def network_names(task: NetworkTask, families: Families = FAMILIES) -> list[str]:
    """Return the public names of the networks for a task."""
    return [name for family in families if family.task == task for name in family.variants]


def options_of(name: str, task: NetworkTask = 'segmentation') -> list[str]:
    """
    Return the options of build_network, or of build_classifier, for a network.

    Raises ConfigError for another name.
    """
    return _options(_family_of(name, task, FAMILIES))


def _family_of(name: str, task: NetworkTask, families: Families) -> NetworkFamily:
    for family in families:
        if family.task == task and name in family.variants:
            return family
    what = {'segmentation': 'network', 'classification': 'classifier'}[task]
    raise ConfigError(
        f"there is no {what} '{name}'; expected one of: {', '.join(network_names(task, families))}"
    )


def _options(family: NetworkFamily) -> list[str]:
    return [*inspect.signature(family.build).parameters][2:]


def _known(name: str, family: NetworkFamily, options: dict[str, Any]) -> dict[str, Any]:
    known = _options(family)
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ConfigError(
            f'{name} has no option {", ".join(unknown)}; expected some of: {", ".join(known)}'
        )
    return options
