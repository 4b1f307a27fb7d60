"""A small Django project whose lists can be made as long as a benchmark needs them."""
