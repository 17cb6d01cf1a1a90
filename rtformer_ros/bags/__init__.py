"""Add masks to recorded bags, without a ROS installation."""
