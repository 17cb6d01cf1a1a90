"""Offer the package on the command line."""
