"""Where the gradient died: which operation is to blame for a gradient that is missing, 0, or out of scale."""
