"""Relevance as lists of what is not 0, and the loops that hand it on: PLRP's backward pass works on what it kept.

Used on processors where numba is installed, and where a call, its rule and its numbers allow it; everything else, and
all of it without numba, takes the dense way of `genoplrp.lrp.propagate` to the same result. `backend` says whether;
`rows` is the list, `terms` a rule as the loops read it. `linear` says whether lists go through a linear call and how:
entry by entry (`lists`) or, where too much is left, by products of matrices (`products`), both of a `calls.SparseCall`;
`routes` has all other calls. `tally` is what goes into the ledger, `kernels` are the loops, `threads` shares them out.
"""
