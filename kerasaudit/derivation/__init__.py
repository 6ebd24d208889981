"""What the arithmetic says: weights, shapes and MACs from a config. Standard library only."""
