"""The edge: settings files, connecting to Ray, the command line."""

if __name__ != "quantum_memory.cluster":
    raise ImportError("import quantum_memory.cluster, not cluster")
