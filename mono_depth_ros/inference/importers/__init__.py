"""From the authors' checkpoints to model cards."""
