"""Nearest vectors by inner product: exact, by packed codes, by a graph, by lists. Knows no memory and no branch."""

from quantum_memory.memory.episodic.dense.company import Company, Multiply
from quantum_memory.memory.episodic.dense.exact import Mask, Nearest, scan
from quantum_memory.memory.episodic.dense.index import DenseIndex, FlatIndex, Kind
from quantum_memory.memory.episodic.dense.library import all_products, engine
from quantum_memory.memory.episodic.dense.making import build, load
from quantum_memory.memory.episodic.dense.policy import IndexPolicy

__all__ = [
    "Company",
    "DenseIndex",
    "FlatIndex",
    "IndexPolicy",
    "Kind",
    "Mask",
    "Multiply",
    "Nearest",
    "all_products",
    "build",
    "engine",
    "load",
    "scan",
]
