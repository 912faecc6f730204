"""The console, as somebody uses it: a headless Chromium at a real door over a real vault, without Ray."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Route, WebSocketRoute, expect, sync_playwright

from quantum_memory.cluster.service.principals import ROLES
from tests.unit.doorstep import Doorstep, doorstep, story

CHROMIUM = os.environ.get("QM_CHROMIUM") or shutil.which("chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
WIDE, PHONE = {"width": 1280, "height": 860}, {"width": 360, "height": 740}
KEPT = "quantum-memory.key"
WAIT_MS = 15_000
XSS = '<img src=x onerror="document.title=\'taken\'"><script>document.title="taken"</script>'
VIEWS = {
    "agents": ("#/agents", ".names a"),
    "history": ("#/agents/alice/history", "[role=option]"),
    "mood": ("#/agents/alice/mood", ".space svg"),
    "memories": ("#/agents/alice/memories", ".memories > li"),
    "search": ("#/agents/alice/search?q=the+cat&tags=cat", ".hit"),
    "memory": ("#/agents/alice/memories/said-0", ".events li"),
    "health": ("#/health", ".verdict"),
}

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium: set QM_CHROMIUM, or install the package chromium"
)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doorstep]:
    with doorstep(tmp_path_factory.mktemp("console")) as made:
        with made.client(made.key("admin")) as client:
            story(client)
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield made
        made.close()


@pytest.fixture(scope="module")
def keys(door: Doorstep) -> dict[str, str]:
    return {role: door.key(role) for role in ROLES}


@pytest.fixture
def api(door: Doorstep, keys: dict[str, str]) -> Iterator[httpx.Client]:
    with door.client(keys["admin"]) as client:
        yield client


Opener = Callable[..., Any]


@pytest.fixture
def opened(browser: Browser, door: Doorstep, keys: dict[str, str]) -> Opener:
    """A page of somebody with a role, at an address; whatever it complains of that is not foreseen fails the test."""

    @contextmanager
    def open_(
        fragment: str = "", role: str | None = "writer", *, refused: tuple[int, ...] = (), at: str = "", **how: Any
    ) -> Iterator[Page]:
        context = browser.new_context(**{"viewport": WIDE, "locale": "en-GB", "timezone_id": "UTC", **how})
        context.set_default_timeout(WAIT_MS)
        complaints: list[str] = []

        def heard(message: ConsoleMessage) -> None:
            expected = any(f"the server responded with a status of {status}" in message.text for status in refused)
            if message.type in ("error", "warning") and not expected:
                complaints.append(message.text)

        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if role is not None:
            page.add_init_script(f"sessionStorage.setItem({json.dumps(KEPT)}, {json.dumps(keys.get(role, role))})")
        page.goto(f"{at or door.url}/console{fragment}")
        yield page
        context.close()
        assert complaints == []

    return open_


@pytest.fixture
def agent(api: httpx.Client, request: pytest.FixtureRequest) -> str:
    """An agent of the test's own, that remembers two things."""
    name: str = request.node.name[5:60]
    for number, text in enumerate(("The kettle is blue.", "The train leaves at nine.")):
        params = {"create": "true"}
        told = {"id": f"m{number}", "text": text, "speaker": "Ann", "tags": ["home"]}
        assert api.post(f"/agents/{name}/remember", json=told, params=params).is_success
    return name


def found(client: httpx.Client, path: str, **params: str) -> Any:
    answer = client.get(path, params=params)
    assert answer.is_success, answer.text
    return answer.json()


