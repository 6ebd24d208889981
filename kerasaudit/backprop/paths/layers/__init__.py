"""The local derivatives of each family of layers; one family a file, found by the layer's class."""
