"""Evaluation of single images by the protocols of KITTI and DDAD."""
