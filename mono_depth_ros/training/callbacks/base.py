"""What a callback of the training loop is."""

from __future__ import annotations

from mono_depth_ros.evaluation.protocol.evaluate import EvaluationResult
from mono_depth_ros.inference.cards.model_card import ModelCard
from mono_depth_ros.training.callbacks.step_means import StepMeans
from mono_depth_ros.training.config.schema import TrainConfig
from mono_depth_ros.training.losses.step_result import StepImages


class Callback:
    """Looks on while a network is trained; only the first process has callbacks.

    What a callback does not care about it leaves as it is here: nothing happens.
    """

    def on_start(self, config: TrainConfig, step: int, steps: int, samples: int) -> None:
        """Learn what will be done."""

    def on_note(self, note: str) -> None:
        """Learn what a person should know before it starts."""

    def on_step(self, record: StepMeans, pictures: StepImages) -> None:
        """Learn of a step, and see one of its samples."""

    def on_validation(self, step: int, result: EvaluationResult) -> None:
        """Learn of a validation."""

    def on_held_out(self, step: int, errors: dict[str, float]) -> None:
        """Learn how well held-out images are explained."""

    def on_checkpoint(self, step: int) -> None:
        """Learn that a kill will now lose nothing."""

    def on_end(self, card: ModelCard) -> None:
        """Learn what came out."""

    def close(self) -> None:
        """Finish, however the training ended; called once by whoever made the callback."""
