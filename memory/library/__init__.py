"""The library: rules, documents and references of projects, on shelves that not everybody may read. No Ray, no I/O."""
