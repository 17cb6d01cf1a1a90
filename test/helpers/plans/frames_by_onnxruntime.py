# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""What plans for frames would do, by sessions of ONNX Runtime for the graphs that they are of."""

from rtformer_ros.segmentation import Segmentation


def segmented(masks, painters, frame):
    """Return what comes of a frame: masks, and by name what each of the painters paints."""
    inputs = frame.inputs()
    names = ('class_map', 'confidence', 'network_class_map')
    maps = masks.run(names, inputs)
    pictures = {}
    for name in painters.keys() & frame.pictures:
        given = {**inputs, **frame.picture_tables(name), 'class_map': maps[0]}
        taken = {each.name: given[each.name] for each in painters[name].get_inputs()}
        pictures[name] = painters[name].run([name], taken)[0][0]
    return Segmentation(*(each[0] for each in maps), pictures=pictures)
