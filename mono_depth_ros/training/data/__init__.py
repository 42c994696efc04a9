"""From training samples to batches."""
