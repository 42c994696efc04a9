import sys
from glob import glob
from pathlib import Path

from setuptools import Distribution, find_packages, setup

PACKAGE = 'mono_depth_ros'
EXECUTABLES = [
    'bag_to_kitti',
    'compare_networks',
    'depth_node',
    'evaluate_bag',
    'evaluate_depth',
    'find_poses',
    'import_checkpoint',
    'kitti_to_bag',
    'predict_bag',
    'predict_depth',
    'prepare_split',
    'replay_bag',
    'replay_evaluator',
    'train_depth',
]
# As in package.xml, where rosdep reads the rest of the dependencies. Beside the real setup.py:
# colcon build --symlink-install runs a link to it elsewhere.
HERE = Path(__file__).resolve().parent


def requirements(kind: str = '') -> list[str]:
    lines = (HERE / f'requirements{kind}.txt').read_text().splitlines()
    return [line for line in lines if not line.startswith('-r ')]


def ros_wheels(distribution: str) -> list[str]:
    parts = [
        'rclpy',
        'rmw-fastrtps-cpp',
        'diagnostic-msgs',
        'lifecycle-msgs',
        'rosgraph-msgs',
        'sensor-msgs',
        'std-msgs',
    ]
    return [f'ros-{distribution}-{part}' for part in parts]


class InstallData(Distribution().get_command_class('install_data')):
    """Let `ros2 run` and launch, which look in lib/<package>, find what pip puts into bin."""

    def run(self) -> None:
        super().run()
        if 'bdist_wheel' not in sys.argv:  # colcon has setup.cfg's install_scripts
            return
        folder = Path(self.install_dir, 'lib', PACKAGE)
        folder.mkdir(parents=True, exist_ok=True)
        for name in EXECUTABLES:
            launcher = folder / name
            launcher.write_text(f'#!/bin/sh\nexec "$(dirname "$0")/../../bin/{name}" "$@"\n')
            launcher.chmod(0o755)
            self.outfiles.append(str(launcher))


setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    package_data={
        f'{PACKAGE}.evaluation.protocol': ['published.yaml'],
        f'{PACKAGE}.inference.backends': ['*.jpg'],
        f'{PACKAGE}.visualization': ['templates/*'],
    },
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        (f'share/{PACKAGE}/launch', glob('launch/*.launch.py')),
        (f'share/{PACKAGE}/config', [p for p in glob('config/*') if '.' in p]),
        (f'share/{PACKAGE}/config/train', glob('config/train/*')),
        (f'share/{PACKAGE}/models', glob('models/*')),
    ],
    install_requires=requirements(),
    extras_require={
        'fast': ['openvino>=2024.4'],
        'report': requirements('-report'),
        'video': ['av>=12'],
        'train': requirements('-train') + requirements('-report'),
        'test': ['pytest<10', 'pytest-timeout>=2.2', 'colcon-common-extensions', 'onnx>=1.16'],
        # Pinned: another ruff or mdformat may lay out differently.
        'lint': [
            'codespell[toml]',
            'mdformat~=1.0.0',
            'mdformat-gfm~=1.0.0',
            'mypy',
            'pre-commit',
            'ruff~=0.17.6',
            'types-PyYAML',
        ],
        # Wheels that stand in for a ROS distribution: one of them per environment.
        'ros': ros_wheels('kilted'),
        'ros-kilted': ros_wheels('kilted'),
        'ros-jazzy': ros_wheels('jazzy'),
    },
    python_requires='>=3.10',
    zip_safe=False,
    maintainer='mono_depth_ros developers',
    maintainer_email='mono-depth-ros@users.noreply.github.com',
    description='Monocular depth for ROS 2: depth images and point clouds from any camera.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [f'{name} = {PACKAGE}.cli.{name}:main' for name in EXECUTABLES],
    },
    cmdclass={'install_data': InstallData},
)
