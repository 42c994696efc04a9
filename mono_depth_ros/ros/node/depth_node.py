"""The managed node: lifecycle, parameters and timers around cameras, worker and diagnostics."""

from __future__ import annotations

import threading
import traceback
from typing import Any

import torch
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, State, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_msgs.msg import Header

from mono_depth_ros.inference.cards.model_card import ModelCard, load_card
from mono_depth_ros.inference.estimator import DepthEstimator
from mono_depth_ros.ros.node.camera_stream import CameraStream
from mono_depth_ros.ros.node.declaration import (
    declare_parameters,
    pass_on_old_names,
    read_config,
    under_new_names,
)
from mono_depth_ros.ros.node.depth_worker import DepthWorker
from mono_depth_ros.ros.node.diagnostics import (
    StreamMonitor,
    ThrottledLogger,
    camera_status,
    diagnostic_array,
    node_status,
)
from mono_depth_ros.ros.node.parameters import SPECS, DepthNodeConfig
from mono_depth_ros.ros.node.qos import overrides_without_effect
from mono_depth_ros.ros.node.watchdog import CameraFacts, diagnose

DEFAULT_THREADS = torch.get_num_threads()


class DepthNode(LifecycleNode):
    """Subscribe to cameras, publish depth images and point clouds; see docs for every topic."""

    def __init__(self) -> None:
        super().__init__('depth_node')
        self.state = 'unconfigured'
        self.failure = ''
        self.card: ModelCard | None = None
        self._estimator: DepthEstimator | None = None
        self._monitors: list[StreamMonitor] = []
        self._worker: DepthWorker | None = None
        self._wake = threading.Condition()
        self._speaker = ThrottledLogger('node')
        self._refused = declare_parameters(self)
        self._config: DepthNodeConfig | None = None
        self._answer_wrong_transitions()
        self.add_on_set_parameters_callback(self._check_parameters)
        self.add_post_set_parameters_callback(self._forget_config)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        # Steady time: under use_sim_time a default timer stands still until /clock comes.
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._tick_timer = self.create_timer(1.0, self._tick, clock=self._steady)
        self._start_timer = self.create_timer(0.0, self._autostart, clock=self._steady)

    def _answer_wrong_transitions(self) -> None:
        """Refuse transitions that the state does not allow: rclpy of Jazzy raises on them."""
        service = next(
            service for service in self.services if service.srv_name.endswith('change_state')
        )
        change_state: Any = service.callback

        def answer(request: Any, response: Any) -> Any:
            try:
                return change_state(request, response)
            except rclpy_implementation.RCLError:
                self.get_logger().error(
                    f'the node is {self.state}: transition {request.transition.label}'
                    f' {request.transition.id} is not possible now'
                )
                response.success = False
                return response

        service.callback = answer

    @property
    def config(self) -> DepthNodeConfig:
        """The parameters as they are now, read anew only after a change."""
        config = self._config
        if config is None:
            config = self._config = read_config(self)
        return config

    def _current_config(self) -> DepthNodeConfig:
        return self.config

    def _forget_config(self, changes: list[Parameter[Any]]) -> None:
        self._config = None
        pass_on_old_names(self, changes)

    def _autostart(self) -> None:
        self._start_timer.cancel()
        if self.get_parameter('autostart').value is False:
            self.get_logger().info('autostart is false: waiting for configure and activate')
            return
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS and self.context.ok():
            self.trigger_activate()

    # -- lifecycle -----------------------------------------------------------------------------

    def on_configure(self, state: State) -> TransitionCallbackReturn:
        """Load the model; on failure say what to do and stay unconfigured."""
        try:
            self._configure()
        except (ValueError, OSError) as error:
            return self._fail('configure', str(error))
        except Exception as error:
            return self._fail('configure', f'{error}\n{traceback.format_exc()}')
        return self._enter('inactive')

    def _enter(self, state: str) -> TransitionCallbackReturn:
        self.state, self.failure = state, ''
        self._speaker = ThrottledLogger('node')
        return TransitionCallbackReturn.SUCCESS

    def _fail(self, step: str, reason: str) -> TransitionCallbackReturn:
        self.failure = f'cannot {step}: {reason.rstrip(". ")}.'
        first = ' Correct it; remaps and qos_overrides need a new start.' * (step == 'activate')
        self.get_logger().error(
            f'{self.failure}{first} Then: ros2 lifecycle set '
            f'{self.get_fully_qualified_name()} {step}'
        )
        return TransitionCallbackReturn.FAILURE

    def _configure(self) -> None:
        if self._refused:
            raise ValueError('; '.join(self._refused.values()))
        config = self.config
        card = load_card(config.model)
        self.get_logger().info(f"loading '{card.name}' ({card.network}) on {config.device}")
        estimator = DepthEstimator(
            card,
            device=config.device,
            precision=config.precision,
            backend=config.backend,
            cameras=len(config.cameras),
            threads=config.threads or DEFAULT_THREADS,
            resize_mode=config.resize_mode,
            report=self._report,
        )
        estimator.warm_up([card.input_size])  # out of memory in here must not keep the rest
        self._estimator, self.card = estimator, card
        if not card.is_trained:
            self.get_logger().warning(
                f"'{card.name}' is untrained: its depth shows that everything runs, nothing more"
            )
        self.get_logger().info(
            f"'{card.name}' is ready; licence of the weights: {card.license_weights}"
        )

    def _report(self, text: str) -> None:
        """Log what the estimator tells: what takes time, and which backend serves."""
        self.get_logger().info(text)

    def on_activate(self, state: State) -> TransitionCallbackReturn:
        """Connect the cameras and start the worker; on failure stay inactive and say why."""
        try:
            self._connect()
        except Exception as error:  # names and QoS that the middleware refuses
            self._disconnect()
            return self._fail('activate', str(error))
        return self._enter('active')

    def _connect(self) -> None:
        assert self._estimator is not None
        for name in self.config.cameras:
            stream = CameraStream(self, name, self._current_config, self._wake)
            self._monitors.append(StreamMonitor(stream))
        streams = [monitor.stream for monitor in self._monitors]
        self._worker = DepthWorker(
            streams,
            self._estimator,
            self._current_config,
            self._header_age,
            self._wake,
            self.get_logger(),
        )
        for sentence in overrides_without_effect(self):
            self.get_logger().warning(sentence)
        for stream in streams:
            self.get_logger().info(
                f'{stream.label}: {stream.image_topic} and {stream.info_topic} → '
                f'{self.resolve_topic_name(stream.prefix + "depth/image_rect")}'
            )

    def on_deactivate(self, state: State) -> TransitionCallbackReturn:
        """Stop the worker and disconnect; the model stays loaded."""
        self._disconnect()
        return self._enter('inactive')

    def on_cleanup(self, state: State) -> TransitionCallbackReturn:
        """Release the model."""
        self._estimator, self.card = None, None
        return self._enter('unconfigured')

    def on_shutdown(self, state: State) -> TransitionCallbackReturn:
        """Disconnect and release everything."""
        self._disconnect()
        self._estimator, self.card = None, None
        return self._enter('finalized')

    def on_error(self, state: State) -> TransitionCallbackReturn:
        """Return to unconfigured, so that the node can be configured again."""
        self._disconnect()
        return self.on_cleanup(state)

    def _disconnect(self) -> None:
        if self._worker is not None:
            self._worker.stop()
        self._worker = None
        for monitor in self._monitors:
            monitor.stream.destroy()
        self._monitors = []

    def destroy_node(self) -> None:
        """Stop the worker before the connections that it publishes on go away."""
        self._disconnect()
        super().destroy_node()

    # -- parameters ----------------------------------------------------------------------------

    def _check_parameters(self, changes: list[Parameter[Any]]) -> SetParametersResult:
        """Refuse what cannot be applied now, with the reason."""
        ours = [change for change in under_new_names(changes) if change.name in SPECS]
        for change in ours:
            if self.state != 'unconfigured' and not SPECS[change.name].metadata['while_running']:
                return SetParametersResult(
                    successful=False, reason=unchangeable(change.name, self.state)
                )
        try:
            read_config(self, ours)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        for change in ours:
            self._refused.pop(change.name, None)
        return SetParametersResult(successful=True)

    # -- diagnostics ---------------------------------------------------------------------------

    def _header_age(self, header: Header) -> float:
        stamp = header.stamp
        now: int = self.get_clock().now().nanoseconds
        return now / 1e9 - float(stamp.sec) - float(stamp.nanosec) / 1e9

    def _facts(self, monitor: StreamMonitor) -> CameraFacts:
        return monitor.facts(
            self.state,
            self.config,
            self.get_clock().now().nanoseconds,
            bool(self.get_parameter('use_sim_time').value),
        )

    def _device_values(self) -> dict[str, str]:
        """Say where the network runs, by what, and how exactly."""
        values = {name: str(self.get_parameter(name).value) for name in ('device', 'precision')}
        served = self._estimator.served() if self._estimator else None
        if served:
            values |= {'backend': served.backend, 'depth_error': str(served.depth_error)}
        return values

    def _tick(self) -> None:
        """Publish diagnostics every second, let the watchdog speak every fifth."""
        device = self._device_values()
        statuses = []
        for monitor in self._monitors:
            monitor.stream.check_inputs()
            facts = self._facts(monitor)
            statuses.append(camera_status(monitor, facts, self.card, device))
            monitor.speaker.tick(*diagnose(facts), self.get_logger())
        if not statuses:
            facts = CameraFacts(
                state=self.state, node=self.get_fully_qualified_name(), failure=self.failure
            )
            statuses = [node_status(self, facts, self.card, device)]
            self._speaker.tick(*diagnose(facts), self.get_logger())
        self._diagnostics.publish(diagnostic_array(self.get_clock(), statuses))


def unchangeable(name: str, state: str) -> str:
    """Say why a parameter cannot change in this state of the node, and what to do first."""
    step = {
        'active': 'deactivate and clean up first',
        'inactive': 'clean up first',
        'finalized': 'start a new node',
    }[state]
    return (
        f'{name} cannot change while the node is {state}: {step}; it applies at the next configure'
    )
