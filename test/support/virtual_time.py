"""A clock that stands still until somebody sleeps: what is measured by it is exact."""

import types


class VirtualTime(types.SimpleNamespace):
    """Stands in for the module time: `monkeypatch.setattr('….module.time', VirtualTime())`.

    Attributes:
        now: seconds on every clock.
        computed: of them, those that the process computed.
    """

    def __init__(self):
        super().__init__(now=0.0, computed=0.0)

    def sleep(self, seconds):
        self.now += seconds

    def compute(self, seconds):
        self.sleep(seconds)
        self.computed += seconds

    def monotonic(self):
        return self.now

    perf_counter = monotonic

    def process_time(self):
        return self.computed
