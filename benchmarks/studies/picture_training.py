"""Picture what training changes: python picture_training.py OUT.jpg CARD [CARD …].

Every row is a frame of KITTI drive 0052, which nothing was trained on: the image, the depth of the
first card's network as training found it, and the depth of every card.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
import torch

from mono_depth_ros.datasets.kitti.raw import KittiRaw
from mono_depth_ros.evaluation.protocol.predictors import network_predictor
from mono_depth_ros.inference.cards.checkpoint import load_network
from mono_depth_ros.inference.cards.model_card import ModelCard, load_card
from mono_depth_ros.messages.colormap import colorize_depth
from mono_depth_ros.training.build import build
from mono_depth_ros.training.config.schema import DataConfig, LossConfig, TrainConfig

DATA = Path('../shared/data/kitti')
FRAMES = (0, 20, 45)
SIZE = (375 // 3, 1242 // 3)
NEAREST, FARTHEST = 2.0, 60.0  # [m]
LABEL_HEIGHT = 16


def main() -> None:
    out, *names = sys.argv[1:]
    cards = [load_card(name) for name in names]
    data = KittiRaw(DATA / 'test', DATA / 'splits' / 'test_drive0052_all.txt', offsets=())
    images = [data[frame].target for frame in FRAMES]
    start = depths(before(cards[0]), cards[0], images)
    columns = [
        ('image', [image[..., ::-1] for image in images]),
        (f'before: {cards[0].name}', start),
    ]
    columns += [
        (f'after: {card.name}', depths(load_network(card), card, images)) for card in cards
    ]
    cv2.imwrite(
        out, np.hstack([column(*named) for named in columns]), [cv2.IMWRITE_JPEG_QUALITY, 88]
    )


def before(card: ModelCard) -> torch.nn.Module:
    """Return a card's network as a training starts with it: from chance or from ImageNet."""
    starts_from_imagenet = 'lite0' in card.network
    config = TrainConfig(
        network=card.network,
        network_options=card.network_options,
        data='street',
        supervision='S',
        input_size=card.input_size,
        pose_network='none',
        encoder_weights='package' if starts_from_imagenet else 'none',
        reading=DataConfig(options={'frames': 1}),
        loss=LossConfig(levels=1),
    )
    return build(config).objective.depth


def depths(network: torch.nn.Module, card: ModelCard, images: list) -> list:
    """Return (H, W, 3) pictures of depth; a network without metres is shown as if it had them."""
    predict = network_predictor(network, card.input_size, card.min_depth, card.max_depth)
    scale = card.depth_scale or 1.0
    return [
        colorize_depth((scale / inverse).astype(np.float32), 'turbo', NEAREST, FARTHEST)
        for inverse in predict(images)
    ]


def column(title: str, pictures: list) -> np.ndarray:
    label = np.full((LABEL_HEIGHT, SIZE[1], 3), 255, np.uint8)
    cv2.putText(label, title, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    shown = [cv2.resize(picture, SIZE[::-1], interpolation=cv2.INTER_AREA) for picture in pictures]
    return np.vstack([label, *shown])


if __name__ == '__main__':
    main()
