"""Looking inside a running installation; everything else works without it."""
