"""History: what happened, checkpoints and tags, and what differs between two places."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

from quantum_memory.cluster.service import cursors
from quantum_memory.cluster.service.door import Asks, takes_long
from quantum_memory.cluster.service.models import AgentPath, AsOf, BranchQuery, Cursor, Limit, Page
from quantum_memory.cluster.service.models_history import (
    AuditTold,
    CommitTold,
    DiffTold,
    EventTold,
    TagTold,
    ToCheckpoint,
    ToTag,
    TreeTold,
    audit_told,
    commit_told,
    diff_told,
    event_told,
    tag_told,
    tree_told,
)
from quantum_memory.cluster.service.operations import Operations
from quantum_memory.cluster.service.places import event, place
from quantum_memory.types import Commit, Tag

asks = Operations("history")
TagPath = Annotated[str, Path(description="The tag's name.", min_length=1, max_length=128, examples=["v1"])]
OfMemory = Annotated[
    str | None,
    Query(
        description="Only what brought, rewrote, used or forgot the memory of this id.", min_length=1, max_length=128
    ),
]
Side = Annotated[str, Query(description="A place in history.", min_length=1, examples=["before the move"])]


@asks(
    "reader", "GET", "/agents/{agent}/log", "readLog", "What happened on a branch and those it came from, newest first."
)
@takes_long
async def read_log(
    asked: Asks,
    agent: AgentPath,
    branch: BranchQuery = None,
    as_of: AsOf = None,
    memory: OfMemory = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[EventTold]:
    """What happens while somebody reads the pages is on none of them. With `memory`, how that one came to be as it is:
    the whole history is looked through for it. Rollbacks of memories are told too, since they may have taken it back.
    """
    handle = await asked.agent(agent, branch)
    most = min(limit, asked.limits.page)
    upto = place(handle, as_of) if cursor is None else event(handle, cursors.number("log", cursor), cursor)
    found = await handle.log.begin(most, as_of=upto, about=memory)
    last = found[-1].place.seq if found else 0
    following = cursors.written("log", last - 1) if len(found) == most and last > 1 else None
    return Page(items=[event_told(one) for one in found], next=following)


@asks("writer", "POST", "/agents/{agent}/checkpoint", "checkpoint", "Name the place where a branch stands.", status=201)
async def checkpoint(asked: Asks, agent: AgentPath, what: ToCheckpoint, branch: BranchQuery = None) -> CommitTold:
    """To come back to it: by its id, or by its message."""
    handle = await asked.agent(agent, branch)
    return commit_told(await handle.checkpoint.begin(what.message))


@asks("reader", "GET", "/agents/{agent}/commits", "listCommits", "The checkpoints of an agent, oldest first.")
@takes_long
async def list_commits(asked: Asks, agent: AgentPath, limit: Limit = 100, cursor: Cursor = None) -> Page[CommitTold]:
    """On all of its branches."""
    handle = await asked.agent(agent)
    found = await handle.commits.begin()
    page, following = cursors.grown("commits", found, cursor, min(limit, asked.limits.page), _id)
    return Page(items=[commit_told(one) for one in page], next=following)


def _id(one: Commit) -> str:
    return one.id


@asks("reader", "GET", "/agents/{agent}/tags", "listTags", "The tags of an agent, by name.")
async def list_tags(asked: Asks, agent: AgentPath, limit: Limit = 100, cursor: Cursor = None) -> Page[TagTold]:
    """On all of its branches."""
    handle = await asked.agent(agent)
    found = sorted(await handle.tags.begin(), key=_name)
    page, following = cursors.after("tags", found, cursor, min(limit, asked.limits.page), _name)
    return Page(items=[tag_told(one) for one in page], next=following)


def _name(one: Tag) -> str:
    return one.name


@asks("writer", "PUT", "/agents/{agent}/tags/{tag}", "putTag", "Give a place a name, or the name another place.")
async def put_tag(asked: Asks, agent: AgentPath, tag: TagPath, what: ToTag, branch: BranchQuery = None) -> TagTold:
    """A name that another place has is only moved where that is said."""
    handle = await asked.agent(agent, branch)
    return tag_told(await handle.tag.begin(tag, place(handle, what.at), move=what.move))


@asks("writer", "DELETE", "/agents/{agent}/tags/{tag}", "dropTag", "Take a tag away.", status=204)
async def drop_tag(asked: Asks, agent: AgentPath, tag: TagPath) -> None:
    """Harmless if there is none of this name."""
    handle = await asked.agent(agent)
    await handle.untag.begin(tag)


@asks("reader", "GET", "/agents/{agent}/diff", "diff", "What one place has and another has not, or otherwise.")
@takes_long
async def diff(
    asked: Asks, agent: AgentPath, left: Side, right: Side | None = None, branch: BranchQuery = None
) -> DiffTold:
    """The right one is where the branch stands when left out."""
    handle = await asked.agent(agent, branch)
    return diff_told(await handle.diff.begin(place(handle, left), place(handle, right)))


@asks("reader", "GET", "/agents/{agent}/tree", "readTree", "How the branches of an agent hang together.")
async def read_tree(asked: Asks, agent: AgentPath) -> TreeTold:
    """Forks, merges, tags and checkpoints, to be drawn."""
    handle = await asked.agent(agent)
    return tree_told(await handle.tree.begin(), asked.who)


@asks("admin", "GET", "/agents/{agent}/audit", "readAudit", "Who changed what of an agent, on all its branches.")
async def read_audit(asked: Asks, agent: AgentPath, limit: Limit = 100, cursor: Cursor = None) -> Page[AuditTold]:
    """Newest first. What is done while somebody reads the pages is before the first."""
    handle = await asked.agent(agent)
    before = None if cursor is None else cursors.number("audit", cursor)
    most = min(limit, asked.limits.page)
    found = await handle.audit.begin(most + 1, before=before)
    page = found[:most]
    following = cursors.written("audit", page[-1].position) if len(found) > most else None
    return Page(items=[audit_told(one) for one in page], next=following)
