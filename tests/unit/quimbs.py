"""quimb as plain Python, to compare with: for states of a few sites its machine code would take far longer to make."""

from __future__ import annotations

from typing import Any

import pytest


def quimb_tensor() -> Any:
    """``quimb.tensor``, whose functions numba leaves as they are written; the test is skipped where there is none."""
    config = pytest.importorskip("numba").config
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "DISABLE_JIT", 1)  # looked at while functions are defined
        return pytest.importorskip("quimb.tensor")
