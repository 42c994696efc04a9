"""Where image_transport puts compressed images, and image_pipeline camera_info."""

COMPRESSED = '/compressed'
"""What image_transport appends to the topic of the raw images."""


def camera_info_beside(image_topic: str) -> str:
    """Return the camera_info topic of raw or compressed images: beside the raw ones."""
    return f'{image_topic.removesuffix(COMPRESSED).rpartition("/")[0]}/camera_info'
