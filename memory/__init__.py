"""The domain: what an agent remembers, knows and feels. No Ray anywhere below here."""

if __name__ != "quantum_memory.memory":
    raise ImportError("import quantum_memory.memory, not memory")
