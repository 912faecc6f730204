"""Rules that can be swapped: how recall weighs, what matters, how sides merge."""

if __name__ != "quantum_memory.policies":
    raise ImportError("import quantum_memory.policies, not policies")
