"""Files of others: what each format gives, what it leaves out, and that a later export adds only what is new."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantum_memory.errors import InvalidValue, UnreadableEntry, UnreadableFile, UnreadableLine
from quantum_memory.memory.exchange import registry, whatsapp
from quantum_memory.memory.exchange.entries import Entry, Reading, moment, zone_of
from quantum_memory.memory.exchange.registry import Format
from quantum_memory.memory.exchange.slack import plain
from quantum_memory.memory.exchange.sources import Source, of_bytes, of_path
from quantum_memory.types import Utterance

BERLIN = ZoneInfo("Europe/Berlin")


def told(source: Source | bytes | object, form: Format | None = None, **reading: Any) -> list[Utterance]:
    """What can be read, all of it."""
    found = entries(source, form, **reading)
    assert [one.found for one in found if not isinstance(one.found, Utterance)] == []
    return [one.found for one in found if isinstance(one.found, Utterance)]


def entries(source: Source | bytes | object, form: Format | None = None, **reading: Any) -> list[Entry]:
    if isinstance(source, Source):
        opened = source
    else:
        raw = source if isinstance(source, bytes) else json.dumps(source).encode()
        opened = of_bytes("file", raw)
    return list(registry.read(opened, form, Reading(**reading)))


def short(found: Sequence[Utterance]) -> list[tuple[str | None, str]]:
    return [(one.speaker, one.text) for one in found]


def zipped(path: Path, members: dict[str, object]) -> Source:
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in members.items():
            archive.writestr(name, value if isinstance(value, str) else json.dumps(value))
    return of_path(path)


ANDROID = (
    "1/11/25, 6:02 PM - Messages and calls are end-to-end encrypted.\n"
    "1/11/25, 6:02\u202fPM - Bob Lee: Happy new year!\nsee http://x.org: good\n"
    "1/13/25, 12:05 AM - +1 123 456: <Media omitted>\n"
    "1/13/25, 12:06 AM - Ann: ok\n1/13/25, 12:06 AM - Ann: ok\n"
)
IOS = (
    "\u200e[11.01.25, 18:02:33] Bob Lee: Hallo\r\n\u200e[11.01.25, 18:02:40] Bob Lee: \u200eimage omitted\r\nzweite\r\n"
)


def test_whatsapp_on_android() -> None:
    found = told(ANDROID.encode())
    assert short(found) == [
        ("Bob Lee", "Happy new year!\nsee http://x.org: good"),
        ("Ann", "ok"),
        ("Ann", "ok"),
    ]
    assert found[0].at == datetime(2025, 1, 11, 18, 2, tzinfo=UTC)
    assert found[1].at == datetime(2025, 1, 13, 0, 6, tzinfo=UTC)
    assert found[1].session == "2025-01-13"
    assert len({one.id for one in found}) == 3


def test_whatsapp_on_ios_with_a_zone() -> None:
    found = told(IOS.encode("utf-8-sig"), zone=BERLIN)
    assert found[0].at == datetime(2025, 1, 11, 17, 2, 33, tzinfo=UTC)
    assert short(found) == [("Bob Lee", "Hallo"), ("Bob Lee", "image omitted\nzweite")]


def test_a_later_export_of_whatsapp_without_the_oldest_messages_adds_what_is_new() -> None:
    lines = [f"1/{day}/25, 6:02 PM - Ann: text {day % 3}\n" for day in (11, 13, 13, 14, 15)]
    first, later = told("".join(lines[:4]).encode()), told("".join(lines[2:]).encode())
    ids = [one.id for one in first]
    # The second of the 13th is the first of its minute in the later export, and known by that.
    assert [one.id in ids for one in later] == [True, True, False]


@pytest.mark.parametrize(
    ("lines", "order"),
    [
        (["1/11/25", "1/13/25"], "mdy"),
        (["11/1/25", "13/1/25"], "dmy"),
        (["01/02/2025", "02/02/2025", "01/03/2025"], "dmy"),
        (["02/01/2025", "02/02/2025", "03/01/2025"], "mdy"),
        (["11.01.25"], "dmy"),
        (["2025-01-11"], "ymd"),
        (["2025/1/11"], "ymd"),
        (["2025/1/5"], "ymd"),
    ],
)
def test_the_order_of_dates_is_found_out(lines: list[str], order: str) -> None:
    heads = [whatsapp.stamp(f"{date}, 18:02 - Ann: hi") for date in lines]
    assert whatsapp.told_order("x", [head for head in heads if head]) == order


def test_where_nothing_tells_the_order_somebody_has_to() -> None:
    raw = b"01/02/2025, 18:02 - Ann: hi\n01/03/2025, 18:02 - Bob: ho\n"
    with pytest.raises(UnreadableFile, match="say dates='dmy' or 'mdy'"):
        told(raw)
    assert [one.at and one.at.month for one in told(raw, dates="dmy")] == [2, 3]
    assert [one.at and one.at.day for one in told(raw, dates="mdy")] == [2, 3]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.datetimes(datetime(2010, 1, 1), datetime(2039, 1, 1)), min_size=1, max_size=12), st.booleans())  # noqa: DTZ001
def test_stamps_of_whatsapp_are_read_as_they_are_written(times: list[datetime], month_first: bool) -> None:
    form = "%m/%d/%y, %I:%M %p - " if month_first else "[%d/%m/%Y, %H:%M:%S] "
    minutes = [at.replace(second=0, microsecond=0) for at in sorted(times)]
    raw = "".join(f"{at.strftime(form)}Ann: text {n}\n" for n, at in enumerate(minutes)).encode()
    found = told(raw, "whatsapp", dates="mdy" if month_first else "dmy")
    assert [one.at for one in found] == [at.replace(tzinfo=UTC) for at in minutes]


def test_a_date_that_is_none_is_told_with_its_line() -> None:
    (good, bad) = entries(b"31/1/25, 18:02 - Ann: hi\n31/2/25, 18:02 - Ann: ho\nmore\n")
    assert isinstance(good.found, Utterance)
    assert isinstance(bad.found, UnreadableLine)
    assert bad.found.line == 2
    assert "day" in bad.found.reason


CHAT = {
    "name": "Bob",
    "type": "personal_chat",
    "id": 77,
    "messages": [
        {"id": 1, "type": "service", "date": "2025-01-11T18:01:00", "action": "phone_call", "text": ""},
        {
            "id": 2,
            "type": "message",
            "date": "2025-01-11T19:02:00",
            "date_unixtime": "1736618520",
            "from": "Bob",
            "from_id": "user5",
            "text": ["see ", {"type": "link", "text": "http://x.org"}, "!"],
        },
        {"id": 3, "type": "message", "date": "2025-01-11T19:03:00", "from": "Ann", "photo": "p.jpg", "text": ""},
        {"id": 4, "type": "message", "date": "2025-01-11T19:04:00", "from": "Ann", "text": "nice"},
    ],
}


def test_telegram_one_chat_and_a_whole_account() -> None:
    one = told(CHAT, zone=BERLIN)
    assert short(one) == [("Bob", "see http://x.org!"), ("Ann", "nice")]
    assert [m.at for m in one] == [datetime(2025, 1, 11, 18, 2, tzinfo=UTC), datetime(2025, 1, 11, 18, 4, tzinfo=UTC)]
    assert one[0].session == "Bob 2025-01-11"
    other = {**CHAT, "name": "Club", "id": 78}
    whole = {"about": "…", "contacts": {"list": [{"name": "x"}]}, "chats": {"about": "", "list": [CHAT, other]}}
    all_of_it = entries(whole, zone=BERLIN)
    assert [one.conversation for one in all_of_it] == ["Bob", "Bob", "Club", "Club"]
    ids = [e.found.id for e in all_of_it if isinstance(e.found, Utterance)]
    assert ids[:2] == [m.id for m in one]
    assert len(set(ids)) == 4


def test_a_chat_that_was_renamed_is_the_same_chat() -> None:
    renamed = {**CHAT, "name": "Robert"}
    assert [one.id for one in told(CHAT)] == [one.id for one in told(renamed)]


def test_a_message_of_telegram_that_is_none_is_told_by_its_number() -> None:
    messages = CHAT["messages"]
    assert isinstance(messages, list)
    bad = {**CHAT, "messages": [*messages, 5, {"id": 9, "type": "message", "text": "x", "date": "soon"}]}
    found = [one.found for one in entries(bad)][2:]
    assert all(isinstance(one, UnreadableEntry) for one in found)
    assert [one.place for one in found if isinstance(one, UnreadableEntry)] == ["messages[4]", "messages[5]"]


USERS = [{"id": "U1", "name": "ann", "profile": {"display_name": "Ann", "real_name": "Ann Lee"}}]
DAY = [
    {"type": "message", "user": "U1", "text": "hi <@U1> &amp; <https://x.org|x>", "ts": "1736618520.000200"},
    {"type": "message", "subtype": "channel_join", "user": "U1", "text": "<@U1> has joined", "ts": "1736618521.0"},
    {"type": "message", "subtype": "bot_message", "username": "cron", "text": "done", "ts": "1736618522.0"},
    {"type": "message", "user": "U9", "text": "re", "ts": "1736618523.0", "thread_ts": "1736618520.000200"},
]


def test_slack_as_an_archive_and_as_a_folder(tmp_path: Path) -> None:
    members = {
        "users.json": USERS,
        "channels.json": [],
        "general/2025-01-11.json": DAY,
        "general/canvas.json": {"a": 1},
    }
    packed = told(zipped(tmp_path / "slack.zip", members))
    assert short(packed) == [("Ann", "hi @Ann & x"), ("cron", "done"), ("U9", "re")]
    assert packed[0].at == datetime.fromtimestamp(1736618520.0002, UTC)
    assert packed[0].session == "general 2025-01-11"
    assert packed[2].metadata == {"slack_thread": "1736618520.000200"}
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(tmp_path / "slack.zip") as archive:
        archive.extractall(folder)
    assert told(of_path(folder)) == packed


def test_what_slack_escapes() -> None:
    assert plain("<!here> <#C1|ops> <https://x.org> &lt;b&gt; &amp;lt;", {}) == "@here #ops https://x.org <b> &lt;"


def test_discord() -> None:
    export = {
        "guild": {"id": "1", "name": "Club"},
        "channel": {"id": "2", "type": "GuildTextChat", "name": "general"},
        "dateRange": {"after": None, "before": None},
        "exportedAt": "2025-01-12T00:00:00+00:00",
        "messages": [
            {
                "id": "10",
                "type": "Default",
                "timestamp": "2025-01-11T19:02:00.123+01:00",
                "content": "hello",
                "author": {"id": "5", "name": "ann", "nickname": "Ann"},
            },
            {"id": "11", "type": "GuildMemberJoin", "timestamp": "2025-01-11T19:02:00+01:00", "content": "Joined."},
            {"id": "12", "type": "Reply", "timestamp": "2025-01-11T19:03:00+01:00", "content": "", "author": {}},
        ],
        "messageCount": 3,
    }
    (one,) = told(export)
    assert (one.speaker, one.text, one.metadata) == ("Ann", "hello", {"discord_id": "10"})
    assert one.at == datetime(2025, 1, 11, 18, 2, 0, 123000, tzinfo=UTC)


def node(number: str, parent: str | None, role: str, text: str, **more: Any) -> dict[str, Any]:
    content = {"content_type": "text", "parts": [text]}
    message = {"id": number, "author": {"role": role}, "create_time": 1736618520.5, "content": content} | more
    return {"id": number, "message": message, "parent": parent, "children": []}


def gpt(current: str | None = "d") -> dict[str, Any]:
    nodes = [
        node("a", None, "system", ""),
        node("b", "a", "user", "What is rain?"),
        node("c", "b", "assistant", "first try"),
        node("d", "b", "assistant", "Water."),
        node("e", "d", "tool", "noise"),
    ]
    return {
        "title": "Rain",
        "create_time": 1736618520,
        "mapping": {one["id"]: one for one in nodes},
        "current_node": current,
        "conversation_id": "0123456789abcdef",
    }


def test_chatgpt_follows_the_branch_that_was_shown_last(tmp_path: Path) -> None:
    found = told([gpt()])
    assert short(found) == [("user", "What is rain?"), ("assistant", "Water.")]
    assert found[0].session == "Rain 01234567"
    assert short(told([gpt(None)])) == [*short(found)[:1], ("assistant", "first try"), ("assistant", "Water.")]
    archive = zipped(tmp_path / "export.zip", {"conversations.json": [gpt()], "user.json": {}, "chat.html": "<html>"})
    assert told(archive) == found


def test_a_tree_that_bites_its_tail_ends() -> None:
    talk = gpt()
    talk["mapping"]["b"]["parent"] = "d"
    assert short(told([talk])) == [("user", "What is rain?"), ("assistant", "Water.")]


def test_claude() -> None:
    talk = {
        "uuid": "abcdefgh-1",
        "name": "Trip",
        "chat_messages": [
            {"uuid": "1", "sender": "human", "created_at": "2025-01-11T18:02:00.5Z", "text": "Hi", "content": []},
            {
                "uuid": "2",
                "sender": "assistant",
                "created_at": "2025-01-11T18:03:00Z",
                "text": "shown otherwise",
                "content": [{"type": "text", "text": "Hello"}, {"type": "tool_use", "name": "x"}],
            },
        ],
    }
    found = told([talk, {"uuid": "x", "name": "empty", "chat_messages": []}])
    assert short(found) == [("human", "Hi"), ("assistant", "Hello")]
    assert found[0].at == datetime(2025, 1, 11, 18, 2, 0, 500000, tzinfo=UTC)
    assert told(talk) == found, "a single conversation is one as well"


def test_locomo_gives_a_conversation_each() -> None:
    sample = {
        "qa": [{"question": "?", "answer": 1}],
        "sample_id": "conv-26",
        "conversation": {
            "speaker_a": "Ann",
            "session_2_date_time": "1:14 pm on 25 May, 2023",
            "session_2": [{"speaker": "Ann", "dia_id": "D2:1", "text": "later", "blip_caption": "a dog"}],
            "session_1_date_time": "1:56 pm on 8 May, 2023",
            "session_1": [
                {"speaker": "Ann", "dia_id": "D1:1", "text": "Hey"},
                {"speaker": "Bob", "dia_id": "D1:2", "text": "You"},
            ],
        },
    }
    found = entries([sample, {**sample, "sample_id": "conv-27"}])
    assert [one.conversation for one in found] == ["conv-26"] * 3 + ["conv-27"] * 3
    first = told([sample])
    assert short(first) == [("Ann", "Hey"), ("Bob", "You"), ("Ann", "later [shares a picture: a dog]")]
    assert first[1].at == datetime(2023, 5, 8, 13, 56, 1, tzinfo=UTC)
    assert (first[0].session, first[0].metadata) == ("conv-26 session_1", {"dia_id": "D1:1"})
    assert len({one.found.id for one in found if isinstance(one.found, Utterance)}) == 6
    assert told(sample) == first


MEM0 = {
    "id": "11111111-2222-3333-4444-555555555555",
    "memory": "Likes rain",
    "hash": "d41d8",
    "created_at": "2025-01-11T10:02:00-08:00",
    "updated_at": "2025-01-12T10:02:00-08:00",
    "user_id": "alice",
    "role": "user",
    "metadata": {"category": "weather"},
}


@pytest.mark.parametrize("wrap", [lambda one: {"results": [one]}, lambda one: [one]])
def test_mem0_by_get_all(wrap: Any) -> None:
    (one,) = told(wrap(MEM0))
    assert (one.text, one.kind, one.at) == ("Likes rain", "fact", datetime(2025, 1, 11, 18, 2, tzinfo=UTC))
    assert one.revised_at == datetime(2025, 1, 12, 18, 2, tzinfo=UTC)
    assert one.metadata == {"category": "weather", "user_id": "alice", "role": "user", "mem0_id": MEM0["id"]}
    assert entries(wrap(MEM0))[0].conversation == "alice"


def test_mem0_by_points_of_qdrant() -> None:
    payload = {"data": MEM0["memory"], **{name: MEM0[name] for name in ("created_at", "updated_at", "user_id", "role")}}
    scrolled = {"result": {"points": [{"id": MEM0["id"], "payload": payload}]}, "status": "ok"}
    assert told(scrolled)[0].id == told([MEM0])[0].id


def test_mem0_by_its_history(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            "CREATE TABLE history (id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, new_memory TEXT, event TEXT,"
            " created_at DATETIME, updated_at DATETIME, is_deleted INTEGER, actor_id TEXT, role TEXT)"
        )
        rows = [
            ("1", "m1", None, "Likes rain", "ADD", "2025-01-11T18:02:00+00:00", None, 0, None, None),
            ("2", "m2", None, "Hates snow", "ADD", "2025-01-11T18:03:00+00:00", None, 0, "bob", "user"),
            (
                "3",
                "m1",
                "Likes rain",
                "Loves rain",
                "UPDATE",
                "2025-01-11T18:02:00+00:00",
                "2025-01-12T18:02:00",
                0,
                None,
                None,
            ),
            ("4", "m3", None, "gone", "ADD", "2025-01-11T18:04:00+00:00", None, 0, None, None),
            ("5", "m3", "gone", None, "DELETE", "2025-01-11T18:04:00+00:00", "2025-01-11T18:05:00", 1, None, None),
        ]
        database.executemany("INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        database.commit()
    before = path.read_bytes()
    found = told(of_path(path))
    assert short(found) == [("bob", "Hates snow"), (None, "Loves rain")]
    assert found[1].revised_at == datetime(2025, 1, 12, 18, 2, tzinfo=UTC)
    assert path.read_bytes() == before
    with closing(sqlite3.connect(tmp_path / "other.db")) as database:
        database.execute("CREATE TABLE t (x)")
    with pytest.raises(UnreadableFile, match="no such table"):
        told(of_path(tmp_path / "other.db"))


def packed_user(text: str, kind: str = "user_message") -> str:
    return json.dumps({"type": kind, "message": text, "time": "2025-01-11 06:02:00 PM UTC+0000"})


MESSAGES = [
    {"role": "system", "content": [{"type": "text", "text": "You are …"}], "created_at": "2025-01-11T18:00:00+00:00"},
    {
        "role": "user",
        "content": [{"type": "text", "text": packed_user("Hi")}],
        "created_at": "2025-01-11T18:01:00+00:00",
    },
    {
        "role": "user",
        "content": [{"type": "text", "text": packed_user("beat", "heartbeat")}],
        "created_at": "2025-01-11T18:01:30+00:00",
    },
    {
        "role": "assistant",
        "content": [{"type": "text", "text": "thinking"}],
        "tool_calls": [{"function": {"name": "send_message", "arguments": '{"message": "Hello!"}'}}],
        "created_at": "2025-01-11T18:02:00+00:00",
    },
    {"role": "tool", "content": [{"type": "text", "text": "OK"}], "created_at": "2025-01-11T18:02:01+00:00"},
    {"role": "assistant", "content": [{"type": "text", "text": "Bye"}], "created_at": "2025-01-11T18:03:00+00:00"},
]


def test_letta_as_it_is_written_now() -> None:
    agent = {
        "name": "sam",
        "system": "…",
        "id": "agent-0",
        "messages": [{**m, "id": f"message-{n}"} for n, m in enumerate(MESSAGES)],
    }
    file = {
        "agents": [agent],
        "groups": [],
        "blocks": [{"id": "block-0", "label": "human", "value": "Ann"}],
        "tools": [],
    }
    found = told(file)
    assert short(found) == [("user", "Hi"), ("sam", "Hello!"), ("sam", "Bye"), (None, "Ann")]
    assert (found[3].kind, found[3].tags, found[3].at) == ("core_memory", ("human",), None)
    assert found[0].session == "sam 2025-01-11"


def test_letta_as_it_was_written_before() -> None:
    block = {"label": "persona", "value": "I am Sam", "updated_at": "2025-01-10T00:00:00+00:00"}
    file = {"agent_type": "memgpt_agent", "core_memory": [block], "messages": MESSAGES, "name": "sam", "version": "0.6"}
    found = told(file)
    assert short(found) == [(None, "I am Sam"), ("user", "Hi"), ("assistant", "Hello!"), ("assistant", "Bye")]
    assert found[0].at == datetime(2025, 1, 10, tzinfo=UTC)


def test_a_table_with_usual_columns_and_with_a_map() -> None:
    raw = b'Date;Sender;Message;mood\n2025-01-11T18:02;Ann;"two\nlines";glad\n1736618520;Bob;x;\n'
    found = told(raw, "csv", zone=BERLIN)
    assert short(found) == [("Ann", "two\nlines"), ("Bob", "x")]
    assert [one.at for one in found] == [
        datetime(2025, 1, 11, 17, 2, tzinfo=UTC),
        datetime(2025, 1, 11, 18, 2, tzinfo=UTC),
    ]
    assert [one.metadata for one in found] == [{"mood": "glad"}, {}]
    (one,) = told(b"a,b,c\nhi,0.5,x; y\n", "csv", columns={"text": "a", "importance": "b", "tags": "c"})
    assert (one.text, one.importance, one.tags) == ("hi", 0.5, ("x", "y"))


@pytest.mark.parametrize(
    ("raw", "columns", "error", "reason"),
    [
        (b"a,b\n1,2\n", {}, UnreadableFile, "no column is the text"),
        (b"a,b\n1,2\n", {"text": "c"}, UnreadableFile, "it has no column 'c'"),
        (b"a,b\n1,2\n", {"mood": "a"}, InvalidValue, "columns: expected fields"),
    ],
)
def test_a_table_without_its_columns(raw: bytes, columns: dict[str, str], error: type[Exception], reason: str) -> None:
    with pytest.raises(error, match=reason):
        entries(raw, "csv", columns=columns)


def test_bad_rows_are_told_by_their_lines_and_the_rest_is_read() -> None:
    raw = b"text,importance\na,0.5\nb\nc,much\n\xff,0\n,0.1\nd,2\ne,\n"
    found = entries(raw, "csv")
    assert [one.found.line for one in found if isinstance(one.found, UnreadableLine)] == [3, 4, 5, 6, 7]
    assert [one.found.text for one in found if isinstance(one.found, Utterance)] == ["a", "e"]


@pytest.mark.parametrize("value", ["2025-01-11T18:02:00", 1736618520, "1736618520.5", "2025-01-11"])
def test_times_in_all_their_spellings(value: object) -> None:
    at = moment("at", value, UTC)
    assert at is not None
    assert f"{at:%Y-%m-%d}" == "2025-01-11"


@pytest.mark.parametrize("value", ["tomorrow", True, [1], 1e300, "9" * 400, float("nan")])
def test_what_is_no_time(value: object) -> None:
    with pytest.raises(InvalidValue, match="at: expected a time"):
        moment("at", value, UTC)


@pytest.mark.parametrize("zone", ["Mars/Base", "../../etc/passwd", "", 3, "\0"])
def test_what_is_no_zone(zone: object) -> None:
    with pytest.raises(InvalidValue, match="zone: expected a time zone"):
        zone_of(zone)


def test_a_document_that_ends_in_the_middle_gives_what_is_whole_and_then_an_error() -> None:
    raw = json.dumps(CHAT).encode()[:-30]
    found: list[Entry] = []
    with pytest.raises(UnreadableFile, match="not JSON after 3 whole entries"):
        found.extend(registry.read(of_bytes("result.json", raw)))
    assert entries(CHAT)[0].place == "messages[1]"


@pytest.mark.parametrize(
    ("name", "raw", "form"),
    [
        ("x", json.dumps(CHAT), "telegram"),
        ("x", json.dumps({"guild": {}, "channel": {}, "messages": []}), "discord"),
        ("x", json.dumps([gpt()]), "chatgpt"),
        ("x", json.dumps([{"uuid": "1", "name": "", "chat_messages": []}]), "claude"),
        ("x.json", json.dumps([{"qa": [], "conversation": {}}]), "locomo"),
        ("x", json.dumps({"results": []}), "mem0"),
        ("x.af", json.dumps({"agents": [], "blocks": []}), "letta"),
        ("x.af", json.dumps({"agent_type": "a", "messages": []}, indent=2), "letta"),
        ("2025-01-11.json", json.dumps(DAY), "slack"),
        ("x.json", '{"text": "a"}\n{"text": "b"}', "jsonl"),
        ("x.json", "[1, 2]", "jsonl"),
        ("x", "SQLite format 3\0", "mem0-history"),
        ("chat.txt", ANDROID, "whatsapp"),
        ("_chat.txt", IOS, "whatsapp"),
        ("chat.txt", "[2025-01-11 18:02] Ann: hi", "transcript"),
        ("x.csv", "text\nhello", "csv"),
        ("x.tsv", "text\nhello", "csv"),
    ],
)
def test_a_format_is_known_by_what_is_in_it(name: str, raw: str, form: Format) -> None:
    assert registry.detect(of_bytes(name, raw.encode())) == form
    assert registry.detect(of_bytes(name, raw.encode("utf-8-sig"))) == form or form == "mem0-history"


def test_every_format_has_a_reader() -> None:
    assert set(registry.READERS) == set(registry.FORMATS)
    with pytest.raises(InvalidValue, match="format: expected jsonl"):
        registry.read(of_bytes("x", b""), "xml")  # type: ignore[arg-type]  # what a caller without types may give


def test_a_day_of_one_digit_behind_the_year_begins_a_message_of_whatsapp() -> None:
    raw = b"2025/1/12, 18:02 - Ann: hi\n2025/2/3, 18:02 - Bob: ho\n1/2/3, 18:02 - nothing\n"
    found = told(raw, "whatsapp")
    assert short(found) == [("Ann", "hi"), ("Bob", "ho\n1/2/3, 18:02 - nothing")]
    assert found[1].at == datetime(2025, 2, 3, 18, 2, tzinfo=UTC)
    (one,) = told(b"25/01/11, 18:02 - Ann: hi\n", "whatsapp", dates="ymd")
    assert one.at == datetime(2025, 1, 11, 18, 2, tzinfo=UTC)


def test_the_same_words_in_the_same_minute_are_all_kept_also_out_of_order() -> None:
    minutes = ["06", "07", "06", "06"]
    raw = "".join(f"1/13/25, 12:{minute} AM - Ann: ok\n" for minute in minutes).encode()
    found = told(raw)
    assert [f"{one.at:%M}" for one in found] == minutes
    assert len({one.id for one in found}) == 4


@pytest.mark.parametrize(
    ("raw", "form"),
    [
        (b"[2025-01-11 18:02] Ann: hi\n[2025-13-11 18:03] Bob: x\nof Bob\n[2025-01-11 18:05] Ann: ho\n", "transcript"),
        (
            b"[2025-01-11 18:02] Ann: hi\n[2025-01-11 18:03] Bob: \xff\nof Bob\n[2025-01-11 18:05] Ann: ho\n",
            "transcript",
        ),
        (
            b"1/13/25, 12:05 AM - Ann: hi\n1/13/25, 12:06 AM - Bob: \xff\nof Bob\n1/13/25, 12:08 AM - Ann: ho\n",
            "whatsapp",
        ),
    ],
)
def test_what_goes_on_after_a_bad_turn_is_not_given_to_the_turn_before(raw: bytes, form: Format) -> None:
    first, bad, last = entries(raw, form)
    assert isinstance(bad.found, UnreadableLine)
    assert bad.found.line == 2
    assert [one.found.text for one in (first, last) if isinstance(one.found, Utterance)] == ["hi", "ho"]


@pytest.mark.parametrize("text", ["<|x>", "<!>", "<#>", "<@>", "<>", "<!date^1|soon>"])
def test_odd_escapes_of_slack_are_no_crash(text: str) -> None:
    (one,) = told([{"type": "message", "user": "U1", "text": f"a {text}", "ts": "1736618520.0"}], "slack")
    assert one.text.startswith("a ")


def test_a_subtype_of_slack_that_is_no_text_is_left_out() -> None:
    assert told([{"type": "message", "subtype": {}, "text": "a", "ts": "1.0"}], "slack") == []


@pytest.mark.parametrize(
    ("talk", "place"),
    [
        ({"session_1": "turns", "session_1_date_time": "1:56 pm on 8 May, 2023"}, "c.session_1: expected a list"),
        (
            {"session_1": [{"speaker": "A", "text": "a"}] * 99, "session_1_date_time": "11:59 pm on 31 December, 9999"},
            "c.session_1: date_time",
        ),
    ],
)
def test_a_session_of_locomo_that_is_none_is_told_by_its_name(talk: dict[str, Any], place: str) -> None:
    (one,) = entries([{"sample_id": "c", "qa": [], "conversation": talk}])
    assert isinstance(one.found, UnreadableEntry)
    assert place in str(one.found)
    assert told([{"sample_id": "c", "qa": [], "conversation": {"session_01": [], f"session_{'9' * 5000}": []}}]) == []


def test_half_a_surrogate_pair_in_a_document_is_told_as_no_json() -> None:
    with pytest.raises(UnreadableFile, match="not JSON"):
        entries(b'[{"type": "message", "ts": "1", "text": "\\udf00"}]', "slack")
    assert registry.detect(of_bytes("x.txt", b'["\\udf00"]')) == "transcript"


def test_what_a_history_of_mem0_has_in_its_log_alone_is_read(tmp_path: Path) -> None:
    """In SQLite's WAL mode the last writes lie beside the database until a checkpoint."""
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=wal")
        database.execute(
            "CREATE TABLE history (memory_id TEXT, new_memory TEXT, event TEXT, created_at TEXT, updated_at TEXT,"
            " is_deleted INTEGER, actor_id TEXT, role TEXT)"
        )
        database.execute("INSERT INTO history VALUES ('m1', 'rain', 'ADD', '2025-01-11', NULL, 0, NULL, NULL)")
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("INSERT INTO history VALUES ('m1', 'snow', 'UPDATE', '2025-01-11', NULL, 0, NULL, NULL)")
        database.commit()
        assert [one.text for one in told(of_path(path))] == ["snow"]


def test_a_table_may_begin_with_empty_lines_and_needs_a_header_that_can_be_read() -> None:
    assert short(told(b"\n\ntext;speaker\nhi, you;Ann\n", "csv")) == [("Ann", "hi, you")]
    for raw in (b"\xff,text\ntext,hi\n", b'"text\na,b\n'):
        with pytest.raises(UnreadableFile, match="its header cannot be read: line"):
            entries(raw, "csv")
