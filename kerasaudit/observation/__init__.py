"""What is really there: a live model's weights, or what a file holds."""
