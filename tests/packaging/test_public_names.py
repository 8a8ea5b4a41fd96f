"""The public surface: every name imports, and importing the package stays quick."""

import subprocess
import sys

import pytest

import genoplrp


@pytest.mark.parametrize("name", genoplrp.__all__)
def test_every_public_name_imports_and_is_documented(name):
    value = getattr(genoplrp, name)
    assert isinstance(value, str) or value.__doc__


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="module 'genoplrp' has no attribute 'atribute'"):
        genoplrp.atribute  # noqa: B018 - reading it is the test


def test_nothing_heavy_is_imported_with_the_package_or_the_help():
    """torch takes two seconds to import: `genoplrp --help` must not wait for it, nor for the others."""
    code = (
        "import sys, genoplrp, genoplrp.cli\n"
        "sys.argv = ['genoplrp', '--help']\n"
        "try: genoplrp.cli.main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'pandas', 'matplotlib', 'zarr'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
