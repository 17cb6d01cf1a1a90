# SPDX-FileCopyrightText: 2026 The rtformer_ros developers
# SPDX-License-Identifier: Apache-2.0
"""
Frame sources and a video writer: moving pictures from files, folders, devices and bags.

Imports errors, files, segmentation and imaging, and OpenCV with them; av and rosbags are imported
where a clip is written or a bag is opened.
"""
