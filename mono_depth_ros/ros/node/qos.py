"""Quality of service: what the node asks for and offers, what users override, what clashes."""

from __future__ import annotations

from collections.abc import Iterable

from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    QoSCompatibility,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

from mono_depth_ros.suggest import did_you_mean

INPUT_QOS = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.BEST_EFFORT, durability=DurabilityPolicy.VOLATILE
)
OUTPUT_QOS = QoSProfile(
    depth=5, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE
)
PREFIX = 'qos_overrides.'


def overriding(entity_id: str | None = None) -> QoSOverridingOptions:
    """Return the options by which users override history, depth, reliability and durability."""
    return QoSOverridingOptions(
        (
            QoSPolicyKind.HISTORY,
            QoSPolicyKind.DEPTH,
            QoSPolicyKind.RELIABILITY,
            QoSPolicyKind.DURABILITY,
        ),
        entity_id=entity_id,
    )


def is_overridden(node: Node, topic: str, policy: str) -> bool:
    """Say whether a user has set a policy of our subscription to a resolved topic."""
    return f'{PREFIX}{topic}.subscription.{policy}' in _given(node)


def overrides_without_effect(node: Node) -> list[str]:
    """Return a sentence for every override that belongs to no connection of this node.

    To be called once everything is connected: rclpy declares an override as it applies it.
    """
    given = [name for name in _given(node) if name.startswith(PREFIX)]
    known = sorted(node.get_parameters_by_prefix(PREFIX.rstrip('.')))
    return [
        f'{name} has no effect.{did_you_mean(name.removeprefix(PREFIX), known)} It takes the '
        'topic as remapped, .subscription or .publisher, and .history, .depth, .reliability or '
        '.durability.'
        for name in given
        if name.removeprefix(PREFIX) not in known
    ]


def _given(node: Node) -> Iterable[str]:
    # rclpy has no public way to ask what was given before it is declared.
    return list(node._parameter_overrides)


def clash(offered: QoSProfile, requested: QoSProfile) -> bool:
    """Say whether a publisher offers less than a subscriber requests."""
    # Without deadline, lifespan and lease: the graph writes "none" otherwise than a profile does,
    # which would read as a conflict.
    compatibility, _ = qos_check_compatible(
        *(
            QoSProfile(depth=1, reliability=profile.reliability, durability=profile.durability)
            for profile in (offered, requested)
        )
    )
    return bool(compatibility == QoSCompatibility.ERROR)


def copy_qos(profile: QoSProfile) -> QoSProfile:
    """Return a profile of its own: overriding options write into the one they are given."""
    return QoSProfile(
        depth=profile.depth, reliability=profile.reliability, durability=profile.durability
    )
