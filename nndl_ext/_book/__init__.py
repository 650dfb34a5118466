"""What the book's networks have in common."""
