# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""The models that come with the package are what their manifest says."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from rtformer_ros.engines import EngineRequest, open_engine
from rtformer_ros.errors import ConfigError
from rtformer_ros.files.packaged_files import DEFAULT_MODEL, find_labels
from rtformer_ros.imaging.codecs import read_image_file
from rtformer_ros.labels.label_set import load_labels
from rtformer_ros.model_metadata import ModelMetadata
from rtformer_ros.segmenter import Segmenter, SegmentSettings
from rtformer_ros.tools.evaluate.__main__ import main as evaluate
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / 'models'
CAMVID = ROOT.parent / 'shared' / 'camvid'
ENTRIES = {
    entry['file']: entry
    for entry in yaml.safe_load((MODELS / 'manifest.yaml').read_text())['models']
}

LEAST_AGREEMENT = {'fp32': 0.9999, 'int8': 0.98}
"""Share of pixels of a photograph on which a file sees the classes of its weights."""


def test_every_file_is_in_the_manifest():
    shipped = {path.name for path in MODELS.iterdir() if path.suffix in ('.onnx', '.safetensors')}
    assert shipped == set(ENTRIES)
    assert Path(DEFAULT_MODEL).name in ENTRIES


@pytest.mark.parametrize('name', ENTRIES)
def test_sha256_is_that_of_the_manifest(name):
    digest = hashlib.sha256((MODELS / name).read_bytes()).hexdigest()
    assert digest == ENTRIES[name]['sha256']


@pytest.mark.parametrize('name', [name for name in ENTRIES if name.endswith('.onnx')])
def test_onnx_tells_of_the_weights_that_it_was_made_from(name):
    import onnx

    model = onnx.load(MODELS / name, load_external_data=False)
    metadata = ModelMetadata.from_properties({p.key: p.value for p in model.metadata_props})
    entry = ENTRIES[name]
    assert metadata.checkpoint_sha256 == ENTRIES[entry['made_from']]['sha256']
    assert [metadata.height, metadata.width] == [entry['height'], entry['width']]
    assert metadata.labels == load_labels(find_labels(entry['labels']))
    assert 'untrained' not in metadata.description


@pytest.mark.parametrize('name', ENTRIES)
def test_labels_of_another_number_are_refused(name):
    labels = load_labels(find_labels('ade20k'))
    with pytest.raises(ConfigError, match=rf"'ade20k' has 150 classes, but {name} tells 11 apart"):
        open_engine(EngineRequest(MODELS / name, labels=labels))


@pytest.mark.parametrize('name', [name for name in ENTRIES if name.endswith('.onnx')])
def test_onnx_and_weights_agree_on_the_street(name):
    entry = ENTRIES[name]
    size = (entry['height'], entry['width'])
    maps = []
    for path in (MODELS / name, MODELS / entry['made_from']):
        engine = open_engine(EngineRequest(path, network_size=size, precision='fp32'))
        try:
            image = read_image_file(ROOT / 'samples' / 'leuven_a.jpg')
            maps.append(Segmenter(engine, SegmentSettings()).segment(image).class_map_hw)
        finally:
            engine.close()
    assert (maps[0] == maps[1]).mean() >= LEAST_AGREEMENT[entry.get('precision', 'fp32')]


@pytest.mark.parametrize('name', [name for name in ENTRIES if 'quantised_from' in ENTRIES[name]])
def test_int8_is_opened_for_the_model_that_it_was_made_from(name):
    model = MODELS / ENTRIES[name]['quantised_from']
    engine = open_engine(EngineRequest(model, device='cpu', precision='int8'))
    engine.close()
    assert engine.description.model == MODELS / name


def test_street_is_believable():
    """Sky is above, road below, and brick fronts are buildings, at places that a person named."""
    engine = open_engine(EngineRequest(ROOT / DEFAULT_MODEL))
    try:
        image = read_image_file(ROOT / 'samples' / 'leuven_a.jpg')
        ids = Segmenter(engine, SegmentSettings()).segment(image).class_map_hw
        names = np.array(engine.description.labels.names)
    finally:
        engine.close()
    places = {'Sky': (60, 350), 'Road': (500, 300), 'Building': (120, 620)}
    for name, (y, x) in places.items():
        patch = names[ids[y - 20 : y + 20, x - 20 : x + 20]]
        assert (patch == name).mean() > 0.9, f'{name} at {x}, {y}'


@pytest.mark.skipif(
    not CAMVID.is_dir(), reason='CamVid is not beside the clone: the recorded mIoU was not checked'
)
@pytest.mark.parametrize('name', [name for name in ENTRIES if name.endswith('.onnx')])
def test_mean_iou_on_20_images_is_the_recorded_one(name, tmp_path):
    command = ['--model', str(MODELS / name), '--dataset', 'camvid', '--root', str(CAMVID)]
    assert evaluate([*command, '--limit', '20', '--output', str(tmp_path)]) == 0
    results = json.loads((tmp_path / 'results.json').read_text())
    recorded = ENTRIES[name]['val_mean_iou_of_20_images']
    assert 100 * results['mean_iou'] == pytest.approx(recorded, abs=0.1)
