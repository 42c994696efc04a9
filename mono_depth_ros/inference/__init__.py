"""From a model card and images to depth."""
