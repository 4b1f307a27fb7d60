"""An app inside a package, with names that another app has as well."""
