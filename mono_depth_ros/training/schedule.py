"""How the learning rate goes over a training."""

from __future__ import annotations

import math

from mono_depth_ros.training.config.schema import OptimizerConfig


def learning_rate(
    options: OptimizerConfig, step: int, steps: int, steps_per_epoch: float
) -> float:
    """Return the learning rate of a step (from 0) of a training of so many steps."""
    warm = min(1.0, (step + 1) / options.warmup_steps) if options.warmup_steps else 1.0
    if options.schedule == 'cosine':
        factor = 0.5 * (1 + math.cos(math.pi * step / max(1, steps)))
    elif options.schedule == 'step' and step >= options.drop_after * steps_per_epoch:
        factor = options.drop_factor
    else:
        factor = 1.0
    return options.learning_rate * warm * factor
