"""Settings of every test."""

import os
import signal
import tempfile

# A job in the background of a script ignores interrupts, and its children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Exports of test networks are no business of the user's cache; gone when the process ends.
_CACHE = tempfile.TemporaryDirectory(prefix='mono_depth_ros_test_cache_')
os.environ['XDG_CACHE_HOME'] = _CACHE.name
