"""What the loops are told to do with relevance, and what they write down of it."""

NO_CUT, LIST, LAMBDA, MASK = range(4)
"""What happens to the result: it stays whole; what is not 0 is listed; it is pruned by PLRP-lambda; by PLRP-M."""
STATISTICS = 9
PASSED, GIVEN, ODD, BEFORE, AFTER, DROPPED_UP, DROPPED_DOWN, SCALE_UP, SCALE_DOWN = range(STATISTICS)
"""Columns of a sample's statistics. PASSED: what the call handed down; GIVEN: the same before PLRP-M's pruning; ODD:
not finite where something is not."""
