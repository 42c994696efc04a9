"""The executable `predict_depth`: depth of images, folders and videos as files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from mono_depth_ros.arguments import ArgumentParser
from mono_depth_ros.cli.options import add_estimator_options
from mono_depth_ros.prediction.formats import FORMATS, check_formats
from mono_depth_ros.prediction.options import describe

if TYPE_CHECKING:
    from mono_depth_ros.prediction.clip import ClipPredictor, Report
    from mono_depth_ros.prediction.media import Clip

_NOTES = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Predict the depth of everything named; return the exit code."""
    args = create_parser().parse_args(argv)
    from tqdm import tqdm

    from mono_depth_ros.datasets.image_files import name_some
    from mono_depth_ros.prediction.clip import ClipPredictor, Report, predict_clip
    from mono_depth_ros.prediction.media import find_inputs

    report = Report()
    try:
        inputs = [Path(path).expanduser() for path in args.inputs]
        output = Path(args.output).expanduser()
        found = find_inputs(inputs)
        clips = found.clips()
        report.faults += found.left_out
        _check_output(output, clips)
        if found.others:
            print(f'note: no known pictures or videos: {name_some(found.others)}')
        predictor = ClipPredictor(args)
        _check_units(predictor, args)
        output.mkdir(parents=True, exist_ok=True)
        total = sum(clip.count for clip in clips)
        with tqdm(total=total, desc='Predicting', unit=' images', disable=None) as bar:
            for clip in clips:
                predict_clip(clip, predictor, output, args, report, bar)
    except (OSError, ValueError) as error:
        print(f'predict_depth: error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f'predict_depth: interrupted after {report.predicted} images', file=sys.stderr)
        return 130
    return _finish(report, predictor, output, args)


def _check_output(output: Path, clips: Sequence[Clip]) -> None:
    folders = {file.resolve().parent for clip in clips for file in clip.files}
    if output.resolve() in folders:
        raise ValueError(
            f"--output '{output}' is a folder of inputs: its pictures would be read "
            'as images the next time. Choose another one.'
        )


def _check_units(predictor: ClipPredictor, args: argparse.Namespace) -> None:
    """Refuse before the run what would fail in it."""
    size = predictor.camera.model.size if predictor.camera else predictor.estimator.card.input_size
    check_formats(args.write, predictor.kind(size), predictor.camera is not None)
    if predictor.lacks_metres:
        print(
            'note: without --intrinsics nobody knows the focal length, so the depth is relative '
            'and has no metres'
        )


def _finish(
    report: Report, predictor: ClipPredictor, output: Path, args: argparse.Namespace
) -> int:
    card = predictor.estimator.card
    path = output / 'depth.yaml'
    _write_description(path, report, predictor, args)
    for warning in sorted(report.warnings):
        print(f'warning: {warning}')
    for fault in report.faults[:_NOTES]:
        print(f'left out: {fault}')
    if len(report.faults) > _NOTES:
        print(f"left out: {len(report.faults) - _NOTES} more, see '{path}'")
    if not report.predicted:
        print(
            f'predict_depth: error: none of {len(report.faults)} images could be used',
            file=sys.stderr,
        )
        return 1
    units = '; '.join(describe(card, kind) for kind in sorted(report.kinds))
    print(f'{report.predicted} images, {len(report.faults)} left out; {units}')
    for form, count in report.files.items():
        print(f'{count:7}  {form}: {FORMATS[form]}')
    print(f'{path}: what the files mean')
    return 0


def _write_description(
    path: Path, report: Report, predictor: ClipPredictor, args: argparse.Namespace
) -> None:
    """Say beside the files what their numbers are."""
    card, camera = predictor.estimator.card, predictor.camera
    content = {
        'model': card.name,
        'trained': card.is_trained,
        'depth_kind': sorted(map(str, report.kinds)),
        'license_weights': card.license_weights,
        'min_depth': args.min_depth,
        'max_depth': args.max_depth,
        'images': report.predicted,
        'formats': {form: FORMATS[form] for form in args.write},
        'K': camera.geometry.K_out.ravel().tolist() if camera else None,
        'left_out': report.faults,
    }
    text = yaml.safe_dump(
        content, sort_keys=False, allow_unicode=True, default_flow_style=None, width=99
    )
    path.write_text(text, encoding='utf-8')


def create_parser() -> ArgumentParser:
    """Return the parser of the command line."""
    parser = ArgumentParser(
        prog='predict_depth',
        description='Predict the depth of images, folders of images and videos, and write it as '
        'pictures or as numbers (docs/bags_and_files.md).',
    )
    parser.add_argument('inputs', nargs='+', help='images, folders of images, videos')
    parser.add_argument(
        '--output', required=True, metavar='FOLDER', help='folder that gets the files'
    )
    parser.add_argument(
        '--write',
        nargs='+',
        choices=tuple(FORMATS),
        default=['picture'],
        metavar='FORMAT',
        help='; '.join(f'{form}: {text}' for form, text in FORMATS.items()),
    )
    add_estimator_options(parser)
    return parser


if __name__ == '__main__':
    sys.exit(main())
