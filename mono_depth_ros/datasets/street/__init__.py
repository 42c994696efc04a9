"""A ray-cast street with exact depth, poses and intrinsics."""
