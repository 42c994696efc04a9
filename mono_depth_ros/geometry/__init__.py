"""Cameras, disparity, ego-motion, and the transforms between frames over time."""
