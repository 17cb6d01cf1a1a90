"""Turn pixels into other pixels: encodings, colours, overlays, files."""
