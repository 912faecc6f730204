"""The pictures of docs/console.md: a real door over a vault of its own, looked at in Chromium.

``pictures.py FOLDER`` writes them there. Run from the root of a checkout, or as ``make console-pictures``.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from tests.unit.doorstep import doorstep, story
from tests.unit.test_console import CHROMIUM, FLAGS, KEPT

WIDTH, HEIGHT = 1080, 720
PICTURES = (
    ("console-history", "light", "#/agents/alice/history", ".log li"),
    ("console-mood", "dark", "#/agents/alice/mood", ".chart .series"),
)
"""What each is called, its colours, which view it is of, and what has to be there first."""


def main(folder: Path) -> None:
    """Take them all."""
    with tempfile.TemporaryDirectory() as vault, doorstep(Path(vault)) as door, sync_playwright() as playwright:
        key = door.key("admin")
        with door.client(key) as client:
            story(client)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name, colours, view, sign in PICTURES:
            page = browser.new_page(
                viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=colours, locale="en-GB", timezone_id="UTC"
            )
            page.add_init_script(f"sessionStorage.setItem({json.dumps(KEPT)}, {json.dumps(key)})")
            page.goto(f"{door.url}/console{view}")
            page.locator(sign).first.wait_for()
            page.get_by_text("Live", exact=True).wait_for()
            page.wait_for_timeout(600)  # what fades in has faded in
            page.screenshot(path=folder / f"{name}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    os._exit(0)  # what threads of libraries still do holds up nobody
