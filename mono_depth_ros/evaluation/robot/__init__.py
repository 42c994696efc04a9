"""Evaluation on a robot, from a bag or from topics."""
