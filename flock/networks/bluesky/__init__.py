"""Bluesky: its API (XRPC), what its answers mean, how it counts, and how its sessions are kept."""
