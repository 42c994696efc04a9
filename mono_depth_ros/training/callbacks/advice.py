"""What the history of a training says, in words, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

from mono_depth_ros.training.callbacks.history import History, Validation
from mono_depth_ros.training.callbacks.step_means import StepMeans, join_step_means
from mono_depth_ros.training.config.schema import TrainConfig

# Above it, the network is not what takes the time.
MUCH_WAITING = 0.15
# Fewer steps than these show that a training runs, not what it reaches.
FEW_STEPS = 100
_LATE_SHARE = 0.1
# A validation that is worse than the best by more is no chance.
_WORSE = 1.05
_WRONG_SCALE = 1.1


def advise(config: TrainConfig, history: History, metric: bool) -> list[str]:
    """Return warnings, each with its cure; none where everything is as it should be.

    Args:
        config: of the training.
        history: its history up to now.
        metric: whether the supervision knows metres.
    """
    advice = []
    if history.spans:
        waiting = advise_on_waiting(config, join_step_means(history.spans).wait_share)
        advice += [waiting] if waiting else []
        advice += _on_loss(history.spans)
    if not config.validation_split and not config.held_out:
        advice.append(
            'Nothing was validated, so how good the depth is was not measured: give '
            'validation_root and validation_split, or held_out images.'
        )
    if history.validations:
        advice += _on_validations(history.validations, metric)
    return advice


def advise_on_waiting(config: TrainConfig, share: float) -> str | None:
    """Say what to do if reading holds the training up; share may be NaN."""
    if not share > MUCH_WAITING:
        return None
    keep = '' if config.reading.keep else ', or set reading.keep if the images fit into memory'
    return (
        f'{share:.0%} of the step time was spent waiting for data: raise reading.workers '
        f'(now {config.reading.workers}) if cores are free{keep}.'
    )


def _on_loss(spans: Sequence[StepMeans]) -> list[str]:
    done = spans[-1].step
    if done < FEW_STEPS:
        return [f'{done} steps show that the training runs, not what it can reach.']
    part = max(1, round(len(spans) * _LATE_SHARE))
    early, late = join_step_means(spans[:part]), join_step_means(spans[-part:])
    advice = []
    if late.loss >= early.loss:
        advice.append(
            f'The loss did not fall ({early.loss:.4g} early, {late.loss:.4g} late): '
            'lower optimizer.learning_rate, or look at the pictures and the data.'
        )
    moved, still = late.terms.get('reprojection'), late.terms.get('identity')
    if moved is not None and still is not None and moved >= still:
        advice.append(
            f'Warped sources match the target no better ({moved:.4g}) than the sources as they '
            f'are ({still:.4g}), so neither depth nor motion was learned yet: check K, the order '
            'and spacing of the frames and that the camera moves between them; begin '
            'auto-masking later (loss.auto_mask_from 0.3), or train longer.'
        )
    return advice


def _on_validations(validations: Sequence[Validation], metric: bool) -> list[str]:
    last = validations[-1]
    best = min(validations, key=lambda validation: validation.median_scaled.abs_rel)
    advice = []
    if last.median_scaled.abs_rel > _WORSE * best.median_scaled.abs_rel:
        advice.append(
            f'AbsRel was better after step {best.step} ({best.median_scaled.abs_rel:.4g}) than '
            f'it is after step {last.step} ({last.median_scaled.abs_rel:.4g}): train on more '
            'data, or for fewer steps.'
        )
    if metric and not 1 / _WRONG_SCALE < last.scale < _WRONG_SCALE:
        wrong = 'small' if last.scale > 1 else 'large'
        advice.append(
            f'Depth in metres came out too {wrong}: true over predicted median depth is '
            f'{last.scale:.3g}. Check depth_scale, the stereo baseline or the measured distances.'
        )
    return advice
