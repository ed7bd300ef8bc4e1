"""One bot: what it says, where it is, how it fares, and how a post of it is delivered once."""
