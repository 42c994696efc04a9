"""Everything that needs rclpy and message packages."""
