"""Play a clip into the real node, record what comes out and picture it."""

from __future__ import annotations

import argparse
import os
import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import rclpy
from rclpy.context import Context
from rclpy.qos import ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from tqdm import tqdm

from mono_depth_ros.demo.bag import (
    DemoClip,
    find_kitti_drive,
    inspect_bag,
    write_kitti_bag,
    write_street_bag,
)
from mono_depth_ros.demo.processes import Child, free_domain, isolated_environment
from mono_depth_ros.demo.recorder import Recorder
from mono_depth_ros.demo.report import DemoResult, closing_table, render_film
from mono_depth_ros.inference.cards.model_card import ModelCard, load_card

# Chosen by eye for the untrained network, whose depth means nothing: it puts its clouds some
# ten metres ahead.
UNTRAINED_DEPTH_SCALE = 50.0
CLOCK_HZ = 50
START_SECONDS = 180.0
MATCH_SECONDS = 20.0
READERS = 2  # of what goes in: the node and the recorder
FINISH_SECONDS = 20.0
POLL_SECONDS = 0.05
ERROR = 2


class DemoError(Exception):
    """The demo cannot go on; the text says why and what to do."""


def run(chosen: argparse.Namespace) -> DemoResult:
    """Write or inspect the bag, play it into the node, render what came out."""
    output = Path(chosen.output)
    folder = output / 'out'
    card = load_card(chosen.model)
    _clear(folder)
    clip = prepare_clip(chosen, folder)
    depth_scale = chosen.depth_scale
    if depth_scale is None and not card.is_trained:
        depth_scale = UNTRAINED_DEPTH_SCALE
    print(f'== {clip.title}: {clip.frames} images on {clip.image_topic}')
    result = record(clip, card, depth_scale, folder, chosen)
    result = render_film(result, output)
    print(closing_table(result))
    return result


def prepare_clip(chosen: argparse.Namespace, folder: Path) -> DemoClip:
    """Return the user's clip, KITTI's where it is at hand, or the street."""
    if chosen.bag:
        title = f'The first {chosen.duration:g} s of {chosen.bag}'
        return inspect_bag(Path(chosen.bag), chosen.image_topic, title)
    bag = folder / 'input'
    drive = None if chosen.street else find_kitti_drive(Path(chosen.data))
    if drive:
        write_kitti_bag(drive, bag)
        return inspect_bag(bag, None, f'KITTI {drive.name.removesuffix("_sync")}')
    height, width = chosen.street_size
    write_street_bag(bag, chosen.street_frames, (height, width))
    return inspect_bag(bag, None, 'A synthetic street')


def record(
    clip: DemoClip,
    card: ModelCard,
    depth_scale: float | None,
    folder: Path,
    chosen: argparse.Namespace,
) -> DemoResult:
    """Play the clip into a node of its own and record what comes out."""
    environment = isolated_environment(chosen.domain_id or free_domain())
    os.environ.update(environment)
    node_arguments = node_command(clip, chosen.model, depth_scale)
    with ExitStack() as stack:
        node = Child(
            'mono_depth_ros.cli.depth_node', node_arguments, environment, folder / 'depth_node.log'
        )
        stack.callback(node.stop)
        recorder = _start_recorder(stack, clip, folder / 'recording')
        _wait_until_active(node, recorder)
        player = Child(
            'mono_depth_ros.cli.replay_bag',
            _replay_command(clip, chosen),
            environment,
            folder / 'replay_bag.log',
        )
        stack.callback(player.stop)
        _watch_replay(clip, node, player, recorder)
        _wait_until_finished(node, recorder)
    if not recorder.depths:
        raise DemoError(
            f'no depth image came out. The node says: {recorder.status.message}\n'
            f'Its log: {node.log}'
        )
    return DemoResult(
        clip,
        card,
        depth_scale,
        folder / 'recording',
        recorder.counts,
        recorder.depths,
        recorder.frame_rate,
        recorder.status,
    )


def node_command(clip: DemoClip, model: str, depth_scale: float | None) -> list[str]:
    """Return the command line of the node for a clip."""
    parameters: dict[str, Any] = {
        'model': model,
        'use_sim_time': 'true',
        'cloud_stride': clip.cloud_stride,
        'image_transport': 'compressed' if clip.is_compressed else 'raw',
    }
    if depth_scale is not None:
        parameters['depth_scale'] = float(depth_scale)
    settings = [word for name, value in parameters.items() for word in ('-p', f'{name}:={value}')]
    return ['--ros-args', *settings, '-r', f'image:={clip.base_topic}']


def _replay_command(clip: DemoClip, chosen: argparse.Namespace) -> list[str]:
    duration = ['--duration', str(chosen.duration)] if chosen.duration else []
    return [
        str(clip.bag),
        '--topics',
        *clip.topics,
        '--clock',
        str(CLOCK_HZ),
        *duration,
        '--wait-for-subscribers',
        str(MATCH_SECONDS),
        '--subscribers',
        str(READERS),
    ]


def _start_recorder(stack: ExitStack, clip: DemoClip, path: Path) -> Recorder:
    context = Context()
    # Python's own handlers stay: an interrupt has to end the other processes as well.
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    stack.callback(rclpy.shutdown, context=context)
    offered = ReliabilityPolicy.RELIABLE if clip.reliable else ReliabilityPolicy.BEST_EFFORT
    recorder = Recorder(context, path, clip.topics, clip.is_compressed, offered)
    stack.callback(recorder.close)
    return recorder


def _wait_until_active(node: Child, recorder: Recorder) -> None:
    print('== Starting depth_node')
    deadline = time.monotonic() + START_SECONDS
    while recorder.status.values.get('state') != 'active':
        _check_running(node)
        recorder.spin_once(POLL_SECONDS)
        state = recorder.status.values.get('state')
        failed = recorder.status.level == ERROR and state != 'active'
        if failed or time.monotonic() > deadline:
            raise DemoError(
                f'depth_node did not become active. It says: {recorder.status.message}\n'
                f'{node.log_tail()}'
            )


def _watch_replay(clip: DemoClip, node: Child, player: Child, recorder: Recorder) -> None:
    with tqdm(total=clip.frames, desc='Depth images', unit='', disable=None) as bar:
        while player.exit_code is None:
            _check_running(node)
            recorder.spin_once(POLL_SECONDS)
            bar.update(recorder.depths - bar.n)
    if player.exit_code:
        raise DemoError(f'replay_bag failed:\n{player.log_tail()}')


def _wait_until_finished(node: Child, recorder: Recorder) -> None:
    """Take in the last frames and a diagnosis that counts them all."""
    ended = time.monotonic()
    while time.monotonic() < ended + FINISH_SECONDS:
        _check_running(node)
        recorder.spin_once(POLL_SECONDS)
        if recorder.status.received > ended + 1.0 and not recorder.status.pending:
            return


def _check_running(node: Child) -> None:
    if node.exit_code is not None:
        raise DemoError(f'depth_node ended with code {node.exit_code}:\n{node.log_tail()}')


def _clear(folder: Path) -> None:
    """Remove what an earlier run left, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ('input', 'recording'):
        shutil.rmtree(folder / name, ignore_errors=True)
