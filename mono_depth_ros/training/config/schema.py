"""Everything a training can be told; recipes are files of these fields (config/train/)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Level = Literal['lr', 'hr', 'flip', 'color']


@dataclass(frozen=True)
class AugmentationConfig:
    """How a sample is varied each time it is seen.

    Attributes:
        flip: share of the samples that are mirrored.
        jitter: share of the samples whose colours are changed, all its images alike.
        brightness: largest relative change of the brightness, as a share.
        contrast: largest relative change of the contrast, as a share.
        saturation: largest relative change of the saturation, as a share.
        hue: largest change of the hue, as a share of the colour circle.
        zoom: smallest and largest factor of enlargement; a window of the image is cut out at
            random.
        mix: share of the samples that show another one within a strip of columns (CutMix, along
            the axis that leaves the ground in place); hints or a teacher explain them.
        overlay: share of the other samples that show, in front, what is clearly nearer in another
            one (DepthMix); needs depth hints.
        blend: share of the other samples that are a weighted mean with another one (mixup), which
            nothing but a teacher explains.
        boxes: share of the samples in which boxes like bare lorries stand on the road: their depth
            is known and joins the hints, or a teacher says what it is.
        camera_height: height of the camera above the road, for boxes where no hints show the
            road [m].
    """

    flip: float = 0.5
    jitter: float = 0.5
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    hue: float = 0.1
    zoom: tuple[float, float] = (1.0, 1.0)
    mix: float = 0.0
    overlay: float = 0.0
    blend: float = 0.0
    boxes: float = 0.0
    camera_height: float = 1.65

    @property
    def mixed(self) -> float:
        """Share of the samples that show a second scene."""
        return self.mix + self.overlay + self.blend

    @property
    def shows_other_scenes(self) -> bool:
        """Whether samples show what their sources do not."""
        return self.mixed + self.boxes > 0


@dataclass(frozen=True)
class LossConfig:
    """What is minimised: the loss.

    Attributes:
        levels: number of the network's disparities that are trained, finest first.
        photometric: weight of the reprojection error.
        ssim: share of structural similarity in the reprojection error; the rest is absolute
            difference.
        auto_mask: leave out pixels that look the same without any motion.
        auto_mask_from: share of the training after which auto_mask begins: a pose network that
            starts from scratch has little left to learn from before it has found a motion.
        smoothness: weight of the edge-aware smoothness; halved from level to level.
        hints: weight of |log depth - log hint| where stereo matching has a hint; an error that
            all pixels share counts less.
        velocity: weight of |distance found - distance measured| [1/unit of depth].
        triplet: weight of the semantic triplet loss on the decoder's features (OE-Depth); left out
            for samples without a label map.
        bidirectional: compare in both directions and weigh pixels by how well they agree
            (FA-Depth's earlier loss), instead of taking the nearest source and auto-masking.
        structure: weight of the relative difference of depths, with bidirectional.
        perception: weight of the difference of the depth network's features, with bidirectional.
        apx: weight of the difference to a teacher's maps as distributions.
        distillation: weight of |disparity - the teacher's|.
        distillation_of: what distillation compares: disparity (HR-Depth), or log_depth, to which
            near and far count alike.
        features: weight of the difference to a teacher's encoder features (FitNets), for what its
            encoder knows of other data, e.g. of ImageNet.
        consistency: weight of the agreement between resolutions (multi_resolution).
    """

    levels: int = 4
    photometric: float = 1.0
    ssim: float = 0.85
    auto_mask: bool = True
    auto_mask_from: float = 0.0
    smoothness: float = 1e-3
    hints: float = 0.0
    velocity: float = 0.0
    bidirectional: bool = False
    structure: float = 0.1
    perception: float = 0.1
    triplet: float = 0.0
    apx: float = 0.0
    distillation: float = 0.0
    distillation_of: Literal['disparity', 'log_depth'] = 'disparity'
    features: float = 0.0
    consistency: float = 1.0

    @property
    def taught_depth(self) -> float:
        """Weight of what a teacher says of depth."""
        return self.distillation + self.apx

    @property
    def needs_motion(self) -> bool:
        """Whether any part asks how the camera moved."""
        return self.photometric > 0 or self.velocity > 0


@dataclass(frozen=True)
class TripletConfig:
    """How the semantic triplet loss looks at features.

    Attributes:
        patch: height and width of a pixel's neighbourhood in the features [px].
        margin: distance that the nearest feature of another class should have, as a number: the
            features have length 1.
        levels: numbers of the features to compare: level s has 1 / 2^s of the image's size, and
            counts 1 / 2^s.
    """

    patch: int = 5
    margin: float = 0.65
    levels: tuple[int, ...] = (1, 2, 3)


@dataclass(frozen=True)
class LevelWeights:
    """How much a level of the pyramid counts.

    Attributes:
        loss: weight of the level's own loss.
        features: weight of the agreement of its features with the current level's.
        disparity: weight of the agreement of its disparities with the current level's.
    """

    loss: float = 1.0
    features: float = 0.1
    disparity: float = 0.1


@dataclass(frozen=True)
class PyramidConfig:
    """Which levels are trained beside the current one, and how much they count.

    The weights are the best of the paper's ablation, one level at a time.

    Attributes:
        levels: names of the other levels, any of lr, hr, flip and color; none for the current
            level alone.
        current: weight of the current level's loss.
        lr: weights of the smaller images.
        hr: weights of the larger images.
        flip: weights of the mirrored images.
        color: weights of the images in other colours.
        lr_factor: factor of the smaller images' size over that of the current ones.
        hr_factor: factor of the larger images' size over that of the current ones.
    """

    levels: tuple[Level, ...] = ()
    current: float = 1.0
    lr: LevelWeights = LevelWeights(loss=0.5, features=1.0, disparity=0.5)
    hr: LevelWeights = LevelWeights(loss=0.5, features=0.5, disparity=0.1)
    flip: LevelWeights = LevelWeights(loss=1.0, features=0.1, disparity=0.5)
    color: LevelWeights = LevelWeights()
    lr_factor: float = 0.5
    hr_factor: float = 2.0

    def weights_of(self, level: Level) -> LevelWeights:
        """Return how much a level counts."""
        return {'lr': self.lr, 'hr': self.hr, 'flip': self.flip, 'color': self.color}[level]


@dataclass(frozen=True)
class ApxConfig:
    """How a teacher's maps are distilled as distributions (FA-Depth's APX).

    Attributes:
        encoder: weight of the difference of the encoder's features.
        decoder: weight of the difference of the decoder's features.
        disparity: weight of the difference of the disparities.
        farthest: depth from which on the teacher does not count [units of depth]; .inf for no
            mask.
        hole: factor by which a pixel is farther than its row that does not count either; 0 for
            no such rule.
    """

    encoder: float = 0.01
    decoder: float = 0.01
    disparity: float = 1.0
    farthest: float = 80.0
    hole: float = 0.0


@dataclass(frozen=True)
class OptimizerConfig:
    """How the loss is minimised.

    Attributes:
        name: name of the optimiser.
        learning_rate: learning rate after warm-up, a factor of the step.
        weight_decay: weight of AdamW's decay of the weights.
        schedule: course of the learning rate.
        drop_after: number of epochs before the step schedule's drop.
        drop_factor: factor of the learning rate at the drop.
        warmup_steps: number of steps in which the learning rate grows linearly from zero.
        gradient_clip: largest norm of the gradient, a number; 0 for no limit.
        encoder_factor: factor of the learning rate of the depth network's encoder over that of
            the rest.
        average: weight of the past in a running average of the depth network's weights, which
            is what is validated and exported, e.g. 0.99; 0 for the weights as they are.
    """

    name: Literal['adam', 'adamw'] = 'adam'
    learning_rate: float = 1e-4
    weight_decay: float = 1e-2
    schedule: Literal['step', 'cosine', 'constant'] = 'step'
    drop_after: int = 15
    drop_factor: float = 0.1
    warmup_steps: int = 0
    gradient_clip: float = 0.0
    encoder_factor: float = 1.0
    average: float = 0.0


@dataclass(frozen=True)
class DataConfig:
    """Where samples come from.

    Attributes:
        offsets: numbers of the neighbours in time that a target is compared with: -1 is the
            image before it.
        options: options of the data set, e.g. {image_topic: /camera/image_raw}; also one by one:
            --reading.options.image_topic.
        keep: keep decoded images in memory, for data that fits.
        workers: number of processes that read and augment.
    """

    offsets: tuple[int, ...] = (-1, 1)
    options: dict[str, Any] = field(default_factory=dict)
    keep: bool = False
    workers: int = 2


DataName = Literal['kitti_raw', 'rosbag', 'image_sequence', 'cityscapes', 'ddad', 'street']


@dataclass(frozen=True)
class OtherData:
    """More data beside the first; its fields mean what TrainConfig's of the same name do.

    Attributes:
        data: kind of data set.
        root: folder or file of the data set.
        split: split file of the data set, where it takes one.
        stereo_split: split file of more samples, with a stereo partner alone.
        options: options of the data set.
    """

    data: DataName = 'kitti_raw'
    root: str = ''
    split: str = ''
    stereo_split: str = ''
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Attributes:
        network: name of a registered network, see docs/networks.md.
        network_options: options of the network, e.g. {block_drop: 0.1}; also one by one:
            --network_options.block_drop.
        pose_network: network that finds the camera's motion; none for supervision S and T, and
            where the data know every pose, which makes depth metric.
        pose_reduction: factor by which the pose network's images are smaller.
        encoder_weights: ImageNet weights of the encoder: a file, 'package' for those of an
            installed package, or none.
        pose_encoder_weights: ImageNet weights of the pose network's encoder, in the same way.
        initial: a model card whose weights the network starts from, or none.
        teacher: a model card to distil from, or none; of several, separated by commas, the mean of
            log depths (one named twice counts twice), and the encoder features of the first.
        input_size: height and width of the images that the network is trained with [px].
        min_depth: depth at disparity 1 [units of depth].
        max_depth: depth at disparity 0 [units of depth].
        depth_scale: length of a unit of depth [m], used where metres are known (stereo, velocity).
        canonical_focal: let depth count at the training camera's focal length, so that a zoomed
            image of a scene is not a nearer one; the node undoes the same (fy / training fy).
        supervision: M (neighbours in time), S (stereo partner), MS (both) or T (a teacher alone).
        multi_resolution: train at three resolutions of each image (RA-Depth).
        freeze_batch_norm: keep the statistics that the initial weights came with.
        data: kind of data set.
        root: folder or file of the data set.
        split: split file of the data set, where it takes one; several are separated by commas.
        stereo_split: split file of more samples, that have a stereo partner but no neighbours in
            time.
        also: more data to learn from, a list such as [{data: street, options: {frames: 60}}].
        reading: how samples are read.
        augmentation: how samples are varied.
        loss: terms of the loss and their weights.
        triplet: how the semantic triplet loss looks at features.
        pyramid: in which other forms every batch is trained on (FA-Depth).
        apx: what of a teacher is distilled as distributions.
        optimizer: how the loss is minimised.
        batch_size: number of samples per step and device.
        accumulate: number of batches per optimiser step.
        epochs: number of passes over the data.
        steps: number of optimiser steps instead of epochs, if above 0.
        seed: number that everything random follows from.
        output: folder of the run: checkpoints, curves, the card.
        name: name of the card; the network's where it is empty.
        training_data: words of the card on the data.
        license_weights: words of the card on the weights' licence.
        held_out: split file of the same data whose images are not trained on; how well they are
            reprojected is watched, which needs no ground truth.
        validation_root: KITTI folder to validate on; no validation where it is empty.
        validation_split: split file to validate on; of several, separated by commas, the first is
            watched during training, and the card gets the figures of all.
        checkpoint_minutes: time between checkpoints [min].
        validate_minutes: time between validations, of both kinds [min].
        accelerator: kind of device; auto takes a GPU where there is one.
        devices: number of devices per machine.
        num_nodes: number of machines.
        precision: number format of the networks.
        threads: number of CPU threads of the networks; 0 leaves the choice to PyTorch.
        resume: go on from the checkpoint in the output folder.
    """

    network: str = 'small_depth'
    network_options: dict[str, Any] = field(default_factory=dict)
    pose_network: Literal['none', 'resnet18_pair', 'fbnetv3_b'] = 'resnet18_pair'
    pose_reduction: int = 1
    encoder_weights: str = 'none'
    pose_encoder_weights: str = 'none'
    initial: str = 'none'
    teacher: str = 'none'
    input_size: tuple[int, int] = (192, 640)
    min_depth: float = 0.1
    max_depth: float = 100.0
    depth_scale: float = 1.0
    canonical_focal: bool = True
    supervision: Literal['M', 'S', 'MS', 'T'] = 'M'
    multi_resolution: bool = False
    freeze_batch_norm: bool = False
    data: DataName = 'kitti_raw'
    root: str = ''
    split: str = ''
    stereo_split: str = ''
    also: list[OtherData] = field(default_factory=list)
    reading: DataConfig = field(default_factory=DataConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    triplet: TripletConfig = field(default_factory=TripletConfig)
    pyramid: PyramidConfig = field(default_factory=PyramidConfig)
    apx: ApxConfig = field(default_factory=ApxConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    batch_size: int = 12
    accumulate: int = 1
    epochs: int = 20
    steps: int = 0
    seed: int = 0
    output: str = 'runs/depth'
    name: str = ''
    training_data: str = ''
    license_weights: str = ''
    held_out: str = ''
    validation_root: str = ''
    validation_split: str = ''
    checkpoint_minutes: float = 5.0
    validate_minutes: float = 15.0
    accelerator: Literal['auto', 'cpu', 'cuda'] = 'auto'
    devices: int = 1
    num_nodes: int = 1
    precision: Literal['32-true', 'bf16-mixed'] = '32-true'
    threads: int = 0
    resume: bool = False

    @property
    def teachers(self) -> list[str]:
        """The cards that `teacher` names."""
        return [] if self.teacher == 'none' else [name.strip() for name in self.teacher.split(',')]
