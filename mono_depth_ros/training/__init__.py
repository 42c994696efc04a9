"""From training samples to a model card."""
