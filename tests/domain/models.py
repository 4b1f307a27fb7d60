"""Models of every shape that a serializer can nest."""
