"""Studies: what the project claims about explanations, measured again from seeds, one module or folder a study.

Each has ``run(out, *, small=False, seeds=..., progress=True)``, which writes tidy tables (CSV) and figures (PNG) into
``out`` and returns their paths; ``small`` is the same study at a size for tests. Nothing else in genoplrp imports from
here.
"""
