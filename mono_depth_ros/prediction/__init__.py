"""Depth of bags, images and videos, offline."""
