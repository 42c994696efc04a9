"""A small untrained card for tests of what is done with cards."""

from mono_depth_ros.inference.model_card import ModelCard

UNTRAINED = ModelCard(
    name='tiny',
    network='monodepth2_resnet18',
    weights=None,
    seed=1,
    input_size=(64, 96),
    min_depth=0.1,
    max_depth=100.0,
    depth_unit='relative',
    training_data='none (untrained)',
    license_code='Apache-2.0',
    license_weights='none: no trained weights',
)
