# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""Networks beside each other: what is counted, what is read of runs, what is printed."""

import json
import math
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import helper, TensorProto
import pytest
from rtformer_ros.deploy.export import export_onnx
from rtformer_ros.errors import ConfigError, ModelError
from rtformer_ros.labels.label_set import LabelSet
from rtformer_ros.network import build_network, Checkpoint, save_checkpoint
from rtformer_ros.tools.compare_networks.__main__ import main
from rtformer_ros.tools.compare_networks.candidate import all_candidates, candidate_named
from rtformer_ros.tools.compare_networks.operations import count_multiplications
from rtformer_ros.training.recipe import NetworkRecipe, Recipe
from rtformer_ros.training.run.run_setup import RunSetup

SMALL = ':base_channels=8:head_channels=8'


def model_of(nodes, inputs, weights, output):
    graph = helper.make_graph(
        nodes,
        'graph',
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(np.ones(s, np.float32), n) for n, s in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)])


def test_a_convolution_counts_as_its_formula_says():
    node = helper.make_node('Conv', ['x', 'w'], ['y'], strides=[2, 2], pads=[1] * 4, group=4)
    model = model_of([node], {'x': ['n', 8, 33, 20]}, {'w': (12, 2, 3, 3)}, 'y')
    assert count_multiplications(model) == (17 * 10) * 12 * 2 * 9


def test_matrix_products_count_as_their_formula_says():
    product = helper.make_node('MatMul', ['x', 'w'], ['y'])
    model = model_of([product], {'x': ['n', 3, 5, 7]}, {'w': (7, 11)}, 'y')
    assert count_multiplications(model) == 3 * 5 * 7 * 11
    linear = helper.make_node('Gemm', ['x', 'w'], ['y'], transA=1)
    model = model_of([linear], {'x': [7, 5]}, {'w': (7, 11)}, 'y')
    assert count_multiplications(model) == 5 * 7 * 11


def test_a_graph_of_any_size_is_refused():
    node = helper.make_node('Conv', ['x', 'w'], ['y'])
    model = model_of([node], {'x': ['n', 8, 'h', 'w']}, {'w': (12, 8, 3, 3)}, 'y')
    with pytest.raises(ModelError, match='expected a graph with fixed height and width'):
        count_multiplications(model)


@pytest.mark.parametrize(
    ('name', 'published'), [('rtformer_slim', 9.455), ('ddrnet23_slim', 9.07)]
)
def test_published_networks_count_as_published(tmp_path, name, published):
    """A quarter of the published figures at 512x1024; 1 % for rounded sizes and others' rules."""
    network = build_network(name, 19, aux_head=False)
    save_checkpoint(Checkpoint.of(network), tmp_path / 'n.safetensors')
    export_onnx(tmp_path / 'n.safetensors', tmp_path / 'n.onnx', 256, 512)
    count = count_multiplications(onnx.load(tmp_path / 'n.onnx'))
    assert 4 * count / 1e9 == pytest.approx(published, rel=0.01)


def run_folder(folder, scores, **options):
    folder.mkdir()
    recipe = Recipe(network=NetworkRecipe(**options))
    labels = LabelSet.generic(3)
    RunSetup('folder', Path('data'), 'rtformer_slim', labels, recipe).save(folder)
    if scores:
        rows = [f'{step},{score},0.9' for step, score in enumerate(scores)]
        (folder / 'validation.csv').write_text('\n'.join(['step,mean_iou,a', *rows]) + '\n')
    return folder


def test_runs_bring_their_network_and_best_score(tmp_path):
    first = run_folder(tmp_path / 'a', [0.2, 0.5, 0.4], attention='mhsa')
    second = run_folder(tmp_path / 'b', [0.3], attention='mhsa', drop_path_rate=0.0)
    third = run_folder(tmp_path / 'c', [0.6], high='gfa', groups=(8, 2))
    names = ['ddrnet23_slim', 'rtformer_slim:attention=mhsa']
    found = {each.title: each for each in all_candidates(names, [first, second, third])}
    assert [*found] == [*names, 'rtformer_slim:high=gfa:groups=[8,2]']
    scores = [each.mean_iou for each in found.values()]
    assert math.isnan(scores[0])
    assert scores[1:] == [0.5, 0.6]
    assert found['rtformer_slim:high=gfa:groups=[8,2]'].options['groups'] == (8, 2)
    again = candidate_named('rtformer_slim:high=gfa:groups=[8,2]')
    assert dict(again.options) == {'high': 'gfa', 'groups': (8, 2)}


def test_runs_without_scores_and_nothing_at_all_are_refused(tmp_path):
    with pytest.raises(ConfigError, match='was not scored yet'):
        all_candidates([], [run_folder(tmp_path / 'a', [])])
    with pytest.raises(ConfigError, match='there is nothing to compare'):
        all_candidates([], [])
    classifier = tmp_path / 'b'
    classifier.mkdir()
    RunSetup('imagefolder', Path('data'), 'rtformer_slim', ('a', 'b'), Recipe()).save(classifier)
    with pytest.raises(ConfigError, match='b has trained a classifier; give runs that train to s'):
        all_candidates([], [classifier])


def test_the_command_prints_and_draws_what_it_measured(tmp_path, capsys):
    run = run_folder(tmp_path / 'run', [0.25], attention='mhsa', base_channels=8, head_channels=8)
    json_path, chart = tmp_path / 'figures.json', tmp_path / 'chart.png'
    arguments = [f'rtformer_slim{SMALL}', '--runs', str(run), '--size', '33x64']
    arguments += ['--classes', '3', '--rounds', '2', '--json', str(json_path)]
    assert main([*arguments, '--chart', str(chart)]) == 0
    rows = json.loads(json_path.read_text())['tables'][0]['rows']
    assert [row['mIoU %'] for row in rows] == [None, 25.0]
    network = build_network('rtformer_slim', 3, aux_head=False, base_channels=8, head_channels=8)
    assert rows[0]['parameters M'] == sum(w.numel() for w in network.parameters()) / 1e6
    assert all(0 < row['min ms'] <= row['median ms'] for row in rows)
    assert all(row['GMAC'] > 0 for row in rows)
    assert rows[1]['network'] in capsys.readouterr().out
    picture = cv2.imread(str(chart))
    assert picture.shape[0] > 300
    assert picture.std() > 1


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['rtformer_slim', '--size', 'large'], "--size is 'large'"),
        (['rtformer_slim:attention'], 'expected name=value'),
        (['rtformer_slim:attention=flash'], "attention is 'flash'"),
        (['unet'], "no network 'unet'"),
        (['rtformer_slim', '--rounds', '0'], '--rounds'),
        (['rtformer_slim', '--size', '0x64'], '--size, --rounds and --threads'),
        (['rtformer_slim', '--json', '/dev/null/x.json'], 'cannot write /dev/null/x.json'),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments, words, capsys):
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ''
