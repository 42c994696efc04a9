"""Recipes and command lines: what is known becomes a config, what is not is refused by name."""

import json
from dataclasses import asdict, replace

import pytest
from cards import TAUGHT

from mono_depth_ros.networks.pose import create_pose_network, list_pose_networks
from mono_depth_ros.networks.registry import create_network, list_networks
from mono_depth_ros.training.config.checks import check_config
from mono_depth_ros.training.config.parse import list_recipes, parse_config
from mono_depth_ros.training.config.schema import OtherData, TrainConfig

PAPERS = [
    'diffnet',
    'dna_depth_b0',
    'dna_depth_b1',
    'hr_depth',
    'lite_hr_depth',
    'lite_hr_depth_distilled',
    'lka_depth',
    'monodepth2',
    'oe_depth',
    'ra_depth',
    'hqdec_v2',
    'small_depth',
    'small_depth_etm',
]


def recipe(tmp_path, text):
    path = tmp_path / 'mine.yaml'
    path.write_text(text)
    return ['--recipe', str(path)]


def test_every_paper_has_its_recipe():
    assert set(PAPERS) <= set(list_recipes())


@pytest.mark.slow
@pytest.mark.parametrize('name', list_recipes())
def test_a_recipe_names_networks_that_there_are_and_can_be_trained_with(name):
    teacher = ['--teacher', 'card'] if name.endswith(TAUGHT) else []

    config = parse_config(['--recipe', name, *teacher])

    check_config(config)
    assert config.network in list_networks()
    assert config.pose_network in ('none', *list_pose_networks())
    create_network(config.network, **config.network_options).check_input_size(*config.input_size)


def test_the_common_recipe_is_that_of_monodepth2():
    config = parse_config(['--recipe', 'monodepth2'])

    assert (config.network, config.pose_network) == ('monodepth2_resnet18', 'resnet18_pair')
    assert (config.batch_size, config.epochs, config.input_size) == (12, 20, (192, 640))
    assert (config.loss.levels, config.loss.smoothness, config.loss.ssim) == (4, 1e-3, 0.85)
    assert (config.optimizer.name, config.optimizer.learning_rate) == ('adam', 1e-4)
    assert (config.optimizer.drop_after, config.optimizer.drop_factor) == (15, 0.1)
    assert (config.min_depth, config.max_depth) == (0.1, 100.0)


@pytest.mark.parametrize('variant', ['b0', 'b1'])
def test_dna_depth_learns_for_as_long_as_its_paper_states(variant):
    config = parse_config(['--recipe', f'dna_depth_{variant}'])

    common = parse_config(['--recipe', 'monodepth2'])
    assert (config.network, config.batch_size, config.epochs) == (f'dna_depth_{variant}', 16, 40)
    assert config.optimizer == replace(common.optimizer, drop_after=35)
    assert config.loss == common.loss


def test_a_distilled_network_needs_neither_sources_nor_a_pose_network():
    config = parse_config(['--recipe', 'lite_hr_depth_distilled'])

    assert (config.supervision, config.pose_network) == ('T', 'none')


@pytest.mark.parametrize('name', list_pose_networks())
def test_every_pose_network_can_be_asked_for(name):
    assert parse_config(['--pose_network', name]).pose_network == name
    create_pose_network(name)


def test_without_arguments_there_are_the_defaults():
    assert parse_config([]) == TrainConfig()


def test_the_command_line_wins_over_the_recipe_and_leaves_the_rest():
    config = parse_config(
        [
            '--recipe',
            'small_depth',
            '--loss.levels',
            '1',
            '--root=/kitti',
            '--input_size',
            '[64, 96]',
            '--resume',
            'true',
        ]
    )

    plain = parse_config(['--recipe=small_depth'])
    assert config == replace(
        plain, loss=replace(plain.loss, levels=1), root='/kitti', input_size=(64, 96), resume=True
    )


def test_more_data_are_a_list_in_recipes_and_on_the_command_line(tmp_path):
    street = OtherData(data='street', options={'frames': 3})
    text = 'also:\n- {data: street, options: {frames: 3}}\n'

    from_recipe = parse_config(recipe(tmp_path, text))
    from_line = parse_config(['--also', '[{data: street, options: {frames: 3}}]'])

    assert from_recipe.also == from_line.also == [street]


