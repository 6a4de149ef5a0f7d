"""Templates are compiled before somebody asks for a page."""

from __future__ import annotations

from pathlib import Path

import aiohttp_jinja2
import jinja2
import pytest

from app.settings import Settings
from app.web.main import create_app
from app.web.pages import TEMPLATES, compile_templates


async def test_no_request_compiles_a_template(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "terms.html").write_text("{% unfinished")
    app = create_app(settings.model_copy(update={"operator_pages": str(tmp_path)}))
    await compile_templates(app)
    env = aiohttp_jinja2.get_env(app)
    with pytest.raises(jinja2.TemplateSyntaxError):
        env.get_template("operator/terms.html")  # which kept no other from being compiled

    def compiled(*_: object) -> None:
        raise AssertionError("it was not compiled before")

    monkeypatch.setattr(env, "compile", compiled)
    assert [env.get_template(path.name).name for path in sorted(TEMPLATES.glob("*.html"))]
