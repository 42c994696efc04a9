"""What follows a training: progress bar, TensorBoard, report."""
