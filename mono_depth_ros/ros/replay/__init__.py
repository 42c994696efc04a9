"""Play bags through rclpy."""
