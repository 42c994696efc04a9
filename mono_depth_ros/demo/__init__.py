"""Show the node at work: python -m mono_depth_ros.demo."""
