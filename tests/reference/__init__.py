"""A slow, literal reading of the method in float64, one sample at a time: what the engine is tested against.

Everything is a dense matrix or a plain loop. Nothing here imports the package under test.
"""
