"""A browser without scripts: cookies, redirects, links, forms with their hidden fields, and the Origin of what they send."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

from aiohttp import ClientResponse, ClientSession, FormData


@dataclass
class Form:
    """A form of a page: its fields by name, with the values that they have before anybody fills them in."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Page:
    """What a request ended with, after all redirects that were followed; `csrf` is the token that the page's scripts send."""

    status: int
    url: str
    headers: Any
    body: bytes
    forms: list[Form]
    links: list[str]
    csrf: str = ""

    @property
    def text(self) -> str:
        """The body as text."""
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
        self.csrf = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.forms.append(Form(values.get("action", ""), values.get("method", "get").lower()))
        elif tag == "a":
            self.links.append(values.get("href", ""))
        elif tag == "meta" and values.get("name") == "csrf":
            self.csrf = values.get("content", "")
        elif tag in ("input", "button") and "name" in values and self.forms and values.get("type") != "file":
            self.forms[-1].fields.setdefault(values["name"], values.get("value", ""))


@dataclass
class Browser:
    """One person's browser: what it remembers is in the cookies of `http`."""

    http: ClientSession

    async def get(self, url: str, *, follow: bool = True, **options: Any) -> Page:
        """The page at an address; `options` are those of aiohttp's client."""
        async with self.http.get(url, allow_redirects=follow, **options) as answer:
            return await self.page(answer)

    async def post(self, url: str, fields: dict[str, str], *, follow: bool = True, **options: Any) -> Page:
        """Sends fields without a form, as the address's own origin unless `options` have other headers."""
        options.setdefault("headers", {"Origin": _origin(url)})
        async with self.http.post(url, data=fields, allow_redirects=follow, **options) as answer:
            return await self.page(answer)

    async def send(self, page: Page, form: Form, *, file: bytes | None = None, **filled: str) -> Page:
        """Sends a form of `page` with what was filled in, as the page's own origin."""
        body = FormData({**form.fields, **filled})
        if file is not None:
            body.add_field("file", file, filename="chosen.vcf")
        headers = {"Origin": _origin(page.url)}
        async with self.http.request(form.method, urljoin(page.url, form.action), data=body, headers=headers) as answer:
            return await self.page(answer)

    async def page(self, answer: ClientResponse) -> Page:
        """Reads an answer whole."""
        body = await answer.read()
        reader = _Reader()
        if "html" in answer.content_type:
            reader.feed(body.decode())
        return Page(answer.status, str(answer.url), answer.headers, body, reader.forms, reader.links, reader.csrf)


def _origin(url: str) -> str:
    return "{0.scheme}://{0.netloc}".format(urlsplit(url))
