"""An agent that learns from its attempts: what went well becomes a skill, found again by what it means.

Nora is on call. Three nights she does what comes to mind; the skill that is drawn from them says what all good nights
share, and what was done only sometimes. A fork tries another way, and the merge keeps what it learned.
"""

from __future__ import annotations

import argparse
import tempfile

import quantum_memory as qm

NIGHTS: list[tuple[str, list[str], bool]] = [
    (
        "The pager rings: checkout is down.",
        ["acknowledge the page", "look at the error logs", "roll back the last release", "tell the team in the chat"],
        True,
    ),
    ("The pager rings: checkout is down again.", ["acknowledge the page", "restart everything and hope"], False),
    (
        "The pager rings: checkout is slow.",
        ["acknowledge the page", "roll back the last release", "write a short report", "tell the team in the chat"],
        True,
    ),
]
ELSEWHERE = [
    ("calm an angry customer", ["listen", "apologise", "offer a refund"], "somebody complains"),
    ("brew tea", ["boil water", "steep the leaves", "pour"], "someone is thirsty"),
]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--perception", default="minilm", help="minilm, hashing or a model's folder (%(default)s)")
    options.add_argument("--storage", help="folder of the vault; a fresh one by default")
    given = options.parse_args()
    with (
        tempfile.TemporaryDirectory() as fresh,
        qm.connect(storage=given.storage or fresh, config={"perception": {"model": given.perception}}) as memory,
    ):
        nora = memory.agent("nora")
        for name, steps, when in ELSEWHERE:
            nora.learn(name, steps, when)
        for number, night in enumerate(NIGHTS):
            nora.remember(attempt(number, *night))

        show("what would be learned", nora.learn_from("outage", name="handle an outage", preview=True))
        show("learned", nora.learn_from("outage", name="handle an outage"))

        for question in ("the website does not answer, what do I do?", "a client is furious"):
            print(f"{question}")
            for hit in nora.skills(question, k=2):
                reasons = ", ".join(f"{part} {share:+.2f}" for part, share in hit.why.items() if share >= 0.01)
                print(f"  {hit.score:.2f}  {hit.name}  ({reasons})")

        what_if = nora.fork("ask-for-help")
        fourth = ["acknowledge the page", "wake the database expert", "roll back the last release"]
        ids = what_if.remember(attempt(3, "The pager rings: checkout is down.", fourth, succeeded=True))
        what_if.learn_from(ids, name="handle an outage")
        nora.merge(what_if)
        show("after the merge", nora.skills("checkout is down", k=1)[0])


def attempt(number: int, opening: str, actions: list[str], succeeded: bool) -> list[qm.Utterance]:
    """What happened in one night: what led to it, what was done, and how it ended."""
    night, tags = f"night {number}", ("outage",)
    done = [qm.Utterance(one, "Nora", kind="action", session=night, tags=tags) for one in actions]
    end = qm.Utterance(
        "All is well." if succeeded else "It got worse.", session=night, tags=tags, metadata={"succeeded": succeeded}
    )
    return [qm.Utterance(opening, session=night, tags=tags), *done, end]


def show(title: str, skill: qm.Skill) -> None:
    print(f"{title}: {skill.name}, version {skill.version}, {skill.successes} of {skill.successes + skill.failures}")
    print(f"  when: {skill.when}")
    for number, step in enumerate(skill.steps):
        print(f"  {number + 1}. {step}{'  (optional)' if number in skill.optional else ''}")


if __name__ == "__main__":
    main()
