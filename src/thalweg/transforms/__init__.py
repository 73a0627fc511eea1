"""Functions transformed into others: for batches of arguments, with tangents, with gradients."""
