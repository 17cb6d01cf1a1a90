# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Quality of service (QoS): the profile of each publisher and subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rtformer_ros.errors import ConfigError
from rtformer_ros.ros.interface.start.declaration import QOS_OVERRIDES

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
    from rclpy.event_handler import QoSRequestedIncompatibleQoSInfo as IncompatibleQos
except ImportError:  # Humble has them here.
    from rclpy.qos_event import (
        PublisherEventCallbacks,
        SubscriptionEventCallbacks,
    )
    from rclpy.qos_event import (
        QoSRequestedIncompatibleQoSInfo as IncompatibleQos,
    )

if TYPE_CHECKING:
    from typing import Literal

    from rclpy.node import Node
    from rtformer_ros.ros.interface.settings import TopicQos

__all__ = [
    'RELIABILITY',
    'IncompatibleQos',
    'PublisherEventCallbacks',
    'SubscriptionEventCallbacks',
    'input_profile',
    'matched_policies',
    'output_profile',
    'unmet_policies',
]

RELIABILITY = {
    'reliable': ReliabilityPolicy.RELIABLE,
    'best_effort': ReliabilityPolicy.BEST_EFFORT,
}
"""Policies by the names that parameters have for them."""

_POLICIES = {
    'history': HistoryPolicy,
    'depth': int,
    'reliability': ReliabilityPolicy,
    'durability': DurabilityPolicy,
}


def output_profile(
    policy: TopicQos, node: Node, topic: str, *, is_latched: bool = False
) -> QoSProfile:
    """
    Return the profile of a publisher; 'auto' is reliable, which suits every subscriber.

    is_latched: late subscribers get the last messages, and those that ask for that get any at all.
    """
    reliability = RELIABILITY.get(policy.reliability, ReliabilityPolicy.RELIABLE)
    durability = DurabilityPolicy.TRANSIENT_LOCAL if is_latched else DurabilityPolicy.VOLATILE
    return _profile(reliability, policy.depth, node, topic, 'publisher', durability)


def input_profile(policy: TopicQos, node: Node, topic: str) -> QoSProfile:
    """
    Return the profile of a subscription.

    'auto' is reliable where all publishers of the topic are, and best effort, which takes messages
    from both kinds, where one of them is not or none is known yet. Where all keep messages for
    late subscribers (transient local), a reliable subscription asks for these: some publish once.
    Deadline, liveliness and lifespan are never asked for, so any offer meets them.
    """
    offered = [info.qos_profile for info in node.get_publishers_info_by_topic(topic)]
    reliability = RELIABILITY.get(policy.reliability)
    if reliability is None:
        all_reliable = bool(offered) and all(
            each.reliability == ReliabilityPolicy.RELIABLE for each in offered
        )
        reliability = ReliabilityPolicy.RELIABLE if all_reliable else ReliabilityPolicy.BEST_EFFORT
    is_latched = (
        bool(offered)
        and reliability == ReliabilityPolicy.RELIABLE
        and all(each.durability == DurabilityPolicy.TRANSIENT_LOCAL for each in offered)
    )
    durability = DurabilityPolicy.TRANSIENT_LOCAL if is_latched else DurabilityPolicy.VOLATILE
    return _profile(reliability, policy.depth, node, topic, 'subscription', durability)


def matched_policies(profile: QoSProfile) -> tuple[object, object]:
    """Return those policies of a subscription that `input_profile` matches to publishers."""
    return profile.reliability, profile.durability


def unmet_policies(offered: QoSProfile, asked: QoSProfile) -> list[str]:
    """Return what a subscription asks for and a publisher does not offer, so they never meet."""
    unmet = []
    if (offered.reliability, asked.reliability) == (
        ReliabilityPolicy.BEST_EFFORT,
        ReliabilityPolicy.RELIABLE,
    ):
        unmet.append('reliable')
    if (offered.durability, asked.durability) == (
        DurabilityPolicy.VOLATILE,
        DurabilityPolicy.TRANSIENT_LOCAL,
    ):
        unmet.append('transient_local')
    return unmet


def _profile(
    reliability: ReliabilityPolicy,
    depth: int,
    node: Node,
    topic: str,
    entity: Literal['publisher', 'subscription'],
    durability: DurabilityPolicy = DurabilityPolicy.VOLATILE,
) -> QoSProfile:
    profile = QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=reliability,
        durability=durability,
    )
    for policy, kind in _POLICIES.items():
        value = _override(
            node, f'{QOS_OVERRIDES}{node.resolve_topic_name(topic)}.{entity}.{policy}'
        )
        if value is not None:
            setattr(profile, policy, _policy_value(policy, kind, value))
    return profile


def _override(node: Node, name: str) -> object:
    """
    Return what the user set for one of ROS's own `qos_overrides` parameters, or None.

    rclpy's QoSOverridingOptions would freeze the first profile of a topic: it stores it as the
    parameter's value, which then overrides every later profile of the same topic.
    """
    return node.get_parameter(name).value if node.has_parameter(name) else None


def _policy_value(policy: str, kind: type, value: object) -> object:
    if kind is int:
        if isinstance(value, int) and value >= 0:
            return value
        raise ConfigError(f'the QoS override of {policy} is {value!r}; expected a number >= 0')
    try:
        return getattr(kind, str(value).upper())
    except AttributeError as error:
        raise ConfigError(
            f'the QoS override of {policy} is {value!r}; expected one of: '
            f'{", ".join(name.lower() for name in kind.__members__)}'  # type: ignore[attr-defined]
        ) from error
