"""Monocular depth for ROS 2."""
