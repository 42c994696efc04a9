"""What can be chosen of an evaluation: test sets, true depth, workers, clock."""

# The papers' test sets: what the list is called here, and the true depth that goes with it.
KITTI_SPLITS = {
    'eigen': ('eigen_test', 'lidar'),
    'eigen_benchmark': ('eigen_benchmark_test', 'dense'),
}
# Where true depth comes from, and whether Eigen's cap and Garg's crop apply to it.
GROUND_TRUTHS = {'lidar': True, 'lidar_z': True, 'projected': True, 'dense': False}
# Each has a batch of whole frames in memory.
MAX_WORKERS = 8
# What latency is: the time that passes, or the CPU's, which other load does not lengthen.
CLOCKS = {'wall': 'latency [ms]', 'cpu': 'CPU time [ms]'}
