"""The node that evaluates depth while it is published."""
