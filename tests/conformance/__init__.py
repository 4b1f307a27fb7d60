"""What any client must do, as files that clients in every language can read."""
