"""The engine against the literal reference, against peers, and against its own promises."""
