"""What an agent knows and can do as it goes over the wire: concepts, relations, skills."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from quantum_memory.cluster.service.models import Given, Told, When
from quantum_memory.memory.semantic.bonds import Bond, Neighbour, Way
from quantum_memory.memory.semantic.extract import Concept
from quantum_memory.types import RelationKey, Skill, SkillHit

Term = Annotated[str, Field(min_length=1)]
RELATION = {"subject": "Ann", "predicate": "lives in", "object": "Lisbon"}


class KeyGiven(Given):
    """What makes it the same relation: who, how, whom."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**RELATION}]})

    subject: Term
    predicate: Term
    object: Term

    def key(self) -> RelationKey:
        """As the domain has it."""
        return RelationKey(self.subject, self.predicate, self.object)


class ToRelate(KeyGiven):
    """A relation to know of, or with what new weight."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**RELATION, "at": "2025-03-04T09:00:00Z"}]})

    weight: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    memory: Term | None = Field(None, description="The memory that says so.")
    at: When | None = Field(None, description="Since when; since now when left out.")
    until: When | None = None
    replaces: list[KeyGiven] = Field([], description="Relations that end when this one begins.")


class ToUnrelate(KeyGiven):
    """A relation that holds no longer."""

    at: When | None = Field(None, description="Since when; since now when left out.")


class RelationTold(Told):
    """That something stands in a relation to something."""

    subject: str
    predicate: str
    object: str
    weight: float
    at: When | None
    memory: str | None
    until: When | None


class RelationList(Told):
    """Relations."""

    items: list[RelationTold]


class ConceptTold(Told):
    """Something that memories speak of."""

    key: str
    label: str
    kind: str


class RankedConcept(Told):
    """A concept and how much of the graph leads to it."""

    concept: ConceptTold
    rank: float


class ConceptList(Told):
    """Concepts, the highest rank first."""

    items: list[RankedConcept]


class BondTold(Told):
    """What holds two concepts together."""

    relations: list[RelationTold]
    together: int = Field(description="In how many memories they stand close together.")
    weight: float


class NeighbourTold(Told):
    """A concept near another: how many steps away, and the last of these."""

    concept: ConceptTold
    distance: int
    via: ConceptTold
    bond: BondTold


class NeighbourList(Told):
    """Neighbours, the nearest first."""

    items: list[NeighbourTold]


class WayTold(Told):
    """A way between two concepts, and the bonds between each and the next."""

    concepts: list[ConceptTold]
    bonds: list[BondTold]


class WayList(Told):
    """Ways, the shortest first."""

    items: list[WayTold]


class ToLearn(Given):
    """A skill to learn, or to rewrite."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "make tea", "steps": ["boil water", "pour it"], "when": "a guest comes"}]
        }
    )

    name: Term
    steps: Annotated[list[Term], Field(min_length=1)]
    when: str = ""


class ToLearnFrom(Given):
    """Attempts that a skill is to be learned from: a tag, the ids of one attempt, or of several."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "make tea", "episodes": "tea", "preview": True}]}
    )

    name: Term
    episodes: Term | Annotated[list[Term] | list[list[Term]], Field(min_length=1)]
    succeeded: bool | list[bool] | None = None
    when: str | None = None
    preview: bool = Field(False, description="Only say what the skill would be.")


class ToPractise(Given):
    """That a skill was used, and whether that went well."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"skill": "make tea", "succeeded": True}]})

    skill: Term
    succeeded: bool


class SkillTold(Told):
    """Something that an agent can do."""

    name: str
    steps: list[str]
    when: str
    successes: int
    failures: int
    at: When | None
    optional: list[int] = Field(description="Which steps are not always done, from 0.")
    sources: list[str]
    version: int

    @classmethod
    def of(cls, one: Skill) -> SkillTold:
        """A skill as it goes out."""
        return cls.model_validate(one)


class SkillHitTold(SkillTold):
    """A skill that was asked for: how well it fits, and why."""

    score: float
    why: dict[str, float]
    gone: list[str] = Field(description="Those of its sources that are not remembered any more.")


class SkillList(Told):
    """Skills, the best first, or by name where nothing was asked."""

    items: list[SkillHitTold]


def concept_told(one: Concept) -> ConceptTold:
    """A concept as it goes out."""
    return ConceptTold.model_validate(one)


def bond_told(one: Bond) -> BondTold:
    """A bond as it goes out."""
    relations = [RelationTold.model_validate(relation) for relation in one.relations]
    return BondTold(relations=relations, together=one.together, weight=float(one.weight))


def neighbour_told(one: Neighbour) -> NeighbourTold:
    """A neighbour as it goes out."""
    return NeighbourTold(
        concept=concept_told(one.concept), distance=one.distance, via=concept_told(one.via), bond=bond_told(one.bond)
    )


def way_told(one: Way) -> WayTold:
    """A way as it goes out."""
    return WayTold(
        concepts=[concept_told(concept) for concept in one.concepts], bonds=[bond_told(bond) for bond in one.bonds]
    )


def skill_hit_told(one: SkillHit) -> SkillHitTold:
    """A skill that was found as it goes out."""
    return SkillHitTold.model_validate(one)
