"""The executable `import_checkpoint`: an authors' folder becomes a model card with weights."""

import sys
from collections.abc import Sequence

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.cli.options import add_shared
from mono_depth_ros.inference.importers.layouts import LAYOUTS
from mono_depth_ros.inference.importers.options import ImportOptions
from mono_depth_ros.types import DepthKind


def main(argv: Sequence[str] | None = None) -> int:
    """Import one folder; return the exit code."""
    args = create_parser().parse_args(argv)
    from mono_depth_ros.inference.importers.importer import import_checkpoint

    try:
        card = import_checkpoint(**vars(args))
    except (OSError, ValueError) as error:
        print(f'import_checkpoint: error: {error}', file=sys.stderr)
        return 1
    height, width = card.input_size
    print(f'{card.path}: {card.network}, {height}x{width}, depth is {card.depth_unit}')
    print(f'licence of the weights: {card.license_weights}')
    print(f'try it: ros2 launch mono_depth_ros depth.launch.py model:={card.path}')
    return 0


def create_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    default = ImportOptions()
    parser = ArgumentParser(
        prog='import_checkpoint',
        description='Turn a folder with encoder.pth and depth.pth, as Monodepth2 and its '
        'successors publish them, into a model card and a safetensors file. Nothing is '
        'downloaded.',
    )
    parser.add_argument('folder', help='holds encoder.pth and depth.pth')
    parser.add_argument(
        '--output',
        dest='output_folder',
        default='.',
        metavar='FOLDER',
        help='folder that gets <name>.yaml and <name>.safetensors',
    )
    parser.add_argument(
        '--layout', default=default.layout, help=f'layout: auto, {", ".join(LAYOUTS)}'
    )
    parser.add_argument('--name', help="name of the card (default: the folder's)")
    parser.add_argument(
        '--input-size',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        help='size of the training images, where encoder.pth does not say [px]',
    )
    parser.add_argument(
        '--unit',
        choices=(DepthKind.RELATIVE.value, DepthKind.METRIC.value),
        default=default.unit,
        help='metric only for weights that know metres: trained with stereo pairs of a known '
        'baseline',
    )
    add_shared(
        parser,
        '--depth-scale',
        help='length of a unit of depth [m] (default: 5.4 for metric stereo weights of KITTI, '
        'whose 0.54 m baseline is 0.1 units)',
    )
    parser.add_argument(
        '--training-data', help="'kitti' (adds its intrinsics) or any words for the card"
    )
    parser.add_argument(
        '--training-intrinsics',
        type=float,
        nargs=4,
        metavar=('FX', 'FY', 'CX', 'CY'),
        help='intrinsics of the training images at the input size [px]',
    )
    parser.add_argument(
        '--license-weights', help='licence of the weights (default: what the project states)'
    )
    return parser


if __name__ == '__main__':
    sys.exit(main())
