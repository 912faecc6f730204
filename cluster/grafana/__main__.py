"""Writes the files of dashboards anew, from boards.py, beside this module or into the folder that is named."""

from __future__ import annotations

import sys
from pathlib import Path

from quantum_memory.cluster.grafana.boards import BOARDS
from quantum_memory.cluster.grafana.layout import as_json

FOLDER = Path(__file__).parent / "dashboards"


def main(arguments: list[str]) -> None:
    """Write every dashboard; the folder is made where it is missing."""
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, board in BOARDS.items():
        (folder / f"{name}.json").write_text(as_json(board), encoding="utf-8")
        sys.stdout.write(f"{folder / name}.json\n")


if __name__ == "__main__":
    main(sys.argv[1:])
