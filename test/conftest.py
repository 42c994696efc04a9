"""Settings of every test."""

import signal

# A job in the background of a script ignores interrupts, and its children would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
