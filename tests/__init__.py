"""Tests: each claim against a formula, a slow literal version, a peer or a law."""
