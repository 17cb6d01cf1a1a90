"""Real-time semantic segmentation for ROS 2 with RTFormer."""

__version__ = '0.1.0'
