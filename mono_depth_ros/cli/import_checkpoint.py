"""The executable `import_checkpoint`: an authors' folder becomes a model card with weights."""

import sys
from collections.abc import Sequence

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.inference.importers.layouts import LAYOUTS
from mono_depth_ros.inference.importers.options import ImportOptions


def main(args: Sequence[str] | None = None) -> int:
    """Import one folder; return the exit code."""
    chosen = vars(_parser().parse_args(args))
    from mono_depth_ros.inference.importers.importer import import_checkpoint

    try:
        card = import_checkpoint(**chosen)
    except (OSError, ValueError) as error:
        print(f'import_checkpoint: error: {error}', file=sys.stderr)
        return 1
    height, width = card.input_size
    print(f'{card.path}: {card.network}, {height}x{width}, depth is {card.depth_unit}')
    print(f'licence of the weights: {card.license_weights}')
    print(f'try it: ros2 launch mono_depth_ros depth.launch.py model:={card.path}')
    return 0


def _parser() -> ArgumentParser:
    default = ImportOptions()
    parser = ArgumentParser(
        prog='import_checkpoint',
        description='Turn a folder with encoder.pth and depth.pth, as Monodepth2 and its '
        'successors publish them, into a model card and a safetensors file. Nothing is '
        'downloaded.',
    )
    add = parser.add_argument
    add('folder', help='holds encoder.pth and depth.pth')
    add(
        '--output',
        dest='output_folder',
        default='.',
        metavar='FOLDER',
        help='gets <name>.yaml and <name>.safetensors (default: this folder)',
    )
    add('--layout', default=default.layout, help=f'auto, {", ".join(LAYOUTS)} (default: auto)')
    add('--name', help="name of the card (default: the folder's)")
    add(
        '--input-size',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        help='size of the training images, where encoder.pth does not say',
    )
    add(
        '--unit',
        choices=('relative', 'metric'),
        default=default.unit,
        help='metric only for weights that know metres: trained with stereo pairs of a known '
        'baseline (default: relative)',
    )
    add(
        '--depth-scale',
        type=float,
        metavar='METRES',
        help='metres per unit of depth (default: 5.4 for metric stereo weights of KITTI, whose '
        '0.54 m baseline is 0.1 units)',
    )
    add('--training-data', help="'kitti' (adds its intrinsics) or any words for the card")
    add(
        '--training-intrinsics',
        type=float,
        nargs=4,
        metavar=('FX', 'FY', 'CX', 'CY'),
        help='of the training images at the input size, in pixels',
    )
    add('--license-weights', help='licence of the weights (default: what the project states)')
    return parser


if __name__ == '__main__':
    sys.exit(main())
