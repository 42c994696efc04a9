"""Everything that networks train on, as TrainingSample."""
