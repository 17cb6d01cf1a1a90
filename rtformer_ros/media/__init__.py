"""
Frame sources and a video writer: moving pictures from files, folders, devices and bags.

Imports errors, files and imaging, and OpenCV with them; av and rosbags are imported where a clip
is written or a bag is opened.
"""
