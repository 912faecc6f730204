"""Every knob in one tree, checked: what ray_config.yaml may say, and what holds where it says nothing.

Reads one YAML file when asked to. Never reads the environment, never fills in for an unknown key.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from quantum_memory.errors import InvalidSettings
from quantum_memory.memory.affect.engines.engine import EngineName
from quantum_memory.memory.episodic.dense import IndexPolicy
from quantum_memory.memory.prompting.shares import Shares
from quantum_memory.policies.recall import RecallWeights
from quantum_memory.types import NEUTRAL, PAD

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Resource = Annotated[float, Field(ge=0, allow_inf_nan=False)]
LEAST_STATE_BYTES = 28 * 2 * 8
"""A mood without any entanglement: two complex64 numbers for each qubit."""
MOST_MB = 1 << 30


class Section(BaseModel):
    """A part of the tree: unknown keys are refused, and nothing changes once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PoolSettings(Section):
    """A pool of actors of one kind.

    ``num_gpus`` may be a fraction: Ray then counts the actors a device can hold, but puts no wall between them. From
    90 % of ``memory_mb`` MiB in one process, or of its node's memory, on, views put away the agents used longest ago.
    """

    size: Count = 1
    num_cpus: Resource = 0.1
    num_gpus: Resource = 0.0
    max_pending_calls: Count = 10_000
    memory_mb: Annotated[int, Field(ge=1, le=1 << 30)] | None = None


class PoolsSettings(Section):
    """How many actors of each kind. The vault is always one: it is the only writer."""

    agents: PoolSettings = PoolSettings()
    emotion: PoolSettings = PoolSettings()
    quantum: PoolSettings = PoolSettings()
    episodic: PoolSettings = PoolSettings()
    graph: PoolSettings = PoolSettings()
    vault: PoolSettings = PoolSettings()

    @field_validator("vault")
    @classmethod
    def _one_writer(cls, vault: PoolSettings) -> PoolSettings:
        if vault.size != 1:
            raise ValueError(f"the vault is one actor, got size {vault.size}")
        return vault


