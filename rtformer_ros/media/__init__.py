"""
Read moving pictures from files, folders, devices and bags; write clips.

Imports imaging; cv2, av and rosbags are imported where a source of that kind is opened.
"""
