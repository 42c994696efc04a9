"""Types that every folder shares."""

Size = tuple[int, int]
"""(height, width) of an image [px]."""

SIZE_MULTIPLE = 32
"""Networks halve an image five times: they accept a `Size` of multiples of this."""
