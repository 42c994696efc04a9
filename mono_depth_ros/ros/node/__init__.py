"""The managed node that turns images into depth."""