class ReaderSettings(Section):
    """A model of transformers that reads feelings; see ``memory.affect.loading`` and ``memory.affect.readout``.

    ``model`` is a folder or a name on the Hugging Face hub, fetched only if ``download``; ``revision`` pins it there.
    ``kind`` says what its outputs are (auto: what its configuration tells), ``labels`` what feelings its labels name:
    a named emotion, a polarity, or [pleasure, arousal, dominance]; of a regression head, the axis. ``scale`` are the
    outputs of a regression head that are -1 and 1. ``spread`` is a factor on all deviations.
    """

    model: str | None = None
    revision: str | None = None
    download: bool = False
    kind: Literal["auto", "single", "multi", "regression"] = "auto"
    labels: dict[str, str | tuple[float, float, float]] = {}
    scale: tuple[float, float] = (-1.0, 1.0)
    spread: Annotated[float, Field(ge=0.01, le=100)] = 1.0
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 16
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"

    @field_validator("scale")
    @classmethod
    def _rises(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if not scale[0] < scale[1]:
            raise ValueError("a lower and a higher number are needed")
        return scale


class ClassifierSettings(ReaderSettings):
    """A classifier of texts. ``window`` is the tokens that it reads at once.

    ``quantization`` holds the weights in 8 or 4 bits, on CUDA, through bitsandbytes.
    """

    window: Annotated[int, Field(ge=8, le=8192)] = 512
    quantization: Literal["none", "8bit", "4bit"] = "none"


class ImageSettings(ReaderSettings):
    """What reads images; nothing without a ``model``. With a ``head`` it is a backbone for that, else a classifier.

    ``head`` is the file that ``training/train_image_head.py`` wrote for that model.
    """

    head: str | None = None


class PerceptionSettings(Section):
    """Which model reads feelings and meaning: ``minilm``, ``hashing`` (no model at all) or a model's folder.

    ``dim`` is the length of every embedding, those that callers bring included. ``reader`` says who reads the feelings
    of texts: the ``head`` on that model, ``accurate`` for a fine-tuned twin beside it, at twice the time, or the
    ``classifier``, a second model. The embedding stays the first's.
    ``engine`` is how that model is run: see ``quantum_memory.memory.affect.engines.engine``.
    """

    model: str = "minilm"
    dim: Annotated[int, Field(ge=1, le=65_536)] = 384
    device: Literal["auto", "cpu", "cuda"] = "auto"
    batch_size: Count | None = None
    engine: EngineName = "auto"
    cache: Annotated[int, Field(ge=0, le=10_000_000)] = 8192
    reader: Literal["head", "accurate", "classifier"] = "head"
    classifier: ClassifierSettings = ClassifierSettings()
    image: ImageSettings = ImageSettings()

    @model_validator(mode="after")
    def _reads_with_what_is_named(self) -> PerceptionSettings:
        if self.reader == "classifier" and self.classifier.model is None:
            raise ValueError("the reader classifier needs classifier.model")
        if self.model == "hashing" and (self.reader != "head" or self.image.model is not None):
            raise ValueError("the model hashing reads no feelings: no classifier and no image.model beside it")
        if self.image.head is not None and self.image.model is None:
            raise ValueError("image.head needs image.model, the model that it was trained on")
        return self


class MoodSettings(Section):
    """How feelings become a mood; see ``quantum_memory.memory.affect.mood``.

    ``temperament`` is the PAD at which a mood rests, and to which it returns by half in ``half_life_s``.

    ``state_bytes`` is what the tensors of one mood may take: bonds are lowered to fit, and the fidelity that it cost is
    in ``Mood.fidelity``. ``resident_mb`` is what one actor may hold of moods and of what is made from them: over it the
    oldest are let go, and folded again when somebody asks. ``gpu_memory_limit_mb`` bounds what CuPy takes on the GPU
    for one actor; of that at most half is resident.
    """

    learning_rate: Annotated[float, Field(ge=0.01, le=0.9)] = 0.2
    half_life_s: Annotated[float, Field(ge=1.0, le=1e12)] = 3 * 86_400.0
    temperament: tuple[float, float, float] = (NEUTRAL.pleasure, NEUTRAL.arousal, NEUTRAL.dominance)
    max_bond: Annotated[int, Field(ge=1, le=1024)] = 64
    min_fidelity: Annotated[float, Field(gt=0, lt=1)] = 0.9999999
    state_bytes: Annotated[int, Field(ge=LEAST_STATE_BYTES)] | None = None
    backend: Literal["auto", "numpy", "cupy", "cuquantum"] = "numpy"
    resident_mb: Annotated[int, Field(ge=1, le=MOST_MB)] = 1024
    gpu_memory_limit_mb: Annotated[int, Field(ge=1, le=MOST_MB)] | None = None

    @field_validator("temperament")
    @classmethod
    def _inside_the_cube(cls, temperament: tuple[float, float, float]) -> tuple[float, float, float]:
        PAD(*temperament)
        return temperament


class GraphSettings(Section):
    """What the graph does for memories, and who reads statements in them, behind the writes.

    ``importance`` is how much of what feeling leaves open of a memory's importance the rank of what it speaks of may
    fill; above 0 each write asks the graph first. For statements see ``quantum_memory.memory.semantic.extractors``:

    ``rules`` needs nothing; ``spacy`` an installed ``spacy_model``; ``endpoint`` an OpenAI-compatible ``endpoint_url``
    that serves ``endpoint_model`` and is sent the texts, with a key from a file or a named variable. Statements below
    ``least_confidence`` are left out. Concepts always come by rules, from the journal alone.
    """

    importance: Annotated[float, Field(ge=0, le=1)] = 0.0
    extractor: Literal["rules", "spacy", "endpoint", "off"] = "off"
    least_confidence: Annotated[float, Field(ge=0, le=1)] = 0.75
    spacy_model: str = "en_core_web_sm"
    endpoint_url: str | None = None
    endpoint_model: str | None = None
    endpoint_key_file: str | None = None
    endpoint_key_env: str | None = None
    endpoint_timeout_s: Positive = 30.0
    endpoint_retries: Annotated[int, Field(ge=0, le=20)] = 3

    @field_validator("extractor", mode="before")
    @classmethod
    def _off_as_yaml_reads_it(cls, extractor: object) -> object:
        return "off" if extractor is False else extractor

    @model_validator(mode="after")
    def _knows_where_to_ask(self) -> GraphSettings:
        if self.extractor == "endpoint" and not (self.endpoint_url and self.endpoint_model):
            raise ValueError("the extractor endpoint needs endpoint_url and endpoint_model")
        if self.endpoint_key_file is not None and self.endpoint_key_env is not None:
            raise ValueError("endpoint_key_file and endpoint_key_env exclude each other")
        return self


class WeightsSettings(Section):
    """How much each part of a recollection's score counts; see ``RecallWeights``."""

    relevance: float = RecallWeights().relevance
    lexical: float = RecallWeights().lexical
    neighbours: float = RecallWeights().neighbours
    nearness: float = RecallWeights().nearness
    speaker: float = RecallWeights().speaker
    statement: float = RecallWeights().statement
    news: float = RecallWeights().news
    time: float = RecallWeights().time
    when: float = RecallWeights().when
    bridge: float = RecallWeights().bridge
    graph: float = RecallWeights().graph
    recency: float = RecallWeights().recency
    importance: float = RecallWeights().importance
    mood: float = RecallWeights().mood

    def policy(self) -> RecallWeights:
        """The weights as the policy takes them. Raises: what ``RecallWeights`` raises."""
        return RecallWeights(**self.model_dump())


class RecallSettings(Section):
    """What recall looks at: candidates by meaning and by words, and how far the walk goes. See ``life`` for fading."""

    weights: WeightsSettings = WeightsSettings()
    candidates: Count = 30
    walk: Literal["quantum", "classical"] = "quantum"
    walk_nodes: Count = 64

    @field_validator("weights")
    @classmethod
    def _weigh_something(cls, weights: WeightsSettings) -> WeightsSettings:
        weights.policy()
        return weights


class IndexSettings(Section):
    """How large sealed segments are indexed; see ``IndexPolicy``, whose numbers these are."""

    kind: Literal["auto", "flat", "pq", "hnsw", "ivf"] = "auto"
    from_rows: int = IndexPolicy().from_rows
    recall: float = IndexPolicy().recall
    depth: int = IndexPolicy().depth
    links: int = IndexPolicy().links
    ef_construction: int = IndexPolicy().ef_construction
    ef_search: int = IndexPolicy().ef_search
    lists: int = IndexPolicy().lists
    probes: int = IndexPolicy().probes
    storage: Literal["flat", "sq8", "pq"] = "flat"
    device: Literal["auto", "cpu", "cuda"] = "auto"

    @model_validator(mode="after")
    def _policy_takes_it(self) -> IndexSettings:
        self.policy()
        return self

    def policy(self) -> IndexPolicy:
        """The policy that indexes are built by. Raises: what ``IndexPolicy`` raises."""
        return IndexPolicy(**self.model_dump())


class SharesSettings(Section):
    """How the sections of a context share its tokens; see ``Shares``."""

    known: float = Shares().known
    earlier: float = Shares().earlier
    remembered: float = Shares().remembered
    threads: float = Shares().threads
    mood: float = Shares().mood
    said_last: float = Shares().said_last

    def policy(self) -> Shares:
        """The shares as packing takes them. Raises: what ``Shares`` raises."""
        return Shares(**self.model_dump())


class ContextSettings(Section):
    """How contexts are made: shares of their sections, and the walk that ranks sentences of the past.

    ``tokenizer`` is what counts: the folder of a model or a ``tokenizer.json``, where the agents run; the packaged
    MiniLM's when left out.
    """

    shares: SharesSettings = SharesSettings()
    walk: Literal["quantum", "classical"] = "quantum"
    tokenizer: str | None = None

    @field_validator("shares")
    @classmethod
    def _share_something(cls, shares: SharesSettings) -> SharesSettings:
        shares.policy()
        return shares


class DecaySettings(Section):
    """How a kind of memory fades: see ``quantum_memory.policies.decay``. ``half_life_s`` is of the exponential law,
    ``scale_s`` and ``exponent`` are of the power law.
    """

    law: Literal["power", "exponential", "never"] = "power"
    scale_s: Annotated[float, Field(ge=1e-6, le=1e15)] = 86_400.0
    exponent: Annotated[float, Field(ge=0, le=100)] = 0.5
    half_life_s: Annotated[float, Field(ge=1e-6, le=1e15)] = 30 * 86_400.0


class ImportanceSettings(Section):
    """What makes a memory important besides what its caller says; see ``quantum_memory.policies.importance``.

    Weights of parts in [0, 1]; that of what a memory speaks of is ``graph.importance``. With ``surprise`` or
    ``repetition`` above 0 each write asks what is known first; ``alike`` is the cosine from which two say the same.
    """

    feeling: Annotated[float, Field(ge=0, le=1)] = 1.0
    surprise: Annotated[float, Field(ge=0, le=1)] = 0.0
    repetition: Annotated[float, Field(ge=0, le=1)] = 0.0
    alike: Annotated[float, Field(ge=-1, le=1)] = 0.9


class DuplicatesSettings(Section):
    """When two memories count as one; see ``quantum_memory.memory.life.duplicates``."""

    words: Annotated[float, Field(ge=0.5, le=1)] = 0.7
    cosine: Annotated[float, Field(ge=-1, le=1)] = 0.9
    within_s: Annotated[float, Field(ge=0, le=1e15)] = 86_400.0


class ForgettingSettings(Section):
    """Which memories go when somebody tidies up; see ``quantum_memory.policies.forgetting``."""

    floor: Annotated[float, Field(ge=0, le=1)] = 0.05
    spared: Annotated[float, Field(ge=0, le=1)] = 0.5
    oldest_s: dict[str, Annotated[float, Field(ge=0, le=1e15)]] = {}
    most: Annotated[int, Field(ge=0)] | None = None
    protected_kinds: tuple[str, ...] = ("fact", "equation")
    protected_tags: tuple[str, ...] = ("keep",)


class ConsolidationSettings(Section):
    """What becomes an episode and what a fact; see ``quantum_memory.memory.life.episodes`` and ``.facts``.

    An episode needs ``turns`` and tells ``told`` of them; ``gap_s`` of silence end it. A fact needs ``repeats``
    statements whose cosine is ``cosine`` in the mean.
    """

    kinds: tuple[str, ...] = ("utterance",)
    gap_s: Annotated[float, Field(ge=0, le=1e12)] = 1800.0
    turns: Annotated[int, Field(ge=2)] = 4
    told: Annotated[int, Field(ge=1, le=64)] = 3
    repeats: Annotated[int, Field(ge=2)] = 3
    cosine: Annotated[float, Field(ge=0, le=1)] = 0.75


class LifeSettings(Section):
    """How memories live: what makes them important, how they fade, and what becomes of them.

    ``reinforce`` says which uses strengthen a memory: none (``off``), those that somebody marks (``marked``), or also
    all that is recalled (``recalled``), journalled every ``flush_s`` or ``flush_uses``, whichever comes first. A use is
    worth ``gain`` rememberings. ``checkpoint``: one is made before a step that changes anything.
    """

    importance: ImportanceSettings = ImportanceSettings()
    decay: DecaySettings = DecaySettings()
    decay_of: dict[str, DecaySettings] = {
        "fact": DecaySettings(law="never"),
        "equation": DecaySettings(law="never"),
    }
    reinforce: Literal["off", "marked", "recalled"] = "marked"
    gain: Annotated[float, Field(ge=0, le=100)] = 1.0
    flush_s: Positive = 5.0
    flush_uses: Count = 1000
    duplicates: DuplicatesSettings = DuplicatesSettings()
    consolidation: ConsolidationSettings = ConsolidationSettings()
    forgetting: ForgettingSettings = ForgettingSettings()
    checkpoint: bool = True

    @field_validator("reinforce", mode="before")
    @classmethod
    def _off_as_yaml_reads_it(cls, reinforce: object) -> object:
        return "off" if reinforce is False else reinforce


class ViewsSettings(Section):
    """What is held in memory: states of each view, and how many memories an agent has before its inner eye.

    ``cache`` is the folder in which each node has sealed memories at hand to be mapped; without one it is beside
    a local vault, or a temporary one. Over ``cache_mb`` MiB the least recently used go; they are fetched again.
    An agent that nobody used for ``idle_s`` is put away and comes back when it is asked; 0 is never.
    """

    idle_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 900.0
    resident_states: Annotated[int, Field(ge=2)] = 20_000
    working_memories: Count = 128
    cache: str | None = None
    cache_mb: Annotated[int, Field(ge=1, le=1 << 40)] = 8192


class VaultSettings(Section):
    """How history is kept: see ``quantum_memory.memory.vault``.

    ``blocks`` is where sealed segments and snapshots lie: a folder or any fsspec URL. Without one they lie beside a
    local vault; a vault in PostgreSQL then keeps everything in the database. ``embeddings`` rounds vectors to half
    precision before they are journalled, which halves what they take. What is deleted can be had back for ``grace_s``.
    """

    blocks: str | None = None
    embeddings: Literal["float32", "float16"] = "float32"
    seal_events: Count = 4096
    segment_events: Count = 65_536
    compression: Annotated[int, Field(ge=1, le=22)] = 3
    snapshot_events: Annotated[int, Field(ge=0)] = 2_000
    keeper_s: Positive = 2.0
    grace_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 7 * 86_400.0


class CheckpointsSettings(Section):
    """When the vault makes checkpoints by itself: see ``quantum_memory.policies.checkpoints``. 0 is never."""

    every_events: Annotated[int, Field(ge=0)] = 0
    every_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    before_merge: bool = True
    before_rollback: bool = True


class BackupsSettings(Section):
    """Where backups go, how often, and how many are kept. Without ``to`` none are made unless somebody asks."""

    to: str | None = None
    every_s: Positive = 86_400.0
    daily: Annotated[int, Field(ge=0)] = 7
    weekly: Annotated[int, Field(ge=0)] = 4
    monthly: Annotated[int, Field(ge=0)] = 12


class LimitsSettings(Section):
    """What one call may bring, and how many calls one orchestrator has at a time: over ``waiting`` it refuses more."""

    text_chars: Count = 32_768
    batch: Count = 10_000
    recalled: Count = 1_000
    image_bytes: Annotated[int, Field(ge=1, le=1 << 30)] = 8 << 20
    image_pixels: Annotated[int, Field(ge=1, le=178_000_000)] = 40_000_000
    batch_image_bytes: Annotated[int, Field(ge=1, le=1 << 31)] = 64 << 20
    waiting: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000


class RateSettings(Section):
    """So many each second, and so many at once where nobody asked for a while."""

    per_s: Annotated[float, Field(ge=0.001, le=1e6)]
    burst: Annotated[float, Field(ge=1, le=1e7)]


class RatesSettings(Section):
    """How much may be asked through the door: by one principal, over one connection, by all who are known together, and
    from one address by those whom nobody knows; see ``quantum_memory.cluster.service.limits``. Without a rate there is
    no limit. Of one principal, ``streams`` may be open on one replica.
    """

    key: RateSettings | None = RateSettings(per_s=200.0, burst=400.0)
    connection: RateSettings | None = RateSettings(per_s=200.0, burst=400.0)
    everyone: RateSettings | None = RateSettings(per_s=1000.0, burst=2000.0)
    unknown: RateSettings | None = RateSettings(per_s=50.0, burst=200.0)
    streams: Count = 200


class TimeoutsSettings(Section):
    """How long a caller waits: for an answer, longer for each text that it brings, and for the actors to come up.

    ``part_s`` is how long recall waits for a part that it can do without, as long as there is time at all.
    """

    call_s: Positive = 120.0
    per_text_s: Positive = 0.5
    connect_s: Positive = 180.0
    part_s: Positive = 10.0


class RaySettings(Section):
    """The Ray that is started here when no address is given. It listens on loopback only.

    Without a ``dashboard_port`` it takes 8265, or the next that is free; without ``num_cpus`` and ``num_gpus`` it
    counts what the machine has.
    """

    dashboard: bool = True
    dashboard_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    num_cpus: Count | None = None
    num_gpus: Annotated[int, Field(ge=0)] | None = None
    object_store_mb: Annotated[int, Field(ge=80)] = 256


class TelemetrySettings(Section):
    """What is told of the work: see ``docs/operations.md``.

    ``metrics`` go to Ray, which exports them to Prometheus. ``logs`` are how actors write theirs to stderr, from
    ``level`` on. ``traces`` are spans of OpenTelemetry; they go to the provider that a process has, or to an
    ``exporter``: "otlp", "file:///folder" or "module:function", which gives a ``SpanExporter``.
    """

    metrics: bool = True
    logs: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "warning"
    traces: bool = False
    exporter: Annotated[str, Field(pattern=r"^(otlp|file:///.+|[A-Za-z_][\w.]*:[A-Za-z_]\w*)$")] | None = None

    @property
    def spans(self) -> str | None:
        """Where spans go, empty for the provider of the process; ``None`` where none are wanted."""
        return (self.exporter or "") if self.traces else None


class ClaimsSettings(Section):
    """Under which names a token says what it opens."""

    tenant: Annotated[str, Field(min_length=1)] = "tenant"
    role: Annotated[str, Field(min_length=1)] = "role"
    agents: Annotated[str, Field(min_length=1)] = "agents"
    channels: Annotated[str, Field(min_length=1)] = "channels"
    clearance: Annotated[str, Field(min_length=1)] = "clearance"
    projects: Annotated[str, Field(min_length=1)] = "projects"


class JwtSettings(Section):
    """Tokens that callers may come with: see ``docs/access.md``. None are taken without ``keys``.

    ``keys`` is a file (PEM, JWK or JWKS) or the URL of a JWKS, over https except on this machine; it is read again
    every ``refresh_s``. With ``one_use`` every token needs a ``jti`` and opens the door once.
    """

    keys: Annotated[str, Field(min_length=1)] | None = None
    issuer: Annotated[str, Field(min_length=1)] | None = None
    audience: Annotated[str, Field(min_length=1)] | None = None
    leeway_s: Annotated[float, Field(ge=0, le=300)] = 30.0
    refresh_s: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    require_nbf: bool = False
    one_use: bool = False
    claims: ClaimsSettings = ClaimsSettings()

    @model_validator(mode="after")
    def _says_whose_tokens(self) -> JwtSettings:
        if self.keys is None:
            return self
        if self.issuer is None or self.audience is None:
            raise ValueError("keys need the issuer and the audience of the tokens beside them")
        url = urlsplit(self.keys)
        if url.scheme == "http" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("keys that come over a network need https")
        return self


class AccessSettings(Section):
    """Who may come in from outside. ``anonymous`` is the role of callers on this machine who say nothing of themselves.

    What was looked up of a key is believed for ``fresh_s``: so long may one that was revoked still open something.
    ``/metrics`` is for admins of the tenant "default", for whoever is on this machine where ``metrics`` says so, and
    for the bearer of the token in the file ``metrics_token``.
    """

    anonymous: Literal["off", "reader", "writer", "admin"] = "off"
    fresh_s: Annotated[float, Field(ge=0, le=5)] = 2.0
    metrics: Literal["admin", "loopback"] = "admin"
    metrics_token: str | None = None
    jwt: JwtSettings = JwtSettings()

    @field_validator("anonymous", mode="before")
    @classmethod
    def _off_as_yaml_reads_it(cls, anonymous: object) -> object:
        return "off" if anonymous is False else anonymous


class HttpSettings(Section):
    """What one request through the door may bring, and how slowly it may come.

    ``body_bytes`` bounds what is read at once, ``upload_bytes`` what is taken in as a stream, one line of which is no
    longer than a body, and ``uploads_bytes`` the files that a replica has on disk at once, coming and going;
    ``depth`` how deep its JSON is nested. Where replicas listen themselves, the line of a request
    and its headers are no longer than ``head_bytes``, and have to be there within ``head_s``, and whoever takes nothing
    of an answer or a stream for ``write_s`` is cut off. A body has to be there within ``body_s``, a stream within
    ``upload_s``, and no byte of these two may keep the next waiting for ``idle_s``. Lists come in pages of at most
    ``page`` things. Of a stream, ``in_flight`` batches are on their way at once, and every ``progress_s`` it is told
    how far it came.
    """

    body_bytes: Annotated[int, Field(ge=1024, le=1 << 31)] = 8 << 20
    upload_bytes: Annotated[int, Field(ge=1024, le=1 << 40)] = 1 << 30
    uploads_bytes: Annotated[int, Field(ge=1024, le=1 << 44)] = 1 << 32
    depth: Annotated[int, Field(ge=4, le=256)] = 32
    head_bytes: Annotated[int, Field(ge=1024, le=1 << 24)] = 1 << 16
    head_s: Positive = 15.0
    write_s: Positive = 30.0
    body_s: Positive = 30.0
    upload_s: Positive = 3600.0
    idle_s: Positive = 10.0
    page: Annotated[int, Field(ge=1, le=10_000)] = 1000
    in_flight: Annotated[int, Field(ge=1, le=64)] = 4
    progress_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0

    @model_validator(mode="after")
    def _has_room_for_one(self) -> HttpSettings:
        if self.uploads_bytes < self.upload_bytes:
            raise ValueError("uploads_bytes has to be upload_bytes at least, or the longest could never come")
        return self


class ReplicasSettings(Section):
    """How many replicas of the door there are: one more where each has over ``target`` requests under way.

    One has ``ongoing`` under way at most, a quarter of them for one principal and three quarters for one tenant; as
    many again wait, for 5 s, and the others are told to come again, where Serve does not let them wait. Streams, health
    and metrics are not counted there. Of questions that take long ``long`` are answered at a time, in these shares. One
    that is to go finishes what it has, for ``drain_s`` at most.
    """

    least: Count = 1
    most: Count = 4
    target: Count = 32
    ongoing: Count = 256
    long: Count = 8
    num_cpus: Resource = 0.1
    drain_s: Positive = 20.0

    @model_validator(mode="after")
    def _in_order(self) -> ReplicasSettings:
        if self.least > self.most:
            raise ValueError(f"least is {self.least}, more than most, which is {self.most}")
        return self


class ServiceSettings(Section):
    """The door: see ``docs/decisions/019-the-door.md``. It holds for replicas that start; actors do not mind it."""

    access: AccessSettings = AccessSettings()
    limits: RatesSettings = RatesSettings()
    http: HttpSettings = HttpSettings()
    replicas: ReplicasSettings = ReplicasSettings()


class Settings(Section):
    """The whole tree.

    ``storage`` is the vault's folder, or a database as an SQLAlchemy URL. ``placement`` puts the views into pools
    of their own (``actors``) or inside each QuantumMemoryAgent (``inline``: no hop, for simulations on CPUs).
    ``placement_groups`` reserves room for the members of one number in every pool together, and says on which nodes.
    """

    placement: Literal["actors", "inline"] = "actors"
    placement_groups: Literal["off", "pack", "strict_pack", "spread", "strict_spread"] = "off"
    storage: str = ".quantum_memory"
    blas_threads: Count = 1
    pools: PoolsSettings = PoolsSettings()
    perception: PerceptionSettings = PerceptionSettings()
    mood: MoodSettings = MoodSettings()
    graph: GraphSettings = GraphSettings()
    recall: RecallSettings = RecallSettings()
    index: IndexSettings = IndexSettings()
    context: ContextSettings = ContextSettings()
    life: LifeSettings = LifeSettings()
    views: ViewsSettings = ViewsSettings()
    vault: VaultSettings = VaultSettings()
    checkpoints: CheckpointsSettings = CheckpointsSettings()
    backups: BackupsSettings = BackupsSettings()
    limits: LimitsSettings = LimitsSettings()
    timeouts: TimeoutsSettings = TimeoutsSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    ray: RaySettings = RaySettings()
    service: ServiceSettings = ServiceSettings()

    @field_validator("placement_groups", mode="before")
    @classmethod
    def _off_as_yaml_reads_it(cls, placement_groups: object) -> object:
        return "off" if placement_groups is False else placement_groups


def load(config: str | Path | Mapping[str, Any] | Settings | None) -> Settings:
    """Settings from a YAML file, a mapping, settings, or nothing (the defaults).

    Raises: InvalidSettings, which names every unknown key and bad value by its dotted path.
    """
    if isinstance(config, Settings):
        return config
    if config is None:
        return Settings()
    if isinstance(config, Mapping):
        return _checked("settings", config)
    path = Path(config)
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidSettings(str(path), [error.strerror or str(error)]) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidSettings(str(path), [" ".join(str(error).split())]) from None
    if not isinstance(tree, Mapping | None):
        raise InvalidSettings(str(path), [f"expected a mapping at the top, got {type(tree).__name__}"])
    return _checked(str(path), tree or {})


def _checked(source: str, tree: Mapping[str, Any]) -> Settings:
    try:
        return Settings.model_validate(dict(tree))
    except ValidationError as error:
        problems = [
            _problem(detail["loc"], detail["type"], detail["msg"], detail["input"]) for detail in error.errors()
        ]
        raise InvalidSettings(source, problems) from None


def _problem(where: tuple[int | str, ...], kind: str, message: str, given: object) -> str:
    dotted = ".".join(str(step) for step in where)
    if kind == "extra_forbidden":
        return f"{dotted}: unknown key"
    return f"{dotted}: {message} (got {given!r})"
