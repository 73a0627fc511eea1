"""What the primitives stand on: the tensor, the tape, the primitive, the grad mode and the backward walk."""
