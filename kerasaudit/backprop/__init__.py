"""What the arithmetic says of training: gradients and updates derived in NumPy, and checked."""
