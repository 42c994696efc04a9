"""What a frame costs the node besides its engine, and what it cannot cost less than.

The floors: decoding, resizing (the image down to the network, depth up to the camera), copying
the outputs' bytes once, publishing messages that lie ready. Reception is the middleware's and
counts for neither. A consumer in another process listens.
"""

import multiprocessing
import threading
import time
from array import array
from collections.abc import Callable
from statistics import median

import cv2
import numpy as np
import rclpy
import torch
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header

from mono_depth_ros.datasets.street.raycast import street_intrinsics
from mono_depth_ros.inference.backends.gate import gate_images
from mono_depth_ros.inference.backends.select import Served
from mono_depth_ros.inference.cards.model_card import load_card
from mono_depth_ros.inference.estimator import DepthEstimator
from mono_depth_ros.inference.predictor import Predictor
from mono_depth_ros.ros.conversions import camera_info_message, image_message
from mono_depth_ros.ros.node.camera_stream import CLOUD, DEPTH, INFO, CameraStream, Frame
from mono_depth_ros.ros.node.declaration import declare_parameters
from mono_depth_ros.ros.node.frame_processing import prepare_frame, publish_depth, publish_geometry
from mono_depth_ros.ros.node.parameters import DepthNodeConfig
from mono_depth_ros.types import DepthKind

TOPICS = {DEPTH: Image, INFO: CameraInfo, CLOUD: PointCloud2}
ROUNDS, WARM, PERIOD_S = 60, 5, 1 / 60
PATIENCE_S = 20.0
Run = Callable[[], object]


class Idle:
    """An engine that has its answer ready."""

    note = ''

    def __init__(self, engine: object) -> None:
        self.images = engine.images
        self.disparity = engine.run().clone()

    def run(self) -> torch.Tensor:
        return self.disparity


def measure(
    model: str, backend: str, size: tuple[int, int], outputs: list[str], domain: int, threads: int
) -> dict[str, float]:
    """Return medians [ms]: engine and floors (wall), ours and floors cpu (of the process).

    Args:
        model: a card.
        backend: of the node.
        size: (height, width) of the images.
        outputs: what the consumer listens to.
        domain: for DDS.
        threads: CPU threads.
    """
    consumer = multiprocessing.get_context('spawn').Process(
        target=listen, args=(domain, outputs), daemon=True
    )
    consumer.start()
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    try:
        return _measured(context, model, backend, size, outputs, threads)
    finally:
        context.try_shutdown()
        consumer.kill()
        consumer.join()


def listen(domain: int, outputs: list[str]) -> None:
    context = Context()
    rclpy.init(context=context, domain_id=domain)
    node = rclpy.create_node('consumer', context=context)
    for output in outputs:
        node.create_subscription(
            TOPICS[output], output, lambda message: None, QoSProfile(depth=5), raw=True
        )
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    executor.spin()


def _measured(
    context: Context,
    model: str,
    backend: str,
    size: tuple[int, int],
    outputs: list[str],
    threads: int,
) -> dict[str, float]:
    node = LifecycleNode('frame_cost', context=context)
    declare_parameters(node)
    config = DepthNodeConfig(depth_scale=10.0)
    node.set_parameters([rclpy.parameter.Parameter('depth_scale', value=10.0)])
    stream = CameraStream(node, '', lambda: config, threading.Condition())
    K = street_intrinsics(size)
    stream._on_info(camera_info_message(Header(), K, size))
    stream.set_kind(DepthKind.SCALED, 10.0)
    wait_for_the_consumer(stream, outputs)
    image = np.ascontiguousarray(cv2.resize(gate_images()[0], size[::-1]))
    estimator = DepthEstimator(
        load_card(model), backend=backend, threads=threads, calibration_images=gate_images()
    )
    estimator.warm_up([size])
    engine = estimator.served().engines[1]
    engine_ms = wall(engine.run)
    network = estimator.network_size(size)
    estimator._served[network] = Served(
        'idle', estimator.served().depth_error, {1: Idle(engine)}, 1
    )
    message = image_message(Header(), image, 'bgr8')
    predict = Predictor(estimator, config.depth_scale, config.min_depth, config.max_depth)

    def ours() -> None:
        ready = prepare_frame(stream, Frame(message, time.monotonic()), 0.0)
        found = predict(ready.rgb, ready.geometry)
        publish_depth(ready, found.depth, DepthKind.SCALED, config)
        publish_geometry(ready)

    floors = floor_runs(stream, image, network, K, outputs)

    def all_floors() -> None:
        for run in floors.values():
            run()

    result = {'engine': engine_ms} | in_turns(ours, all_floors)
    result |= {f'floor of {name}': cpu(run) for name, run in floors.items()}
    stream.destroy()
    node.destroy_node()
    return result


def in_turns(ours: Run, floors: Run) -> dict[str, float]:
    """Run both at a camera's pace, frame by frame: neither finds warmer caches."""
    times: dict[str, list[float]] = {'ours': [], 'floors cpu': [], 'floors': []}
    for _ in range(WARM + ROUNDS):
        time.sleep(PERIOD_S)
        times['ours'].append(_time(ours, time.process_time))
        time.sleep(PERIOD_S)
        start = time.perf_counter()
        times['floors cpu'].append(_time(floors, time.process_time))
        times['floors'].append(1e3 * (time.perf_counter() - start))
    return {name: median(values[WARM:]) for name, values in times.items()}


def wait_for_the_consumer(stream: CameraStream, outputs: list[str]) -> None:
    end = time.monotonic() + PATIENCE_S
    while stream.listened() != set(outputs):
        if time.monotonic() > end:
            raise SystemExit(f'The consumer listens to {stream.listened()}, not to {outputs}.')
        time.sleep(0.05)


def floor_runs(
    stream: CameraStream,
    image: np.ndarray,
    network: tuple[int, int],
    K: np.ndarray,
    outputs: list[str],
) -> dict[str, Run]:
    small, found = np.empty((*network, 3), np.uint8), np.ones(network, np.float32)
    depth = np.ones(image.shape[:2], np.float32)
    enlarged = np.empty_like(depth)
    sources = {DEPTH: depth, CLOUD: np.ones((*depth.shape, 4), np.float32)}
    pairs = [(np.empty_like(sources[name]), sources[name]) for name in outputs if name in sources]
    prebuilt = {
        DEPTH: image_message(Header(), depth, '32FC1'),
        INFO: camera_info_message(Header(), K, depth.shape),
        CLOUD: PointCloud2(),
    }
    prebuilt[CLOUD].data = array('B', bytes(sources[CLOUD].nbytes))

    def copy() -> None:
        for to, source in pairs:
            np.copyto(to, source)

    def publish() -> None:
        for name in outputs:
            stream.publish(name, prebuilt[name])

    return {
        'decoding': lambda: cv2.cvtColor(image, cv2.COLOR_BGR2RGB),
        'resizing': lambda: cv2.resize(
            image, network[::-1], dst=small, interpolation=cv2.INTER_AREA
        ),
        'enlarging': lambda: cv2.resize(
            found, depth.shape[::-1], dst=enlarged, interpolation=cv2.INTER_LINEAR
        ),
        'copying': copy,
        'publishing': publish,
    }


def cpu(run: Run) -> float:
    return median(_time(run, time.process_time) for _ in range(ROUNDS))


def wall(run: Run) -> float:
    return median(_time(run, time.perf_counter) for _ in range(ROUNDS))


def _time(run: Run, clock: Callable[[], float]) -> float:
    start = clock()
    run()
    return 1e3 * (clock() - start)
