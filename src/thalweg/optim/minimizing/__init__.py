"""What ``minimize`` does: look whether the gradient says anything, choose a method, run it."""
