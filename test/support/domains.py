"""ROS domains of a test's own: no two runs of the tests on a machine ever share one."""

import random
import socket
from collections import deque

# Domain ids that work on every platform; 61 to 100 are the demo's.
_CANDIDATES = range(1, 61)
# Nodes of tests long done may still be on their way out of a domain.
_KEPT = 12
_claims: deque[socket.socket] = deque()


def next_domain() -> int:
    """Claim a domain that neither this process nor another one has claimed lately."""
    domain, claim = _claim()
    _claims.append(claim)
    if len(_claims) > _KEPT:
        _claims.popleft().close()
    return domain


def session_domain() -> int:
    """Claim a domain until this process ends."""
    domain, claim = _claim()
    claim.detach()
    return domain


def _claim() -> tuple[int, socket.socket]:
    for domain in random.sample(_CANDIDATES, len(_CANDIDATES)):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f'\0mono_depth_ros test domain {domain}')  # gone with its process
        except OSError:
            claim.close()
        else:
            return domain, claim
    raise AssertionError('every ROS domain is claimed: are several runs of the tests hanging?')
