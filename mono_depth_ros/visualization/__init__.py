"""Draw depth, charts and pages."""
