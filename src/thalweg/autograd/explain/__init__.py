"""Where the gradient died."""
