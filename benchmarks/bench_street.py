"""Measure how fast the street is rendered: python benchmarks/bench_street.py [frames]."""

import sys
import time

import cv2
from common.headline import headline

from mono_depth_ros.datasets.street.raycast import Street, render_frame

SIZES = ((128, 416), (192, 640), (375, 1242))
BAR_SIZE, BAR = (192, 640), 20.0  # frames per second on one core


def main() -> None:
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    cv2.setNumThreads(1)
    print(f'{headline("numpy")}; one core, {frames} frames')
    print('size        ms/frame  frames/s')
    rates = {size: measure(size, frames) for size in SIZES}
    for (height, width), rate in rates.items():
        print(f'{height:4d}x{width:<4d}  {1000 / rate:10.1f}  {rate:8.1f}')
    if rates[BAR_SIZE] < BAR:
        raise SystemExit(f'Below the bar of {BAR:.0f} frames/s at {BAR_SIZE[0]}x{BAR_SIZE[1]}.')


def measure(size: tuple[int, int], frames: int) -> float:
    street = Street()
    render_frame(street, 0, size)
    start = time.process_time()
    for index in range(frames):
        render_frame(street, index, size)
    return frames / (time.process_time() - start)


if __name__ == '__main__':
    main()
