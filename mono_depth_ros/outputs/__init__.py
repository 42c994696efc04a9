"""What is published or written for an image: topic names, ranges, invalid depth."""
