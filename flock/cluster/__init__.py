"""Herds on several machines: Ray places them and starts them anew; PostgreSQL says which of them may speak."""
