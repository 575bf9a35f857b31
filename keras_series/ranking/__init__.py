"""Folders of photos to ranked series."""
