"""Published ground truth."""