def button(page: Page | Locator, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def rows(page: Page) -> Locator:
    """The places of the graph."""
    return page.locator(".rows [role=option]")


def fits(page: Page) -> bool:
    """Whether nothing has to be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_a_key_is_asked_for_tried_and_forgotten(opened: Opener, keys: dict[str, str]) -> None:
    with opened(role=None, refused=(401,)) as page:
        page.get_by_label("API key").fill("qm_0000000000000000_nothing")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("Unauthenticated")
        expect(page.get_by_role("alert")).to_contain_text("a valid API key or token is needed")
        page.get_by_label("API key").fill(keys["writer"])
        button(page, "Come in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Agents")
        page.reload()
        expect(page.get_by_role("link", name="alice")).to_be_visible()
        assert keys["writer"] not in page.url
        assert page.evaluate(f"sessionStorage.getItem('{KEPT}')") == keys["writer"]
        assert keys["writer"] not in page.evaluate("JSON.stringify(localStorage)")
        assert page.context.cookies() == []
        button(page, "Sign out").click()
        expect(page.get_by_label("API key")).to_be_visible()
        assert page.evaluate("sessionStorage.length") == 0


def test_where_no_key_is_needed_none_is_asked_for(opened: Opener, tmp_path: Path) -> None:
    with doorstep(tmp_path, access={"anonymous": "writer"}) as door, opened(role=None, at=door.url) as page:
        expect(page.get_by_text("There are no agents yet.")).to_be_visible()
        expect(page.get_by_label("API key")).to_have_count(0)
        expect(button(page, "Sign out")).to_have_count(0)
        expect(button(page, "New agent")).to_be_visible()
        page.goto(f"{door.url}/console#/health")
        expect(page.locator(".verdict")).to_be_visible()


def test_who_may_come_in_without_a_key_may_come_with_one_that_may_more(opened: Opener, tmp_path: Path) -> None:
    with doorstep(tmp_path, access={"anonymous": "reader"}) as door, opened(role=None, at=door.url) as page:
        expect(page.get_by_text("None that this key may see.")).to_be_visible()
        expect(button(page, "New agent")).to_have_count(0)
        button(page, "Sign in").click()
        page.get_by_label("API key").fill(door.key("writer"))
        page.keyboard.press("Enter")
        expect(button(page, "New agent")).to_be_visible()
        page.reload()
        expect(button(page, "New agent")).to_be_visible()
        expect(button(page, "Sign out")).to_be_visible()


def test_what_a_role_may_not_do_is_not_offered(opened: Opener) -> None:
    with opened(VIEWS["agents"][0], role="reader") as page:
        for fragment, sign in VIEWS.values():
            page.goto(page.url.partition("#")[0] + fragment)
            expect(page.locator(sign).first).to_be_visible()
            for name in ("New agent", "Checkpoint", "Fork", "Merge", "Roll back to here", "Remember", "Forget"):
                expect(button(page, name)).to_have_count(0)


def test_agents_are_listed_found_and_made(opened: Opener, api: httpx.Client, door: Doorstep) -> None:
    with opened() as page:
        page.get_by_label("Find by name").fill("ALI")
        expect(page.locator(".names a")).to_have_text(["alice"])
        page.get_by_label("Find by name").fill("nobody at all")
        expect(page.get_by_text("No agent has “nobody at all” in its name.")).to_be_visible()
        button(page, "New agent").click()
        page.get_by_role("dialog").get_by_label("Name").fill("größe 50% & co")
        button(page, "Make it").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("größe 50% & co")
        expect(rows(page)).to_have_count(1)
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text("größe 50% & co")
    assert {"name": "größe 50% & co"} in found(api, "/agents")["items"]
    with opened(role=door.key("reader", agents=("none-*",))) as page:
        expect(page.get_by_text("None that this key may see.")).to_be_visible()


def test_the_graph_has_what_the_tree_has_and_is_walked_by_keys(opened: Opener, api: httpx.Client) -> None:
    tree = found(api, "/agents/alice/tree")
    with opened(VIEWS["history"][0]) as page:
        places = rows(page)
        expect(places.filter(has_text="Rolled back everything to main, event 7")).to_have_count(1)
        told = " ".join(places.all_inner_texts())
        for commit in tree["commits"]:
            if not commit["automatic"]:
                assert commit["message"] in told
        for branch in tree["branches"]:
            assert branch["name"] in told
        assert "Merged what-if" in told
        assert "v1" in told
        lines = page.locator(".graph-lines")
        assert lines.locator(".line-fork").count() == len(tree["branches"]) - 1
        assert lines.locator(".line-merge").count() == len(tree["merges"])
        assert lines.locator(".dot").count() == places.count()
        places.first.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        chosen = page.locator("[role=option][aria-selected=true]")
        expect(chosen).to_have_count(1)
        expect(chosen).to_be_focused()
        text = chosen.locator(".row-said").inner_text()
        expect(page.locator("#chosen")).to_have_text(text)
        page.keyboard.press("End")
        expect(page.locator("#chosen")).to_have_text("The beginning")
        page.reload()
        expect(page.locator("#chosen")).to_have_text("The beginning")
        page.locator(".branch select").select_option("what-if")
        expect(page.locator("#chosen")).to_have_text("We moved to Porto in March.")


def test_a_checkpoint_a_fork_and_a_rollback_do_what_they_say(opened: Opener, api: httpx.Client, agent: str) -> None:
    path = f"/agents/{agent}"
    assert api.post(f"{path}/feel", json={"emotion": "joy"}).is_success
    with opened(f"#{path}/history") as page:
        button(page, "Checkpoint").click()
        dialog = page.get_by_role("dialog", name="Checkpoint")
        expect(dialog).to_contain_text("Nothing else changes")
        dialog.get_by_label("Message").fill("before tea")
        page.keyboard.press("Enter")
        expect(dialog).to_have_count(0)
        expect(rows(page).first).to_contain_text("before tea")
        assert [one["message"] for one in found(api, f"{path}/commits")["items"]] == ["before tea"]

        rows(page).last.click()
        button(page, "Fork from here").click()
        dialog = page.get_by_role("dialog", name="Fork")
        expect(dialog).to_contain_text("begins at event 0 of main")
        dialog.get_by_label("Name of the branch").fill("empty")
        button(dialog, "Fork").click()
        expect(page.locator(".branch select")).to_have_value("empty")
        expect(page.locator(".chosen button").filter(has_text="Fork")).to_be_focused()
        assert found(api, f"{path}/memories", branch="empty")["items"] == []

        page.locator(".branch select").select_option("main")
        rows(page).filter(has_text="The beginning").click()
        button(page, "Roll back to here").click()
        dialog = page.get_by_role("dialog", name="Roll back")
        expect(dialog).to_contain_text("main will be again as it was after event 0")
        for part in ("Memories", "Concepts and relations", "Working memory", "Skills"):
            dialog.get_by_label(part).uncheck()
        button(dialog, "Roll back").click()
        expect(dialog).to_have_count(0)
        expect(rows(page).first).to_contain_text("Rolled back mood to main, event 0")
    assert len(found(api, f"{path}/memories")["items"]) == 2
    assert found(api, f"{path}/mood")["at"] is None


def test_what_happens_on_the_first_branch_and_on_the_chosen_one_is_told_however_many_there_are(
    opened: Opener, api: httpx.Client, agent: str
) -> None:
    path = f"/agents/{agent}"
    for number in range(10):
        assert api.post(f"{path}/fork", json={"name": f"fork-{number}"}).is_success
    for branch in ("main", "fork-0"):
        told = {"text": f"The kettle of {branch} boils."}
        assert api.post(f"{path}/remember", json=told, params={"branch": branch}).is_success
    with opened(f"#{path}/history") as page:
        expect(rows(page).filter(has_text="The kettle of main boils.")).to_have_count(1)
        page.locator(".branch select").select_option("fork-0")
        expect(page.locator("#chosen")).to_have_text("The kettle of fork-0 boils.")
        expect(rows(page).filter(has_text="The kettle of main boils.")).to_have_count(1)


def test_a_merge_is_foretold_and_its_conflicts_are_shown(opened: Opener, api: httpx.Client, agent: str) -> None:
    path = f"/agents/{agent}"
    api.post(f"{path}/fork", json={"name": "what-if"})
    api.post(f"{path}/remember", json={"id": "other", "text": "It rained."}, params={"branch": "what-if"})
    for branch, text in (("main", "The kettle is red."), ("what-if", "The kettle is green.")):
        assert api.patch(f"{path}/memories/m0", json={"text": text}, params={"branch": branch}).is_success
    with opened(f"#{path}/history?branch=main") as page:
        button(page, "Merge").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("1 memory only what-if has, 0 memories only main has")
        expect(dialog).to_contain_text("1 memory in both, with other words")
        dialog.get_by_label("Where both changed the same").select_option("theirs")
        button(dialog, "Merge").click()
        expect(dialog.get_by_role("heading", level=2)).to_have_text("Merged what-if into main")
        row = dialog.locator("tbody tr")
        expect(row).to_have_count(1)
        expect(row).to_contain_text("The kettle is red.")
        expect(row).to_contain_text("The kettle is green.")
        button(dialog, "Close").click()
        expect(rows(page).first).to_contain_text("Merged what-if")
        expect(button(page, "Merge")).to_be_focused()
        page.goto(page.url.partition("#")[0] + f"#{path}/memories/m0")
        expect(page.locator(".events li").first).to_contain_text("from what-if, event 4")
    assert {one["text"] for one in found(api, f"{path}/memories")["items"]} == {
        "The kettle is green.", "The train leaves at nine.", "It rained.",
    }  # fmt: skip


def test_a_text_is_remembered_and_a_memory_forgotten_once_that_is_confirmed(
    opened: Opener, api: httpx.Client, agent: str
) -> None:
    path = f"/agents/{agent}"
    with opened(f"#{path}/memories") as page:
        button(page, "Remember").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Text").fill("Bob called twice.")
        dialog.get_by_label("Who said it").fill("Cleo")
        dialog.get_by_label("Tags").fill("phone, Bob")
        button(dialog, "Remember it").click()
        expect(page.locator(".memories > li").first).to_contain_text("Bob called twice.")
        (made,) = (one for one in found(api, f"{path}/memories")["items"] if one["speaker"] == "Cleo")
        assert made["tags"] == ["phone", "Bob"]
        page.get_by_role("link", name="Bob called twice.").click()
        button(page, "Forget").click()
        expect(page.get_by_role("dialog")).to_contain_text("Bob called twice.")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(button(page, "Forget")).to_be_focused()
        assert len(found(api, f"{path}/memories")["items"]) == 3
        button(page, "Forget").click()
        button(page, "Forget it").click()
        expect(page.locator(".memories > li")).to_have_count(2)
    assert made["id"] not in {one["id"] for one in found(api, f"{path}/memories")["items"]}


def test_a_mood_is_drawn_live_turned_and_read_as_a_table(opened: Opener, api: httpx.Client, agent: str) -> None:
    path = f"/agents/{agent}"
    with opened(f"#{path}/mood") as page:
        expect(page.locator(".live")).to_have_text("Live")
        before = page.locator(".pad dd").first.inner_text()
        assert api.post(f"{path}/feel", json={"emotion": "joy", "cause": "the sun came out"}).is_success
        expect(page.locator(".pad dd").first).not_to_have_text(before)
        expect(page.locator(".chart figcaption")).to_contain_text("the sun came out")
        mood = found(api, f"{path}/mood")
        expect(page.locator(".feeling")).to_have_text(mood["emotions"][0]["name"])
        expect(page.locator(".pad dd b").first).to_have_text(f"{mood['mean']['pleasure']:+.2f}")
        chart = page.get_by_role("slider")
        assert (chart.get_attribute("aria-valuemax"), page.locator(".chart .series[d]").count()) == ("2", 3)
        chart.focus()
        page.keyboard.press("Home")
        expect(chart).to_have_attribute("aria-valuetext", re.compile("The kettle is blue"))
        page.get_by_text("The same as a table").click()
        expect(page.get_by_role("row")).to_have_count(4)
        expect(page.get_by_role("row").nth(1)).to_contain_text("the sun came out")

        space = page.locator(".space svg")
        yaw = space.get_attribute("data-yaw")
        space.focus()
        page.keyboard.press("ArrowRight")
        expect(space).not_to_have_attribute("data-yaw", yaw or "")
        page.keyboard.press("Home")
        expect(space).to_have_attribute("data-yaw", yaw or "")
        space.hover()
        page.mouse.down()
        page.mouse.move(900, 500)
        page.mouse.up()
        expect(space).not_to_have_attribute("data-yaw", yaw or "")
        assert space.locator(".step").count() >= 1


def test_a_stream_that_breaks_is_said_and_comes_back_with_what_was_missed(
    opened: Opener, api: httpx.Client, agent: str
) -> None:
    ways: list[WebSocketRoute] = []

    def passed_on(way: WebSocketRoute) -> None:
        ways.append(way)
        if len(ways) == 2:
            way.close(code=1012, reason="not yet")
        else:
            way.connect_to_server()

    with opened(role=None, refused=(401,)) as page:
        page.route_web_socket(re.compile("/v1/stream"), passed_on)
        page.add_init_script(f"sessionStorage.setItem('{KEPT}', {json.dumps(api.headers['Authorization'][7:])})")
        page.goto(f"{page.url.partition('#')[0]}#/agents/{agent}/memories")
        page.reload()
        expect(page.locator(".live")).to_have_text("Live")
        ways[0].close(code=1012, reason="the replica ends")
        expect(page.locator(".live")).to_contain_text("Not connected; trying again in")
        assert api.post(f"/agents/{agent}/remember", json={"text": "Nobody was told at once."}).is_success
        expect(page.get_by_role("link", name="Nobody was told at once.")).to_be_visible()
        expect(page.locator(".live")).to_have_text("Live")
        assert len(ways) == 3


def test_hits_say_what_their_scores_are_made_of(opened: Opener, api: httpx.Client) -> None:
    with opened("#/agents/alice/search") as page:
        expect(page.get_by_text("Ask what it remembers.")).to_be_visible()
        page.get_by_label("What about?").fill("the cat under the stove")
        page.get_by_text("Filters", exact=True).click()
        page.get_by_label("Tags").fill("cat")
        page.get_by_label("At most").fill("2")
        page.keyboard.press("Enter")
        expect(page.locator(".hit")).to_have_count(2)
        expect(page.get_by_label("At most")).to_be_focused()
        assert "tags=cat" in page.url
        page.reload()
        expect(page.locator(".hit")).to_have_count(2)
        question = {"query": "the cat under the stove", "tags": ["cat"], "k": 2}
        hits = api.post("/agents/alice/recall", json=question).json()["hits"]
        for card, hit in zip(page.locator(".hit").all(), hits, strict=True):
            expect(card.locator(".said")).to_have_text(hit["memory"]["text"])
            parts = [float(one.replace("−", "-")) for one in card.locator(".why li .figure").all_inner_texts()]
            assert sum(parts) == pytest.approx(float(card.locator(".score b").inner_text()), abs=0.01)
            assert card.locator(".bar").count() == len(parts)
        page.get_by_label("Speaker").fill("Nobody")
        button(page, "Search").click()
        expect(page.get_by_text("It remembers nothing of that.")).to_be_visible()
        expect(button(page, "Search")).to_be_focused()
        page.go_back()
        expect(page.get_by_label("Speaker")).to_have_value("")
        expect(page.locator(".hit")).to_have_count(2)


def test_a_memory_says_where_it_comes_from_and_what_was_taken_back(opened: Opener) -> None:
    with opened(VIEWS["memory"][0]) as page:
        expect(page.locator(".told")).to_have_text("We moved to Lisbon in March.")
        events = page.locator(".events li")
        expect(events).to_have_count(3)
        expect(events.nth(0)).to_contain_text("The branch was rolled back")
        expect(events.nth(1)).to_contain_text("Rewritten: event 8 of main")
        expect(events.nth(1)).to_contain_text("A later rollback took this back")
        expect(page.locator(".undone")).to_have_count(1)
        expect(events.nth(2)).to_contain_text("in the checkpoint “before the visit”")
        events.nth(1).get_by_role("link").click()
        expect(page.locator("#chosen")).to_be_visible()
        expect(page.locator(".chosen > .quiet")).to_contain_text("Event 8 of main")


def test_a_memory_that_looks_like_markup_stays_text(opened: Opener, api: httpx.Client, agent: str) -> None:
    path = f"/agents/{agent}"
    told = {"id": "xss", "text": XSS, "speaker": XSS, "tags": [XSS], "metadata": {"<b>k</b>": XSS}}
    assert api.post(f"{path}/remember", json=told).is_success
    assert api.post(f"{path}/checkpoint", json={"message": XSS}).is_success
    assert api.post(f"{path}/feel", json={"emotion": "joy", "cause": XSS}).is_success
    asked = f"#{path}/search?q=img"
    with opened(f"#{path}/memories/xss") as page:
        expect(page.locator(".told")).to_have_text(XSS)
        for fragment in (f"#{path}/memories", f"#{path}/history", f"#{path}/mood", asked):
            page.goto(page.url.partition("#")[0] + fragment)
            expect(page.locator("main")).to_contain_text("onerror")
            assert page.locator("main img, main script").count() == 0
            assert "taken" not in page.title()


def test_the_policy_of_the_page_holds(browser: Browser, door: Doorstep) -> None:
    """Where text should become markup or script one day, nothing comes of it."""
    page = browser.new_page()
    page.goto(f"{door.url}/console")
    expect(page.get_by_label("API key")).to_be_visible()
    tried = "(work) => { try { work(); return ''; } catch (error) { return error.name; } }"
    assert page.evaluate(f"({tried})(() => document.body.innerHTML = '<p>')") == "TypeError"
    inline = "const one = document.createElement('script'); one.text = 'window.taken = 1'; document.body.append(one)"
    assert page.evaluate(f"({tried})(() => {{ {inline} }})") == "TypeError"
    styled = "document.head.append(Object.assign(document.createElement('style'), {textContent: 'body{opacity:0}'}))"
    page.evaluate(styled)
    assert page.evaluate("[window.taken, getComputedStyle(document.body).opacity]") == [None, "1"]
    assert (
        page.evaluate(f"fetch('{door.url.replace('127.0.0.1', 'localhost')}/health').then(() => '', (one) => one.name)")
        == "TypeError"
    )
    page.close()


def test_health_is_told_in_words(opened: Opener) -> None:
    degraded = {
        "status": "degraded",
        "serving": True,
        "away": [{"part": "EpisodicMemoryActor-1", "error": "DeadlineExceeded", "detail": "no answer within 2.4 s"}],
        "pools": {
            "agents": {"members": 2, "answered": 2, "counts": {"resident_bytes": 2_500_000}},
            "episodic": {"members": 3, "answered": 2, "counts": {"branches": 7}},
        },
        "vault": {"agents": 4, "sealed_bytes": 1200},
        "lag": {"episodic": 3},
        "errors": {"backup": "the disk is full"},
    }
    with opened("#/health", role="reader") as page:
        expect(page.locator(".verdict")).to_have_text("The door serves.")
    with opened("#/health", role="admin") as page:
        expect(page.locator(".verdict")).to_contain_text("Everything answers")
        page.route("**/health/detailed", lambda route: route.fulfill(json=degraded))
        button(page, "Look again").click()
        expect(page.locator(".verdict")).to_have_text(
            "It serves, with limits: 1 part does not answer, and 1 thing went wrong in the background."
        )
        expect(page.locator(".wrong")).to_contain_text("EpisodicMemoryActor-1 does not answer: no answer within 2.4 s")
        expect(page.locator(".wrong")).to_contain_text("the disk is full")
        expect(page.locator(".pools")).to_contain_text("2 of 3 actors up")
        expect(page.locator(".pools")).to_contain_text("2.5 MB")


def test_what_the_door_refuses_is_shown_and_can_be_tried_again_when_it_says_so(
    opened: Opener, agent: str, api: httpx.Client
) -> None:
    assert api.post(f"/agents/{agent}/fork", json={"name": "taken"}).is_success
    busy = {
        "type": "/problems/rate-limited",
        "title": "Rate limited",
        "status": 429,
        "detail": "ask again in 3 s",
        "request_id": "4f1c",
    }

    def refuse(route: Route) -> None:
        headers = {"Retry-After": "3", "Content-Type": "application/problem+json"}
        route.fulfill(status=429, headers=headers, body=json.dumps(busy))

    with opened(f"#/agents/{agent}/history", refused=(409, 429, 404)) as page:
        button(page, "Fork").click()
        page.get_by_role("dialog").get_by_label("Name of the branch").fill("taken")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("Already exists")
        page.keyboard.press("Escape")
        page.route("**/memories?*", refuse)
        page.get_by_role("link", name="Memories").click()
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("Rate limited")
        expect(alert).to_contain_text("ask again in 3 s")
        expect(alert).to_contain_text("4f1c")
        expect(button(alert, "Try again")).to_be_disabled()
        page.unroute("**/memories?*")
        button(alert, "Try again").click()
        expect(page.locator(".memories > li")).to_have_count(2)
        page.goto(page.url.partition("#")[0] + "#/agents/nobody-of-this-name/history")
        expect(page.get_by_role("alert")).to_contain_text("Agent not found")
        page.goto(page.url.partition("#")[0] + "#/nowhere")
        expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")


def test_everything_is_done_by_keys_alone(opened: Opener, api: httpx.Client, keys: dict[str, str], agent: str) -> None:
    def to(page: Page, wanted: Locator) -> None:
        for _ in range(60):
            if wanted.evaluate("one => one === document.activeElement"):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"{wanted} is not reached by Tab")

    with opened(role=None, refused=(401,)) as page:
        to(page, page.get_by_label("API key"))
        page.keyboard.type(keys["writer"])
        page.keyboard.press("Enter")
        link = page.get_by_role("link", name=agent, exact=True)
        expect(link).to_be_visible()
        to(page, link)
        outline = link.evaluate("one => getComputedStyle(one).outlineStyle")
        assert outline == "solid", "where the focus is can be seen"
        page.keyboard.press("Enter")
        heading = page.get_by_role("heading", level=1)
        expect(heading).to_have_text(agent)
        expect(heading).to_be_focused()
        expect(page).to_have_title(f"{agent}: history · Quantum memory")
        expect(rows(page).first).to_be_visible()
        to(page, rows(page).first)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Home")
        to(page, button(page, "Checkpoint"))
        page.keyboard.press("Enter")
        expect(page.get_by_label("Message")).to_be_focused()
        page.keyboard.type("by keys")
        page.keyboard.press("Enter")
        expect(rows(page).first).to_contain_text("by keys")
        expect(button(page, "Checkpoint")).to_be_focused()
    assert found(api, f"/agents/{agent}/commits")["items"][0]["message"] == "by keys"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_is_accessible_and_fits_a_phone(opened: Opener, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    axe, colours = Axe(), {}
    with opened(role="admin", color_scheme=scheme, reduced_motion="reduce") as page:
        for view, (fragment, sign) in VIEWS.items():
            page.goto(page.url.partition("#")[0] + fragment)
            expect(page.locator(sign).first).to_be_visible()
            for size in (WIDE, PHONE):
                page.set_viewport_size(size)
                assert fits(page), (view, size)
            page.set_viewport_size(WIDE if scheme == "light" else PHONE)
            assert page.get_by_role("heading", level=1).count() == 1, view
            results = axe.run(page)
            assert results.response["violations"] == [], (view, results.generate_report())
            colours[view] = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        page.goto(page.url.partition("#")[0] + VIEWS["history"][0])
        button(page, "Merge").click()
        expect(page.locator(".preview li").first).to_be_visible()
        assert axe.run(page).response["violations"] == []
        assert fits(page)
    assert set(colours.values()) == {"rgb(251, 250, 247)" if scheme == "light" else "rgb(20, 22, 23)"}


CHOSEN = """(list, colours) => {
    list.value = colours;
    list.dispatchEvent(new Event("change", { bubbles: true }));
    return localStorage.getItem("quantum-memory.theme");
}"""


def test_the_sign_in_is_accessible_and_colours_can_be_chosen(opened: Opener) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with opened(role=None, refused=(401,), viewport=PHONE) as page:
        expect(page.get_by_label("API key")).to_be_visible()
        assert Axe().run(page).response["violations"] == []
        page.get_by_label("Colours").select_option("dark")
        expect(page.locator("html")).to_have_css("background-color", "rgb(20, 22, 23)")
        page.reload()
        expect(page.get_by_label("Colours")).to_have_value("dark")
        expect(page.locator("html")).to_have_css("background-color", "rgb(20, 22, 23)")
        kept = page.get_by_label("Colours").evaluate(CHOSEN, "light")
        assert kept == "light", "whoever leaves at once, before the next frame, finds it again"


def test_tables_become_cards_on_a_phone(opened: Opener) -> None:
    with opened(VIEWS["mood"][0], viewport=PHONE) as page:
        page.get_by_text("The same as a table").click()
        cell = page.locator("td[data-label=Pleasure]").first
        expect(cell).to_be_visible()
        assert cell.evaluate("one => getComputedStyle(one, '::before').content") == '"Pleasure"'
        assert fits(page)


def test_many_tags_of_one_place_leave_room_for_what_happened(opened: Opener, api: httpx.Client, agent: str) -> None:
    for tag in ("v1.0.0", "release-candidate", "before-the-move", "audited-by-ann"):
        assert api.put(f"/agents/{agent}/tags/{tag}", json={}).is_success
    for viewport in (PHONE, WIDE):
        with opened(f"#/agents/{agent}/history", viewport=viewport) as page:
            tagged = rows(page).filter(has_text="release-candidate")
            expect(tagged).to_be_visible()
            assert fits(page)
            assert tagged.locator(".row-said").evaluate("one => one.getBoundingClientRect().width") > 60
            edge = tagged.evaluate("one => one.getBoundingClientRect().right")
            for chip in tagged.locator(".chip").all():
                assert chip.evaluate("one => one.getBoundingClientRect().right") <= edge + 0.5
