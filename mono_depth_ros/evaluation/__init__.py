"""How good depth is: on benchmarks and on a robot."""
