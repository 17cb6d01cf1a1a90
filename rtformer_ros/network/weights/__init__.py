"""
Read, recognise, convert and write trained weights.

Imports the networks and files; Paddle's files are read without Paddle.
"""
