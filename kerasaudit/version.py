"""The release, which is also the version of the rules that reports carry."""

__version__ = "0.1.0"
