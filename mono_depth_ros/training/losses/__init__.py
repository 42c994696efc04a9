"""From a batch to a loss."""
