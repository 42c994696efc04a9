"""The Fast DDS profile for large images, for the processes that we start ourselves."""

from __future__ import annotations

import os
from importlib.metadata import version

from mono_depth_ros.resources import share_file

NEW_VARIABLE, OLD_VARIABLE = 'FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE'


def profile_variable() -> str:
    """Return the variable that this distribution's Fast DDS reads without complaint."""
    return NEW_VARIABLE if int(version('rclpy').split('.')[0]) >= 9 else OLD_VARIABLE


def profile_environment() -> dict[str, str]:
    """Return the variable that selects config/fastdds.xml; nothing where the user set one."""
    if NEW_VARIABLE in os.environ or OLD_VARIABLE in os.environ:
        return {}
    return {profile_variable(): str(share_file('config', 'fastdds.xml'))}
