"""Mail preferences: on the profile, and by the link in a mail without a login."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import ClientSession

from app.domain.accounts import Notice
from app.services import mail_preferences
from tests.support.portal import Portal

ME = "a@example.org"


async def test_notices_are_chosen_on_the_profile(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    page = await browser.get("/profile")
    assert page.text.count('name="notice"') == page.text.count(" checked>") == len(Notice)
    page = await browser.post("/profile/mail", {"notice": "restored"})
    assert (await portal.account(ME)).muted == {"finished", "archived", "deleted"} and page.text.count(" checked>") == 1
    async with browser.http.post(
        f"{portal.url}/profile/mail",
        data=[("csrf", browser.csrf), *(("notice", notice) for notice in (*Notice, "nonsense"))],
        headers={"Origin": portal.url},
    ) as answer:
        assert answer.status == 200
    assert (await portal.account(ME)).muted == frozenset()


async def test_one_click_in_a_mail_program_stops_a_notice_and_looking_at_the_link_does_not(portal: Portal) -> None:
    await portal.signed_in(ME)
    address = mail_preferences.link(await portal.account(ME), Notice.ARCHIVED, portal.settings)
    async with ClientSession() as http:
        async with http.get(address) as answer:
            assert answer.status == 200 and "Stop it" in await answer.text()
        assert (await portal.account(ME)).muted == frozenset()
        async with http.post(address, data={"List-Unsubscribe": "One-Click"}) as answer:
            assert answer.status == 200 and "moved to the archive" in await answer.text()
        assert (await portal.account(ME)).muted == {"archived"}
        for forged in (address[:-1], address.replace("archived", "finished"), urlsplit(address)._replace(query="").geturl()):
            async with http.post(forged) as answer:
                assert answer.status == 404, forged
    assert (await portal.account(ME)).muted == {"archived"}


async def test_an_address_that_came_back_is_told_on_the_profile_and_can_be_mended(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    user_id = (await portal.account(ME)).user_id
    await portal.backend.accounts.update(user_id, undeliverable=ME, bounce_reason="bounce")
    assert "came back" in (await browser.get("/profile")).text
    page = await browser.post("/profile/mail/again")
    assert "came back" not in page.text and (await portal.account(ME)).reachable


async def test_the_export_has_the_choices_and_no_key(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    await browser.post("/profile/mail", {"notice": "restored"})
    text = (await browser.get("/profile/export")).text
    assert '"muted": ["archived", "deleted", "finished"]' in text and (await portal.account(ME)).mail_key not in text


async def test_the_profile_says_that_an_address_cannot_be_written_to(portal: Portal) -> None:
    """SES takes any domain, and before the @ only ASCII: mail would be refused, over and over."""
    for address, said in (("jürgen@example.org", True), ("jurgen@bücher.example", False)):
        browser = await portal.signed_in(address)
        page = await browser.get("/profile")
        assert (await portal.account(address)).email == address
        assert ("can't be sent" in page.text) is said, address
