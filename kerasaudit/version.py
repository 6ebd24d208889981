"""The release, which reports carry, and the version of the rules, which locks carry."""

__version__ = "0.1.0"

# The version of the set of rules, which a lock carries. It is raised in the same change that makes
# a rule give another figure for the same config; a rule for a class that had none does not raise
# it. Where the figures of a locked model drift and its architecture does not, it tells why.
RULES = 1
