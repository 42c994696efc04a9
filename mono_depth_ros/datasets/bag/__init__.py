"""Training samples from bags."""
