"""Where posts go: the interface, the registry, and a folder for each network."""
