"""Looks at pages in a real browser: axe-core finds nothing on desktop and phone, in light and dark, and nothing shifts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.support.portal import Portal

SCREENSHOTS = os.environ.get("GAS_TEST_SCREENSHOTS", "")
"""A folder to leave pictures of all pages in."""

SIZES = {"desktop": {"width": 1280, "height": 860}, "phone": {"width": 390, "height": 844}}
THEMES = ("light", "dark")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], "resultTypes": ["violations"]}
COLORS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, "resultTypes": ["violations"]}
WHOLLY = {("desktop", "light"), ("phone", "dark")}
"""Where all rules are tried; of the same page in the other theme only what a theme can change: its colors."""

EVERY_WAY = {(size, theme) for size in SIZES for theme in THEMES}

SHIFTED = """() => new Promise((resolve) => {
  let sum = 0;
  const observer = new PerformanceObserver((list) => list.getEntries().forEach((one) => (sum += one.value)));
  observer.observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(sum), 50);
})"""
LISTS_FIT = """() => [...document.querySelectorAll(".jobs, .variants, .matters")].every(
  (table) => table.scrollWidth <= table.clientWidth && table.offsetWidth <= table.parentElement.clientWidth)"""
"""Tables that are lists on a phone need no scrolling sideways there."""


@dataclass
class Looker:
    page: Page
    portal: Portal
    ways: set[tuple[str, str]]
    axe: str = Axe().axe_script

    async def go(self, path: str, name: str) -> None:
        await self.page.goto(self.portal.url + path)
        await self.look(name)

    async def look(self, name: str, *, loaded: bool = True) -> None:
        """Nothing moved while it was loaded; axe-core finds nothing, and it is not wider than its window, in each of `ways`."""
        if loaded:
            assert await self.page.evaluate(SHIFTED) < 0.01, f"{name} shifts"
        await self.page.evaluate(self.axe)
        for size, viewport in SIZES.items():
            await self.page.set_viewport_size(viewport)  # type: ignore[arg-type]
            for theme in (theme for theme in THEMES if (size, theme) in self.ways):
                await self.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
                await expect(self.page.locator("html")).to_have_attribute("data-bs-theme", theme)
                if SCREENSHOTS:
                    await self.page.screenshot(path=Path(SCREENSHOTS) / f"{name}-{size}-{theme}.png", full_page=True)
                rules = RULES if (size, theme) in WHOLLY else COLORS
                found = await self.page.evaluate("(rules) => axe.run(rules)", rules)
                faults = [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]]
                assert faults == [], f"{name}, {size}, {theme}"
            assert await self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is too wide"
        assert await self.page.evaluate(LISTS_FIT), f"a list of {name} is cut on a phone"
        await self.page.set_viewport_size(SIZES["desktop"])  # type: ignore[arg-type]
