"""An app with every kind of column and field, for the mappings."""
