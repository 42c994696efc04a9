"""Pinhole geometry as pure functions on tensors: cameras, disparity and ego-motion."""
