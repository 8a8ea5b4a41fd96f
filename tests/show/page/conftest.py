"""A real browser for the page's tests; where there is none, they are skipped with a notice."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from genoplrp.annotate import Result, annotate, calibrate
from genoplrp.motifs import shipped_motifs
from tests.annotate.networks import matrix_network
from tests.annotate.sequences import CTCF, planted, write_fasta

EVIL = "<script>window.pwned=1</script><img/src=x/onerror=window.pwned=1>\"'&amp;</script>"
LONG = "AT" * 90 + CTCF + "TA" * 100
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    driver = pytest.importorskip("playwright.sync_api", reason="no playwright to drive a browser with")
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium here: the page is not tested in a browser (Debian: apt-get install chromium)")
    with driver.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A run over 40 short records with a CTCF site, a long one, one with two motifs, and one whose name is markup."""
    folder = tmp_path_factory.mktemp("page")
    records = [(f"chr1:{1000 * i}-{1000 * i + 60}", r.sequence) for i, r in enumerate(planted(40, 60), start=1)]
    rest = next(motif for motif in shipped_motifs() if motif.name == "REST").consensus
    records += [
        ("long", LONG),
        ("both", f"ATTA{CTCF}ATATAATT{rest}AATATTAT"),
        (EVIL, planted(1, 60, seed=9)[0].sequence),
    ]
    fasta = write_fasta(folder / "in.fa", records)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrate, "SHUFFLES", 200)
        return annotate(fasta, matrix_network(60), folder / "out", logos=0)


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a file in a fresh context; afterwards nothing may have been logged, thrown or asked of a network."""
    contexts: list[Any] = []
    trouble: list[str] = []

    def open_file(
        path: Path, *, width: int = 1280, height: int = 900, ready: str = "canvas[data-from]", **options: Any
    ) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": height}, **{"reduced_motion": "reduce", **options}
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("console", lambda message: trouble.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        page.on("request", lambda request: _local(request.url) or trouble.append(f"request: {request.url}"))
        page.goto(path.as_uri())
        page.wait_for_selector(ready)
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert trouble == []


def _local(url: str) -> bool:
    return url.startswith(("file:", "data:", "blob:"))
