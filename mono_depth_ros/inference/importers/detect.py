"""Which project's layout a folder has, told from the names of its weights."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import Tensor

from mono_depth_ros.inference.importers.layouts import LAYOUTS, OfficialLayout
from mono_depth_ros.suggest import did_you_mean

# Blocks of the third stage, and whether they are bottlenecks.
_RESNETS = {
    (2, False): 'ResNet18',
    (6, False): 'ResNet34',
    (6, True): 'ResNet50',
    (23, True): 'ResNet101',
    (36, True): 'ResNet152',
}
_KNOWN = {
    ('ResNet18', 'Monodepth2 or RA-Depth'): 'monodepth2',
    ('ResNet34', 'Monodepth2 or RA-Depth'): 'monodepth2_resnet34',
    ('ResNet50', 'Monodepth2 or RA-Depth'): 'monodepth2_resnet50',
    ('ResNet18', 'HR-Depth'): 'hr_depth',
    ('ResNet34', 'HR-Depth'): 'hr_depth_resnet34',
    ('MobileNetV3', 'HR-Depth'): 'lite_hr_depth',
    ('HRNet18', 'Monodepth2 or RA-Depth'): 'ra_depth',
    ('HRNet18', 'DIFFNet'): 'diffnet',
    ('HRNet18', 'older DIFFNet'): 'diffnet_1024x320',
    ('EfficientNet-B0', 'DNA-Depth'): 'dna_depth_b0',
    ('EfficientNet-B1', 'DNA-Depth'): 'dna_depth_b1',
}


def find_layout(
    layout: str, encoder: Mapping[str, Tensor], depth: Iterable[str], folder: Path
) -> OfficialLayout:
    """Return the layout of that name, or for 'auto' the one that a folder's weights have."""
    if layout != 'auto':
        if layout not in LAYOUTS:
            hint = did_you_mean(layout, LAYOUTS)
            raise ValueError(
                f"Unknown layout '{layout}'.{hint} Available: auto, {', '.join(LAYOUTS)}."
            )
        return LAYOUTS[layout]
    parts = (_encoder_of(encoder), _decoder_of(depth))
    if parts in _KNOWN:
        return LAYOUTS[_KNOWN[parts]]
    known = ', '.join(LAYOUTS)
    if None not in parts:
        raise ValueError(
            f"'{folder}' holds a network that is not supported: a {parts[0]} with the decoder "
            f'of {parts[1]}. Known: {known}. Take a folder of one of these.'
        )
    raise ValueError(
        f"'{folder}' has the layout of no network known here: encoder.pth begins with "
        f'{_first(encoder)}, depth.pth with {_first(depth)}. Known: {known}. '
        'Take a folder of one of these projects, or name its layout to see what differs.'
    )


def _encoder_of(encoder: Mapping[str, Tensor]) -> str | None:
    if 'encoder.layer1.0.conv1.weight' in encoder:
        blocks = {key.split('.')[2] for key in encoder if key.startswith('encoder.layer3.')}
        is_bottleneck = 'encoder.layer1.0.conv3.weight' in encoder
        return _RESNETS.get((len(blocks), is_bottleneck), 'a ResNet of unusual depth')
    if 'encoder.features.0.0.weight' in encoder:
        return 'MobileNetV3'
    branch = encoder.get('stage4.0.branches.0.0.conv1.weight')
    if branch is not None:
        return f'HRNet{len(branch)}'
    if 'model._conv_stem.weight' in encoder:  # B0 ends with block 15
        return f'EfficientNet-B{int("model._blocks.16._project_conv.weight" in encoder)}'
    return None


def _decoder_of(depth: Iterable[str]) -> str | None:
    """Tell decoders by the names of their own; most also number their layers in a second list."""
    if 'convs.X_04_Conv_0.conv.conv.weight' in depth:
        return 'HR-Depth'
    if 'convs.72.conv_se.weight' in depth:
        return 'DIFFNet'
    if 'convs.72fSE.conv_se.weight' in depth:
        return 'older DIFFNet'
    if 'iconv1_0.pointwise_conv.conv.weight' in depth:
        return 'DNA-Depth'
    return 'Monodepth2 or RA-Depth' if 'decoder.0.conv.conv.weight' in depth else None


def _first(keys: Iterable[str]) -> str:
    return f"'{next(iter(keys), '(nothing)')}'"
