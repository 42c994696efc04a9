"""Run the node where there is no network but the loopback; exit code 0 when depth came.

python offline.py LOG: under `unshare --map-root-user --net`, or anywhere for the second check
alone: the node's process reports every address beyond this machine that Python is asked for.
"""

import fcntl
import socket
import struct
import sys
from pathlib import Path

from domains import next_domain
from processes import PythonProcess
from ros_harness import ENVIRONMENT, Probe
from sensor_msgs.msg import Image

WATCHED_NODE = """
import sys

def watch(event, arguments):
    if event in ('socket.connect', 'socket.sendto', 'socket.getaddrinfo', 'socket.gethostbyname'):
        address = arguments[0] if event.startswith('socket.get') else arguments[1]
        host = address[0] if isinstance(address, tuple) else address
        if not str(host).startswith(('127.', '::1', 'localhost', '/', 'None')):
            print('NETWORK', event, address, file=sys.stderr, flush=True)

sys.addaudithook(watch)
from mono_depth_ros.cli.depth_node import main
main()
"""
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def interfaces() -> list[str]:
    return [name for _, name in socket.if_nameindex()]


def bring_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack('16sh14x', b'lo', 0)
        flags = struct.unpack('16sh14x', fcntl.ioctl(any_socket, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack('16sh14x', b'lo', flags | IFF_UP))


def main() -> None:
    if interfaces() == ['lo']:
        bring_loopback_up()
    domain = next_domain()
    probe = Probe(domain)
    node = PythonProcess(
        Path(sys.argv[1]),
        ['-c', WATCHED_NODE, '--ros-args', '-p', 'threads:=1'],
        ENVIRONMENT | {'ROS_DOMAIN_ID': str(domain)},
    )
    try:
        depths = probe.listen('depth/image_rect', Image)
        probe.spin_until(lambda: depths, 'depth', each=probe.replay((48, 96)))
        print('interfaces', *interfaces())
    finally:
        node.stop()
        probe.close()


if __name__ == '__main__':
    main()
