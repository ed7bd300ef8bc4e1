"""Mastodon and the servers that speak its API: what their answers mean, and how they count."""
