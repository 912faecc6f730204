"""Every operation of the door. Made by clients/generate.py; not to be edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from quantum_memory_client import calls, types
from quantum_memory_client.calls import UNSET, Call, Page, Unset
from quantum_memory_client.methods import Listing, Operation


def read_caller() -> Call[types.CallerTold]:
    """Who asks, and what he may. A client can see by it what would be refused, and not offer that. Takes the role
    `reader`.
    """
    return Call(name="readCaller", method="GET", path="/v1/caller", read=calls.read_json)


def list_denials(*, limit: int | None = None, cursor: str | None = None) -> Call[Page[types.DenialTold]]:
    """What callers of the tenant were denied lately, newest first. About agents that the caller sees, and about
    none if he sees all. A page may hold fewer than were asked for. Takes the role `admin`.
    """
    return Call(
        name="listDenials",
        method="GET",
        path="/v1/denials",
        read=calls.read_json,
        query=calls.query(limit=limit, cursor=cursor),
    )


def list_agents(*, limit: int | None = None, cursor: str | None = None) -> Call[Page[types.AgentName]]:
    """The agents that the caller sees, by name. An agent that is made while somebody reads the pages may be on one
    of them or not; no other is missed for it. Takes the role `reader`.
    """
    return Call(
        name="listAgents",
        method="GET",
        path="/v1/agents",
        read=calls.read_json,
        query=calls.query(limit=limit, cursor=cursor),
    )


def make_agent(agent: str, *, idempotency_key: str | None = None) -> Call[types.AgentTold]:
    """Make an agent, or find that it is there. Making it again changes nothing. Takes the role `writer`."""
    return Call(
        name="makeAgent",
        method="PUT",
        path=f"/v1/agents/{calls.segment(agent)}",
        read=calls.read_json,
        key=calls.key(idempotency_key),
    )


def read_agent(agent: str) -> Call[types.AgentTold]:
    """One agent. Takes the role `reader`."""
    return Call(name="readAgent", method="GET", path=f"/v1/agents/{calls.segment(agent)}", read=calls.read_json)


def remember(
    agent: str,
    text: str,
    *,
    speaker: str | None = None,
    at: str | datetime | None = None,
    kind: str | None = None,
    session: str | None = None,
    tags: Sequence[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    importance: float | None = None,
    id: str | None = None,
    embedding: Sequence[float] | None = None,
    pad: types.Feeling | None = None,
    confidence: float | None = None,
    revised_at: str | datetime | None = None,
    image: str | None = None,
    branch: str | None = None,
    create: bool | None = None,
    deadline_s: float | None = None,
    idempotency_key: str | None = None,
) -> Call[types.Remembered]:
    """Remember one thing. When this answers, it is on disk. Takes the role `writer`."""
    return Call(
        name="remember",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/remember",
        read=calls.read_json,
        query=calls.query(branch=branch, create=create, deadline_s=deadline_s),
        content=calls.body(
            {
                "text": text,
                "speaker": speaker,
                "at": at,
                "kind": kind,
                "session": session,
                "tags": tags,
                "metadata": metadata,
                "importance": importance,
                "id": id,
                "embedding": embedding,
                "pad": pad,
                "confidence": confidence,
                "revised_at": revised_at,
                "image": image,
            }
        ),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def remember_many(
    agent: str,
    memories: Sequence[types.Said],
    *,
    branch: str | None = None,
    create: bool | None = None,
    deadline_s: float | None = None,
    idempotency_key: str | None = None,
) -> Call[types.Remembered]:
    """Remember several things, all or none. In their order. When this answers, they are on disk. Takes the role
    `writer`.
    """
    return Call(
        name="rememberMany",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/remember/batch",
        read=calls.read_json,
        query=calls.query(branch=branch, create=create, deadline_s=deadline_s),
        content=calls.body({"memories": memories}),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def recall(
    agent: str,
    *,
    query: str | None = None,
    vector: Sequence[float] | None = None,
    since: str | datetime | None = None,
    until: str | datetime | None = None,
    as_of: str | None = None,
    kind: str | None = None,
    speaker: str | None = None,
    tags: Sequence[str] | None = None,
    deadline_s: float | None = None,
    k: int | None = None,
    neighbours: int | None = None,
    near: types.Nearness | None = None,
    exact: bool | None = None,
    embeddings: bool | None = None,
    branch: str | None = None,
) -> Call[types.Recalled]:
    """What an agent remembers about something, best first. Each hit says what its score is made of. Where a part
    of memory is away, the answer comes without it. Takes the role `reader`.
    """
    return Call(
        name="recall",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/recall",
        read=calls.read_json,
        query=calls.query(branch=branch),
        content=calls.body(
            {
                "query": query,
                "vector": vector,
                "since": since,
                "until": until,
                "as_of": as_of,
                "kind": kind,
                "speaker": speaker,
                "tags": tags,
                "deadline_s": deadline_s,
                "k": k,
                "neighbours": neighbours,
                "near": near,
                "exact": exact,
                "embeddings": embeddings,
            }
        ),
        media_type=calls.JSON_TYPE,
    )


def context(
    agent: str,
    *,
    query: str | None = None,
    vector: Sequence[float] | None = None,
    since: str | datetime | None = None,
    until: str | datetime | None = None,
    as_of: str | None = None,
    kind: str | None = None,
    speaker: str | None = None,
    tags: Sequence[str] | None = None,
    deadline_s: float | None = None,
    tokens: int | None = None,
    neighbours: int | None = None,
    level: Literal["sentence", "paragraph", "detail"] | None = None,
    sections: Sequence[Literal["known", "earlier", "remembered", "threads", "mood", "said_last"]] | None = None,
    branch: str | None = None,
) -> Call[types.ContextTold]:
    """What an agent knows of something, as part of a prompt. What memories say is quoted: it is data, and no
    instruction to whoever reads it. Takes the role `reader`.
    """
    return Call(
        name="context",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/context",
        read=calls.read_json,
        query=calls.query(branch=branch),
        content=calls.body(
            {
                "query": query,
                "vector": vector,
                "since": since,
                "until": until,
                "as_of": as_of,
                "kind": kind,
                "speaker": speaker,
                "tags": tags,
                "deadline_s": deadline_s,
                "tokens": tokens,
                "neighbours": neighbours,
                "level": level,
                "sections": sections,
            }
        ),
        media_type=calls.JSON_TYPE,
    )


def read_mood(agent: str, *, branch: str | None = None, as_of: str | None = None) -> Call[types.MoodTold]:
    """How an agent feels. Takes the role `reader`."""
    return Call(
        name="readMood",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/mood",
        read=calls.read_json,
        query=calls.query(branch=branch, as_of=as_of),
    )


def read_mood_history(
    agent: str,
    *,
    branch: str | None = None,
    as_of: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[Page[types.MoodThen]]:
    """The mood after each event, latest first. The next page goes on before the last event of this one. Takes the
    role `reader`.
    """
    return Call(
        name="readMoodHistory",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/mood/history",
        read=calls.read_json,
        query=calls.query(branch=branch, as_of=as_of, limit=limit, cursor=cursor),
    )


def feel(
    agent: str,
    *,
    emotion: str | None = None,
    pad: types.Feeling | None = None,
    mixture: Mapping[str, float] | None = None,
    intensity: float | None = None,
    cause: str | None = None,
    branch: str | None = None,
    idempotency_key: str | None = None,
) -> Call[types.PlaceTold]:
    """Let an agent feel something that is no memory. Answers where the branch stands then. Takes the role
    `writer`.
    """
    return Call(
        name="feel",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/feel",
        read=calls.read_json,
        query=calls.query(branch=branch),
        content=calls.body(
            {"emotion": emotion, "pad": pad, "mixture": mixture, "intensity": intensity, "cause": cause}
        ),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def list_memories(
    agent: str,
    *,
    branch: str | None = None,
    as_of: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
    embeddings: bool | None = None,
    newest_first: bool | None = None,
) -> Call[Page[types.MemoryTold]]:
    """The memories of a branch, in the order of adding. All pages are of the place where the branch stood when the
    first was read: what is added, rewritten or forgotten meanwhile is in none of them, and moves nothing. Takes
    the role `reader`.
    """
    return Call(
        name="listMemories",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/memories",
        read=calls.read_json,
        query=calls.query(
            branch=branch, as_of=as_of, limit=limit, cursor=cursor, embeddings=embeddings, newest_first=newest_first
        ),
    )


def read_memory(
    agent: str, memory: str, *, branch: str | None = None, as_of: str | None = None, embeddings: bool | None = None
) -> Call[types.MemoryTold]:
    """One memory. By its id. Takes the role `reader`."""
    return Call(
        name="readMemory",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/memories/{calls.segment(memory)}",
        read=calls.read_json,
        query=calls.query(branch=branch, as_of=as_of, embeddings=embeddings),
    )


def revise_memory(
    agent: str,
    memory: str,
    *,
    text: str | Unset | None = UNSET,
    speaker: str | Unset | None = UNSET,
    at: str | datetime | Unset | None = UNSET,
    kind: str | Unset | None = UNSET,
    session: str | Unset | None = UNSET,
    tags: Sequence[str] | Unset | None = UNSET,
    metadata: Mapping[str, Any] | Unset | None = UNSET,
    importance: float | Unset | None = UNSET,
    branch: str | None = None,
    idempotency_key: str | None = None,
) -> Call[types.MemoryTold]:
    """Rewrite a memory. What is given takes the place of what was there; a new text is perceived anew. Takes the
    role `writer`.
    """
    return Call(
        name="reviseMemory",
        method="PATCH",
        path=f"/v1/agents/{calls.segment(agent)}/memories/{calls.segment(memory)}",
        read=calls.read_json,
        query=calls.query(branch=branch),
        content=calls.patch(
            {
                "text": text,
                "speaker": speaker,
                "at": at,
                "kind": kind,
                "session": session,
                "tags": tags,
                "metadata": metadata,
                "importance": importance,
            }
        ),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def forget_memory(
    agent: str, memory: str, *, branch: str | None = None, idempotency_key: str | None = None
) -> Call[None]:
    """Forget a memory. It is found no more on this branch; forks that were made before keep theirs. Takes the role
    `writer`.
    """
    return Call(
        name="forgetMemory",
        method="DELETE",
        path=f"/v1/agents/{calls.segment(agent)}/memories/{calls.segment(memory)}",
        read=calls.read_nothing,
        query=calls.query(branch=branch),
        key=calls.key(idempotency_key),
    )


def read_provenance(
    agent: str, memory: str, *, branch: str | None = None, as_of: str | None = None
) -> Call[types.Traced]:
    """Where a memory comes from. What it was made of, where it was made of other memories, and what was made of
    it. Takes the role `reader`.
    """
    return Call(
        name="readProvenance",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/provenance",
        read=calls.read_json,
        query=calls.query(memory=memory, branch=branch, as_of=as_of),
    )


def forget(
    agent: str, ids: Sequence[str], *, branch: str | None = None, idempotency_key: str | None = None
) -> Call[types.Forgotten]:
    """Forget several memories, all or none. They are found no more on this branch; forks that were made before
    keep theirs. Takes the role `writer`.
    """
    return Call(
        name="forget",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/forget",
        read=calls.read_json,
        query=calls.query(branch=branch),
        content=calls.body({"ids": ids}),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def read_log(
    agent: str,
    *,
    branch: str | None = None,
    as_of: str | None = None,
    memory: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[Page[types.EventTold]]:
    """What happened on a branch and those it came from, newest first. What happens while somebody reads the pages
    is on none of them. With `memory`, how that one came to be as it is: the whole history is looked through for
    it. Rollbacks of memories are told too, since they may have taken it back. Takes the role `reader`.
    """
    return Call(
        name="readLog",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/log",
        read=calls.read_json,
        query=calls.query(branch=branch, as_of=as_of, memory=memory, limit=limit, cursor=cursor),
    )


def checkpoint(
    agent: str, *, message: str | None = None, branch: str | None = None, idempotency_key: str | None = None
) -> Call[types.CommitTold]:
    """Name the place where a branch stands. To come back to it: by its id, or by its message. Takes the role
    `writer`.
    """
    return Call(
        name="checkpoint",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/checkpoint",
        read=calls.read_json,
        query=calls.query(branch=branch),
        content=calls.body({"message": message}),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def list_commits(agent: str, *, limit: int | None = None, cursor: str | None = None) -> Call[Page[types.CommitTold]]:
    """The checkpoints of an agent, oldest first. On all of its branches. Takes the role `reader`."""
    return Call(
        name="listCommits",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/commits",
        read=calls.read_json,
        query=calls.query(limit=limit, cursor=cursor),
    )


def list_tags(agent: str, *, limit: int | None = None, cursor: str | None = None) -> Call[Page[types.TagTold]]:
    """The tags of an agent, by name. On all of its branches. Takes the role `reader`."""
    return Call(
        name="listTags",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/tags",
        read=calls.read_json,
        query=calls.query(limit=limit, cursor=cursor),
    )


def put_tag(
    agent: str,
    tag: str,
    *,
    at: str | None = None,
    move: bool | None = None,
    branch: str | None = None,
    idempotency_key: str | None = None,
) -> Call[types.TagTold]:
    """Give a place a name, or the name another place. A name that another place has is only moved where that is
    said. Takes the role `writer`.
    """
    return Call(
        name="putTag",
        method="PUT",
        path=f"/v1/agents/{calls.segment(agent)}/tags/{calls.segment(tag)}",
        read=calls.read_json,
        query=calls.query(branch=branch),
        content=calls.body({"at": at, "move": move}),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def drop_tag(agent: str, tag: str, *, idempotency_key: str | None = None) -> Call[None]:
    """Take a tag away. Harmless if there is none of this name. Takes the role `writer`."""
    return Call(
        name="dropTag",
        method="DELETE",
        path=f"/v1/agents/{calls.segment(agent)}/tags/{calls.segment(tag)}",
        read=calls.read_nothing,
        key=calls.key(idempotency_key),
    )


def diff(agent: str, left: str, *, right: str | None = None, branch: str | None = None) -> Call[types.DiffTold]:
    """What one place has and another has not, or otherwise. The right one is where the branch stands when left
    out. Takes the role `reader`.
    """
    return Call(
        name="diff",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/diff",
        read=calls.read_json,
        query=calls.query(left=left, right=right, branch=branch),
    )


def read_tree(agent: str) -> Call[types.TreeTold]:
    """How the branches of an agent hang together. Forks, merges, tags and checkpoints, to be drawn. Takes the role
    `reader`.
    """
    return Call(name="readTree", method="GET", path=f"/v1/agents/{calls.segment(agent)}/tree", read=calls.read_json)


def read_audit(agent: str, *, limit: int | None = None, cursor: str | None = None) -> Call[Page[types.AuditTold]]:
    """Who changed what of an agent, on all its branches. Newest first. What is done while somebody reads the pages
    is before the first. Takes the role `admin`.
    """
    return Call(
        name="readAudit",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/audit",
        read=calls.read_json,
        query=calls.query(limit=limit, cursor=cursor),
    )


def list_branches(agent: str, *, limit: int | None = None, cursor: str | None = None) -> Call[Page[types.BranchTold]]:
    """The branches of an agent, oldest first. A branch that is deleted while somebody reads the pages ends the
    list there: its cursor is one no more. Takes the role `reader`.
    """
    return Call(
        name="listBranches",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/branches",
        read=calls.read_json,
        query=calls.query(limit=limit, cursor=cursor),
    )


def delete_branch(agent: str, branch: str, *, idempotency_key: str | None = None) -> Call[None]:
    """Delete a branch. Its children live on; the first branch of an agent cannot be deleted. Takes the role
    `admin`.
    """
    return Call(
        name="deleteBranch",
        method="DELETE",
        path=f"/v1/agents/{calls.segment(agent)}/branches/{calls.segment(branch)}",
        read=calls.read_nothing,
        key=calls.key(idempotency_key),
    )


def fork(
    agent: str, name: str, *, at: str | None = None, branch: str | None = None, idempotency_key: str | None = None
) -> Call[types.BranchTold]:
    """Begin a branch that can be merged back. Nothing is copied. Takes the role `writer`."""
    return Call(
        name="fork",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/fork",
        read=calls.read_json,
        query=calls.query(branch=branch),
        content=calls.body({"name": name, "at": at}),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def clone(
    agent: str, name: str, *, at: str | None = None, branch: str | None = None, idempotency_key: str | None = None
) -> Call[types.AgentTold]:
    """Make an agent that shares this one's past. Nothing is copied. Takes the role `writer`."""
    return Call(
        name="clone",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/clone",
        read=calls.read_json,
        query=calls.query(branch=branch),
        content=calls.body({"name": name, "at": at}),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def rollback(
    agent: str,
    to: str,
    *,
    parts: Sequence[Literal["memories", "graph", "mood", "working", "skills"]] | None = None,
    branch: str | None = None,
    idempotency_key: str | None = None,
) -> Call[types.PlaceTold]:
    """Be again as at an earlier place, whole or in parts. Answers where the branch stands then. It is an event
    itself: roll back to before it to undo it. Takes the role `writer`.
    """
    return Call(
        name="rollback",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/rollback",
        read=calls.read_json,
        query=calls.query(branch=branch),
        content=calls.body({"to": to, "parts": parts}),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def merge(
    agent: str,
    *,
    from_branch: str | None = None,
    from_agent: str | None = None,
    at: str | None = None,
    policy: Literal["union", "ours", "theirs", "newest"]
    | Mapping[str, Literal["union", "ours", "theirs", "newest"]]
    | None = None,
    mood_weight: float | None = None,
    only: Sequence[str] | None = None,
    matching: str | Sequence[float] | None = None,
    k: int | None = None,
    branch: str | None = None,
    idempotency_key: str | None = None,
) -> Call[types.MergeTold]:
    """Take over what another branch has learned. The other branch is not changed. Merging again finds nothing new.
    Takes the role `writer`.
    """
    return Call(
        name="merge",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/merge",
        read=calls.read_json,
        query=calls.query(branch=branch),
        content=calls.body(
            {
                "branch": from_branch,
                "agent": from_agent,
                "at": at,
                "policy": policy,
                "mood_weight": mood_weight,
                "only": only,
                "matching": matching,
                "k": k,
            }
        ),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def list_concepts(
    agent: str, *, top: int | None = None, branch: str | None = None, as_of: str | None = None
) -> Call[types.ConceptList]:
    """What an agent's memories are about. Concepts by quantum PageRank over its semantic graph. Takes the role
    `reader`.
    """
    return Call(
        name="listConcepts",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/concepts",
        read=calls.read_json,
        query=calls.query(top=top, branch=branch, as_of=as_of),
    )


def list_relations(
    agent: str,
    *,
    about: str | None = None,
    branch: str | None = None,
    as_of: str | None = None,
    at: str | datetime | None = None,
) -> Call[types.RelationList]:
    """The relations that an agent knows of. All that hold, or those with something of a name at either end. Takes
    the role `reader`.
    """
    return Call(
        name="listRelations",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/relations",
        read=calls.read_json,
        query=calls.query(about=about, branch=branch, as_of=as_of, at=at),
    )


def relate(
    agent: str,
    subject: str,
    predicate: str,
    object: str,
    *,
    weight: float | None = None,
    memory: str | None = None,
    at: str | datetime | None = None,
    until: str | datetime | None = None,
    replaces: Sequence[types.KeyGiven] | None = None,
    branch: str | None = None,
    idempotency_key: str | None = None,
) -> Call[types.RelationTold]:
    """Know how something stands to something. Answers the relation as it is known then. Takes the role `writer`."""
    return Call(
        name="relate",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/relations",
        read=calls.read_json,
        query=calls.query(branch=branch),
        content=calls.body(
            {
                "subject": subject,
                "predicate": predicate,
                "object": object,
                "weight": weight,
                "memory": memory,
                "at": at,
                "until": until,
                "replaces": replaces,
            }
        ),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def unrelate(
    agent: str,
    subject: str,
    predicate: str,
    object: str,
    *,
    at: str | datetime | None = None,
    branch: str | None = None,
    idempotency_key: str | None = None,
) -> Call[None]:
    """Know that a relation holds no longer. It is still known of any time before. Takes the role `writer`."""
    return Call(
        name="unrelate",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/relations/end",
        read=calls.read_nothing,
        query=calls.query(branch=branch),
        content=calls.body({"subject": subject, "predicate": predicate, "object": object, "at": at}),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def list_neighbours(
    agent: str,
    name: str,
    *,
    depth: int | None = None,
    limit: int | None = None,
    branch: str | None = None,
    as_of: str | None = None,
    at: str | datetime | None = None,
) -> Call[types.NeighbourList]:
    """What is near something, and what binds it. The nearest first, and of these the strongest bonds. With a time
    only relations are followed: those that held then. Takes the role `reader`.
    """
    return Call(
        name="listNeighbours",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/neighbours",
        read=calls.read_json,
        query=calls.query(name=name, depth=depth, limit=limit, branch=branch, as_of=as_of, at=at),
    )


def list_paths(
    agent: str,
    start: str,
    goal: str,
    *,
    limit: int | None = None,
    longest: int | None = None,
    branch: str | None = None,
    as_of: str | None = None,
    at: str | datetime | None = None,
) -> Call[types.WayList]:
    """The ways between two things. The shortest first. With a time only relations are followed: those that held
    then. Among very many concepts not all are looked at; ways that are left out are no shorter than those told.
    Takes the role `reader`.
    """
    return Call(
        name="listPaths",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/paths",
        read=calls.read_json,
        query=calls.query(start=start, goal=goal, limit=limit, longest=longest, branch=branch, as_of=as_of, at=at),
    )


def list_skills(
    agent: str, *, query: str | None = None, k: int | None = None, branch: str | None = None, as_of: str | None = None
) -> Call[types.SkillList]:
    """The skills that fit a situation, or all. Each says how well it fits, and why. Takes the role `reader`."""
    return Call(
        name="listSkills",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/skills",
        read=calls.read_json,
        query=calls.query(query=query, k=k, branch=branch, as_of=as_of),
    )


def learn(
    agent: str,
    name: str,
    steps: Sequence[str],
    *,
    when: str | None = None,
    branch: str | None = None,
    idempotency_key: str | None = None,
) -> Call[types.SkillTold]:
    """Learn a skill, or rewrite one. The counts of one with the same name go on. Takes the role `writer`."""
    return Call(
        name="learn",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/skills",
        read=calls.read_json,
        query=calls.query(branch=branch),
        content=calls.body({"name": name, "steps": steps, "when": when}),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def learn_from(
    agent: str,
    name: str,
    episodes: str | Sequence[str] | Sequence[Sequence[str]],
    *,
    succeeded: bool | Sequence[bool] | None = None,
    when: str | None = None,
    preview: bool | None = None,
    branch: str | None = None,
    idempotency_key: str | None = None,
) -> Call[types.SkillTold]:
    """Learn a skill from what was done. The steps that went well, in order, those that all attempts share. Takes
    the role `writer`.
    """
    return Call(
        name="learnFrom",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/skills/from-episodes",
        read=calls.read_json,
        query=calls.query(branch=branch),
        content=calls.body(
            {"name": name, "episodes": episodes, "succeeded": succeeded, "when": when, "preview": preview}
        ),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def practise(
    agent: str, skill: str, succeeded: bool, *, branch: str | None = None, idempotency_key: str | None = None
) -> Call[types.SkillTold]:
    """Note that a skill was used, and how that went. Answers the skill with its counts. Takes the role `writer`."""
    return Call(
        name="practise",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/skills/practise",
        read=calls.read_json,
        query=calls.query(branch=branch),
        content=calls.body({"skill": skill, "succeeded": succeeded}),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def remember_stream(
    agent: str,
    content: bytes | Path,
    *,
    branch: str | None = None,
    create: bool | None = None,
    media_type: str = "application/x-ndjson",
) -> Call[list[dict[str, Any]]]:
    """Remember a stream of JSON lines, with progress. Each line is what `remember` takes. The answer begins before
    the stream ends; read it meanwhile. What it says is remembered is on disk. Lines without an id get one made
    of what they say and of all before them, so sending the same stream again adds nothing: that is how to go on
    after it was cut off. Takes the role `writer`.
    """
    return Call(
        name="rememberStream",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/remember/stream",
        read=calls.read_lines,
        query=calls.query(branch=branch, create=create),
        content=content,
        media_type=media_type,
    )


def export_memories(
    agent: str,
    *,
    branch: str | None = None,
    as_of: str | None = None,
    format: Literal["jsonl", "transcript"] | None = None,
    embeddings: bool | None = None,
) -> Call[str]:
    """The memories of a branch, as lines. In the order in which they were added. All of it is of one place: what
    is added, rewritten or forgotten meanwhile is not in it. Takes the role `reader`.
    """
    return Call(
        name="exportMemories",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/export",
        read=calls.read_text,
        query=calls.query(branch=branch, as_of=as_of, format=format, embeddings=embeddings),
    )


def import_memories(
    agent: str,
    content: bytes | Path,
    *,
    branch: str | None = None,
    create: bool | None = None,
    format: Literal[
        "jsonl",
        "transcript",
        "csv",
        "whatsapp",
        "telegram",
        "slack",
        "discord",
        "chatgpt",
        "claude",
        "locomo",
        "mem0",
        "letta",
    ]
    | None = None,
    zone: str | None = None,
    dates: Literal["auto", "dmy", "mdy", "ymd"] | None = None,
    skip_bad: bool | None = None,
    dry_run: bool | None = None,
    media_type: str = "application/octet-stream",
) -> Call[types.ImportTold]:
    """Remember what a file holds: JSON lines, chats, exports of other memories. All of it is read once before the
    first memory is written, unless what is bad may be skipped. Importing the same again adds nothing. Under an
    `Idempotency-Key`, `added` is what the agent has come to know of it since the first attempt was begun, also
    where that was cut off. Takes the role `writer`.
    """
    return Call(
        name="importMemories",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/import",
        read=calls.read_json,
        query=calls.query(
            branch=branch, create=create, format=format, zone=zone, dates=dates, skip_bad=skip_bad, dry_run=dry_run
        ),
        content=content,
        media_type=media_type,
    )


def export_archive(agent: str, *, views: Literal["every", "root", "none"] | None = None) -> Call[bytes]:
    """An agent with its whole history and all its branches. Also what was forgotten or rolled back: it is in the
    history. So is the past that it shares with agents that it was cloned from; they, their branches and whoever
    wrote are not named. Takes the role `reader`.
    """
    return Call(
        name="exportArchive",
        method="GET",
        path=f"/v1/agents/{calls.segment(agent)}/archive",
        read=calls.read_bytes,
        query=calls.query(views=views),
    )


def import_archive(
    agent: str,
    content: bytes | Path,
    *,
    dry_run: bool | None = None,
    media_type: str = "application/octet-stream",
    idempotency_key: str | None = None,
) -> Call[types.ArchiveTold]:
    """Take in an archive as an agent that is not there yet. It is what `exportArchive` answers. Whatever the agent
    was called, it is called this here, and its branches and checkpoints get ids of their own. Takes the role
    `writer`.
    """
    return Call(
        name="importArchive",
        method="POST",
        path=f"/v1/agents/{calls.segment(agent)}/archive",
        read=calls.read_json,
        query=calls.query(dry_run=dry_run),
        content=content,
        media_type=media_type,
        key=calls.key(idempotency_key),
    )


def list_projects(*, limit: int | None = None, cursor: str | None = None) -> Call[Page[types.ProjectTold]]:
    """The projects that the caller may read something of, by name. A project is there from its first entry on.
    Takes the role `reader`.
    """
    return Call(
        name="listProjects",
        method="GET",
        path="/v1/projects",
        read=calls.read_json,
        query=calls.query(limit=limit, cursor=cursor),
    )


def list_entries(
    project: str,
    *,
    kind: Literal["rule", "document", "reference"] | None = None,
    tag: Sequence[str] | None = None,
    tier: Literal["open", "internal", "restricted"] | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[Page[types.EntryTold]]:
    """The entries of a project, in the order of making. Without their texts. What is added while somebody reads
    the pages is at their end. Takes the role `reader`.
    """
    return Call(
        name="listEntries",
        method="GET",
        path=f"/v1/projects/{calls.segment(project)}/entries",
        read=calls.read_json,
        query=calls.query(kind=kind, tag=tag, tier=tier, limit=limit, cursor=cursor),
    )


def add_entry(
    project: str,
    kind: Literal["rule", "document", "reference"],
    title: str,
    *,
    text: str | None = None,
    uri: str | None = None,
    tags: Sequence[str] | None = None,
    priority: int | None = None,
    enabled: bool | None = None,
    tier: Literal["open", "internal", "restricted"] | None = None,
    id: str | None = None,
    idempotency_key: str | None = None,
) -> Call[types.EntryTold]:
    """Keep a rule, a document or a reference. When this answers, it is on disk and can be found. It takes a
    clearance for its tier. Takes the role `writer`.
    """
    return Call(
        name="addEntry",
        method="POST",
        path=f"/v1/projects/{calls.segment(project)}/entries",
        read=calls.read_json,
        content=calls.body(
            {
                "kind": kind,
                "title": title,
                "text": text,
                "uri": uri,
                "tags": tags,
                "priority": priority,
                "enabled": enabled,
                "tier": tier,
                "id": id,
            }
        ),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def read_entry(project: str, entry: str) -> Call[types.EntryTold]:
    """One entry, with all of its text. Its version is also the `ETag`. Takes the role `reader`."""
    return Call(
        name="readEntry",
        method="GET",
        path=f"/v1/projects/{calls.segment(project)}/entries/{calls.segment(entry)}",
        read=calls.read_json,
    )


def update_entry(
    project: str,
    entry: str,
    *,
    version: int | Unset | None = UNSET,
    title: str | Unset | None = UNSET,
    text: str | Unset | None = UNSET,
    uri: str | Unset | None = UNSET,
    tags: Sequence[str] | Unset | None = UNSET,
    priority: int | Unset | None = UNSET,
    enabled: bool | Unset | None = UNSET,
    tier: Literal["open", "internal", "restricted"] | Unset | None = UNSET,
    to: str | Unset | None = UNSET,
    idempotency_key: str | None = None,
) -> Call[types.EntryTold]:
    """Change an entry, or move it. The version that was seen has to be said. If somebody has changed it since, it
    is a conflict. The same request again changes nothing more, and finishes what was cut off. Takes the role
    `writer`.
    """
    return Call(
        name="updateEntry",
        method="PATCH",
        path=f"/v1/projects/{calls.segment(project)}/entries/{calls.segment(entry)}",
        read=calls.read_json,
        content=calls.patch(
            {
                "version": version,
                "title": title,
                "text": text,
                "uri": uri,
                "tags": tags,
                "priority": priority,
                "enabled": enabled,
                "tier": tier,
                "to": to,
            }
        ),
        media_type=calls.JSON_TYPE,
        key=calls.key(idempotency_key),
    )


def delete_entry(
    project: str, entry: str, *, version: int | None = None, idempotency_key: str | None = None
) -> Call[None]:
    """Take an entry away. It is found no more; the history of its shelf keeps it, as that of an agent keeps what
    was forgotten. Takes the role `writer`.
    """
    return Call(
        name="deleteEntry",
        method="DELETE",
        path=f"/v1/projects/{calls.segment(project)}/entries/{calls.segment(entry)}",
        read=calls.read_nothing,
        query=calls.query(version=version),
        key=calls.key(idempotency_key),
    )


def search_library(
    query: str,
    *,
    k: int | None = None,
    projects: Sequence[str] | None = None,
    kinds: Sequence[Literal["rule", "document", "reference"]] | None = None,
    tags: Sequence[str] | None = None,
    tiers: Sequence[Literal["open", "internal", "restricted"]] | None = None,
    passages: int | None = None,
) -> Call[types.FoundEntries]:
    """What the library has on something, best first. Entries of all tiers that the caller may read, with what was
    found of them and the parts of each score. Takes the role `reader`.
    """
    return Call(
        name="searchLibrary",
        method="POST",
        path="/v1/library/search",
        read=calls.read_json,
        content=calls.body(
            {
                "query": query,
                "k": k,
                "projects": projects,
                "kinds": kinds,
                "tags": tags,
                "tiers": tiers,
                "passages": passages,
            }
        ),
        media_type=calls.JSON_TYPE,
    )


class Operations:
    """All of them as methods, but streams."""

    read_caller = Operation(read_caller)
    list_denials = Listing(list_denials)
    list_agents = Listing(list_agents)
    make_agent = Operation(make_agent)
    read_agent = Operation(read_agent)
    remember = Operation(remember)
    remember_many = Operation(remember_many)
    recall = Operation(recall)
    context = Operation(context)
    read_mood = Operation(read_mood)
    read_mood_history = Listing(read_mood_history)
    feel = Operation(feel)
    list_memories = Listing(list_memories)
    read_memory = Operation(read_memory)
    revise_memory = Operation(revise_memory)
    forget_memory = Operation(forget_memory)
    read_provenance = Operation(read_provenance)
    forget = Operation(forget)
    read_log = Listing(read_log)
    checkpoint = Operation(checkpoint)
    list_commits = Listing(list_commits)
    list_tags = Listing(list_tags)
    put_tag = Operation(put_tag)
    drop_tag = Operation(drop_tag)
    diff = Operation(diff)
    read_tree = Operation(read_tree)
    read_audit = Listing(read_audit)
    list_branches = Listing(list_branches)
    delete_branch = Operation(delete_branch)
    fork = Operation(fork)
    clone = Operation(clone)
    rollback = Operation(rollback)
    merge = Operation(merge)
    list_concepts = Operation(list_concepts)
    list_relations = Operation(list_relations)
    relate = Operation(relate)
    unrelate = Operation(unrelate)
    list_neighbours = Operation(list_neighbours)
    list_paths = Operation(list_paths)
    list_skills = Operation(list_skills)
    learn = Operation(learn)
    learn_from = Operation(learn_from)
    practise = Operation(practise)
    export_memories = Operation(export_memories)
    import_memories = Operation(import_memories)
    export_archive = Operation(export_archive)
    import_archive = Operation(import_archive)
    list_projects = Listing(list_projects)
    list_entries = Listing(list_entries)
    add_entry = Operation(add_entry)
    read_entry = Operation(read_entry)
    update_entry = Operation(update_entry)
    delete_entry = Operation(delete_entry)
    search_library = Operation(search_library)
