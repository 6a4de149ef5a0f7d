"""A browser without scripts: cookies, redirects, links and forms with their hidden fields. For the demo."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

from aiohttp import ClientSession, FormData


@dataclass
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Page:
    status: int
    url: str
    body: bytes
    forms: list[Form]
    links: list[str]

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def form(self, action: str) -> Form:
        """The form whose action ends with `action`. Raises LookupError."""
        found = next((form for form in self.forms if urlsplit(form.action).path.endswith(action)), None)
        if found is None:
            raise LookupError(f"{self.url} ({self.status}) has no form for {action}: {[form.action for form in self.forms]}")
        return found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.forms.append(Form(values.get("action", ""), values.get("method", "get").lower()))
        elif tag == "a":
            self.links.append(values.get("href", ""))
        elif tag in ("input", "button") and "name" in values and self.forms and values.get("type") != "file":
            self.forms[-1].fields.setdefault(values["name"], values.get("value", ""))


@dataclass
class Browser:
    http: ClientSession

    async def get(self, url: str) -> Page:
        async with self.http.get(url) as answer:
            return await self._page(answer)

    async def send(self, page: Page, form: Form, *, file: bytes | None = None, **filled: str) -> Page:
        """Sends a form of `page` with what was filled in, as the page's own origin."""
        body = FormData({**form.fields, **filled})
        if file is not None:
            body.add_field("file", file, filename="chosen.vcf")
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
        async with self.http.request(
            form.method, urljoin(page.url, form.action), data=body, headers={"Origin": origin}
        ) as answer:
            return await self._page(answer)

    async def _page(self, answer: Any) -> Page:
        body = await answer.read()
        reader = _Reader()
        if "html" in answer.content_type:
            reader.feed(body.decode())
        return Page(answer.status, str(answer.url), body, reader.forms, reader.links)
