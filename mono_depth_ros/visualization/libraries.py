"""What charts and pages need beside the node's requirements."""

from __future__ import annotations

from importlib.util import find_spec

REPORT_LIBRARIES = {'jinja2': 'jinja2', 'matplotlib': 'matplotlib', 'PIL': 'pillow'}


def require_report_libraries() -> None:
    """Refuse before the work what would fail after it.

    Raises:
        ModuleNotFoundError: a library that reports and charts need is not installed.
    """
    missing = [name for module, name in REPORT_LIBRARIES.items() if find_spec(module) is None]
    if missing:
        raise ModuleNotFoundError(
            f'{" and ".join(missing)} not found; reports and charts need '
            f'{", ".join(REPORT_LIBRARIES.values())}. '
            "Install them: pip install 'mono_depth_ros[report]', or -r requirements-report.txt.",
            name=missing[0],
        )
