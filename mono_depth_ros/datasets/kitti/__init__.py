"""KITTI raw: its files, training samples, and the way to a bag and back."""
