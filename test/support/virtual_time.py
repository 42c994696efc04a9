"""A clock that stands still until somebody sleeps: what is measured by it is exact."""

import types


class VirtualTime(types.SimpleNamespace):
    """Stands in for the module time: `monkeypatch.setattr('….module.time', VirtualTime())`.

    Attributes:
        now: seconds on every clock.
        computed: of them, those that the process computed.
        per_look: seconds that pass whenever somebody looks at a clock.
    """

    def __init__(self, per_look=0.0):
        super().__init__(now=0.0, computed=0.0, per_look=per_look)

    def sleep(self, seconds):
        self.now += seconds

    def compute(self, seconds):
        self.sleep(seconds)
        self.computed += seconds

    def monotonic(self):
        self.now += self.per_look
        return self.now

    perf_counter = monotonic

    def process_time(self):
        return self.computed
