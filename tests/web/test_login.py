"""Login, sessions and tokens: what is believed, and what is not."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.local.globus import subject
from app.services.identity import ProviderDown
from app.services.signing_keys import SigningKeys
from app.web import app_keys
from app.web.paths import local_path
from app.web.views.login import MOST_ATTEMPTS
from tests.support.characters import ANY
from tests.support.portal import Browser, Page, Portal


async def to_provider(browser: Browser, **more: str) -> str:
    """Where the portal sends a browser that wants to sign in."""
    answer = await browser.get("/login", follow=False)
    extra = "".join(f"&{name}={value}" for name, value in more.items())
    return answer.headers["Location"] + extra


async def back_from_provider(browser: Browser, **more: str) -> str:
    """Where the provider sends the browser after the sign-in."""
    address = await to_provider(browser, **{"as": "eve@example.org", **more})
    return (await browser.get(address, follow=False)).headers["Location"]


def signed_in(page: Page) -> bool:
    return "Sign out" in page.text


async def test_sign_in_creates_the_account_and_shows_the_page_that_was_wanted(portal: Portal) -> None:
    browser = await portal.browser()
    page = await browser.sign_in("Ada@Example.org", "Ada", next="/profile")
    assert urlsplit(page.url).path == "/profile"
    assert "Ada" in page.text and "ada@example.org" in page.text
    account = await portal.account("ada@example.org")
    assert (account.name, account.plan) == ("Ada", "free")


async def test_a_page_that_needs_a_login_is_shown_after_it(portal: Portal) -> None:
    browser = await portal.browser()
    page = await browser.get("/annotations?before=x")
    page = await browser.submit(page, email="a@example.org", name="A")
    assert page.url.endswith("/annotations?before=x")


async def test_the_request_to_the_provider_has_state_nonce_and_pkce(portal: Portal) -> None:
    one, other = [parse_qs(urlsplit(await to_provider(await portal.browser())).query) for _ in range(2)]
    assert one["code_challenge_method"] == ["S256"]
    assert one["redirect_uri"] == [f"{portal.url}/authcallback"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(one[name][0]) >= 32 and one[name] != other[name]


async def try_to_sign_in(portal: Portal) -> Page:
    browser = await portal.browser()
    return await browser.get(await back_from_provider(browser))


async def test_a_key_is_chosen_by_the_name_that_the_token_gives(portal: Portal) -> None:
    portal.provider.key_id = {"kid": "second"}
    assert signed_in(await try_to_sign_in(portal))


@pytest.mark.parametrize("names", [[{"kid": "one"}, {"kid": "two"}], [{}, {}], [{}, {"kid": "two"}], [{"kid": "one"}] * 2])
async def test_the_keys_of_the_provider_rotate_without_an_outage(portal: Portal, names: list[dict[str, str]]) -> None:
    portal.provider.key_id = names[0]
    assert signed_in(await try_to_sign_in(portal))
    portal.provider.key_id = names[1]
    portal.provider.key, portal.provider.stray_key = portal.provider.stray_key, portal.provider.key
    assert [signed_in(page) for page in await asyncio.gather(*(try_to_sign_in(portal) for _ in range(3)))] == [True] * 3


async def test_keys_are_fetched_at_a_limited_rate_and_again_later(portal: Portal) -> None:
    assert signed_in(await try_to_sign_in(portal))
    globus, now = portal.app[app_keys.GLOBUS]._things[""], time.monotonic()
    globus.keys.now = lambda: now
    fetched: list[float] = []
    published = globus.keys._published

    async def counted() -> Any:
        fetched.append(now)
        return await published()

    globus.keys._published = counted  # type: ignore[method-assign]
    browser = await portal.browser()
    for _ in range(5):
        assert (await browser.get(await back_from_provider(browser, wrong="key"))).status == 400
    assert len(fetched) == 2  # and the one before
    portal.provider.key, portal.provider.stray_key = portal.provider.stray_key, portal.provider.key
    assert (await try_to_sign_in(portal)).status == 400
    now += 61
    assert signed_in(await try_to_sign_in(portal)) and len(fetched) == 3


async def test_the_known_keys_are_good_while_none_can_be_fetched(portal: Portal) -> None:
    assert signed_in(await try_to_sign_in(portal))
    keys = portal.app[app_keys.GLOBUS]._things[""].keys
    later = time.monotonic() + 7200
    keys.url, keys.now = "http://127.0.0.1:9/jwk.json", lambda: later
    assert signed_in(await try_to_sign_in(portal))


async def test_a_provider_that_hangs_takes_only_threads_of_its_own(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert signed_in(await try_to_sign_in(portal))
    globus, go_on = portal.app[app_keys.GLOBUS]._things[""], threading.Event()
    real, begun = type(globus)._exchange, threading.Semaphore(0)

    def hanging(*arguments: Any) -> str:
        begun.release()
        go_on.wait(20)
        return real(*arguments)

    monkeypatch.setattr(type(globus), "_exchange", hanging)
    waiting = [asyncio.create_task(try_to_sign_in(portal)) for _ in range(40)]
    try:
        for _ in range(4):
            await asyncio.to_thread(begun.acquire)
        async with asyncio.timeout(10):  # with all threads taken it would wait for the provider
            assert await asyncio.to_thread(lambda: 7) == 7
        assert not any(task.done() for task in waiting)
    finally:
        go_on.set()
    assert all(signed_in(page) for page in await asyncio.gather(*waiting))


async def test_who_waits_for_keys_that_never_come_waits_together() -> None:
    asked = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        keys = SigningKeys(f"http://127.0.0.1:{port}/jwk.json", answer_seconds=0.5)
        ends = await asyncio.gather(*(keys.verified("", lambda _: {}) for _ in range(10)), return_exceptions=True)
    assert {type(end) for end in ends} == {ProviderDown} and asked <= 2  # one look may have begun before the rest came


async def test_long_claims_are_cut(portal: Portal) -> None:
    browser = await portal.browser()
    await browser.sign_in("eve@example.org", "x" * 500_000)
    assert (await portal.account("eve@example.org")).name == "x" * 200


async def test_a_wrong_id_token_is_refused(portal: Portal) -> None:
    browser = await portal.browser()
    for wrong in ("issuer", "audience", "nonce", "no_nonce", "expired", "azp", "audiences", "subject", "key", "unsigned"):
        page = await browser.get(await back_from_provider(browser, wrong=wrong))
        assert page.status == 400, wrong
        assert await portal.backend.accounts.get(subject("eve@example.org")) is None
        assert not signed_in(page) and not signed_in(await browser.get("/"))


async def test_a_wrong_state_is_refused(portal: Portal) -> None:
    browser = await portal.browser()
    address = await back_from_provider(browser)
    page = await browser.get(address.partition("&state=")[0] + "&state=forged")
    assert page.status == 400 and not signed_in(page)


async def test_an_answer_is_good_only_in_the_browser_that_asked(portal: Portal) -> None:
    attacker, victim = await portal.browser(), await portal.browser()
    planted = await back_from_provider(attacker)
    assert (await victim.get(planted)).status == 400
    await to_provider(victim)
    assert (await victim.get(planted)).status == 400
    assert not signed_in(await victim.get("/"))


async def test_an_answer_is_good_only_once(portal: Portal) -> None:
    browser = await portal.browser()
    address = await back_from_provider(browser)
    assert signed_in(await browser.get(address))
    browser.http.cookie_jar.clear(lambda one: one.key == "gas")
    page = await browser.get(address)
    assert page.status == 400 and "No sign-in is under way in this browser" in page.text


async def test_a_code_is_good_only_with_its_own_verifier(portal: Portal) -> None:
    thief, owner = await portal.browser(), await portal.browser()
    stolen = parse_qs(urlsplit(await back_from_provider(owner)).query)["code"][0]
    state = parse_qs(urlsplit(await to_provider(thief)).query)["state"][0]
    assert (await thief.get(f"/authcallback?code={stolen}&state={state}")).status == 400


async def test_a_refusal_of_the_provider_is_a_page_without_its_words(portal: Portal) -> None:
    browser = await portal.browser()
    await to_provider(browser)
    page = await browser.get("/authcallback?error=access_denied&error_description=<script>")
    assert page.status == 400 and "<script>" not in page.text and "access_denied" not in page.text
    assert "You did not give Globus your consent" in page.text
    other = await browser.get("/authcallback?error=server_error")
    assert other.status == 400 and "Globus could not sign you in" in other.text


async def test_the_callback_says_which_of_its_failures_it_was(portal: Portal) -> None:
    browser = await portal.browser()
    address = await back_from_provider(browser)
    stranger = await (await portal.browser()).get(address)
    assert stranger.status == 400 and "No sign-in is under way in this browser" in stranger.text
    forged = await browser.get(address.partition("&state=")[0] + "&state=forged")
    assert forged.status == 400 and "not the answer to a sign-in that began in this browser" in forged.text
    wrong = await browser.get(await back_from_provider(browser, wrong="issuer"))
    assert wrong.status == 400 and "could not be verified" in wrong.text
    portal.provider.grants.clear()
    used = await browser.get(address)
    assert used.status == 400 and "has been used already" in used.text


async def test_who_is_signed_in_and_comes_back_again_goes_on(portal: Portal) -> None:
    browser = await portal.browser()
    address = await back_from_provider(browser)
    assert signed_in(await browser.get(address))
    held = cookie(browser)
    for again in (address, "/authcallback?error=access_denied", "/authcallback"):
        answer = await browser.get(again, follow=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/annotations")
    assert cookie(browser) == held


async def test_two_tabs_sign_in_at_once(portal: Portal) -> None:
    browser = await portal.browser()
    first, second = [await to_provider(browser, **{"as": "eve@example.org"}) for _ in range(2)]
    for tab in (first, second):
        assert signed_in(await browser.get(tab))
    assert not [one.key for one in browser.http.cookie_jar if one.key.startswith("gas-login-")]


async def test_sign_ins_that_are_begun_and_left_fill_no_header(portal: Portal) -> None:
    browser = await portal.browser()
    tabs = [await to_provider(browser, **{"as": "eve@example.org"}) for _ in range(10)]
    assert len([one.key for one in browser.http.cookie_jar if one.key.startswith("gas-login-")]) == MOST_ATTEMPTS
    assert signed_in(await browser.get(tabs[-1]))


@pytest.mark.parametrize("changes", [{"globus_url": "http://127.0.0.1:9"}])
async def test_a_provider_that_is_down_is_said_so(portal: Portal) -> None:
    browser = await portal.browser()
    state = parse_qs(urlsplit(await to_provider(browser)).query)["state"][0]
    page = await browser.get(f"/authcallback?code=any&state={state}")
    assert page.status == 503 and "Globus" in page.text


EVIL = [
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/%09/evil.example",
    "/\t/evil.example",
    "javascript:alert(1)",
    "http:evil.example",
    " //evil.example",
    "/" + "x" * 5000,
    "",
]


async def test_nobody_is_sent_elsewhere_after_the_login(portal: Portal) -> None:
    for evil in EVIL:
        browser = await portal.browser()
        start = await browser.get("/login", params={"next": evil}, follow=False)
        back = await browser.get(start.headers["Location"] + "&as=a@example.org", follow=False)
        landed = await browser.get(back.headers["Location"], follow=False)
        assert landed.status == 303
        assert urlsplit(landed.headers["Location"]).netloc == "", evil
        assert local_path(landed.headers["Location"]) == landed.headers["Location"], evil


@given(
    st.text(ANY, max_size=30) | st.lists(st.sampled_from(["/", "\\", "evil.example", "\t", ":", "@", "%2f", "?"])).map("".join)
)
def test_a_local_path_has_no_other_host(wanted: str) -> None:
    path = local_path(wanted)
    assert urljoin("https://gas.example.org/login", path).startswith("https://gas.example.org/")
    assert path.startswith("/") and not path.startswith(("//", "/\\")) and "\\" not in path


async def test_a_login_has_a_session_of_its_own_and_ends_the_one_before(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    before = cookie(browser)
    address = await to_provider_again(browser)
    await browser.get(address)
    after = cookie(browser)
    assert before != after
    browser.keep("gas", before)
    assert not signed_in(await browser.get("/"))


async def to_provider_again(browser: Browser) -> str:
    """An answer of the provider for a browser that has a session already."""
    held = cookie(browser)
    browser.http.cookie_jar.clear(lambda one: one.key == "gas")
    address = await back_from_provider(browser)
    browser.keep("gas", held)
    return address


async def test_a_planted_session_is_never_taken_over(portal: Portal) -> None:
    attacker, victim = await portal.signed_in("mallory@example.org"), await portal.browser()
    victim.keep("gas", cookie(attacker))
    await victim.get(await to_provider_again(victim))
    assert cookie(victim) != cookie(attacker)
    assert "eve@example.org" not in (await attacker.get("/profile")).text


PLANTED = ["x", "." * 10, f"{subject('a@example.org')}.made-up", "PROFILE.x", "é"]


async def test_a_made_up_cookie_is_no_session(portal: Portal) -> None:
    await portal.signed_in("a@example.org")
    browser = await portal.browser(cookies=False)
    for planted in PLANTED:
        page = await browser.get("/", headers={"Cookie": f"gas={planted}"})
        assert page.status == 200 and not signed_in(page), planted


async def test_logout_ends_the_session_for_good(portal: Portal) -> None:
    browser = await portal.signed_in()
    held = cookie(browser)
    assert not signed_in(await browser.post("/logout"))
    browser.keep("gas", held)
    assert not signed_in(await browser.get("/"))


async def test_signing_out_everywhere_ends_every_session(portal: Portal) -> None:
    browsers = [await portal.signed_in("a@example.org") for _ in range(3)]
    assert (await browsers[0].get("/profile")).text.count("<li>since") == 3
    await browsers[0].post("/profile/sessions/revoke")
    assert [signed_in(await one.get("/")) for one in browsers] == [False] * 3


async def test_an_expired_session_is_none(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    user_id = subject("a@example.org")
    async for kept in portal.app[app_keys.SESSIONS].list(user_id):
        item = kept.pop("item")
        del kept["user_id"]
        await portal.backend.accounts.put_item(user_id, item, **{**kept, "expires_at": int(time.time()) - 1})
    assert not signed_in(await browser.get("/"))


async def test_the_secret_of_a_session_is_stored_nowhere(portal: Portal) -> None:
    browser = await portal.signed_in("a@example.org")
    secret = cookie(browser).partition(".")[2]
    stored = await portal.backend.accounts.dynamodb.scan(TableName=portal.settings.table_names["accounts"])
    assert secret and secret not in str(stored)


async def test_cookies_are_for_the_server_only(portal: Portal) -> None:
    browser = await portal.browser()
    start = await browser.get("/login", follow=False)
    callback = await browser.get(await back_from_provider(browser), follow=False)
    for answer in (start, callback):
        for line in answer.headers.getall("Set-Cookie"):
            assert "HttpOnly" in line and "SameSite=Lax" in line and "Path=/" in line and "Domain" not in line


@pytest.mark.parametrize("changes", [{"public_url": "https://gas.example.org"}])
async def test_behind_https_cookies_are_secure_and_bound_to_the_host(portal: Portal) -> None:
    browser = await portal.browser()
    answer = await browser.get("/login", headers={"Host": "gas.example.org"}, follow=False)
    line = answer.headers["Set-Cookie"]
    assert line.startswith("__Host-gas-login-") and "Secure" in line
    assert "max-age=" in answer.headers["Strict-Transport-Security"]
    assert "redirect_uri=https%3A%2F%2Fgas.example.org%2Fauthcallback" in answer.headers["Location"]


def cookie(browser: Browser) -> str:
    return next((one.value for one in browser.http.cookie_jar if one.key == "gas"), "")


async def test_a_login_begins_at_the_public_address(portal: Portal) -> None:
    browser = await portal.browser()
    typed = portal.url.replace("127.0.0.1", "localhost")
    page = await browser.get(f"{typed}/login?next=/profile")
    assert urlsplit(page.url).path == "/v2/oauth2/authorize"
    page = await browser.submit(page, email="a@example.org", name="A")
    assert page.url == f"{portal.url}/profile"
    # behind a proxy that renames the host it does not go round for ever
    assert (await browser.get("/logout")).status == 200
    other = await portal.browser()
    assert urlsplit((await other.get(f"{typed}/login?here", follow=False)).headers["Location"]).path == "/v2/oauth2/authorize"
