"""How pages are rendered: the template engine, its filters, and what every page knows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp_jinja2
import humanize
import jinja2
from aiohttp import web
from markupsafe import Markup

from app.engine.report.charts import Chart, impact
from app.engine.report.html import bars
from app.web.app_keys import ACCOUNT, CSRF, REQUEST_ID, SETTINGS
from app.web.assets import Assets
from app.web.states import badge

TEMPLATES = Path(__file__).parent / "templates"

WORDS_KEPT = 2048
"""Numbers whose words are kept, of each kind: to put one in words costs more than the line that it stands in."""


def page(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    """The rendered template, with what every page knows besides `values`."""
    always = {
        "account": request.get(ACCOUNT),
        "csrf": request.get(CSRF, ""),
        "request_id": request[REQUEST_ID],
        "contact": request.app[SETTINGS].contact,
        "path": request.path,
    }
    return aiohttp_jinja2.render_template(template, request, always | values, status=status)


def fragment(request: web.Request, template: str, **values: Any) -> str:
    """A part of a page, for the script that swaps it in."""
    always = {"csrf": request[CSRF], "account": request[ACCOUNT], "contact": request.app[SETTINGS].contact}
    return aiohttp_jinja2.render_string(template, request, always | values)


def kept_part(app: web.Application, template: str, **values: Any) -> Markup:
    """A part of a page that may be kept: it knows nothing of who looks at it."""
    return Markup(aiohttp_jinja2.get_env(app).get_template(template).render(values))  # noqa: S704 - the engine has escaped it


def set_up(app: web.Application, assets: Assets) -> None:
    """Prepares the template engine; an operator's own pages come before those of GAS."""
    own = app[SETTINGS].operator_pages
    operators = [jinja2.PrefixLoader({"operator": jinja2.FileSystemLoader(own)})] if own else []
    env = aiohttp_jinja2.setup(
        app,
        loader=jinja2.ChoiceLoader([*operators, jinja2.FileSystemLoader(TEMPLATES)]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        default_helpers=False,
        auto_reload=False,
        filters=FILTERS,
    )
    env.globals.update(asset=assets.url, badge=badge, bars=chart, premium_price=app[SETTINGS].premium_price)


async def compile_templates(app: web.Application) -> None:
    """Compiles every template in a thread, one after the other, so that no request does: one takes up to a tenth of a second.

    One that cannot be compiled is left to the page that needs it, which says so.
    """
    env = aiohttp_jinja2.get_env(app)
    for name in env.list_templates(extensions=["html"]):
        with suppress(jinja2.TemplateError):
            await asyncio.to_thread(env.get_template, name)


def chart(chart: Chart, counts: dict[str, int], links: dict[str, str]) -> Markup:
    """A bar chart, as the engine's own report draws it; `links` leads from its labels to what they count."""
    return Markup(bars(chart.title, counts, links, chart.words))  # noqa: S704 - the engine has escaped it


@lru_cache(WORDS_KEPT)
def time(milliseconds: int) -> Markup:
    """A moment in UTC, which the script turns into the reader's own zone."""
    at = datetime.fromtimestamp(milliseconds // 1000, UTC).isoformat()
    return Markup(f'<time datetime="{at[:19]}Z">{at[:10]} {at[11:16]} UTC</time>')  # noqa: S704 - digits, and nothing to escape


@lru_cache(WORDS_KEPT)
def size(number: int) -> str:
    """A number of bytes in words."""
    return f"{number} B" if number < 1000 else humanize.naturalsize(number, format="%.3g")


def duration(milliseconds: int) -> str:
    """A time in words, at least a second."""
    return _seconds(max(milliseconds, 1000) // 1000)


@lru_cache(WORDS_KEPT)
def _seconds(number: int) -> str:
    return humanize.precisedelta(number, minimum_unit="seconds", format="%d")


def see_other(address: str) -> web.Response:
    """Leads the browser elsewhere, by GET."""
    return web.Response(status=303, headers={"Location": address})


def left(milliseconds: int) -> str:
    """A countdown, in the words of the script that goes on with it."""
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{number} {unit}" for number, unit in ((hours, "h"), (minutes, "min")) if number]
    return f"(in {' '.join([*parts, *([] if hours else [f'{seconds} s'])])})" if milliseconds > 0 else "(any moment now)"


def marked(text: str) -> Markup:
    """Text with its `code` marked."""
    parts = text.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts))


def table(value: Any) -> str:
    """JSON, for an attribute that a script reads."""
    return json.dumps(value, sort_keys=True)


def question(query: str) -> str:
    """The query of an address as it was typed: `q: nd4, sort: gene`."""
    return ", ".join(f"{name}: {value}" for name, value in parse_qsl(query))


FILTERS: dict[str, Callable[..., str]] = {
    "time": time,
    "size": size,
    "count": "{:,}".format,
    "duration": duration,
    "left": left,
    "json": table,
    "code": marked,
    "query": urlencode,
    "question": question,
    "impact": impact,
}