@pytest.mark.parametrize(
    'also, message',
    [
        ('[{dta: street}]', r"unknown key 'also\.dta'\. Did you mean 'also\.data'"),
        ('{data: street}', 'expected a list'),
    ],
)
def test_more_data_that_are_written_wrong_are_refused(tmp_path, also, message):
    with pytest.raises(ValueError, match=message):
        parse_config(recipe(tmp_path, f'also: {also}\n'))


def test_the_place_of_the_recipe_does_not_matter():
    assert parse_config(['--epochs', '3', '--recipe', 'monodepth2']) == parse_config(
        ['--recipe', 'monodepth2', '--epochs', '3']
    )


def test_options_of_networks_and_data_sets_are_free():
    config = parse_config(
        [
            '--network_options.block_drop',
            '0.1',
            '--reading.options.image_topic',
            '/camera/image_raw',
        ]
    )

    assert config.network_options == {'block_drop': 0.1}
    assert config.reading.options == {'image_topic': '/camera/image_raw'}


def test_numbers_may_be_written_with_an_exponent(tmp_path):
    text = 'optimizer: {learning_rate: 1e-4}\nreading: {offsets: [-2, 2]}'

    config = parse_config(recipe(tmp_path, text))

    assert config.optimizer.learning_rate == 1e-4
    assert config.reading.offsets == (-2, 2)


@pytest.mark.parametrize(
    'arguments',
    [
        ['--also', '[{data: street, options: {frames: 3}}]'],
        ['--recipe', 'small_depth'],
        ['--recipe', 'lka_depth', '--network_options.x', '1'],
    ],
)
def test_the_values_of_a_config_are_a_recipe(tmp_path, arguments):
    config = parse_config(arguments)

    assert parse_config(recipe(tmp_path, json.dumps(asdict(config)))) == config


def test_a_recipe_of_comments_changes_nothing(tmp_path):
    assert parse_config(recipe(tmp_path, '# soon')) == TrainConfig()


def test_an_unknown_recipe_is_refused_with_the_nearest_name():
    with pytest.raises(
        FileNotFoundError,
        match=r"Recipe 'smal_depth' does not exist\. Did you "
        r"mean 'small_depth'\? Available: .*, hr_depth, .*\.yaml file will do too",
    ):
        parse_config(['--recipe', 'smal_depth'])


def test_a_missing_recipe_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Recipe file '.*none\.yaml' does not exist"):
        parse_config(['--recipe', str(tmp_path / 'none.yaml')])


@pytest.mark.parametrize(
    'text, message',
    [
        ('netwrok: small_depth', r"mine\.yaml: unknown key 'netwrok'\. Did you mean 'network'\?"),
        ('loss: {level: 1}', r"yaml: unknown key 'loss\.level'\. Did you mean 'loss\.levels'\?"),
        ('loss: 3', r"mine\.yaml: 'loss' is 3; expected keys and values"),
        ('- network', r"mine\.yaml: expected lines such as 'network: small_depth'"),
        ('network: [', r'mine\.yaml: not a YAML file'),
        ('batch_size: many', r'batch_size'),
        ('supervision: X', r'supervision.*X'),
        ('input_size: [192]', r'input_size'),
        ('input_size: [192, wide]', r'input_size'),
        ('augmentation: {flip: often}', r'augmentation\.flip'),
    ],
)
def test_what_a_recipe_says_wrong_is_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=f'(?s){message}'):
        parse_config(recipe(tmp_path, text))


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--batchsize', '3'], r"Unknown option '--batchsize'\. Did you mean '--batch_size'\?"),
        (['--loss.levls=3'], r"Unknown option '--loss\.levls'\. Did you mean '--loss\.levels'\?"),
        (
            ['--optimiser.name', 'adam'],
            r"'--optimiser\.name'\. Did you mean '--optimizer\.name'\?",
        ),
        (['--batch_size', 'many'], r'batch_size.*many'),
        (['--optimizer.name', 'sgd'], r'optimizer\.name.*sgd'),
        (['--epochs'], r'epochs'),
        (['small_depth'], r'small_depth'),
    ],
)
def test_what_a_command_line_says_wrong_is_named(arguments, message):
    with pytest.raises(ValueError, match=f'(?s){message}'):
        parse_config(arguments)


def test_help_lists_options_and_recipes(capsys):
    with pytest.raises(SystemExit):
        parse_config(['--help'])

    shown = capsys.readouterr().out
    assert '--augmentation.zoom' in shown and 'lite_hr_depth_distilled' in shown
