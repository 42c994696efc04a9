"""How ROS 2 bags are stored, by name."""

from rosbags.rosbag2 import StoragePlugin

STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
