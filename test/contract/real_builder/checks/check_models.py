# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What the package exports, and what others do, becomes a plan at the first attempt."""

import itertools

from real_builder.models import FOREIGN, FORMS, write_foreign

SIZES = ((360, 480), (512, 1024))
# Form of the file, and the precision that is asked for: FP32 files are brought to FP16 or not.
ASKED = [('fp32', 'auto'), ('fp32', 'fp32'), *((form, 'auto') for form in FORMS[1:])]
WHOLE = list(itertools.product(('slim', 'base'), SIZES, ASKED, (1, 4)))
FEW = [('slim', (96, 128), ('fp32', 'auto'), 4), ('slim', SIZES[0], ('int8', 'auto'), 1)]


def pytest_generate_tests(metafunc):
    if 'export' in metafunc.fixturenames:
        chosen = WHOLE if metafunc.config.getoption('--whole') else FEW
        metafunc.parametrize('export', chosen, ids=str)
    if 'foreign' in metafunc.fixturenames:
        is_whole = metafunc.config.getoption('--whole')
        metafunc.parametrize('foreign', list(FOREIGN) if is_whole else list(FOREIGN)[-1:])


def assert_at_first_attempt(bench, request):
    prepared = bench.prepare(request)
    record = prepared.record
    assert prepared.is_new
    assert record.notes == ()
    assert record.key.target.tensorrt_version.startswith('RTX ')
    again = bench.prepare(request)
    assert not again.is_new
    assert again.plan == prepared.plan
    return record


def test_an_export_becomes_a_plan(bench, exports, export):
    variant, size, (form, asked), batch = export
    model = exports.get(variant, size, form)
    record = assert_at_first_attempt(bench, bench.request(model, precision=asked, max_batch=batch))
    halved = 'fp16' if asked == 'auto' else 'fp32'
    assert record.precision == (halved if form == 'fp32' else form.partition(',')[0])


def test_a_foreign_model_becomes_a_plan(bench, tmp_path, foreign):
    model = write_foreign(tmp_path / f'{foreign}.onnx', foreign)
    size = (48, 64) if foreign == 'logits of any size' else None
    # What is in FP16 is compiled in nothing else.
    precision = 'auto' if 'fp16' in foreign else 'fp32'
    assert_at_first_attempt(bench, bench.request(model, precision=precision, network_size=size))
