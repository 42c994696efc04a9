"""The contents of ROS messages as arrays, without ROS."""
