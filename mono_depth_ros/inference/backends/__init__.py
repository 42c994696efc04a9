"""What can run a network: takes bytes, gives disparity, and proves its numbers first."""
