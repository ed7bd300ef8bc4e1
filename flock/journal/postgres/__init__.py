"""The journal in a PostgreSQL database, for a flock on several machines. Needs the extra `cluster` (psycopg)."""
