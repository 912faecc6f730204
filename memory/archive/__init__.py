"""One agent in one portable file (``.qms``), written from a vault, read into any other. See docs/formats.md."""

from quantum_memory.memory.archive.export import Exported, export_archive
from quantum_memory.memory.archive.heads import Folds, Views
from quantum_memory.memory.archive.intake import Imported, describe_archive, examine_archive, import_archive
from quantum_memory.memory.archive.layout import SUFFIX, VERSION
from quantum_memory.memory.archive.read import Archive, open_archive
from quantum_memory.memory.archive.states import state_at, state_in

__all__ = [
    "SUFFIX",
    "VERSION",
    "Archive",
    "Exported",
    "Folds",
    "Imported",
    "Views",
    "describe_archive",
    "examine_archive",
    "export_archive",
    "import_archive",
    "open_archive",
    "state_at",
    "state_in",
]
